"""What autogenerate may see of one database: the hooks of Alembic's ``context.configure()``.

``include_name`` keeps other homes' tables from being reflected at all, ``include_object`` decides about the
rest, and the rewriter covers what no hook is asked about: foreign keys inside ``create_table``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations import ops
from sqlalchemy import Column, Connection, ForeignKeyConstraint, Table, text

from alembic_multidb.config import SCRATCH_OPTION
from alembic_multidb.plugin.pgvector import PGVECTOR_IMPORT, is_pgvector
from alembic_multidb.registry.database import DEFAULT_VERSION_TABLE, Database
from alembic_multidb.registry.homes import BIND_KEY, Homes
from alembic_multidb.registry.names import (
    DEFAULT_SCHEMA,
    MARKER_PREFIX,
    TableName,
    constrained_columns,
    referred_columns,
)

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation, MigrationScript
    from alembic.runtime.migration import MigrationContext

_PROTECTED = text(
    """
    SELECT n.nspname, c.relname
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_description AS m ON m.classoid = 'pg_class'::regclass AND m.objoid = c.oid AND m.objsubid = 0
    LEFT JOIN pg_depend AS e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
    WHERE c.relkind IN ('r', 'p')
      AND (c.relispartition OR e.objid IS NOT NULL OR position(:prefix IN m.description) > 0)
    """
)


@dataclass(frozen=True)
class Filters:
    """The hooks of one database.

    Attributes:
        database: whose hooks these are.
        homes: where every table is at home.
        version_tables: the version tables of every history of the registry: nobody's to drop.
        left_alone: live tables at home here that no model declares, filled in while autogenerate runs.
    """

    database: Database
    homes: Homes
    version_tables: frozenset[TableName]
    left_alone: set[TableName] = field(default_factory=set)

    def owns(self, table: TableName) -> bool:
        """Tell whether a table is at home in this database."""
        return self.homes.home(table) == self.database.name

    def is_version_table(self, table: TableName) -> bool:
        """Tell whether a live table holds the revision of a history, of this registry or of whoever was here before."""
        return table in self.version_tables or table.name == DEFAULT_VERSION_TABLE

    def crosses(self, constraint: ForeignKeyConstraint) -> bool:
        """Tell whether a foreign key, of a model or of a live table, leaves the home of its table."""
        source = self.homes.home(self.resolve(*constrained_columns(constraint).table))
        target = self.homes.home(self.resolve(*referred_columns(constraint).table))
        return target is not None and source is not None and target != source

    def resolve(self, schema: str | None, name: str) -> TableName:
        """Return a table's name as the registry knows it; a schema of None is the connection's default one."""
        return self.homes.resolve(schema, name, _default_schema())

    def include_name(self, name: str | None, type_: str, parent_names: Any) -> bool:
        """Answer Alembic's ``include_name``: which schemas and tables are looked at in the live database."""
        if type_ == "schema":
            return name is None or self._looks_into(name)
        if type_ != "table" or name is None:
            return True
        schema = parent_names.get("schema_name")
        table = self.resolve(schema, name)
        if {table, TableName.of(schema, name)} & self.version_tables or not self.owns(table):
            return False
        if table in self.homes.models:
            return True
        if table.name == DEFAULT_VERSION_TABLE:
            return False
        if self.database.unmodelled == "drop" or (self.database.unmodelled is None and _is_scratch()):
            return True
        self.left_alone.add(table)
        return False

    def include_object(self, object_: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        """Answer Alembic's ``include_object``: which tables, columns, indexes and constraints take part."""
        table = object_ if type_ == "table" else getattr(object_, "table", None)
        if not isinstance(table, Table):
            return True
        if not self.owns(self.resolve(table.schema, table.name)):
            return False
        return not (isinstance(object_, ForeignKeyConstraint) and self.crosses(object_))

    def process_revision_directives(
        self, context: MigrationContext, revision: Any, directives: list[MigrationScript]
    ) -> None:
        """Take out of a generated revision what belongs to other homes, and import what its types need."""
        operations = [operation for script in directives for operation in _operations(script)]
        dropped = {self.resolve(op.schema, op.table_name) for op in operations if isinstance(op, ops.DropTableOp)}
        if dropped and context.connection is not None:
            dropped &= self.protected_tables(context.connection)
        _rewriter(self, frozenset(dropped))(context, revision, directives)
        for script in directives:
            if any(map(is_pgvector, _types(_operations(script)))):
                # Not add(): Alembic shares the set among all scripts of a process.
                script.imports = {*script.imports, PGVECTOR_IMPORT}

    def protected_tables(self, connection: Connection) -> set[TableName]:
        """Return the live tables that are nobody's to drop: of extensions, partitions, marked version tables."""
        rows = connection.execute(_PROTECTED, {"prefix": MARKER_PREFIX})
        return {self.resolve(row.nspname, row.relname) for row in rows}

    def unmodelled_tables(self, connection: Connection) -> list[TableName]:
        """Return what autogenerate has left alone since it was last asked, less what is nobody's to drop."""
        found = self.left_alone - self.protected_tables(connection) if self.left_alone else set()
        self.left_alone.clear()
        return sorted(found, key=str)

    def include_schemas(self) -> bool:
        """Tell whether autogenerate must look beyond the default schema."""
        return bool(self._modelled_schemas() or self._declared_schemas())

    def _looks_into(self, schema: str) -> bool:
        declared = any(fnmatchcase(schema, pattern) for pattern in self._declared_schemas())
        return declared or schema in self._modelled_schemas()

    def _modelled_schemas(self) -> set[str]:
        return {table.schema for table in self.homes.models if table.schema and self.owns(table)}

    def _declared_schemas(self) -> set[str]:
        """Return the schemas, or patterns of schemas, that ``schemas=`` and ``tables=`` name."""
        in_patterns = {pattern.partition(".")[0] for pattern in self.database.tables if "." in pattern}
        return {*self.database.schemas, *in_patterns} - {DEFAULT_SCHEMA}


def _is_scratch() -> bool:
    """Tell whether env.py runs on a scratch database, in which there is only what the history has made."""
    config = getattr(context, "config", None)  # Alembic puts it there while an env.py runs
    return config is not None and bool(config.attributes.get(SCRATCH_OPTION))


def _default_schema() -> str:
    """Return the default schema of the connection that env.py has configured; ``public`` outside of one."""
    try:
        schema = context.get_context().dialect.default_schema_name
    except NameError:  # Alembic's word for: no env.py is running
        schema = None
    return schema or DEFAULT_SCHEMA


def compose_bool(ours: Callable[..., bool], users: Callable[..., bool] | None) -> Callable[..., bool]:
    """Let the user's filter decide about what ours lets through."""
    if users is None:
        return ours
    return lambda *args: ours(*args) and bool(users(*args))


def _rewriter(filters: Filters, protected: frozenset[TableName]) -> Rewriter:
    rewriter = Rewriter()

    def is_ours(op: ops.CreateTableOp | ops.DropTableOp | ops.ModifyTableOps) -> bool:
        table = filters.resolve(op.schema, op.table_name)
        return filters.owns(table) and table not in protected

    @rewriter.rewrites(ops.CreateTableOp)
    def create_table(context: Any, revision: Any, op: ops.CreateTableOp) -> list[MigrateOperation]:
        if not is_ours(op):
            return []
        op.columns = [item for item in op.columns if not _is_crossing(filters, item)]
        op.info = {key: value for key, value in op.info.items() if key != BIND_KEY}
        return [op]

    @rewriter.rewrites(ops.DropTableOp)
    def drop_table(context: Any, revision: Any, op: ops.DropTableOp) -> list[MigrateOperation]:
        return [op] if is_ours(op) else []

    @rewriter.rewrites(ops.ModifyTableOps)
    def modify_table(context: Any, revision: Any, op: ops.ModifyTableOps) -> list[MigrateOperation]:
        return [op] if is_ours(op) else []

    @rewriter.rewrites(ops.CreateForeignKeyOp)
    def create_foreign_key(context: Any, revision: Any, op: ops.CreateForeignKeyOp) -> list[MigrateOperation]:
        return [] if _is_crossing(filters, op.to_constraint()) else [op]

    return rewriter


def _is_crossing(filters: Filters, item: object) -> bool:
    return isinstance(item, ForeignKeyConstraint) and filters.crosses(item)


def _operations(script: MigrationScript) -> Iterator[MigrateOperation]:
    pending: list[MigrateOperation] = [*script.upgrade_ops_list, *script.downgrade_ops_list]
    while pending:
        operation = pending.pop()
        if isinstance(operation, ops.OpContainer):
            pending.extend(operation.ops)
        else:
            yield operation


def _types(operations: Iterable[MigrateOperation]) -> Iterator[object]:
    for operation in operations:
        if isinstance(operation, ops.CreateTableOp):
            yield from (item.type for item in operation.columns if isinstance(item, Column))
        elif isinstance(operation, ops.AddColumnOp):
            yield operation.column.type
        elif isinstance(operation, ops.AlterColumnOp):
            yield from (operation.existing_type, operation.modify_type)
