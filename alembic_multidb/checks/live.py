"""What is read from each database, once, for all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.catalog import LiveTable
from alembic_multidb.catalog.tables import read_columns
from alembic_multidb.classify import Classification, classify
from alembic_multidb.env.marker import VersionTable, find_version_table
from alembic_multidb.operate.tables import read_live_tables
from alembic_multidb.registry import Databases, RegisteredDatabase, TableName
from alembic_multidb.stamp.schema import read_schema

# The same for two connections to one database; two clones may have it in common.
_IDENTITY = text(
    """
    SELECT d.oid::text || ' ' || d.datname || ' ' || pg_postmaster_start_time()::text
    FROM pg_database AS d WHERE d.datname = current_database()
    """
)


@dataclass(frozen=True)
class Live:
    """One database as it really is.

    Attributes:
        identity: equal for two connections to the same database, and hardly ever for others.
        version_table: the version table of its history; None if there is none.
        tables: its tables by their names in the registry, without version tables.
        columns: the type of each column of the tables that soft references are about.
        classification: its whole schema, by homes.
    """

    identity: str
    version_table: VersionTable | None
    tables: Mapping[TableName, LiveTable]
    columns: Mapping[TableName, Mapping[str, str]]
    classification: Classification


def read_live(connection: Connection, database: RegisteredDatabase, databases: Databases) -> Live:
    """Read what the checks need from one database."""
    tables = read_live_tables(connection, database)
    referred = {
        name
        for reference in databases.soft_references
        for name in (reference.source_columns.table, reference.target_columns.table)
    }
    oids = {name: tables[name].oid for name in referred if name in tables}
    columns = read_columns(connection, list(oids.values()))
    return Live(
        identity=connection.execute(_IDENTITY).scalar_one(),
        version_table=find_version_table(connection, database),
        tables=tables,
        columns={name: columns[oid] for name, oid in oids.items()},
        classification=classify(read_schema(connection, databases), databases),
    )
