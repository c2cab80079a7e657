"""Which tables and sequences of the source belong to a target, told by the registry alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alembic_multidb.errors import RegistryError
from alembic_multidb.registry import Databases, RegisteredDatabase, TableName
from alembic_multidb.verify.options import Exclusion, VerifyOptions
from alembic_multidb.verify.sequences import Sequence
from alembic_multidb.verify.tables import Name, Table

_TEXTS = frozenset({"text", "varchar"})


@dataclass(frozen=True)
class Wanted:
    """What of a database's tables belongs where.

    Attributes:
        databases: the registry.
        database: the one that is looked at.
        default_schema: where names without a schema lie.
        options: what is excluded.
        others: tables and views of the target that are known to come from elsewhere.
    """

    databases: Databases
    database: RegisteredDatabase
    default_schema: str
    options: VerifyOptions
    others: frozenset[Name] = frozenset()

    def home(self, name: Name) -> str | None:
        """Return the name of a table's home; None if it has none, or two."""
        try:
            return self.databases.homes.home(self.databases.homes.resolve(*name, self.default_schema))
        except RegistryError:
            return None

    def tables(self, tables: Mapping[Name, Table]) -> set[Name]:
        """Return the names of outermost tables that belong to the database and are compared."""
        return {
            name
            for name, table in tables.items()
            if table.root == table.oid and self.is_at_home(table) and self.is_compared(table)
        }

    def is_at_home(self, table: Table) -> bool:
        """Tell whether a table belongs to the database."""
        return self._is_at_home(self.home(table.name), table.extension)

    def _is_at_home(self, home: str | None, extension: str | None) -> bool:
        """Tell whether something is the database's: an extension's is where the extension is declared."""
        if extension is None:
            return home == self.database.name
        declaring = {each.name for each in self.databases.values() if extension in each.extensions}
        if self.options.excludes({"extension"}, extension):
            return False
        return self.database.name in declaring if declaring and home not in declaring else home == self.database.name

    def is_compared(self, table: Table) -> bool:
        """Tell whether a table is neither excluded nor one that holds revisions."""
        return not self.is_version_table(table) and not self.options.excludes({"table"}, table.identity)

    def without_rows(self, table: Table, root: Table | None = None) -> Exclusion | None:
        """Return what excludes the rows of a table, or those of the tree that it is a partition of."""
        names = [each.identity for each in (table, root) if each is not None]
        return next(filter(None, (self.options.excludes({"rows"}, name) for name in names)), None)

    def is_version_table(self, table: Table) -> bool:
        """Tell whether a table holds revisions: by its name, or because it looks like one."""
        columns = [(column.name, column.type.name in _TEXTS) for column in table.columns.values()]
        if table.has_alembics_key and columns == [("version_num", True)]:
            return True
        names = {TableName.of(*table.name)}
        if table.name[0] == self.default_schema:
            names.add(TableName.of(None, table.name[1]))
        return any(each.filters.is_version_table(name) for each in self.databases.values() for name in names)

    def is_ours(self, name: Name) -> bool:
        """Tell whether a table of the target is nobody else's who may lie in the same physical database."""
        return name not in self.others and self.home(name) not in self.database.may_share_with

    def sequence(self, sequence: Sequence) -> bool:
        """Tell whether a sequence belongs to the database: it goes where the tables go that use it."""
        if self.options.excludes({"sequence"}, sequence.identity):
            return False
        unused = self.database.name if self.database.declaration.default else None
        homes = {self.home(name) for name in sequence.tables} or {unused}
        return any(self._is_at_home(home, sequence.extension) for home in homes)
