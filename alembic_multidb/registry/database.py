"""What a user declares of one database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from sqlalchemy import MetaData
from sqlalchemy.engine import URL

from alembic_multidb.config import RESERVED_SECTIONS
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.plugin.extensions import parse_floor
from alembic_multidb.registry.names import TableName
from alembic_multidb.registry.soft_reference import SoftReference
from alembic_multidb.urls import ENV_PREFIX, variable_name

DEFAULT_VERSION_TABLE = "alembic_version"

Unmodelled = Literal["keep", "drop"] | None


@dataclass(frozen=True, init=False)
class Database:
    """One database of a repository: a name, a URL, its tables, its extensions and its history.

    Args:
        name: also the section of alembic.ini, and what ``alembic -n`` takes.
        metadata: the models' MetaData, one or several; it may be shared with other databases.
        url: a URL, or ``env:NAME``.
        migration_url: the URL for migrations, if it is another one (the owner's login, or the direct
            address behind a connection pooler).
        tables: the tables at home here, as shell patterns on ``name`` or ``schema.name``.
        schemas: the schemas at home here, with all their tables.
        default: whether tables that nothing else claims are at home here.
        extensions: the extensions that this database needs, name to lowest version:
            ``{"vector": ">=0.7"}``, or ``"*"`` for any.
        soft_references: references from tables here to tables of other databases.
        version_table: the name of the table that holds the revision.
        version_table_schema: the schema of that table.
        shared_with: other databases of the registry that may be the same physical database.
        depends_on: other databases of the registry that come first in an upgrade of several, and last in a
            downgrade; if one of them fails, this one is not begun.
        unmodelled: what autogenerate does with a live table that no model declares: ``keep`` leaves it
            alone and says so, ``drop`` proposes to drop it, as Alembic does. None: it is kept, but ``multidb check``
            and ``pytest --test-alembic`` tell of a table that the history itself has made.
        shared_history: whether several databases run the same revisions (``version_locations`` of their sections are
            the same), each taking only the operations on its own tables.

    Raises:
        ConfigurationError: an argument cannot be used; the text names it and what is expected.
    """

    name: str
    metadata: tuple[MetaData, ...] = field(repr=False)
    url: str | URL | None = field(repr=False)
    migration_url: str | URL | None = field(repr=False)
    tables: tuple[str, ...]
    schemas: tuple[str, ...]
    default: bool
    extensions: Mapping[str, str] = field(hash=False)
    soft_references: tuple[SoftReference, ...]
    version_table: str
    version_table_schema: str | None
    shared_with: frozenset[str]
    depends_on: tuple[str, ...]
    unmodelled: Unmodelled
    shared_history: bool

    def __init__(
        self,
        name: str,
        *,
        metadata: MetaData | Iterable[MetaData] | None = None,
        url: str | URL | None = None,
        migration_url: str | URL | None = None,
        tables: Iterable[str] = (),
        schemas: Iterable[str] = (),
        default: bool = False,
        extensions: Mapping[str, str] = MappingProxyType({}),
        soft_references: Iterable[SoftReference | str] = (),
        version_table: str = DEFAULT_VERSION_TABLE,
        version_table_schema: str | None = None,
        shared_with: str | Iterable[str] = (),
        depends_on: str | Iterable[str] = (),
        unmodelled: Unmodelled = None,
        shared_history: bool = False,
    ) -> None:
        values = {
            "name": _checked_name(name),
            "metadata": _metadata(name, metadata),
            "url": _url(name, "url", url),
            "migration_url": _url(name, "migration_url", migration_url),
            "tables": _strings(name, "tables", tables),
            "schemas": _strings(name, "schemas", schemas),
            "default": _checked_bool(name, "default", default),
            "extensions": _extensions(name, extensions),
            "soft_references": _soft_references(name, soft_references),
            "version_table": _checked_version_table(name, version_table),
            "version_table_schema": _checked_schema(name, version_table_schema),
            "shared_with": frozenset(_one_or_several(name, "shared_with", shared_with)),
            "depends_on": _one_or_several(name, "depends_on", depends_on),
            "unmodelled": _checked_unmodelled(name, unmodelled),
            "shared_history": _checked_bool(name, "shared_history", shared_history),
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @property
    def version_table_name(self) -> TableName:
        """Return the version table's schema and name."""
        return TableName.of(self.version_table_schema, self.version_table)


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ConfigurationError(
            f"a database's name is a letter, then letters, digits, '_' or '-'; this is not: {name!r}"
        )
    if name in RESERVED_SECTIONS or name.startswith(("formatter_", "handler_", "logger_")):
        raise ConfigurationError(f'a database cannot be named "{name}": that section of alembic.ini is Alembic\'s own')
    return name


