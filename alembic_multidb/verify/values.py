"""How a value of each type becomes bytes that are the same on every server.

The bytes are those that the type's send function gives, which tell ``1.0`` from ``1.00`` and ``-0`` from ``0``. Where
those hold numbers of objects (arrays and composites of a user's types, ``regclass`` and its like), or a type has no
such function, they are those of its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from psycopg import sql

from alembic_multidb.verify.side import Side
from alembic_multidb.verify.statements import query

# Types of the system have the same number on every server.
_FIRST_OF_USERS = 16384
_POLYMORPHIC = frozenset({"array_send", "enum_send", "record_send", "range_send", "multirange_send"})
# Their order is the same on every server, whatever its locale.
_ORDERED = frozenset(
    {
        *("bool", "int2", "int4", "int8", "oid", "numeric", "float4", "float8", "uuid", "bytea", "date", "time"),
        *("timestamp", "timestamptz", "interval", "inet", "cidr", "macaddr", "macaddr8", "pg_lsn", "xid8"),
    }
)
_BYTEWISE = frozenset({"text", "varchar"})

Form = Literal["sent", "written"]


@dataclass(frozen=True)
class Type:
    """A type of one database.

    Attributes:
        oid: its number there.
        schema: its schema.
        name: its name.
        kind: as ``pg_type.typtype`` has it.
        base: of a domain, the number of the type it stands on.
        element: of an array, the number of its elements' type.
        subtype: of a range, the number of its bounds' type.
        attributes: of a composite, the numbers of its columns' types.
        send: schema and name of the function that gives its bytes, if there is one that takes it.
        write: the same for its text.
        has_equality: whether its schema has an operator that tells whether two of its values are equal.
    """

    oid: int
    schema: str
    name: str
    kind: str
    base: int
    element: int | None
    subtype: int | None
    attributes: list[int] | None
    send: list[str] | None
    write: list[str] | None
    has_equality: bool

    @property
    def is_of_the_system(self) -> bool:
        """Tell whether it has the same number everywhere."""
        return self.oid < _FIRST_OF_USERS


@dataclass(frozen=True)
class Types:
    """All types of one database, by number."""

    known: Mapping[int, Type]

    @classmethod
    def read(cls, side: Side) -> Types:
        """Read them from a database."""
        return cls({row["oid"]: Type(**row) for row in side.ask(query("types")).result()})

    def form(self, number: int) -> Form:
        """Say which bytes stand for values of a type."""
        return "sent" if self._is_sent(self.base(number)) else "written"

    def base(self, number: int) -> Type:
        """Return a type, or what a domain stands on in the end."""
        found = self.known[number]
        while found.kind == "d":
            found = self.known[found.base]
        return found

    def _is_sent(self, found: Type) -> bool:
        if found.send is None or (found.is_of_the_system and found.name.lstrip("_").startswith("reg")):
            return False
        # The number of the element's type, and those of the columns' types, are among the bytes.
        if found.element is not None:
            return self._is_fixed(found.element)
        if found.kind == "c":
            return all(self._is_fixed(number) for number in found.attributes or ())
        return found.subtype is None or self._is_sent(self.base(found.subtype))

    def _is_fixed(self, number: int) -> bool:
        found = self.known[number]
        return found.is_of_the_system and self._is_sent(found)


@dataclass(frozen=True)
class Column:
    """A column of a table in one database.

    Attributes:
        name: its name.
        type: its type, or what that stands on.
        is_domain: whether it is of a domain.
        form: which bytes stand for its values.
        is_bytewise: whether texts in it are sorted by their bytes, in UTF-8.
        is_full: whether it is never null.
    """

    name: str
    type: Type
    is_domain: bool
    form: Form
    is_bytewise: bool
    is_full: bool

    @classmethod
    def of(cls, row: Mapping[str, Any], types: Types) -> Column:
        """Make one from a row of the catalog."""
        base = types.base(row["type"])
        return cls(
            row["name"],
            base,
            base.oid != row["type"],
            types.form(row["type"]),
            bool(row["is_bytewise"]),
            row["is_full"],
        )

    @cached_property
    def value(self) -> sql.Composable:
        """Return the column, as its base type."""
        if not self.is_domain:
            return sql.Identifier(self.name)
        return sql.SQL("({}::{})").format(sql.Identifier(self.name), self.type_name)

    @cached_property
    def type_name(self) -> sql.Composable:
        """Return the name of its base type."""
        return sql.Identifier(self.type.schema, self.type.name)

    @cached_property
    def text(self) -> sql.Composable:
        """Return its value as text; null if it is null."""
        if self.type.write is None:
            return sql.SQL("({}::pg_catalog.text)").format(self.value)
        return sql.SQL("pg_catalog.textin({}({}))").format(sql.Identifier(*self.type.write), self.value)

    def sent(self, form: Form) -> sql.Composable:
        """Return its value as bytes, in the form that serves both sides."""
        if form == "sent":
            assert self.type.send is not None
            return sql.SQL("{}({})").format(sql.Identifier(*self.type.send), self.value)
        return sql.SQL("pg_catalog.textsend({})").format(self.text)

    @property
    def order(self) -> Literal["own", "bytes"]:
        """Say how its values are put in order: as the type does, or by the bytes of their text."""
        if self.type.is_of_the_system and self.type.name in _ORDERED:
            return "own"
        return "own" if self.is_bytewise and self.type.is_of_the_system and self.type.name in _BYTEWISE else "bytes"
