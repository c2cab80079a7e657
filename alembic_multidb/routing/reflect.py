"""What a revision is told that inspects the database: of tables that are not here, what the history says of them.

Old revisions ask for tables, columns and indexes before they make or drop them. The mixed database told them of every
table; an error, or the answer that there is none, would lead them another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.types import NullType

from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.statements import Thing

# Tells whether something is at home elsewhere.
IsForeign = Callable[[Item], bool]


def column(name: str) -> dict[str, Any]:
    """Return what SQLAlchemy says of a column of which only the name is known."""
    return {
        "name": name,
        "type": NullType(),
        "nullable": True,
        "default": None,
        "autoincrement": False,
        "comment": None,
    }


def index(name: str) -> dict[str, Any]:
    """Return the same of an index, or of a unique constraint."""
    return {"name": name, "column_names": [], "include_columns": [], "unique": False, "dialect_options": {}}


def foreign_key(name: str, table: str) -> dict[str, Any]:
    """Return the same of a foreign key."""
    return {
        "name": name,
        "constrained_columns": [],
        "referred_schema": None,
        "referred_table": table,
        "referred_columns": [],
        "options": {},
    }


def _enum(name: str, schema: str | None) -> dict[str, Any]:
    return {"name": name, "schema": schema or "public", "visible": schema is None, "labels": []}


@dataclass(frozen=True)
class Told:
    """What the history says of the tables that are not here.

    Attributes:
        state: what there is at this point of it.
        is_foreign: tells which are not here.
        inspecting: opens a block in which SQLAlchemy's own questions are about what is here.
        is_all: whether there is nothing that the history does not say.
    """

    state: State
    is_foreign: IsForeign
    inspecting: Callable[[], AbstractContextManager[None]]
    is_all: bool = False

    def names(self, what: What, schema: str | None) -> list[str]:
        """Return the names of what is not here in a schema."""
        return [
            thing.name
            for thing, item in self.state.names.items()
            if (thing.kind, item.role) == what and thing.schema == _schema(schema) and self.is_foreign(item)
        ]

    def table(self, schema: str | None, name: str) -> Item | None:
        """Return a table or view that is not here; None if it is here, or nowhere."""
        item = self.state.names.get(Thing("relation", _schema(schema), name))
        return item if item is not None and item.role in ("table", "view") and self.is_foreign(item) else None

    def soft_references(self, schema: str | None, name: str) -> list[dict[str, Any]]:
        """Return the foreign keys of a table that is here to tables that are not."""
        item = self.state.names.get(Thing("relation", _schema(schema), name))
        keys = ((key, target) for (table, key), target in self.state.references.items() if table is item)
        return [foreign_key(key, target.names[-1].name) for key, target in keys if self.is_foreign(target)]

    def of(self, method: str, item: Item) -> Any:
        """Return what one of the dialect's methods for several tables says of one."""
        if method == "get_multi_columns":
            return [column(name) for name in self.state.columns.get(item, ())]
        if method in ("get_multi_indexes", "get_multi_unique_constraints"):
            return [index(name) for name in self._indexes(item)]
        if method == "get_multi_foreign_keys":
            keys = self.state.references.items()
            return [foreign_key(name, target.names[-1].name) for (table, name), target in keys if table is item]
        if method == "get_multi_pk_constraint":
            name = next((name for name in self._indexes(item) if name.endswith("_pkey")), None)
            return {"name": name, "constrained_columns": [], "comment": None}
        return {"text": None} if method == "get_multi_table_comment" else []

    def _indexes(self, item: Item) -> list[str]:
        names = self.state.names.items()
        return [thing.name for thing, each in names if each.role == "index" and each.part_of is item]


# What there is other than tables: the kind of its name, and its role.
What = tuple[str, str]
_TABLE: What = ("relation", "table")
_LISTS: dict[str, What] = {
    "get_table_names": _TABLE,
    "get_view_names": ("relation", "view"),
    "get_materialized_view_names": ("relation", "view"),
    "get_sequence_names": ("relation", "sequence"),
    "get_schema_names": ("schema", "other"),
    "_load_enums": ("type", "other"),
}
_ONE: dict[str, What] = {
    "has_table": _TABLE,
    "has_sequence": ("relation", "sequence"),
    "has_type": ("type", "other"),
    "has_schema": ("schema", "other"),
}
MULTI = (
    *("get_multi_columns", "get_multi_indexes", "get_multi_unique_constraints", "get_multi_foreign_keys"),
    *("get_multi_pk_constraint", "get_multi_check_constraints", "get_multi_table_comment"),
)


