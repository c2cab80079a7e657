"""A history run on scratch databases: the schema at each of its revisions."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.classify import plain_name
from alembic_multidb.config import SCRATCH_OPTION
from alembic_multidb.env.connect import first_line
from alembic_multidb.env.shared import route_shared_history
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.stamp.schema import home_of, read_schema
from alembic_multidb.stamp.scratch import ScratchServer


class CannotBuildError(MultidbError):
    """A revision does not run on an empty scratch database."""


@dataclass
class Builder:
    """Builds one history's schemas, each revision from the nearest one that was built already.

    Attributes:
        project: the repository.
        history: its revisions.
        server: where the scratch databases are.
        live: the database that is compared: names without a schema, and extensions, shall lie where they do there.
        current: the scratch database in use; None before the first.
        applied: the revisions that it has.
        saved: copies that were kept where the history branches, by the revisions that they have.
    """

    project: Project
    history: History
    server: ScratchServer
    live: Snapshot | None = None
    current: str | None = None
    applied: frozenset[str] = frozenset()
    saved: dict[frozenset[str], str] = field(default_factory=dict)

    def schema_at(self, revisions: Sequence[str]) -> Snapshot:
        """Return the schema that a database at these revisions has, restricted to its home.

        Raises:
            CannotBuildError: a revision on the way does not run on an empty database.
        """
        wanted = self.history.applied(revisions)
        name = self._start(wanted)
        for revision in revisions:
            self._run(name, revision)
        self.applied = wanted
        with self.server.connect(name) as connection:
            schema = self.read(connection)
        if len(revisions) == 1 and len(self.history.revisions[revisions[0]].nextrev) > 1:
            self.saved[wanted] = self.server.create(name)
        return schema

    def read(self, connection: Connection) -> Snapshot:
        """Return the schema of a scratch database, restricted to the history's home."""
        databases = self.project.databases
        return home_of(read_schema(connection, databases), databases, databases[self.history.name])

    def downgrade_one(self) -> Snapshot:
        """Take back the revision that was built last, and return the schema; the scratch database is given up.

        Raises:
            CannotBuildError: its downgrade fails.
        """
        assert self.current is not None
        try:
            self._run(self.current, "-1", is_upgrade=False)
            with self.server.connect(self.current) as connection:
                return self.read(connection)
        finally:
            self.forget()

    @contextmanager
    def at_heads(self) -> Iterator[None]:
        """Let Alembic's commands with this history's configuration run on a scratch database at its heads.

        Raises:
            CannotBuildError: a revision on the way does not run on an empty database.
        """
        self.schema_at(self.history.heads)
        assert self.current is not None
        with self.server.connect(self.current) as connection, self._on(connection), quiet():
            yield

    def close(self) -> None:
        """Drop the scratch databases."""
        self.forget()
        for name in self.saved.values():
            self.server.drop(name)
        self.saved.clear()

    def forget(self) -> None:
        """Give up the scratch database in use, in which a revision has failed half-way."""
        if self.current is not None:
            self.server.drop(self.current)
        self.current, self.applied = None, frozenset()

    def _start(self, wanted: frozenset[str]) -> str:
        """Return a scratch database that has nothing but some of these revisions."""
        if self.current is not None and self.applied <= wanted:
            return self.current
        self.forget()
        fitting = [applied for applied in self.saved if applied <= wanted]
        self.applied = max(fitting, key=len, default=frozenset())
        self.current = self.server.create(self.saved.get(self.applied, "template0"))
        self._lay_out(self.current)
        return self.current

    def _lay_out(self, scratch: str) -> None:
        """Let names and declared extensions lie in the schemas in which they lie in the live database."""
        if self.live is None:
            return
        declared = self.project.databases[self.history.name].extensions
        elsewhere = {
            plain_name(row.identity): plain_name(str(row.definition["schema"]))
            for row in self.live.rows
            if row.kind == "extension" and plain_name(row.identity) in declared
        }
        extensions = {
            extension: schema for extension, schema in elsewhere.items() if schema != self.live.default_schema
        }
        if not extensions and self.live.default_schema == DEFAULT_SCHEMA:
            return
        try:
            self.server.lay_out(scratch, self.live.default_schema, extensions)
        except DBAPIError as error:
            raise CannotBuildError(
                f'the extensions of "{self.history.name}" are not to be had on the scratch server: {first_line(error)}'
            ) from None

    def _run(self, name: str, revision: str, *, is_upgrade: bool = True) -> None:
        try:
            with self.server.connect(name) as connection, quiet():
                if uses_our_env(self.history):
                    self._by_env(connection, revision, is_upgrade)
                else:
                    self._without_env(connection, revision, is_upgrade)
        except (Exception, SystemExit) as error:  # a revision may raise anything
            first = str(error).splitlines()[0] if str(error) else ""
            raise CannotBuildError(
                f'the history of "{self.history.name}" cannot be run on an empty scratch database up to {revision}: '
                f"{type(error).__name__}{first and f': {first}'}"
            ) from error

    def _by_env(self, connection: Connection, revision: str, is_upgrade: bool) -> None:
        with self._on(connection), self._environment(revision, is_upgrade):
            self.history.script.run_env()

    @contextmanager
    def _on(self, connection: Connection) -> Iterator[None]:
        attributes = self.history.config.attributes
        attributes |= {SCRATCH_OPTION: True, "connection": connection}
        try:
            yield
        finally:
            del attributes[SCRATCH_OPTION], attributes["connection"]

    def _without_env(self, connection: Connection, revision: str, is_upgrade: bool) -> None:
        """Run the revisions alone: an env.py of one's own would connect to the real database."""
        database = self.project.databases[self.history.name]
        ensure_extensions(connection, database.name, database.extensions)
        connection.commit()
        with self._environment(revision, is_upgrade) as environment:
            environment.configure(
                connection=connection,
                target_metadata=database.metadata,
                version_table=database.version_table,
                version_table_schema=database.version_table_schema,
                transaction_per_migration=True,
            )
            route_shared_history(environment.get_context(), database)
            with environment.begin_transaction():
                environment.run_migrations()
        connection.commit()

    def _environment(self, revision: str, is_upgrade: bool) -> EnvironmentContext:
        script = self.history.script

        def steps(current: Any, context: Any) -> Any:
            return (script._upgrade_revs if is_upgrade else script._downgrade_revs)(revision, current)

        return EnvironmentContext(
            self.history.config, self.history.script, fn=steps, as_sql=False, destination_rev=revision
        )


def uses_our_env(history: History) -> bool:
    """Tell whether the history's env.py leaves everything to run_migrations(), which takes the connection given.

    One that does anything beside imports, definitions and that call might reach the real database.
    """
    path = Path(history.script.dir) / "env.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    imports = [node for node in body if isinstance(node, ast.ImportFrom) and node.module]
    ours = any(
        alias.name == "run_migrations" and node.module.split(".")[0] == "alembic_multidb"  # type: ignore[union-attr]
        for node in imports
        for alias in node.names
    )
    return ours and all(map(_is_harmless, body))


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        call = node.value
        is_ours = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "run_migrations"
        return is_ours or isinstance(call, ast.Constant)
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return not any(isinstance(part, ast.Call) for part in ast.walk(node))
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what Alembic tells of every revision: here it is about no database of the user's."""
    logger = logging.getLogger("alembic")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
