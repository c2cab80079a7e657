"""One database at one moment, read by several workers: each has the same exported snapshot and the same settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any, TypeVar

import psycopg
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.env.connect import connect, first_line, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.locks import in_the_way, lock_tables
from alembic_multidb.verify.pins import pin
from alembic_multidb.verify.statements import Raw, query, rows

T = TypeVar("T")

# What a server or the way to it may answer instead of rows.
Unreadable = (psycopg.Error, SQLAlchemyError)

OLDEST = 140000
# After so many statements a worker begins anew: a server has room for some thousands of locks in a transaction.
_RENEWED = 200
# So many tables every worker locks for itself, as the first of them does; it then never begins anew.
_HELD_BY_ALL = 300
# How long the first waits for a table, and how long another: behind somebody who waits for the first, in vain.
_PATIENT, _IMPATIENT = "60s", "5s"


class Side:
    """One database, opened at one moment.

    Args:
        name: what it is called in messages: ``source``, or the database's name.
        url: where it is.
        jobs: how many statements run at a time.
        snapshot: of somebody else's transaction, to be seen instead of the present.

    Attributes:
        snapshot: the exported snapshot that every worker takes.
        server_version: as a number (``180006``).
        moment: what the server says of itself at that moment.
    """

    def __init__(self, name: str, url: DatabaseURL, jobs: int, snapshot: str = "") -> None:
        self.name, self.url, self.jobs = name, url, jobs
        self.snapshot = snapshot
        self.server_version = 0
        self.moment: dict[str, Any] = {}
        self._held: Sequence[sql.Composed] | None = None
        self._engine = make_engine(f"verify {name}", url)
        self._executor = ThreadPoolExecutor(jobs, f"multidb-verify-{name}")
        self._idle: deque[tuple[Connection, int]] = deque()
        self._all: list[Connection] = []
        self._lock = Lock()
        self._is_closed = False

    def __enter__(self) -> Side:
        try:
            lead = self._open()
            connection = raw(lead)
            self.moment = rows(connection, query("moment"))[0]
            self.server_version = int(self.moment["server_version"])
            if self.server_version < OLDEST:
                raise MultidbError(
                    f'"{self.name}" at {self.url} is PostgreSQL {self.server_version // 10000}; rows are compared on '
                    "PostgreSQL 14 and newer: upgrade it first"
                )
            if not self.snapshot:
                self.snapshot = str(rows(connection, "SELECT pg_catalog.pg_export_snapshot() AS id")[0]["id"])
        except Unreadable as error:
            self.close()
            raise MultidbError(f'"{self.name}" at {self.url} cannot be read: {first_line(error)}') from None
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do something with a connection, as soon as one of the workers is free.

        The future raises what the work raised; after an error the worker begins anew, in the same snapshot.
        """
        return self._executor.submit(self._work, work)

    def ask(self, statement: str | sql.Composed, *parameters: Any) -> Future[list[dict[str, Any]]]:
        """Run one statement and return its rows."""
        return self.run(lambda connection: rows(raw(connection), statement, *parameters))

    def hold(self, oids: Sequence[int]) -> None:
        """Let nobody drop, empty or rewrite tables until the end: a reader's lock on each that may be read.

        Raises:
            MultidbError: one was emptied or rewritten since the comparison began; its rows cannot be seen any more.
        """
        connection = raw(self.lead)
        found = rows(connection, query("readable"), list(oids))
        names = [sql.SQL("ONLY {}").format(sql.Identifier(row["schema"], row["name"])) for row in found]
        # Nobody shall come in between the first worker's locks and the others'.
        self._all_at_once(lambda connection: None)
        try:
            lock_tables(connection, names, _PATIENT)
        except psycopg.errors.LockNotAvailable:
            raise MultidbError(f'of "{self.name}", {first_line(in_the_way(connection))}') from None
        self._hold_by_all(names if len(names) <= _HELD_BY_ALL else ())
        changed = [row["name"] for row in rows(connection, query("rewritten"), [row["oid"] for row in found])]
        if changed:
            raise MultidbError(
                f'of "{self.name}", {", ".join(changed)} was emptied or rewritten after the comparison began, so that '
                "its rows cannot be seen as they were: run it again when nobody changes tables"
            )

    def _hold_by_all(self, names: Sequence[sql.Composed]) -> None:
        """Have every worker take these locks now: later it would wait behind whoever waits for the first one's."""
        try:
            self._all_at_once(lambda connection: lock_tables(raw(connection), names, _IMPATIENT))
            self._held = names
        except psycopg.errors.LockNotAvailable:
            # Somebody did come in between. That one's table cannot be read, the others can.
            self._held = ()

    def _all_at_once(self, work: Callable[[Connection], object]) -> None:
        """Have every worker do something."""
        everybody = Barrier(self.jobs)

        def do(connection: Connection) -> None:
            work(connection)
            everybody.wait()

        running = [self.run(do) for _ in range(self.jobs)]
        for each in running:
            each.add_done_callback(lambda done: everybody.abort() if done.cancelled() or done.exception() else None)
        failed = [error for error in (each.exception() for each in running) if error is not None]
        for error in sorted(failed, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error

    @property
    def extensions(self) -> frozenset[str]:
        """Return the names of the extensions that are there."""
        return frozenset(self.moment["extensions"] or ())

    @property
    def lead(self) -> Connection:
        """Return the connection that holds the snapshot."""
        return self._all[0]

    def close(self) -> None:
        """End whatever still runs, and every connection."""
        with self._lock:
            self._is_closed = True
            connections = list(self._all)
        self._executor.shutdown(wait=False, cancel_futures=True)
        for connection in connections:
            _cancel(connection)
        self._executor.shutdown(wait=True)
        # A worker whose statement was ended has closed its connection itself.
        for connection in self._all:
            connection.invalidate()
            connection.close()
        self._all.clear()
        self._engine.dispose()

    def _work(self, work: Callable[[Connection], T]) -> T:
        connection, done = self._take()
        with self._given_up_if_it_fails(connection):
            if done >= _RENEWED and not self._held:
                self._begin(connection)
                done = 0
            found = work(connection)
        with self._lock:
            self._idle.append((connection, done + 1))
        return found

    @contextmanager
    def _given_up_if_it_fails(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            is_locked = isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable)
            try:
                reason = in_the_way(raw(connection)) if is_locked else None
            finally:
                with self._lock:
                    self._all.remove(connection)
                connection.invalidate()
                connection.close()
            if reason is not None:
                raise reason from None
            raise

    def _take(self) -> tuple[Connection, int]:
        with self._lock:
            if self._is_closed:
                raise MultidbError(f'"{self.name}" is closed: the comparison was given up')
            if self._idle:
                return self._idle.pop()
        return self._open(), 0

    def _open(self) -> Connection:
        connection = connect(self._engine, self.name, self.url)
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with self._lock:
            self._all.append(connection)
        with self._given_up_if_it_fails(connection):
            self._begin(connection)
        return connection

    def _begin(self, connection: Connection) -> None:
        """Begin a transaction that sees what all others see."""
        driver = raw(connection)
        driver.rollback()
        driver.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        driver.read_only = True
        if self.snapshot:
            driver.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self.snapshot)))
        pin(driver)
        if self._held is not None:
            lock_tables(driver, self._held, _IMPATIENT)


def raw(connection: Connection) -> Raw:
    """Return the driver's connection, inside the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def words_of(error: Exception) -> str:
    """Return what an error says: our own words, or the first line of the server's."""
    return str(error) if isinstance(error, CommandError) else first_line(error)


def _cancel(connection: Connection) -> None:
    """End the statement that a connection may be waiting for."""
    try:
        driver = raw(connection)
        if driver.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            driver.cancel()
    except Unreadable:
        return  # it is gone already, and its statement with it
