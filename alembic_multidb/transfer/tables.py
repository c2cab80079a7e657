"""Which tables are copied, in which form, and in which parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType

from psycopg import sql

from alembic_multidb.transfer.session import Raw
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Name, moved, quoted_name

# Bytes that one COPY moves, and how many of them a table has at most.
CHUNK = 256 * 2**20
_MOST_PARTS = 4096
_PAGE = 8192


@dataclass(frozen=True)
class Column:
    """A stored column.

    Attributes:
        name: its name.
        is_binary: whether its values can go as bytes.
        written_as: a type that its values are read as, where they would lose something else.
    """

    name: str
    is_binary: bool
    written_as: str | None


@dataclass(frozen=True)
class Part:
    """Pages of a table: from ``low``, which is in it, to ``high``, which is not; None where it is open."""

    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        return f"{self.low or 0}:{'' if self.high is None else self.high}"


@dataclass(frozen=True)
class Table:
    """A table that holds rows itself.

    Attributes:
        oid: its number in the source.
        name: schema and name.
        into: schema and name of the table that its rows are put into: itself, or the outermost one.
        root: the number of the outermost table that it is a partition of; its own if it is none.
        is_unlogged: whether a crash of the server empties it.
        columns: in their order.
        size: bytes on disk, with what is stored out of line, without indexes.
        heap: bytes of its main file alone.
        condition: which of its rows are copied: all if it is None.
        moved: schema and name that it has in the target; None if these are the same.
    """

    oid: int
    name: Name
    into: Name
    root: int
    is_unlogged: bool
    columns: tuple[Column, ...]
    size: int
    heap: int
    condition: str | None = None
    moved: Name | None = None

    @property
    def place(self) -> Name:
        """Return schema and name that it has in the target."""
        return self.moved or self.name

    @property
    def group(self) -> Name:
        """Return what tables have in common that are copied again together; those of extensions refer to each other."""
        return self.into if self.condition is None else ("", "")

    @property
    def identity(self) -> str:
        """Return its name, as SQL writes it where that is needed."""
        return quoted_name(self.name)

    @property
    def is_binary(self) -> bool:
        """Tell whether its rows go as bytes."""
        return all(column.is_binary for column in self.columns)

    def parts(self, chunk: int = CHUNK) -> list[Part]:
        """Cut it by its pages into parts of about so many bytes, what is stored out of line counted with them."""
        parts, pages = min(-(-self.size // chunk), _MOST_PARTS), self.heap // _PAGE
        if parts <= 1 or pages <= 1 or self.condition is not None:
            return [Part()]
        step = -(-pages // parts)
        return [Part(low, high) for low, high in pairwise([None, *range(step, pages, step), None])]

    def copy_out(self, part: Part) -> sql.Composed:
        """Return the statement that the source runs."""
        columns = [
            sql.Identifier(column.name)
            if column.written_as is None
            else sql.SQL("{}::{}").format(sql.Identifier(column.name), sql.SQL(column.written_as))
            for column in self.columns
        ]
        return sql.SQL("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT (FORMAT {})").format(
            sql.SQL(", ").join(columns), sql.Identifier(*self.name), self._where(part), self._format
        )

    def copy_in(self, *, is_emptied: bool) -> sql.Composed:
        """Return the statement that the target runs.

        Args:
            is_emptied: whether the table was emptied in the same transaction: its rows need no look again by VACUUM.
        """
        freeze = sql.SQL(", FREEZE" if is_emptied else "")
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)
        # A list of no columns is no list.
        listed = sql.SQL(" ({})").format(names) if self.columns else sql.SQL("")
        return sql.SQL("COPY {}{} FROM STDIN (FORMAT {}{})").format(
            sql.Identifier(*self.into), listed, self._format, freeze
        )

    @property
    def _format(self) -> sql.SQL:
        return sql.SQL("binary" if self.is_binary else "text")

    def _where(self, part: Part) -> sql.Composable:
        if self.condition is not None:
            return sql.SQL(" {}").format(sql.SQL(self.condition))
        bounds = [
            sql.SQL("ctid {} {}::pg_catalog.tid").format(sql.SQL(operator), sql.Literal(f"({page},0)"))
            for operator, page in ((">=", part.low), ("<", part.high))
            if page is not None
        ]
        return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(bounds)) if bounds else sql.SQL("")


@dataclass(frozen=True)
class Cut:
    """A table with its parts.

    Attributes:
        table: the table.
        parts: that it is copied in.
    """

    table: Table
    parts: tuple[Part, ...]

    @property
    def key(self) -> str:
        """Return what the journal calls the table."""
        return f"table:{self.table.oid}"

    @property
    def digest(self) -> str:
        """Return what the parts are told by."""
        return sha256(" ".join(map(str, self.parts)).encode()).hexdigest()

    def part_key(self, part: Part) -> str:
        """Return what the journal calls a part."""
        return f"rows:{self.table.oid}:{part}"


def read_tables(
    connection: Raw,
    oids: Collection[int],
    extensions: Collection[str] = (),
    schemas: Mapping[str, str] = MappingProxyType({}),
) -> list[Table]:
    """Read what is to be known of tables that are copied.

    Args:
        connection: to the source.
        oids: of the tables.
        extensions: whose own tables with users' rows are copied, too.
        schemas: what schemas are called in the target that are called otherwise there; not those of extensions' tables.
    """
    found = rows(connection, query("tables"), list(oids))
    if extensions:
        members = rows(connection, query("extension_tables"))
        found += [row for row in members if row["kind"] == "r" and row["extension"] in extensions]
    columns: Mapping[int, list[Column]] = defaultdict(list)
    for row in rows(connection, query("columns"), [row["oid"] for row in found]):
        columns[row["table"]].append(Column(row["name"], row["is_binary"], row["written_as"]))
    tables = [
        Table(
            oid=row["oid"],
            name=(row["schema"], row["name"]),
            into=(row["root_schema"], row["root_name"]) if row["is_hashed"] else (row["schema"], row["name"]),
            root=row["root"],
            is_unlogged=row["is_unlogged"],
            columns=tuple(columns[row["oid"]]),
            size=row["bytes"],
            heap=row["heap"],
            condition=row["condition"],
        )
        for row in found
    ]
    return [table if table.condition is not None else _moved(table, schemas) for table in tables] if schemas else tables


def _moved(table: Table, schemas: Mapping[str, str]) -> Table:
    return replace(table, into=moved(table.into, schemas), moved=moved(table.name, schemas))


@cache
def query(name: str) -> str:
    """Return the text of one of the queries beside this module."""
    return files(__package__).joinpath("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")
