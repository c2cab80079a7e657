"""A repository with several databases: its alembic.ini, the registry that it names, and the ways to its databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection, text

from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.env.marker import Mark
from alembic_multidb.env.run import load_registry
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry import Databases, RegisteredDatabase

# For this transaction alone, so that nothing stays behind in a session that a pooler hands on.
_READ_ONLY = text(
    "SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', :milliseconds, true)"
)


@dataclass(frozen=True)
class Project:
    """A repository with several databases: its alembic.ini and the registry that it names."""

    config_file: Path
    databases: Databases

    @classmethod
    def load(cls, config_file: str | Path, *, registry: str | None = None) -> Project:
        """Read alembic.ini and import the registry.

        Args:
            config_file: alembic.ini.
            registry: where the registry is, as ``module:attribute``; by default alembic.ini says so.

        Raises:
            ConfigurationError: the file is missing, or its registry cannot be had.
        """
        path = Path(config_file)
        if not path.is_file():
            raise ConfigurationError(f"there is no {path}: run the command where alembic.ini is, or name it with -c")
        config = Config(str(path))
        try:
            paths = tuple(config.get_prepend_sys_paths_list() or ())
        except ConfigParserError as error:
            raise ConfigurationError(f"{path} cannot be read: {_place(error)}") from None
        return cls(path, load_registry(config, paths=paths, location=registry))

    def select(self, names: Iterable[str] = ()) -> list[RegisteredDatabase]:
        """Return the named databases, or all of them, in the registry's order.

        Raises:
            UnknownDatabaseError: a name is not in the registry.
        """
        chosen = {self.databases[name].name for name in names} or set(self.databases)
        return [database for name, database in self.databases.items() if name in chosen]

    def elsewhere(self, names: Mapping[str, str]) -> Project:
        """Return the same repository with some of its databases under other names on their servers.

        Args:
            names: what each is called there, by its name in the registry.
        """
        return replace(self, databases=self.databases.elsewhere(names))

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """Return the environment variables, those of a ``.env`` beside alembic.ini included."""
        return environment_beside(str(self.config_file))

    def mark_of(self, database: RegisteredDatabase) -> Mark:
        """Return what the database's marker is to say."""
        return Mark(database.name, self.databases.environment_name(self.variables))

    @cached_property
    def _ini(self) -> ConfigParser:
        return Config(str(self.config_file)).file_config

    @contextmanager
    def connect(self, database: RegisteredDatabase, *, timeout: float | None = None) -> Iterator[Connection]:
        """Connect to a database as its migrations do.

        Raises:
            ConfigurationError: its URL cannot be used.
            ConnectionFailedError: the server cannot be reached or refuses the login.
        """
        url = database.migration_url(self.variables)
        engine = make_engine(database.name, url, timeout=timeout)
        with connected(engine, database.name, url) as connection:
            yield connection

    @contextmanager
    def read(self, database: RegisteredDatabase, *, timeout: float) -> Iterator[Connection]:
        """Connect for reading: one moment of the database, in which no statement takes longer than ``timeout`` seconds.

        Raises:
            ConfigurationError: its URL cannot be used.
            ConnectionFailedError: the server cannot be reached or refuses the login.
        """
        with self.connect(database, timeout=timeout) as connection:
            # One snapshot: a migration that commits in between is seen in whole or not at all.
            connection.execution_options(isolation_level="REPEATABLE READ")
            connection.execute(_READ_ONLY, {"milliseconds": str(round(timeout * 1000))})
            yield connection

    def config_for(self, name: str, *, to_read: bool = False) -> Config:
        """Return Alembic's configuration for one database, as ``alembic -n NAME`` makes it.

        Args:
            name: the database's name.
            to_read: whether no env.py will run with it. Then alembic.ini is read once for all databases; an env.py
                may change its configuration, which must not be another database's.

        Raises:
            ConfigurationError: alembic.ini has no section for it.
        """
        toml = Path("pyproject.toml")
        config = Config(str(self.config_file), toml_file=toml if toml.is_file() else None, ini_section=name)
        if to_read:
            config.__dict__["file_config"] = self._ini
        if not config.file_config.has_section(name):
            raise ConfigurationError(
                f'{self.config_file} has no section [{name}]; add it, with "version_locations = '
                f'%(here)s/migrations/{name}"'
            )
        return config


def _place(error: ConfigParserError) -> str:
    """Say where an ini file is wrong; never what stands there, which may be a URL."""
    lines = getattr(error, "errors", None)
    line = lines[0][0] if lines else getattr(error, "lineno", None)
    names = [str(getattr(error, name)) for name in ("section", "option") if getattr(error, name, None)]
    what = type(error).__name__.removesuffix("Error")
    return what + (f" in line {line}" if line else "") + (f" ({', '.join(names)})" if names else "")
