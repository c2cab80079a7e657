"""The part of a live schema that a history answers for."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic_multidb.catalog.snapshot import REPORTED_KINDS, ObjectId, Row, Snapshot, read_snapshot
from alembic_multidb.classify import EVERYWHERE, classify, table_name
from alembic_multidb.registry import Databases, RegisteredDatabase, TableName


def read_schema(connection: Connection, databases: Databases, *also: TableName) -> Snapshot:
    """Read a live schema without the version tables, which say where it is and are no part of it.

    Args:
        connection: inside a transaction; its ``search_path`` is set for the rest of it.
        databases: the registry.
        *also: more version tables.
    """
    return without_version_tables(read_snapshot(connection), databases, *also)


def without_version_tables(snapshot: Snapshot, databases: Databases, *also: TableName) -> Snapshot:
    """Leave out the version tables of the registry's histories, and schemas that hold nothing else."""
    filters = [database.filters for database in databases.values()]

    def is_version_table(row: Row) -> bool:
        name = table_name(row)
        names = {name, TableName.of(None, name.name)} if name.schema == snapshot.default_schema else {name}
        return bool(names & {*also}) or any(each.is_version_table(item) for each in filters for item in names)

    tables = {row.relation for row in snapshot.rows if row.kind == "table" and is_version_table(row)}
    rest = snapshot.only(lambda row: row.relation not in tables or not row.relation)
    empty = _schemas_of(snapshot, {ObjectId("pg_class", table) for table in tables}) - _schemas_of(
        rest, {row.node for row in rest.rows if row.kind not in REPORTED_KINDS}
    )
    return rest.only(lambda row: row.node not in empty or row.identity in EVERYWHERE)


def _schemas_of(snapshot: Snapshot, nodes: set[ObjectId]) -> set[ObjectId]:
    """Return the schemas that objects lie in."""
    return {edge.target for edge in snapshot.edges if edge.source in nodes and edge.target.catalog == "pg_namespace"}


def home_of(snapshot: Snapshot, databases: Databases, database: RegisteredDatabase) -> Snapshot:
    """Return what belongs to one database, of all that may lie in the same physical one."""
    return classify(snapshot, databases).restrict({database.name})
