"""What a session is told before it reads: everything that what is read depends on."""

from __future__ import annotations

from alembic_multidb.verify.statements import Raw

# What a value is written like, and which rows are seen, depends on these, which a role, a database or a URL may set.
_PINS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "search_path": "",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    # A policy that would hide rows is an error instead.
    "row_security": "off",
    "jit": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "60s",
    # The backend of a killed run ends with it.
    "client_connection_check_interval": "1s",
    # Several workers share the processors already.
    "max_parallel_workers_per_gather": "0",
}


def pin(connection: Raw) -> None:
    """Set, for this transaction, everything that what is read depends on."""
    # Servers before 17 do not know transaction_timeout.
    connection.execute(
        "SELECT set_config(s.name, s.value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
        (list(_PINS), list(_PINS.values())),
    )
    connection.execute(
        "SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'"
    )