def _metadata(name: str, given: MetaData | Iterable[MetaData] | None) -> tuple[MetaData, ...]:
    if given is None:
        return ()
    several = (given,) if isinstance(given, MetaData) else given
    found = tuple(several) if isinstance(several, Iterable) else (several,)
    if not all(isinstance(item, MetaData) for item in found):
        raise ConfigurationError(
            f'database "{name}": metadata= takes a MetaData (of declarative models: Base.metadata), '
            f"not {type(given).__name__}"
        )
    return found


def _url(name: str, argument: str, given: str | URL | None) -> str | URL | None:
    if isinstance(given, str) and given.startswith(ENV_PREFIX):
        variable_name(given, of=f'{argument} of database "{name}"')
    if given is None or isinstance(given, URL) or (isinstance(given, str) and given):
        return given
    raise ConfigurationError(f'database "{name}": {argument}= takes a URL or "env:NAME", not {type(given).__name__}')


def _strings(name: str, argument: str, given: Iterable[str]) -> tuple[str, ...]:
    found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
    if not all(isinstance(item, str) and item for item in found):
        raise ConfigurationError(f'database "{name}": {argument}= takes a list of names')
    return tuple(map(str, found))


def _one_or_several(name: str, argument: str, given: str | Iterable[str]) -> tuple[str, ...]:
    return _strings(name, argument, (given,) if isinstance(given, str) else given)


def _extensions(name: str, given: Mapping[str, str]) -> Mapping[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) and key for key in given):
        raise ConfigurationError(
            f'database "{name}": extensions= takes a dict of names and lowest versions, '
            'such as {"vector": ">=0.7"}, or "*" for any version'
        )
    for extension, floor in given.items():
        if parse_floor(floor) is None:
            raise ConfigurationError(
                f'database "{name}": extensions={{"{extension}": {floor!r}}} is not a lowest version; '
                'write ">=0.7", or "*" for any'
            )
    return MappingProxyType(dict(given))


def _soft_references(name: str, given: Iterable[SoftReference | str]) -> tuple[SoftReference, ...]:
    if isinstance(given, (str, SoftReference)) or not isinstance(given, Iterable):
        raise ConfigurationError(f'database "{name}": soft_references= takes a list')
    return tuple(SoftReference.of(item) for item in given)


def _checked_version_table(name: str, table: str) -> str:
    if not isinstance(table, str) or not table or "." in table:
        raise ConfigurationError(
            f'database "{name}": version_table= takes a table\'s name; its schema goes into version_table_schema='
        )
    return table


def _checked_schema(name: str, schema: str | None) -> str | None:
    if schema is None or (isinstance(schema, str) and schema):
        return schema
    raise ConfigurationError(f'database "{name}": version_table_schema= takes a schema\'s name, not {schema!r}')


def _checked_bool(name: str, argument: str, given: bool) -> bool:
    if not isinstance(given, bool):
        raise ConfigurationError(f'database "{name}": {argument}= is True or False, not {given!r}')
    return given


def _checked_unmodelled(name: str, given: str | None) -> str | None:
    if given not in ("keep", "drop", None):
        raise ConfigurationError(f'database "{name}": unmodelled= is "keep" or "drop", not {given!r}')
    return given
