"""Live tables and their homes: tables without one, copies that lie elsewhere, and what ties two homes together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.operate.tables import TableFacts
from alembic_multidb.registry import RegisteredDatabase

_CROSSING = {
    "foreign key": "MDB601",
    "view": "MDB602",
    "materialized view": "MDB602",
    "trigger": "MDB603",
    "function": "MDB604",
}


def homes_of(tables: Iterable[TableFacts]) -> Iterator[Finding]:
    """Find live tables that no rule, or more than one, gives a home."""
    for table in tables:
        if table.home is not None or not table.found_in:
            continue
        where = ", ".join(f'"{name}"' for name in table.found_in)
        conflict = table.rules[0] if table.rules else ""
        yield Finding(
            code="MDB101" if conflict else "MDB102",
            database=table.found_in[0],
            object=str(table.name),
            message=conflict or f'table "{table.name}" lies in {where}, but no rule gives it a home',
            fix="change one of the rules"
            if conflict
            else "name it in tables= or schemas= of its home, or give one database default=True",
        )


def legacy_copies(tables: Iterable[TableFacts]) -> Iterator[Finding]:
    """Find tables that lie in a database that is not their home."""
    for table in tables:
        for database in table.legacy_in:
            at_home = f'at home in "{table.home}" ({table.rules[0]})'
            missing = ", where it is missing" if table.missing_in else ""
            yield Finding(
                code="MDB801",
                database=database,
                object=str(table.name),
                message=f'table "{table.name}" lies in "{database}", but is {at_home}{missing}',
                fix=_what_to_do(table, database),
            )


def moved_homes(tables: Iterable[TableFacts], at_head: Collection[str]) -> Iterator[Finding]:
    """Find tables whose home was changed in the registry after a shared history had made them elsewhere.

    Args:
        tables: all of them.
        at_head: the databases that have run the whole shared history.
    """
    for table in tables:
        for database in table.legacy_in:
            if table.missing_in in at_head and database in at_head:
                yield Finding(
                    code="MDB205",
                    database=table.missing_in,
                    object=str(table.name),
                    message=f'table "{table.name}" is at home in "{table.home}" ({table.rules[0]}), but the shared '
                    f'history has made it in "{database}": it was given another home afterwards, which moves nothing, '
                    "and the history's next operations on it would fail",
                    fix=f'give it back its home "{database}"; or make it in "{table.home}" by a revision with '
                    f'op.on_database("{table.home}"), copy its rows, and drop it with op.on_database("{database}")',
                )


def _what_to_do(table: TableFacts, database: str) -> str:
    """Say what helps; never to drop what only lies there, or what only the default says is at home elsewhere."""
    if table.missing_in:
        return f'move it home; or, if "{database}" is its home, name it in tables= there and nowhere else'
    if not table.is_modelled and table.rules == ("default=True",):
        return f'if it belongs to "{database}", name it in tables= there; no model says where it belongs'
    return "see with --watch SECONDS that nobody writes to it, and that its rows are at home, then drop it"


def crossing_objects(database: RegisteredDatabase, live: Live) -> Iterator[Finding]:
    """Find foreign keys, views, triggers, functions, tables and the like that can be at home in no database.

    Args:
        database: what was looked at; it and the databases that may be the same physical one count as one.
        live: what was seen there.
    """
    classification = live.classification
    together = {database.name, *database.may_share_with}
    for row in classification.crossing_rows:
        tables = classification.tables_under(row)
        if tables and {home for _, home in tables} <= together:
            continue
        which = ", ".join(f'"{table}" (home {home})' for table, home in tables)
        what = row.definition.get("kind", row.kind)
        yield Finding(
            code=_CROSSING.get(str(what), _CROSSING.get(row.kind, "MDB605")),
            database=database.name,
            object=row.identity,
            message=f"{what} {row.identity} stands on tables of several homes: {which}"
            if len({home for _, home in tables}) > 1
            else f"{what} {row.identity} uses what only another database may have",
            fix="it can live in no database alone: "
            + (
                "replace it by a soft reference"
                if what == "foreign key"
                else "take it apart, or drop it before its tables part"
            ),
        )
