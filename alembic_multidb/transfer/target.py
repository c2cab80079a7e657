"""A database that is being filled: locked by one process, which works in it with several fenced sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import psycopg
from sqlalchemy import Connection

from alembic_multidb.env.connect import connect, connected, make_engine
from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.transfer.journal import Begun, Journal, Step
from alembic_multidb.transfer.session import Raw, pin, raw
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.tables import Name

log = logging.getLogger("alembic.multidb")

# Seconds in which the sessions of a process that was killed are gone.
PATIENCE = 10.0
_END_OLD = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database() AND application_name = %s AND pid <> pg_catalog.pg_backend_pid()
"""


class Target:
    """A database that is being filled.

    Args:
        database: its declaration.
        url: where it is.
        connection: to it, under its lock.
        journal: what is done there.
        dial: opens another session.

    Attributes:
        begun: what an earlier run has left; None at the beginning.
        steps: what is done, as it was when this run began.
        own: the relations that this transfer makes; None if all that is there is its own.
    """

    def __init__(
        self,
        database: RegisteredDatabase,
        url: DatabaseURL,
        connection: Connection,
        journal: Journal,
        dial: Callable[[], Connection],
    ) -> None:
        self.database, self.url, self.journal = database, url, journal
        self._connection, self._driver = connection, raw(connection)
        self._dial = dial
        self.begun: Begun | None = None
        self.steps: dict[str, Step] = {}
        self.own: Collection[Name] | None = None
        self._pins: dict[str, str] = {}
        self._idle: list[Connection] = []
        self._all: list[Connection] = []
        self._lock = Lock()
        self._is_closed = False

    @property
    def name(self) -> str:
        """Return the database's name."""
        return self.database.name

    @property
    def connection(self) -> Connection:
        """Return the connection that holds the lock.

        Raises:
            MultidbError: it was lost, and the lock with it; SQLAlchemy would quietly make another one.
        """
        if self._connection.invalidated or raw(self._connection) is not self._driver:
            raise MultidbError(
                f'the connection to "{self.name}" was lost. Everything that is done is kept; the same command goes on'
            )
        return self._connection

    @property
    def lead(self) -> Raw:
        """Return the driver's connection that holds the lock.

        Raises:
            MultidbError: it was lost.
        """
        return raw(self.connection)

    def begin(self, command: str, source: str, before: Mapping[str, Any], pins: Mapping[str, str]) -> None:
        """Make the journal, or go on with the one that is there.

        Args:
            command: what is done: split or merge.
            source: the database that is read, in words of its server.
            before: what is there now; noted down at the beginning.
            pins: settings that every session needs.

        Raises:
            MultidbError: what is there was begun by another command, or from another source.
        """
        self._pins = {**pins, "application_name": _session_name(command, self.journal.run)}
        pin(self.lead, **{**pins, "synchronous_commit": "on"})
        self.begun = Journal.begun(self.lead)
        self.lead.rollback()
        if self.begun is None:
            with self.lead.transaction():
                self.journal.begin(self.lead, command, source, before)
        else:
            self._go_on(self.begun, command, source)
        self.read_steps()

    def part(self, database: RegisteredDatabase, own: Collection[Name], pins: Mapping[str, str]) -> Target:
        """Return the same database as what one source of several fills; the caller closes it.

        Args:
            database: what is to become of the source, with the name that its steps are told by.
            own: the relations that it makes.
            pins: settings that every session needs; :meth:`take_up` gives them to the one that holds the lock.
        """
        part = Target(database, self.url, self.connection, self.journal.of(database.name), self._dial)
        part.begun, part.own = self.begun, own
        part._pins = {**self._pins, **pins}
        part.read_steps()
        return part

    def take_up(self) -> None:
        """Let the connection that holds the lock have the settings of this part."""
        pin(self.lead, **self._pins)

    def read_steps(self) -> None:
        """Read what is done."""
        self.steps = self.journal.steps(self.lead)
        self.lead.rollback()

    def done(self, prefix: str) -> dict[str, Step]:
        """Return the steps whose keys begin so."""
        return {key: step for key, step in self.steps.items() if key.startswith(prefix)}

    def _go_on(self, begun: Begun, command: str, source: str) -> None:
        if (begun.command, begun.source) != (command, source):
            what = f"a {begun.command}" if begun.command != command else f"a {command} of another source"
            raise MultidbError(
                f'{what} has begun to fill "{self.name}" and is not finished: go on with the command that began it, '
                "or take it back with the same command and --abort"
            )
        self.take_over(begun)

    def take_over(self, begun: Begun) -> None:
        """Go on instead of an earlier run, whose sessions are ended."""
        # A backend may work on for a while after its process has died.
        self.lead.execute(_END_OLD, [_session_name(begun.command, begun.run)])
        self.lead.commit()
        with self.lead.transaction():
            self.journal.take_over(self.lead)

    @contextmanager
    def session(self) -> Iterator[Raw]:
        """Take a session of its own, outside of any transaction; after an error it is closed."""
        connection = self._take()
        try:
            yield raw(connection)
        except BaseException:
            self._drop(connection)
            raise
        with self._lock:
            self._idle.append(connection)

    def _take(self) -> Connection:
        with self._lock:
            if self._is_closed:
                raise MultidbError(f'"{self.name}" is closed: the transfer was given up')
            if self._idle:
                return self._idle.pop()
        connection = self._dial()
        with self._lock:
            if self._is_closed:
                connection.close()
                raise MultidbError(f'"{self.name}" is closed: the transfer was given up')
            self._all.append(connection)
        driver = raw(connection)
        driver.rollback()
        driver.autocommit = True
        pin(driver, **self._pins)
        return connection

    def _drop(self, connection: Connection) -> None:
        with self._lock:
            if connection in self._all:
                self._all.remove(connection)
        connection.invalidate()
        connection.close()

    def interrupt(self) -> None:
        """End whatever its sessions do, and let none begin anything more."""
        with self._lock:
            self._is_closed = True
            connections = list(self._all)
        for connection in connections:
            _cancel(connection)

    def close(self) -> None:
        """End every session but the one that holds the lock."""
        self.interrupt()
        for connection in list(self._all):
            self._drop(connection)


@contextmanager
def opened(
    project: Project, database: RegisteredDatabase, journal: Journal, lock_timeout: float | None = None
) -> Iterator[Target]:
    """Connect to a database that is to be filled, and keep everybody else from changing it.

    Args:
        project: the repository.
        database: which database.
        journal: of this run.
        lock_timeout: seconds to wait for somebody else; None for as long as a killed process may still be seen.

    Raises:
        LockTimeoutError: somebody else works on it.
        ConnectionFailedError: it cannot be reached.
    """
    url = database.migration_url(project.variables)
    engine = make_engine(database.name, url)
    with connected(engine, database.name, url) as connection:
        refuse_transaction_pooler(connection, database)
        timeout = PATIENCE if lock_timeout is None else lock_timeout
        with migration_lock(connection, database.name, lock_scope(database), timeout):
            target = Target(database, url, connection, journal, lambda: connect(engine, database.name, url))
            try:
                yield target
            finally:
                target.close()
    engine.dispose()


def _session_name(command: str, run: str) -> str:
    return f"multidb {command} {run}"


def _cancel(connection: Connection) -> None:
    """End the statement that a session may be waiting for."""
    try:
        driver = raw(connection)
        if driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            driver.cancel()
    except (psycopg.Error, AssertionError) as error:
        log.debug("a session is gone already: %s", error)
