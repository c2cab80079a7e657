"""Every table of models and live databases: where it is at home, and where it really lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alembic_multidb.catalog import LiveTable, read_tables
from alembic_multidb.env.marker import find_markers
from alembic_multidb.errors import RegistryError
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus, look_at_all
from alembic_multidb.registry import Databases, RegisteredDatabase, SoftReference, TableName

DEFAULT_TIMEOUT = 10.0

LiveTables = Mapping[TableName, LiveTable]


@dataclass(frozen=True)
class TableFacts:
    """One table.

    Attributes:
        name: its name.
        home: the database that is its home; None if it has none.
        rules: which rules say so; what contradicts itself, if two rules give it different homes.
        is_modelled: whether a model declares it.
        found_in: the databases in which it really lies.
        missing_in: its home, if that was asked and does not have it.
        legacy_in: the databases in which it lies without being at home there.
        soft_references: the declared references from it to tables of other databases, each with the target's home.
    """

    name: TableName
    home: str | None
    rules: tuple[str, ...]
    is_modelled: bool
    found_in: tuple[str, ...]
    missing_in: str | None
    legacy_in: tuple[str, ...]
    soft_references: tuple[tuple[SoftReference, str | None], ...]


def tables(
    project: Project, names: Iterable[str] = (), *, timeout: float = DEFAULT_TIMEOUT
) -> tuple[list[TableFacts], list[DatabaseStatus]]:
    """Return every table of the models and of the live databases, by home and name, and where the databases stand.

    Args:
        project: the repository.
        names: which databases to look at, and whose tables; all of them if empty.
        timeout: seconds for each database.
    """
    wanted = [database.name for database in project.select(names)]
    seen = look_at_all(project, wanted, read_live_tables, timeout=timeout)
    # What lies in a database that is not the one it is taken for says nothing of this one's tables.
    live = {
        each.status.name: each.found
        for each in seen
        if each.found is not None and each.status.state != "wrong database"
    }
    facts = list_tables(project.databases, live)
    chosen = [table for table in facts if table.home in wanted or table.found_in]
    return chosen, [each.status for each in seen]


def read_live_tables(connection: Connection, database: RegisteredDatabase) -> LiveTables:
    """Return the tables of a connected database by their names in the registry, without version tables."""
    homes = database.filters.homes
    marked = {marker.table for marker in find_markers(connection, database)}
    found = {homes.resolve(table.schema, table.name, table.default_schema): table for table in read_tables(connection)}
    return {
        name: table
        for name, table in found.items()
        if TableName.of(table.schema, table.name) not in marked and not database.filters.is_version_table(name)
    }


def list_tables(databases: Databases, live: Mapping[str, LiveTables]) -> list[TableFacts]:
    """Bring models and live tables together.

    Args:
        databases: the registry.
        live: the tables of each database that was asked.
    """
    names = {*databases.homes.models}.union(*live.values())
    facts = [_facts(databases, name, live) for name in names]
    order = [*databases, None]
    return sorted(facts, key=lambda table: (order.index(table.home), str(table.name)))


def _facts(databases: Databases, name: TableName, live: Mapping[str, LiveTables]) -> TableFacts:
    home, rules = _home(databases, name)
    found_in = tuple(database for database, tables in live.items() if name in tables)
    return TableFacts(
        name=name,
        home=home,
        rules=rules,
        is_modelled=name in databases.homes.models,
        found_in=found_in,
        missing_in=home if home in live and home not in found_in else None,
        legacy_in=tuple(
            database for database in found_in if home not in (None, database, *databases[database].may_share_with)
        ),
        soft_references=_soft_references(databases, name),
    )


def _home(databases: Databases, name: TableName) -> tuple[str | None, tuple[str, ...]]:
    try:
        explanation = databases.homes.explain(name)
    except RegistryError as error:  # a live table that no check of the models has seen
        return None, (str(error),)
    return explanation.home, explanation.rules


def _soft_references(databases: Databases, name: TableName) -> tuple[tuple[SoftReference, str | None], ...]:
    references: Sequence[SoftReference] = databases.soft_references
    return tuple(
        (reference, databases.homes.home(reference.target_columns.table))
        for reference in references
        if reference.source_columns.table == name
    )
