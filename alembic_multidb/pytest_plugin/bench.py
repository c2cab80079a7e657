"""One database's history on scratch databases, as the tests need it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event

from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.config import REGISTRY_OPTION, SCRATCH_OPTION
from alembic_multidb.env.connect import make_engine
from alembic_multidb.errors import HistoryError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.pytest_plugin.failure import told
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.build import quiet, uses_our_env
from alembic_multidb.stamp.record import recorded_revisions
from alembic_multidb.stamp.schema import read_schema
from alembic_multidb.stamp.scratch import ScratchServer
from alembic_multidb.urls import DatabaseURL, variables_of

# Nobody listens on port 1: what tries to reach a database that it must not reach, fails at once.
NOWHERE = "postgresql://nobody@127.0.0.1:1/not_there"


@dataclass
class Bench:
    """One database's history, and the server on which it is run.

    Attributes:
        project: the repository.
        name: the database's name.
        server: where the scratch databases are.
        statements: what was sent to the server when the history was run to its head, as far as it came.
    """

    project: Project
    name: str
    server: ScratchServer
    statements: list[str] = field(default_factory=list)
    _head: Head | Exception | None = None

    @property
    def database(self) -> RegisteredDatabase:
        """Return the database as the registry has it."""
        return self.project.databases[self.name]

    @cached_property
    def history(self) -> History:
        """Return the database's revisions.

        Raises:
            HistoryError: a file cannot be read, or the revisions do not hang together.
        """
        return History.load(self.project, self.name)

    def config(self) -> Config:
        """Return Alembic's configuration; its ``connection`` has to be put into the attributes.

        An env.py that does anything of its own is left out: it might connect to the real database.
        """
        config = self.project.config_for(self.name)
        config.attributes |= {SCRATCH_OPTION: True, REGISTRY_OPTION: self.project.databases}
        if not uses_our_env(self.history):
            folders = os.pathsep.join(map(str, self.history.script._version_locations))
            config.set_main_option("script_location", "alembic_multidb.pytest_plugin:environment")
            config.set_main_option("version_locations", folders.replace("%", "%%"))
            config.set_main_option("path_separator", "os")
        return config

    @contextmanager
    def scratch(self, template: str = "template0") -> Iterator[str]:
        """Make a scratch database for the block, and give its name."""
        name = self.server.create(template)
        try:
            yield name
        finally:
            self.server.drop(name)

    @contextmanager
    def clone(self) -> Iterator[str]:
        """Make a scratch database at head for the block, and give its name; say in few words what is in the way."""
        try:
            template = self.head.scratch
        except Exception as error:
            history = None if isinstance(error, HistoryError) else self.history
            raise pytest.fail.Exception(told(error, self.name, history), pytrace=False) from None
        with self.scratch(template) as name:
            yield name

    def url(self, scratch: str) -> DatabaseURL:
        """Return the way to a scratch database."""
        return self.server.url.to(scratch)

    def engine(self, scratch: str) -> Engine:
        """Return an engine without a pool."""
        return make_engine(self.name, self.url(scratch))

    def run(self, scratch: str, do: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Run one of Alembic's commands on a scratch database, whatever it raises."""
        config = self.config()
        with self.server.connect(scratch) as connection, self.alone(scratch), quiet():
            config.attributes["connection"] = connection
            do(config, *arguments, **options)

    def script(self) -> str:
        """Return the whole history as SQL, as ``upgrade heads --sql`` prints it."""
        config = self.config()
        config.output_buffer = io.StringIO()
        with self.alone(None), quiet():
            command.upgrade(config, "heads", sql=True)
        return config.output_buffer.getvalue()

    def snapshot(self, scratch: str) -> Snapshot:
        """Return a scratch database's schema, without version tables."""
        with self.server.connect(scratch) as connection:
            return read_schema(connection, self.project.databases)

    def versions(self, scratch: str) -> list[str]:
        """Return what the version table says, sorted; nothing if there is none yet."""
        with self.server.connect(scratch) as connection:
            return list(recorded_revisions(connection, self.database))

    @property
    def head(self) -> Head:
        """Return a scratch database that has run the whole history; it is a template, nobody may write to it."""
        if self._head is None:
            try:
                self._head = self._build()
            except Exception as error:  # a revision may raise anything; the next test need not run it again
                self._head = error
        if isinstance(self._head, Exception):
            raise self._head
        return self._head

    def _build(self) -> Head:
        name = self.server.create()
        with recorded() as self.statements:
            self.run(name, command.upgrade, "heads")
        return Head(name, self.snapshot(name))

    @contextmanager
    def alone(self, scratch: str | None) -> Iterator[None]:
        """Let the registry's environment variables lead nowhere, this database's own to its scratch database."""
        with pytest.MonkeyPatch.context() as patch:
            for name in sorted(self.project.databases, key=lambda each: each == self.name):  # its own wins
                for variable in self._variables(name):
                    patch.setenv(variable, self.url(scratch).to_text() if scratch and name == self.name else NOWHERE)
            yield

    def _variables(self, name: str) -> list[str]:
        declaration = self.project.databases[name].declaration
        return variables_of(declaration.url, declaration.migration_url)


@dataclass(frozen=True)
class Head:
    """A scratch database at the head of its history.

    Attributes:
        scratch: its name.
        snapshot: its schema.
    """

    scratch: str
    snapshot: Snapshot


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Collect every statement that is sent while the block runs."""
    statements: list[str] = []

    def record(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)
