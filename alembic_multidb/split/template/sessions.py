"""Who is connected to a database, in words; a source that is cloned must be left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.verify.statements import Raw, rows

# A worker of autovacuum is nobody's, and ends by itself for a clone. Its kind would say so too, but a login without
# rights sees no kind of other logins' sessions.
_SESSIONS = """
    SELECT a.pid, a.usename::text AS role, a.application_name AS application, host(a.client_addr) AS host,
           a.backend_type AS kind, a.state, extract(epoch FROM now() - a.backend_start)::bigint AS seconds
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.datname = %s AND a.pid <> ALL (%s::int[])
      AND a.usesysid IS NOT NULL AND coalesce(a.backend_type, '') <> 'parallel worker'
    ORDER BY a.pid
"""
_PREPARED = "SELECT gid, owner::text AS role FROM pg_catalog.pg_prepared_xacts WHERE database = %s ORDER BY 1"
# How a prepared transaction is named, which nobody can end but by name.
PREPARED = "prepared transaction"
# Seconds in which a session that was closed is gone from the server.
_LEAVING = 1.0
_END = "SELECT pg_catalog.pg_terminate_backend(%s)"


def connected(connection: Raw, database: str, without: Sequence[int] = ()) -> list[str]:
    """Return, in words, every session and prepared transaction of a database.

    Args:
        connection: to any database of the server.
        database: its name on the server.
        without: processes of our own.
    """
    sessions = rows(connection, _SESSIONS, database, list(without))
    found = [_words(row) for row in sessions if not _is_ours(row)]
    found += [f'{PREPARED} "{row["gid"]}" of {row["role"]}' for row in rows(connection, _PREPARED, database)]
    return found


def staying(connection: Raw, database: str, without: Sequence[int] = ()) -> list[str]:
    """Return who is connected to a database, but for those who are just leaving; as :func:`connected`."""
    end = time.monotonic() + _LEAVING
    while (found := connected(connection, database, without)) and time.monotonic() < end:
        time.sleep(_LEAVING / 10)
    return found


def terminate(session: Maintenance, database: str) -> list[str]:
    """End every session of a database, and return them in words; whoever comes later waits for a running clone.

    Raises:
        MultidbError: this login may not.
    """
    ended = []
    for row in session.rows(_SESSIONS, database, []):
        try:
            session.rows(_END, row["pid"])
        except psycopg.Error as error:
            raise MultidbError(f"{_words(row)} could not be ended: {first_line(error)}") from None
        ended.append(_words(row))
    return ended


def _is_ours(row: dict[str, Any]) -> bool:
    """Tell whether it is a session of this process, which may take a moment to end."""
    return f" pid {os.getpid()} on " in (row["application"] or "")


def _words(row: dict[str, Any]) -> str:
    # A worker of the server's own, as one that applies a subscription, has no name.
    name = row["application"] or row["kind"] or "?"
    where = f" from {row['host']}" if row["host"] else ""
    return f'"{name}"{where} (backend {row["pid"]}, role {row["role"]}, {row["state"] or "?"}, for {row["seconds"]} s)'
