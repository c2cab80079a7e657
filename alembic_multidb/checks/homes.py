"""Live tables and their homes: tables without one, copies that lie elsewhere, and what ties two homes together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.errors import RegistryError
from alembic_multidb.operate.tables import TableFacts
from alembic_multidb.registry import Databases, TableName

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
                fix="see with --watch SECONDS that nobody writes to it, and that its rows are at home, then drop it"
                if not table.missing_in
                else f'move it home, or name it in tables= of "{database}"',
            )


def crossing_objects(databases: Databases, name: str, live: Live) -> Iterator[Finding]:
    """Find foreign keys, views, triggers, functions and the like that stand on tables of several homes.

    Databases that may be one physical database count as one.

    Args:
        databases: the registry.
        name: of the database that was looked at.
        live: what was seen there.
    """
    together = {name, *databases[name].may_share_with}
    for use in live.uses:
        tables = live.names(use.tables)
        homes = _homes(databases, tables)
        apart = {home if home not in together else name for home in homes.values()}
        if len(apart) > 1:
            which = ", ".join(f'"{table}" (home {home})' for table, home in homes.items())
            yield Finding(
                code=_CROSSING.get(use.kind, "MDB605"),
                database=name,
                object=use.identity,
                message=f"{use.kind} {use.identity} stands on tables of several homes: {which}",
                fix="it can live in no database alone: "
                + (
                    "replace it by a soft reference"
                    if use.kind == "foreign key"
                    else "take it apart, or drop it before its tables part"
                ),
            )


def _homes(databases: Databases, tables: Iterable[TableName]) -> Mapping[TableName, str]:
    found = {}
    for table in tables:
        try:
            home = databases.homes.home(table)
        except RegistryError:  # a finding of its own
            home = None
        if home is not None:
            found[table] = home
    return found
