"""What a revision is told that reads the system catalogs: tables at home elsewhere are there, as they used to be.

A revision that ends early where a table is missing would otherwise do nothing of what belongs here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from psycopg.sql import SQL, Identifier, Literal

from alembic_multidb.routing.items import Item, State
from alembic_multidb.statements import Thing
from alembic_multidb.statements.questions import Question, questions_of

_ASKS = re.compile(r"information_schema|pg_tables|pg_indexes|pg_class|to_regclass", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%(?:\([^)]*\))?s|%%")
_RELATIONS = frozenset({"table", "view", "index", "sequence"})
_KINDS = {"table": "r", "view": "v", "index": "i", "sequence": "S"}
_UNION = """(
    SELECT * FROM {catalog} UNION ALL
    SELECT r.* FROM (VALUES {rows}) AS v ({columns}),
    LATERAL jsonb_populate_record(NULL::{catalog}, to_jsonb(v)) AS r
)"""
_LOOKUP = """(
    SELECT coalesce(to_regclass(a.n), (SELECT 'pg_class'::regclass FROM (VALUES {}) AS v (n) WHERE v.n = a.n))
        AS to_regclass
    FROM (SELECT ({})::text AS n) AS a
)"""
IsForeign = Callable[[Item], bool]


def with_foreign(statement: str, state: State, is_foreign: IsForeign) -> str:
    """Return a query that finds in the catalogs what is at home elsewhere; one that asks nothing as it is.

    Args:
        statement: as it is given to the driver.
        state: what the history says there is.
        is_foreign: tells what is at home elsewhere.
    """
    if not _ASKS.search(statement):
        return statement
    questions = questions_of(_PLACEHOLDER.sub(_of_same_length, statement))
    if not questions:
        return statement
    catalogs = [question for question in questions if question.kind == "catalog"]
    foreign = [(thing, item) for thing, item in state.names.items() if item.role in _RELATIONS and is_foreign(item)]
    data = statement.encode()
    for question in reversed(questions):
        if question.name == "pg_class" and len(catalogs) > 1:
            continue  # what is joined with it knows nothing of these
        instead = _instead(question, foreign, state, data)
        if instead is not None:
            data = data[: question.begin] + instead.encode() + data[question.end :]
    return data.decode()


def _of_same_length(match: re.Match[str]) -> str:
    return ("%" if match[0] == "%%" else "$1").ljust(len(match[0]))


def _instead(question: Question, foreign: Sequence[tuple[Thing, Item]], state: State, data: bytes) -> str | None:
    """Return the text in a question's place; None where nothing of another home is asked for."""
    if question.kind == "lookup":
        names = [name for thing, _ in foreign for name in _spelled(thing)]
        argument = data[question.begin : question.end].decode().partition("(")[2].rpartition(")")[0]
        rows = SQL(", ").join(SQL("({})").format(Literal(name)) for name in names).as_string(None)
        return _LOOKUP.format(rows.replace("%", "%%"), argument) if names else None
    columns, rows_of = _CATALOGS.get(question.name, ((), _no_rows))
    found = [row for thing, item in foreign for row in rows_of(thing, item, state)]
    if not found:
        return None
    text = (
        SQL(_UNION)
        .format(
            catalog=Identifier(*question.name.split(".")),
            rows=SQL(", ").join(SQL("({})").format(SQL(", ").join(map(Literal, row))) for row in found),
            columns=SQL(", ").join(map(Identifier, columns)),
        )
        .as_string(None)
        .replace("%", "%%")
    )
    return text if question.has_alias else f"{text} AS {question.name.rpartition('.')[2]}"


def _spelled(thing: Thing) -> Iterator[str]:
    """Yield the ways to write a name."""
    yield str(thing)
    yield f'"{thing.name}"' if thing.schema is None else f'"{thing.schema}"."{thing.name}"'
    if thing.schema is None:
        yield from (f"public.{thing.name}", f'public."{thing.name}"', f'"public"."{thing.name}"')


def _no_rows(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    yield from ()


def _tables(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    if item.role in ("table", "view"):
        yield thing.schema or "public", thing.name, "BASE TABLE" if item.role == "table" else "VIEW"


def _columns(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    for name in state.columns.get(item, ()):
        yield thing.schema or "public", thing.name, name


def _pg_tables(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    if item.role == "table":
        yield thing.schema or "public", thing.name


def _pg_indexes(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    if item.role == "index" and item.part_of is not None:
        yield thing.schema or "public", item.part_of.names[-1].name, thing.name


def _pg_class(thing: Thing, item: Item, state: State) -> Iterator[tuple[str, ...]]:
    yield thing.name, _KINDS[item.role]


_CATALOGS: dict[str, tuple[tuple[str, ...], Callable[[Thing, Item, State], Iterator[tuple[str, ...]]]]] = {
    "information_schema.tables": (("table_schema", "table_name", "table_type"), _tables),
    "information_schema.columns": (("table_schema", "table_name", "column_name"), _columns),
    "pg_tables": (("schemaname", "tablename"), _pg_tables),
    "pg_indexes": (("schemaname", "tablename", "indexname"), _pg_indexes),
    "pg_class": (("relname", "relkind"), _pg_class),
}
