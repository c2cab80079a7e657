"""All databases at once: where each stands, and bringing each of them forward."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.config import LOCK_TIMEOUT_OPTION, environment_beside
from alembic_multidb.config import lock_timeout as read_lock_timeout
from alembic_multidb.env.adopt import adopt as adopt_connected
from alembic_multidb.env.connect import connect, make_engine
from alembic_multidb.env.marker import Mark, find_markers, wrong_markers
from alembic_multidb.env.run import load_registry
from alembic_multidb.errors import ConfigurationError, ConnectionFailedError
from alembic_multidb.registry import Databases, RegisteredDatabase

State = Literal["empty", "unstamped", "behind", "at head", "ahead", "wrong database", "unreachable"]

STATUS_TIMEOUT = 10.0

_HAS_TABLES = text(
    """
    SELECT EXISTS (
        SELECT FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_depend AS e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
        WHERE c.relkind IN ('r', 'p') AND e.objid IS NULL AND c.relname <> :version_table
          AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    )
    """
)


@dataclass(frozen=True)
class DatabaseStatus:
    """Where one database stands.

    Attributes:
        name: the database's name.
        state: one word for it.
        revisions: what its version table says.
        heads: the heads of its history.
        detail: why, where the state alone does not say it.
    """

    name: str
    state: State
    revisions: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Project:
    """A repository with several databases: its alembic.ini and the registry that it names."""

    config_file: Path
    databases: Databases

    @classmethod
    def load(cls, config_file: str | Path) -> Project:
        """Read alembic.ini and import the registry.

        Raises:
            ConfigurationError: the file is missing, or its registry cannot be had.
        """
        path = Path(config_file)
        if not path.is_file():
            raise ConfigurationError(f"there is no {path}: run the command where alembic.ini is, or name it with -c")
        config = Config(str(path))
        return cls(path, load_registry(config, paths=tuple(config.get_prepend_sys_paths_list() or ())))

    def select(self, names: Iterable[str] = ()) -> list[RegisteredDatabase]:
        """Return the named databases, or all of them, in the registry's order.

        Raises:
            UnknownDatabaseError: a name is not in the registry.
        """
        chosen = {self.databases[name].name for name in names} or set(self.databases)
        return [database for name, database in self.databases.items() if name in chosen]

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """Return the environment variables, those of a ``.env`` beside alembic.ini included."""
        return environment_beside(str(self.config_file))

    def mark_of(self, database: RegisteredDatabase) -> Mark:
        """Return what the database's marker is to say."""
        return Mark(database.name, self.databases.environment_name(self.variables))

    @contextmanager
    def connect(self, database: RegisteredDatabase, *, timeout: float | None = None) -> Iterator[Connection]:
        """Connect to a database as its migrations do.

        Raises:
            ConfigurationError: its URL cannot be used.
            ConnectionFailedError: the server cannot be reached or refuses the login.
        """
        url = database.migration_url(self.variables)
        engine = make_engine(database.name, url, timeout=timeout)
        with connect(engine, database.name, url) as connection:
            yield connection

    def config_for(self, name: str) -> Config:
        """Return Alembic's configuration for one database, as ``alembic -n NAME`` makes it.

        Raises:
            ConfigurationError: alembic.ini has no section for it.
        """
        toml = Path("pyproject.toml")
        config = Config(str(self.config_file), toml_file=toml if toml.is_file() else None, ini_section=name)
        if not config.file_config.has_section(name):
            raise ConfigurationError(
                f'{self.config_file} has no section [{name}]; add it, with "version_locations = '
                f'%(here)s/migrations/{name}"'
            )
        return config


def status(project: Project, names: Iterable[str] = ()) -> list[DatabaseStatus]:
    """Ask every database where it stands; one that cannot be reached does not keep the others from answering."""
    return [_status_of(project, database) for database in project.select(names)]


def upgrade(
    project: Project,
    names: Iterable[str] = (),
    revision: str = "heads",
    *,
    lock_timeout: float | None = None,
    report: Callable[[DatabaseStatus], None] = lambda status: None,
) -> None:
    """Upgrade the databases one after the other, in the registry's order.

    Args:
        project: the repository.
        names: which databases; all of them if empty.
        revision: as Alembic's ``upgrade`` takes it.
        lock_timeout: seconds to wait for each database's lock.
        report: called with the state of each database when it is done.

    Raises:
        MultidbError: the first database that fails; those before it are done, those after it untouched.
    """
    for database in project.select(names):
        config = project.config_for(database.name)
        config.attributes[LOCK_TIMEOUT_OPTION] = lock_timeout
        command.upgrade(config, revision)
        report(_status_of(project, database))


def adopt(project: Project, name: str, *, lock_timeout: float | None = None) -> tuple[Mark, Mark | None]:
    """Mark a copy of a database as the one that it shall be.

    Returns:
        What it is marked as now, and what it was marked as before (None: it was not marked).

    Raises:
        MultidbError: it cannot be reached, is locked, or has no version table that this login may mark.
    """
    database = project.databases[name]
    expected = project.mark_of(database)
    config = project.config_for(name)
    config.attributes[LOCK_TIMEOUT_OPTION] = lock_timeout
    with project.connect(database) as connection:
        return expected, adopt_connected(connection, database, expected, read_lock_timeout(config, {}))


def _status_of(project: Project, database: RegisteredDatabase) -> DatabaseStatus:
    config = project.config_for(database.name)
    config.print_stdout = io.StringIO().write  # type: ignore[method-assign, assignment]
    script = ScriptDirectory.from_config(config)
    heads = tuple(sorted(script.get_heads()))
    expected = project.mark_of(database)
    try:
        with project.connect(database, timeout=STATUS_TIMEOUT) as connection:
            return _examine(connection, database, expected, script, heads)
    except ConnectionFailedError as error:
        return DatabaseStatus(database.name, "unreachable", heads=heads, detail=str(error))
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        return DatabaseStatus(database.name, "unreachable", heads=heads, detail=f"it cannot be read: {reason}")


def _examine(
    connection: Connection,
    database: RegisteredDatabase,
    expected: Mark,
    script: ScriptDirectory,
    heads: tuple[str, ...],
) -> DatabaseStatus:
    declaration = database.declaration
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": declaration.version_table,
            "version_table_schema": declaration.version_table_schema,
        },
    )
    revisions = tuple(sorted(context.get_current_heads()))
    wrong = wrong_markers(find_markers(connection, database), database, expected)
    if wrong:
        detail = f'marked as "{wrong[0].mark}" (comment on table {wrong[0].table}), not "{expected}"'
        return DatabaseStatus(database.name, "wrong database", revisions, heads, detail)
    if not revisions:
        used = connection.execute(_HAS_TABLES, {"version_table": declaration.version_table}).scalar()
        return DatabaseStatus(database.name, "unstamped" if used else "empty", revisions, heads)
    return DatabaseStatus(database.name, _compare(script, revisions, heads), revisions, heads)


def _compare(script: ScriptDirectory, revisions: tuple[str, ...], heads: tuple[str, ...]) -> State:
    known = {revision.revision for revision in script.walk_revisions()}
    if not known.issuperset(revisions):
        return "ahead"
    # A head that another one depends on is not written down by Alembic.
    current = {revision.revision for revision in script.get_all_current(revisions)}
    return "at head" if current.issuperset(heads) else "behind"
