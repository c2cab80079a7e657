"""A database is copied as files: in a fraction of the time that its rows and indexes take, and with its indexes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

import psycopg
from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.template.kept import Kept
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.split.template.sessions import connected, terminate

# Before this version CREATE DATABASE knows one way, which is this one.
_NAMES_STRATEGIES = 150000
# As long as the server waits for those who are connected.
_WAIT, _PAUSE = 5.0, 0.1
_TABLESPACE = """
    SELECT t.spcname AS name
    FROM pg_catalog.pg_database AS d JOIN pg_catalog.pg_tablespace AS t ON t.oid = d.dattablespace
    WHERE d.datname = %s
"""
# What a file system or a kernel that cannot clone files answers, from one device to another among others.
_CANNOT_CLONE = ("58", "XX")


def clone(
    session: Maintenance, source: str, name: str, kept: Kept, *, version: int, terminates: bool = False
) -> list[str]:
    """Copy a database, and return in words whose sessions were ended for it.

    The server lets nobody else into the source while it is copied; whoever comes then waits.

    Args:
        session: outside of the source.
        source: what is copied, to which nobody may be connected.
        name: the copy's.
        kept: owner, place and room of the copy.
        version: the server's, as a number.
        terminates: whether those who are connected to the source are disconnected.

    Raises:
        MultidbError: somebody is connected, or the server refuses.
    """
    strategy = sql.SQL("STRATEGY file_copy" if version >= _NAMES_STRATEGIES else "")
    (place,) = session.rows(_TABLESPACE, source)
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} {} {}").format(
        sql.Identifier(name), sql.Identifier(source), kept.options(place["name"]), strategy
    )
    clones_files = _clone_files(session)
    try:
        return _run(session, statement, source, terminates=terminates)
    except psycopg.Error as error:
        if not (clones_files and (error.sqlstate or "").startswith(_CANNOT_CLONE)):
            raise _refused(session, source, error) from None
    session.run(sql.SQL("SET file_copy_method = copy"))
    try:
        return _run(session, statement, source, terminates=terminates)
    except psycopg.Error as error:
        raise _refused(session, source, error) from None


def _clone_files(session: Maintenance) -> bool:
    """Let the file system share what is equal, where server and system can; PostgreSQL 18 has a setting for it."""
    with suppress(psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
        session.run(sql.SQL("SET file_copy_method = clone"))
        return True
    return False


def _run(session: Maintenance, statement: sql.Composed, source: str, *, terminates: bool) -> list[str]:
    if not terminates:
        session.run(statement)
        return []
    failed: list[BaseException] = []

    def create() -> None:
        try:
            session.run(statement)
        except BaseException as error:
            failed.append(error)

    # The statement first: from its first moment on, the server lets nobody new in.
    thread = Thread(target=create, name="multidb-clone")
    with session.beside() as other:
        thread.start()
        try:
            ended = _end_all(other, source, thread)
        finally:
            thread.join()
    if failed:
        raise failed[0]
    return ended


def _end_all(session: Maintenance, source: str, thread: Thread) -> list[str]:
    ended: list[str] = []
    end = time.monotonic() + _WAIT
    while thread.is_alive() and time.monotonic() < end:
        ended += terminate(session, source)
        thread.join(_PAUSE)
    return list(dict.fromkeys(ended))


def _refused(session: Maintenance, source: str, error: psycopg.Error) -> MultidbError:
    if isinstance(error, psycopg.errors.ObjectInUse):
        return busy(source, connected(session.raw, source), "--terminate-source-connections ends them")
    return MultidbError(f'database "{source}" could not be cloned: {first_line(error)}; nothing was changed')


def busy(database: str, sessions: Sequence[str], way_out: str) -> MultidbError:
    """Build the error for a database that is used by others."""
    words = "; ".join(sessions) or "somebody who is gone again"
    return MultidbError(
        f'database "{database}" is used by {words}. Nothing was changed: stop them and run it again, or {way_out}'
    )
