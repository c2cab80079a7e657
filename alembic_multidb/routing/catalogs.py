"""What a revision is told that reads the system catalogs: what is at home elsewhere is there, as it used to be.

A revision that ends early where a table is missing would otherwise do nothing of what belongs here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from psycopg.sql import SQL, Composable, Identifier, Literal

from alembic_multidb.plugin.extensions import parse_floor
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.statements import Thing
from alembic_multidb.statements.questions import Inquiry, Question, inquiry_of

_ASKS = re.compile(r"information_schema|\bpg_[a-z_]+|to_reg", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%(?:\([^)]*\))?s|%%")
_TABLE_TYPES = {"table": "BASE TABLE", "view": "VIEW"}
_KINDS = {"table": "r", "view": "v", "index": "i", "sequence": "S"}
# Parts of a table that have names of their own.
_LABELS = frozenset({"constraint", "trigger", "policy", "rule"})
# Of what is not here: numbers above those of a server's own.
_FIRST_OID = 1 << 31
_HERE = SQL("current_database()")
_PUBLIC = Thing("schema", None, "public")
_UNION = """(
    SELECT c.* FROM {catalog} AS c WHERE {others} UNION ALL
    SELECT r.* FROM (VALUES {rows}) AS v ({columns}),
    LATERAL jsonb_populate_record(NULL::{catalog}, to_jsonb(v)) AS r
)"""
_LOOKUP = """(
    SELECT coalesce({function}(a.n), (SELECT v.o::oid::{type} FROM (VALUES {names}) AS v (n, o) WHERE v.n = a.n))
        AS {function}
    FROM (SELECT ({argument})::text AS n) AS a
)"""
IsForeign = Callable[[Item], bool]
Row = tuple[object, ...]


@dataclass(frozen=True)
class Elsewhere:
    """What one database of a shared history is told of the others.

    Attributes:
        state: what the history says there is.
        is_foreign: tells what is at home elsewhere.
        extensions: those that other databases declare, each with its lowest version.
    """

    state: State
    is_foreign: IsForeign
    extensions: Mapping[str, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[Thing, Item]]:
        """Yield what is not here, by its present names."""
        return ((thing, item) for thing, item in self.state.names.items() if self.is_foreign(item))

    def foreign_keys(self) -> Iterator[tuple[str, Item, Item]]:
        """Yield the foreign keys that are not here, with their tables; soft references of tables that are here, too."""
        alive = {*self.state.names.values()}
        for (table, name), target in self.state.references.items():
            if table in alive and (self.is_foreign(table) or self.is_foreign(target)):
                yield name, table, target

    def names(self) -> frozenset[str]:
        """Return all names of what is not here."""
        things = {thing.name for thing, _ in self.items()} | {name for name, _, _ in self.foreign_keys()}
        parts = (part.partition(" ") for item, part in self.state.uses if self.is_foreign(item))
        return frozenset(things | {name for label, _, name in parts if label in _LABELS} | {*self.extensions})


def with_foreign(statement: str, elsewhere: Elsewhere, *, doubles: bool = True) -> str:
    """Return a query that finds in the catalogs what is at home elsewhere; one that asks nothing as it is.

    Args:
        statement: as it is given to the driver, with its placeholders.
        elsewhere: what it finds.
        doubles: whether percent signs are doubled, as the driver wants it.
    """
    if not _ASKS.search(statement):
        return statement
    data, inquiry = statement.encode(), _inquiry(statement)
    if any("." in owner for owner, _ in inquiry.columns):
        return statement  # nothing else can be called by the name of a catalog with its schema
    for question in reversed(inquiry.questions):
        instead = _instead(question, elsewhere, data, "%%" if doubles else "%")
        if instead is not None:
            data = data[: question.begin] + instead.encode() + data[question.end :]
    return data.decode()


def foreign_names(statement: str, elsewhere: Elsewhere, values: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names of what is at home elsewhere that a query asks the catalogs for.

    Args:
        statement: as PostgreSQL gets it.
        elsewhere: what is at home elsewhere.
        values: the texts that are sent along with it.
    """
    if not _ASKS.search(statement):
        return frozenset()
    if not any(_is_catalog(each) for each in _inquiry(statement).questions):
        return frozenset()
    return elsewhere.names() & words_of(statement, values)


