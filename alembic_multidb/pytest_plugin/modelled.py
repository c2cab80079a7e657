"""The schema that models make, and what of a schema models can express at all."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.schema import CreateSchema

from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.classify import table_name
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.plugin.pgvector import EXTENSION, register_types
from alembic_multidb.pytest_plugin.bench import Bench
from alembic_multidb.pytest_plugin.failure import ConsistencyError
from alembic_multidb.registry import TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA

_OF_TABLES = ("table", "column", "constraint", "index", "sequence")
# SQLAlchemy can comment on tables, columns and constraints.
_COMMENTED = ("table ", "table column ", "table constraint ")
# What no argument of Table, Column, Index or a constraint says.
_INEXPRESSIBLE = {
    "table": ("toast options", "row security", "force row security", "replica identity", "replica identity index"),
    "column": (
        "storage",
        "compression",
        "statistics target",
        "options",
        "not null inherited",
        "not null for every row",
    ),
    "constraint": ("enforced by triggers", "clustered", "replica identity", "no inherit"),
    "index": ("clustered", "replica identity", "statistics targets"),
}


def build_models(bench: Bench, name: str) -> None:
    """Make the models' tables in an empty scratch database.

    Raises:
        ConsistencyError: they cannot be made by themselves.
    """
    with bench.server.connect(name) as connection, bench.alone(name):
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        ensure_extensions(autocommit, bench.name, bench.database.extensions)
        if EXTENSION in bench.database.extensions:
            register_types()
        try:
            _create(autocommit, bench)
        except Exception as error:  # models, their types and their DDL events may raise anything
            reason = str(error).splitlines()[0] if str(error) else ""
            raise ConsistencyError(
                f"the models' tables cannot be made by create_all(): {type(error).__name__}: {reason}"
            ) from error


def expressible(bench: Bench, history: Snapshot, models: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Return what can be compared of both: tables that have a model, as far as a model can say what they are like."""
    views = {row.identity for row in history.rows if row.kind == "view"}
    named = {row.identity for row in models.rows if row.kind in ("type", "sequence") and not row.relation}
    return _part(bench, history, named, views), _part(bench, models, named, views)


def _create(connection: Connection, bench: Bench) -> None:
    metadata = bench.database.metadata
    inspector = inspect(connection)
    for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
        if not inspector.has_schema(schema):
            connection.execute(CreateSchema(schema))
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, ENUM) and not column.type.create_type:
                column.type.create(connection, checkfirst=True)
    metadata.create_all(connection)


def _part(bench: Bench, snapshot: Snapshot, named: set[str], views: set[str]) -> Snapshot:
    modelled = {TableName.of_table(table) for table in bench.database.metadata.tables.values()}
    homes = bench.project.databases.homes

    def is_modelled(row: Row) -> bool:
        name = table_name(row)
        resolved = homes.resolve(name.schema or DEFAULT_SCHEMA, name.name, snapshot.default_schema)
        return resolved in modelled and row.identity not in views

    tables = {row.relation for row in snapshot.rows if row.kind == "table" and is_modelled(row)}

    def counts(row: Row) -> bool:
        if row.kind == "comment":
            return row.relation in tables and row.identity.startswith(_COMMENTED)
        return (row.kind in _OF_TABLES and row.relation in tables) or (
            row.kind in ("type", "sequence") and row.identity in named
        )

    return replace(snapshot, rows=tuple(_as_modelled(row) for row in snapshot.rows if counts(row)))


def _as_modelled(row: Row) -> Row:
    left_out = _INEXPRESSIBLE.get(row.kind, ())
    return replace(row, definition={key: value for key, value in row.definition.items() if key not in left_out})
