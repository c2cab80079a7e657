"""One change at a time: a session-level advisory lock on the migration's own connection.

On the migration's own connection, because a lock held elsewhere is freed when its process is killed while
the migration's backend works on. Polled, never waited for, because a session that waits inside
``pg_advisory_lock()`` holds a snapshot that CREATE INDEX CONCURRENTLY waits for in turn.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.errors import LockTimeoutError
from alembic_multidb.registry import RegisteredDatabase, TableName

log = logging.getLogger("alembic.multidb")

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_REPORT_EVERY = 15.0

_TRY = text("SELECT pg_try_advisory_lock(:key)")
_TRY_FOR_TRANSACTION = text("SELECT pg_try_advisory_xact_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")
# A bigint key stands in pg_locks as its two halves, with objsubid 1.
_HOLDER = text(
    """
    SELECT a.pid, a.usename, a.application_name, a.backend_start
    FROM pg_locks AS l
    JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) = :key
    """
)


def lock_key(version_table: TableName | None = None) -> int:
    """Return the 64-bit key of the lock; advisory locks are per database.

    Args:
        version_table: whose history is locked, where several histories share a physical database on purpose;
            None locks the database as a whole, so that two that share it by mistake cannot start at once.
    """
    return _key("database" if version_table is None else version_table.qualified)


def lock_scope(database: RegisteredDatabase) -> TableName | None:
    """Return what the lock of a database covers: its history alone if it may share a physical database."""
    return database.declaration.version_table_name if database.may_share_with else None


def creation_lock_key(name: str) -> int:
    """Return the key of the lock under which a database of this name is created, in the maintenance database."""
    return _key(f"create {name}")


@contextmanager
def migration_lock(
    connection: Connection,
    database: str,
    version_table: TableName | None,
    timeout: float,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock of one history while the block runs.

    Inside a transaction of the caller's, the lock lives until that transaction ends.

    Args:
        connection: the migration's own connection.
        database: the database's name, for messages.
        version_table: what :func:`lock_scope` says.
        timeout: seconds to wait for somebody else; 0 means not to wait.
        pause: how to wait between two tries.

    Raises:
        LockTimeoutError: somebody else held it for longer; the text says who and since when.
    """
    with held_lock(connection, lock_key(version_table), database, timeout, pause=pause):
        yield


@contextmanager
def held_lock(
    connection: Connection,
    key: int,
    database: str,
    timeout: float,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold any of our advisory locks while the block runs; see :func:`migration_lock`."""
    lives_in_transaction = connection.in_transaction()
    _acquire(connection, key, database, timeout, pause)
    try:
        yield
    finally:
        if not lives_in_transaction:
            _release(connection, key)


def is_same_database(one: Connection, other: Connection) -> bool:
    """Tell whether two connections lead to one database: a lock that nobody else can know of is seen from both.

    Args:
        one: in a transaction, or it begins one; the lock lives until that ends.
        other: another session; the same holds for it.
    """
    key = {"key": secrets.randbits(63)}
    return (
        bool(one.execute(_TRY_FOR_TRANSACTION, key).scalar()) and not other.execute(_TRY_FOR_TRANSACTION, key).scalar()
    )


def _key(what: str) -> int:
    digest = sha256(f"alembic_multidb:{what}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _acquire(connection: Connection, key: int, database: str, timeout: float, pause: Callable[[float], None]) -> None:
    try_lock = _TRY_FOR_TRANSACTION if connection.in_transaction() else _TRY
    start = time.monotonic()
    wait, reported = _FIRST_PAUSE, -_REPORT_EVERY
    while not _ask(connection, lambda: connection.execute(try_lock, {"key": key}).scalar()):
        waited = time.monotonic() - start
        holder = _ask(connection, lambda: _holder(connection, key))
        if waited >= timeout:
            raise LockTimeoutError(
                f'database "{database}" is being changed by {holder}; waited {waited:.0f} of {timeout:g} '
                "seconds. Wait for it, or give more time with -x lock_timeout=SECONDS (multidb: --lock-timeout)"
            )
        if waited - reported >= _REPORT_EVERY:
            log.info('waiting for the lock of "%s", held by %s', database, holder)
            reported = waited
        pause(min(wait, timeout - waited))
        wait = min(wait * 2, _LONGEST_PAUSE)


def _ask(connection: Connection, question: Callable[[], T]) -> T:
    """Ask, then leave open no transaction of ours: an idle one would hold up CREATE INDEX CONCURRENTLY."""
    if connection.in_transaction():
        return question()
    try:
        return question()
    finally:
        connection.rollback()


def _holder(connection: Connection, key: int) -> str:
    row = connection.execute(_HOLDER, {"key": key}).first()
    if row is None:
        return "a session that has just ended"
    since = row.backend_start.astimezone().isoformat(sep=" ", timespec="seconds") if row.backend_start else "?"
    return f'"{row.application_name or "?"}" (backend {row.pid}, role {row.usename}), connected since {since}'


def _release(connection: Connection, key: int) -> None:
    """Give the lock back; a connection that cannot is closed, which frees it too."""
    try:
        connection.rollback()
        connection.execute(_UNLOCK, {"key": key})
        connection.rollback()
    except DBAPIError as error:
        log.debug("the lock goes with its connection: %s", error)
        connection.invalidate()