@contextmanager
def told_by_history(dialect: Any, told: Told) -> Iterator[None]:
    """Let SQLAlchemy's inspectors know of tables that are not here, until the block ends.

    Args:
        dialect: of the one engine that they are made for.
        told: what the history says.
    """
    methods: dict[str, Callable[..., Any]] = {name: _several(dialect, name, told) for name in MULTI}
    methods |= {name: _has(dialect, name, told) for name in _ONE}
    methods |= {name: _list(dialect, name, told) for name in _LISTS}
    own = {name: method for name, method in vars(dialect).items() if name in methods}
    vars(dialect).update(methods)
    try:
        yield
    finally:
        for name in methods:
            del vars(dialect)[name]
        vars(dialect).update(own)


def _several(dialect: Any, name: str, told: Told) -> Callable[..., Any]:
    original = getattr(dialect, name)

    def several(
        connection: Any, schema: str | None = None, filter_names: Iterable[str] | None = None, **options: Any
    ) -> Any:
        wanted = list(filter_names) if filter_names is not None else told.names(_TABLE, schema)
        items = {table: told.table(schema, table) for table in wanted}
        foreign = {(schema, table): told.of(name, item) for table, item in items.items() if item is not None}
        here = None if filter_names is None else [table for table in wanted if (schema, table) not in foreign]
        if told.is_all or (here == [] and foreign):
            return list(foreign.items())
        with told.inspecting():
            found = list(original(connection, schema=schema, filter_names=here, **options))
        if name == "get_multi_foreign_keys":
            found = [(key, [*keys, *told.soft_references(*key)]) for key, keys in found]
        return [*found, *foreign.items()]

    return several


def _has(dialect: Any, name: str, told: Told) -> Callable[..., bool]:
    original = getattr(dialect, name)

    def has(connection: Any, wanted: str, schema: str | None = None, **options: Any) -> bool:
        given = (wanted,) if name == "has_schema" else (wanted, schema)
        is_view = name == "has_table" and told.table(schema, wanted) is not None
        with told.inspecting():
            return is_view or wanted in told.names(_ONE[name], schema) or original(connection, *given, **options)

    return has


def _list(dialect: Any, name: str, told: Told) -> Callable[..., list[Any]]:
    original = getattr(dialect, name)

    def listed(connection: Any, schema: str | None = None, **options: Any) -> list[Any]:
        given = () if name == "get_schema_names" else (schema,)
        names = told.names(_LISTS[name], schema)
        found = [_enum(each, schema) for each in names] if name == "_load_enums" else names
        with told.inspecting():
            return [*original(connection, *given, **options), *found]

    return listed


def _schema(name: str | None) -> str | None:
    return None if name == "public" else name


class _AnyName(str):
    """A name that is any name."""

    __slots__ = ()

    def __new__(cls) -> _AnyName:
        return super().__new__(cls, "any")

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def tell_always(dialect: Any, answers: bool) -> None:
    """Let SQLAlchemy's inspectors know of everything, or of nothing; the connection is asked each time.

    Args:
        dialect: of a server that is not there.
        answers: whether everything is there.
    """
    name = _AnyName()
    something = {
        "get_multi_columns": [column(name)],
        "get_multi_indexes": [index(name)],
        "get_multi_unique_constraints": [index(name)],
        "get_multi_foreign_keys": [foreign_key(name, name)],
        "get_multi_check_constraints": [{"name": name, "sqltext": ""}],
        "get_multi_pk_constraint": {"name": name if answers else None, "constrained_columns": []},
        "get_multi_table_comment": {"text": None},
    }
    for method, value in something.items():
        setattr(dialect, method, _always(value if answers or isinstance(value, dict) else []))
    dialect.has_table = lambda connection, *_, **__: _answered(connection, answers)
    dialect.get_table_names = lambda connection, *_, **__: _answered(connection, [name] if answers else [])


def _always(value: Any) -> Callable[..., Any]:
    def several(connection: Any, schema: Any = None, filter_names: Any = None, **_: Any) -> Any:
        return _answered(connection, [((schema, name), value) for name in filter_names or ()])

    return several


def _answered(connection: Any, answer: Any) -> Any:
    """Let it be seen that something depends on an answer, and return that."""
    connection.exec_driver_sql("SELECT FROM pg_catalog.pg_class")
    return answer