def words_of(statement: str, values: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names that the literals and values of a query may be."""
    texts = _inquiry(statement).texts | values
    return frozenset(part.strip('"') for text in texts for part in (text, *text.split(".")))


def _inquiry(statement: str) -> Inquiry:
    return inquiry_of(_PLACEHOLDER.sub(_of_same_length, statement))


def _of_same_length(match: re.Match[str]) -> str:
    return ("%" if match[0] == "%%" else "$1").ljust(len(match[0]))


def _is_catalog(question: Question) -> bool:
    return question.kind == "lookup" or question.name.startswith(("pg_", "information_schema."))


def is_told(statement: str) -> bool:
    """Tell whether all that a query asks of the catalogs is told as the mixed database would tell it."""
    inquiry = _inquiry(statement)
    catalogs = [question for question in inquiry.questions if question.kind == "catalog"]
    known = {each.alias or each.name.rpartition(".")[2]: _CATALOGS.get(each.name, _NONE).columns for each in catalogs}
    every = {*inquiry.outputs}.union(*known.values())
    return (
        all(each.name in _CATALOGS for each in catalogs)
        and not any(name.startswith(("pg_", "has_")) for name in inquiry.functions)
        and all(name in (known.get(owner, (name,)) if owner else every) for owner, name in inquiry.columns)
    )


def _instead(question: Question, elsewhere: Elsewhere, data: bytes, percent: str) -> str | None:
    """Return the text in a question's place; None where nothing of another home is asked for."""
    if question.kind == "lookup":
        return _lookup(question, elsewhere, data, percent)
    catalog = _CATALOGS.get(question.name, _NONE)
    rows = list(catalog.rows(elsewhere))
    if not rows:
        return None
    text = (
        SQL(_UNION)
        .format(
            catalog=Identifier(*question.name.split(".")),
            others=SQL("c.{} <> ALL ({})").format(Identifier(catalog.key), Literal([str(row[0]) for row in rows]))
            if catalog.key
            else SQL("true"),
            rows=_values(rows),
            columns=SQL(", ").join(map(Identifier, catalog.columns)),
        )
        .as_string(None)
        .replace("%", percent)
    )
    return text if question.alias else f"{text} AS {question.name.rpartition('.')[2]}"


def _lookup(question: Question, elsewhere: Elsewhere, data: bytes, percent: str) -> str | None:
    of_types = question.name == "to_regtype"
    things = [thing for thing, _ in elsewhere.items() if (thing.kind == "type") == of_types]
    found = [(name, _oid(thing)) for thing in things for name in _spelled(thing)]
    if not found:
        return None
    argument = data[question.begin : question.end].decode().partition("(")[2].rpartition(")")[0]
    names = _values(found).as_string(None).replace("%", percent)
    kind = question.name.removeprefix("to_")
    return _LOOKUP.format(function=question.name, type=kind, names=names, argument=argument)


def _values(rows: Iterable[Row]) -> Composable:
    return SQL(", ").join(SQL("({})").format(SQL(", ").join(map(_value, row))) for row in rows)


def _value(value: object) -> Composable:
    return value if isinstance(value, Composable) else Literal(value)


def _spelled(thing: Thing) -> Iterator[str]:
    """Yield the ways to write a name."""
    yield str(thing)
    yield f'"{thing.name}"' if thing.schema is None else f'"{thing.schema}"."{thing.name}"'
    if thing.schema is None:
        yield from (f"public.{thing.name}", f'public."{thing.name}"', f'"public"."{thing.name}"')


def _oid(thing: Thing) -> int:
    """Return a number for what has none here, the same each time."""
    return _FIRST_OID + crc32(repr(thing).encode()) % _FIRST_OID


def _schema(thing: Thing) -> str:
    return thing.schema or "public"


def _namespace(thing: Thing) -> Composable:
    """Return the number of something's schema, which may not be here either."""
    name = Identifier(_schema(thing)).as_string(None)
    return SQL("coalesce(to_regnamespace({})::oid, {}::oid)").format(
        Literal(name), Literal(_oid(Thing("schema", None, _schema(thing))))
    )


def _relations(*roles: str) -> Callable[[Elsewhere], Iterator[tuple[Thing, Item]]]:
    def found(elsewhere: Elsewhere) -> Iterator[tuple[Thing, Item]]:
        return ((thing, item) for thing, item in elsewhere.items() if item.role in roles)

    return found


def _others(kind: str) -> Callable[[Elsewhere], Iterator[tuple[Thing, Item]]]:
    def found(elsewhere: Elsewhere) -> Iterator[tuple[Thing, Item]]:
        return ((thing, item) for thing, item in elsewhere.items() if thing.kind == kind and item.role == "other")

    return found


_tables, _views, _sequences, _indexes = map(_relations, ("table", "view", "sequence", "index"))
_types, _functions, _schemas = map(_others, ("type", "function", "schema"))


class _Catalog(NamedTuple):
    """What is told of a catalog: some columns of it, those by which people ask.

    Attributes:
        columns: their names.
        rows: what is elsewhere, in these columns.
        key: the column of which each value is there once, if what is elsewhere may be here as well.
    """

    columns: tuple[str, ...]
    rows: Callable[[Elsewhere], Iterator[Row]]
    key: str = ""


def _rows(
    found: Callable[[Elsewhere], Iterator[tuple[Thing, Item]]], row: Callable[[Thing, Item], Row]
) -> Callable[[Elsewhere], Iterator[Row]]:
    return lambda elsewhere: (row(thing, item) for thing, item in found(elsewhere))


def _named(thing: Thing, _: Item) -> Row:
    return _schema(thing), thing.name


def _of_information_schema(thing: Thing, _: Item) -> Row:
    return _HERE, _schema(thing), thing.name


def _columns(elsewhere: Elsewhere) -> Iterator[tuple[Thing, int, str]]:
    for thing, item in _relations("table", "view")(elsewhere):
        for number, name in enumerate(elsewhere.state.columns.get(item, ()), start=1):
            yield thing, number, name


def _constraints(elsewhere: Elsewhere) -> Iterator[tuple[str, str, Thing]]:
    """Yield name, type and table of constraints: foreign keys, and what has an index."""
    for name, table, _ in elsewhere.foreign_keys():
        yield name, "FOREIGN KEY", table.names[-1]
    for thing, item in _indexes(elsewhere):
        if item.part_of is not None:
            kind = "PRIMARY KEY" if thing.name.endswith("_pkey") else "UNIQUE"
            yield thing.name, kind, item.part_of.names[-1]


def _no_rows(_: Elsewhere) -> Iterator[Row]:
    yield from ()


_NONE = _Catalog((), _no_rows)
_CATALOGS: dict[str, _Catalog] = {
    "information_schema.tables": _Catalog(
        ("table_catalog", "table_schema", "table_name", "table_type"),
        _rows(
            _relations("table", "view"),
            lambda thing, item: (
                *_of_information_schema(thing, item),
                "BASE TABLE" if item.role == "table" else "VIEW",
            ),
        ),
    ),
    "information_schema.columns": _Catalog(
        ("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position"),
        lambda elsewhere: (
            (_HERE, _schema(thing), thing.name, name, number) for thing, number, name in _columns(elsewhere)
        ),
    ),
    "information_schema.views": _Catalog(
        ("table_catalog", "table_schema", "table_name"), _rows(_views, _of_information_schema)
    ),
    "information_schema.sequences": _Catalog(
        ("sequence_catalog", "sequence_schema", "sequence_name"), _rows(_sequences, _of_information_schema)
    ),
    "information_schema.routines": _Catalog(
        ("routine_catalog", "routine_schema", "routine_name"), _rows(_functions, _of_information_schema)
    ),
    "information_schema.schemata": _Catalog(
        ("catalog_name", "schema_name"), _rows(_schemas, lambda thing, _: (_HERE, thing.name))
    ),
    "information_schema.table_constraints": _Catalog(
        ("constraint_catalog", "constraint_schema", "constraint_name", "constraint_type", "table_schema", "table_name"),
        lambda elsewhere: (
            (_HERE, _schema(table), name, kind, _schema(table), table.name)
            for name, kind, table in _constraints(elsewhere)
        ),
    ),
    "pg_tables": _Catalog(
        ("schemaname", "tablename", "tableowner"),
        _rows(_tables, lambda thing, item: (*_named(thing, item), SQL("current_user"))),
    ),
    "pg_views": _Catalog(("schemaname", "viewname"), _rows(_views, _named)),
    "pg_matviews": _Catalog(("schemaname", "matviewname"), _rows(_views, _named)),
    "pg_sequences": _Catalog(("schemaname", "sequencename"), _rows(_sequences, _named)),
    "pg_indexes": _Catalog(
        ("schemaname", "tablename", "indexname"),
        lambda elsewhere: (
            (_schema(thing), item.part_of.names[-1].name, thing.name)
            for thing, item in _indexes(elsewhere)
            if item.part_of is not None
        ),
    ),
    "pg_namespace": _Catalog(("oid", "nspname"), _rows(_schemas, lambda thing, _: (_oid(thing), thing.name))),
    "pg_class": _Catalog(
        ("oid", "relname", "relkind", "relnamespace"),
        _rows(_relations(*_KINDS), lambda thing, item: (_oid(thing), thing.name, _KINDS[item.role], _namespace(thing))),
    ),
    "pg_index": _Catalog(
        ("indexrelid", "indrelid"),
        lambda elsewhere: (
            (_oid(thing), _oid(item.part_of.names[-1]))
            for thing, item in _indexes(elsewhere)
            if item.part_of is not None
        ),
    ),
    "pg_attribute": _Catalog(
        ("attrelid", "attname", "attnum", "attisdropped"),
        lambda elsewhere: ((_oid(thing), name, number, False) for thing, number, name in _columns(elsewhere)),
    ),
    "pg_constraint": _Catalog(
        ("conname", "contype", "connamespace", "conrelid"),
        lambda elsewhere: (
            (name, kind[0].lower(), _namespace(table), _oid(table)) for name, kind, table in _constraints(elsewhere)
        ),
    ),
    "pg_type": _Catalog(
        ("oid", "typname", "typnamespace"),
        _rows(_types, lambda thing, _: (_oid(thing), thing.name, _namespace(thing))),
    ),
    "pg_proc": _Catalog(
        ("oid", "proname", "pronamespace"),
        _rows(_functions, lambda thing, _: (_oid(thing), thing.name, _namespace(thing))),
    ),
    "pg_extension": _Catalog(
        ("extname", "extversion", "extnamespace", "extowner"),
        lambda elsewhere: (
            (name, _version(floor), _namespace(_PUBLIC), 10) for name, floor in elsewhere.extensions.items()
        ),
        key="extname",
    ),
    "pg_available_extensions": _Catalog(
        ("name", "default_version", "installed_version"),
        lambda elsewhere: ((name, _version(floor), _version(floor)) for name, floor in elsewhere.extensions.items()),
        key="name",
    ),
}


def _version(floor: str) -> str:
    return ".".join(map(str, parse_floor(floor) or (1, 0)))
