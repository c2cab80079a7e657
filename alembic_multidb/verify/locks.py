"""Locks of readers: nobody may drop, empty or rewrite a table while it is compared; who keeps others out is named."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from alembic_multidb.verify.statements import Raw, query, rows

_AT_ONCE = 500


def lock_tables(connection: Raw, names: Sequence[sql.Composable], wait: str) -> None:
    """Take a reader's lock on each table, until the transaction ends.

    Args:
        connection: inside a transaction.
        names: of the tables.
        wait: how long to wait for each, as PostgreSQL writes it.
    """
    connection.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (wait,))
    for start in range(0, len(names), _AT_ONCE):
        some = sql.SQL(", ").join(names[start : start + _AT_ONCE])
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(some))


def in_the_way(connection: Raw) -> psycopg.errors.LockNotAvailable:
    """Say who keeps others from reading a table, after a lock could not be had."""
    who = who_is_in_the_way(connection)
    return psycopg.errors.LockNotAvailable(f"{who}; run this again when it is done")


def who_is_in_the_way(connection: Raw) -> str:
    """Return who keeps others from reading a table, after a lock could not be had."""
    connection.rollback()
    for row in rows(connection, query("waiting")):
        application = f" ({row['application']})" if row["application"] else ""
        what = "has it for itself" if row["granted"] else "waits to have it for itself, and all others behind it"
        return (
            f"table {row['name']} cannot be read: process {row['pid']} of {row['login']}{application} {what} since "
            f"{row['since'] or 'some time'}"
        )
    return "a table was locked by somebody else"
