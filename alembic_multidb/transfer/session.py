"""Sessions of a target: every setting that could change, hide or stop what is written is pinned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection

Raw = psycopg.Connection[tuple[Any, ...]]

# What a text means, whether anything may be written, and how long it may take, depends on these, which a role, a
# database or a URL may set.
_PINS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "check_function_bodies": "off",
    "default_tablespace": "",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # A policy that would refuse rows is an error instead of a loss.
    "row_security": "off",
    "client_min_messages": "warning",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    # What a crash of the server forgets, it forgets with the journal's line; the last commit of all waits for the disk.
    "synchronous_commit": "off",
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    # The backend of a killed run ends with it, even while it builds an index.
    "client_connection_check_interval": "1s",
}


def pin(connection: Raw, **more: str) -> None:
    """Set, for a session, everything that what is written depends on.

    Args:
        connection: outside of any transaction.
        more: further settings.
    """
    values = _PINS | more
    with connection.transaction():
        connection.execute(
            "SELECT set_config(s.name, s.value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
            (list(values), list(values.values())),
        )
        # Servers before 17 do not know transaction_timeout.
        connection.execute(
            "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'"
        )


@contextmanager
def encoded(connection: Connection | Raw, encoding: str) -> Iterator[None]:
    """Let texts come and go in an encoding; an error leaves the session as it is, to be closed."""
    driver = raw(connection) if isinstance(connection, Connection) else connection
    if encoding == "UTF8":
        yield
        return
    driver.execute("SELECT set_config('client_encoding', %s, false)", [encoding])
    yield
    driver.execute("SELECT set_config('client_encoding', 'UTF8', false)")


def raw(connection: Connection) -> Raw:
    """Return the driver's connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
