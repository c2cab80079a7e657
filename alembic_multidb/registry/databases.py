"""The set of all databases, checked as a whole, and what each of them means for Alembic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import MetaData, Table

from alembic_multidb.errors import ConfigurationError, UnknownDatabaseError
from alembic_multidb.plugin.pgvector import render_item
from alembic_multidb.registry.checks import check_registry
from alembic_multidb.registry.database import Database
from alembic_multidb.registry.derived import derive
from alembic_multidb.registry.filters import Filters
from alembic_multidb.registry.homes import Explanation, Homes
from alembic_multidb.registry.names import TableName
from alembic_multidb.registry.soft_reference import SoftReference
from alembic_multidb.urls import ENV_PREFIX, DatabaseURL, resolve_url, variable_name


class RegisteredDatabase:
    """One database as the registry sees it: its declaration, its derived MetaData and its hooks.

    A project with an env.py of its own passes ``metadata``, ``include_name``, ``include_object``,
    ``process_revision_directives`` and ``render_item`` to its ``context.configure()``.
    """

    def __init__(self, declaration: Database, registry: Databases, elsewhere: str | None = None) -> None:
        self.declaration = declaration
        self._registry = registry
        self._elsewhere = elsewhere
        self._derived: tuple[tuple[int, ...], MetaData] | None = None
        self.filters = Filters(
            declaration,
            registry.homes,
            frozenset(database.version_table_name for database in registry.declarations),
        )
        self.include_name = self.filters.include_name
        self.include_object = self.filters.include_object
        self.process_revision_directives = self.filters.process_revision_directives
        self.render_item = render_item

    def __repr__(self) -> str:
        return f"<database {self.name!r}>"

    @property
    def name(self) -> str:
        """Return the database's name."""
        return self.declaration.name

    @property
    def registry(self) -> Databases:
        """Return all databases of the registry."""
        return self._registry

    @property
    def shares_history(self) -> bool:
        """Tell whether it runs the same revisions as others, each taking only the operations on its own tables."""
        return self.declaration.shared_history

    @property
    def extensions(self) -> Mapping[str, str]:
        """Return the extensions that this database declares, name to lowest version."""
        return self.declaration.extensions

    @property
    def metadata(self) -> MetaData:
        """Return this home's tables in a MetaData of their own, without the foreign keys that cross homes.

        Raises:
            ConfigurationError: models that were added since the registry was made contradict it.
        """
        homes = self._registry.homes
        if self._derived is None or self._derived[0] != homes.version:
            self._registry.check()
            derived = derive(
                self._sources(),
                is_ours=lambda table: self.filters.owns(TableName.of_table(table)),
                crosses=homes.crosses,
                target_type=homes.target_type,
            )
            self._derived = homes.version, derived
        return self._derived[1]

    @property
    def compares_nothing(self) -> bool:
        """Tell whether a comparison would hold the live tables against no models at all, and drop everything."""
        declaration = self.declaration
        return declaration.unmodelled == "drop" and not declaration.metadata and not self.metadata.tables

    @property
    def version_table(self) -> str:
        """Return the name of the table that holds the revision."""
        return self.declaration.version_table

    @property
    def version_table_schema(self) -> str | None:
        """Return the schema of that table; None for the default one."""
        return self.declaration.version_table_schema

    @property
    def include_schemas(self) -> bool:
        """Tell whether autogenerate must look beyond the default schema."""
        return self.filters.include_schemas()

    @cached_property
    def soft_references(self) -> tuple[SoftReference, ...]:
        """Return the references from this database's tables to tables of other databases."""
        return self.declaration.soft_references

    @cached_property
    def may_share_with(self) -> frozenset[str]:
        """Return the other databases that may be the same physical database; one side's word is enough."""
        return self.declaration.shared_with | {
            other.name for other in self._registry.declarations if self.name in other.shared_with
        }

    @cached_property
    def depends_on(self) -> frozenset[str]:
        """Return the databases that come before this one in an upgrade of several, by way of others too."""
        direct = self.declaration.depends_on
        return frozenset(direct).union(*(self._registry[name].depends_on for name in direct))

    @cached_property
    def shared_extensions(self) -> Mapping[str, str]:
        """Return the extensions that may be here: its own, and those of databases that may be the same physical one."""
        found: dict[str, str] = {}
        for name in sorted(self.may_share_with):
            found |= self._registry[name].extensions
        return found | dict(self.extensions)

    @cached_property
    def foreign_extensions(self) -> Mapping[str, str]:
        """Map each extension that must not appear here to the database that declares it."""
        return {
            extension: other.name
            for other in self._registry.declarations
            for extension in other.extensions
            if extension not in self.shared_extensions
        }

    def migration_url(self, environment: Mapping[str, str]) -> DatabaseURL:
        """Return the URL that migrations use, checked.

        Raises:
            ConfigurationError: there is none, its variable is unset, or it cannot be used.
        """
        spec = self.declaration.migration_url or self.declaration.url
        if spec is None:
            raise ConfigurationError(
                f'database "{self.name}" has no URL: give Database("{self.name}", url="env:VARIABLE", ...)'
            )
        url = resolve_url(spec, environment, of=f'URL of database "{self.name}"')
        return url if self._elsewhere is None else url.to(self._elsewhere)

    def _sources(self) -> list[MetaData]:
        """Return this database's MetaData, then any other one that holds a table of this home (by bind_key)."""
        found = {id(metadata): metadata for metadata in self.declaration.metadata}
        for table, models in self._registry.homes.models.items():
            if self.filters.owns(table):
                found |= {id(model.metadata): model.metadata for model in models}
        return list(found.values())


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Databases(Mapping[str, RegisteredDatabase]):
    """The registry: a mapping of names to databases, in the order in which they were declared.

    Args:
        *databases: at least one :class:`Database`.
        environment: production, staging, ..., or ``env:NAME`` for the value of a variable. It becomes part of
            the marker, and a database that is marked with another environment is refused.

    Raises:
        ConfigurationError: the declarations contradict each other or the models; the text names the
            tables, the rules and the fix.
    """

    declarations: tuple[Database, ...]
    environment: str | None
    homes: Homes
    _registered: Mapping[str, RegisteredDatabase]
    _checked: list[tuple[int, ...]]

    def __init__(self, *databases: Database, environment: str | None = None) -> None:
        for database in databases:
            if not isinstance(database, Database):
                raise ConfigurationError(f"Databases(...) takes Database(...) arguments, not {type(database).__name__}")
        homes = Homes(databases)
        check_registry(databases, homes)
        object.__setattr__(self, "_checked", [homes.version])
        object.__setattr__(self, "declarations", databases)
        object.__setattr__(self, "environment", _checked_environment(environment))
        object.__setattr__(self, "homes", homes)
        registered = {database.name: RegisteredDatabase(database, self) for database in databases}
        object.__setattr__(self, "_registered", registered)

    def elsewhere(self, names: Mapping[str, str]) -> Databases:
        """Return the same registry with some of its databases under other names on their servers.

        Args:
            names: what each is called there, by its name in the registry.
        """
        found = copy(self)
        registered = {
            database.name: RegisteredDatabase(database, found, names.get(database.name))
            for database in self.declarations
        }
        object.__setattr__(found, "_registered", registered)
        return found

    def __getitem__(self, name: str) -> RegisteredDatabase:
        try:
            return self._registered[name]
        except KeyError:
            raise UnknownDatabaseError(
                f'there is no database "{name}" in the registry; known are {", ".join(self)}'
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)

    def __repr__(self) -> str:
        return f"Databases({', '.join(map(repr, self))})"

    @property
    def soft_references(self) -> tuple[SoftReference, ...]:
        """Return the soft references of all databases."""
        return tuple(reference for database in self.declarations for reference in database.soft_references)

    def check(self) -> None:
        """Check again if models were added since, as those are that a later import brings.

        Raises:
            ConfigurationError: they contradict the registry.
        """
        if self._checked[-1] != self.homes.version:
            check_registry(self.declarations, self.homes)
            self._checked[-1] = self.homes.version

    def in_order(self, names: Iterable[str]) -> list[RegisteredDatabase]:
        """Return databases in the order of an upgrade: each after those that it depends on, else as declared.

        Args:
            names: which databases.

        Raises:
            UnknownDatabaseError: a name is not in the registry.
        """
        wanted = {self[name].name for name in names}
        found: dict[str, RegisteredDatabase] = {}

        def visit(database: RegisteredDatabase) -> None:
            for name in self:
                if name in database.depends_on and name not in found:
                    visit(self[name])
            found[database.name] = database

        for name in self:
            if name not in found:
                visit(self[name])
        return [database for name, database in found.items() if name in wanted]

    def environment_name(self, variables: Mapping[str, str]) -> str | None:
        """Return the environment that is declared, or None if none is.

        Raises:
            ConfigurationError: its variable is not set, or holds no name.
        """
        if self.environment is None or not self.environment.startswith(ENV_PREFIX):
            return self.environment
        variable = variable_name(self.environment, of="environment= of the registry")
        value = variables.get(variable, "").strip()
        if not value:
            raise ConfigurationError(
                f"environment variable {variable} is not set; the registry takes its environment= from it: "
                f"export {variable}=production (or staging, ...)"
            )
        return _checked_environment(value)

    def home(self, table: str | Table) -> str | None:
        """Return the name of the database that is the home of a table; None if it has no home.

        Args:
            table: ``"name"``, ``"schema.name"``, or a SQLAlchemy Table.
        """
        self.check()
        return self.homes.home(_name(table))

    def explain(self, table: str | Table) -> Explanation:
        """Return the home of a table together with the rules that say so."""
        self.check()
        return self.homes.explain(_name(table))


def _checked_environment(environment: str | None) -> str | None:
    if environment is None or re.fullmatch(r"env:\w+|[\w.-]+", environment):
        return environment
    raise ConfigurationError(
        f'environment="{environment}" is no name of an environment: use letters, digits, ".", "_" and "-", or env:NAME'
    )


def _name(table: str | Table) -> TableName:
    return TableName.of_table(table) if isinstance(table, Table) else TableName.parse(table)
