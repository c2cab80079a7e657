"""Values as a database holds them: in SQL_ASCII, bytes of any encoding, which PostgreSQL does not send as UTF-8."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from alembic_multidb.verify.statements import Raw

# Any byte is a character of it, so that PostgreSQL passes bytes on as they are.
_ANY_BYTES = "LATIN1"


def fetch(connection: Raw, statement: sql.Composed) -> list[tuple[Any, ...]]:
    """Run a statement that reads what users stored, and return its rows.

    Bytes that are not UTF-8 stand in texts as Python's surrogates; :func:`literal` and
    :func:`~alembic_multidb.verify.text.readable` know them.
    """
    if connection.info.parameter_status("server_encoding") != "SQL_ASCII":
        return connection.execute(statement).fetchall()
    # Names in it are written in UTF-8, as the server has them.
    written = statement.as_bytes(connection)
    connection.execute(sql.SQL("SET LOCAL client_encoding = {}").format(sql.Literal(_ANY_BYTES)))
    found = connection.execute(written).fetchall()
    connection.execute("SET LOCAL client_encoding = 'UTF8'")
    return [tuple(_text(value) for value in row) for row in found]


def literal(value: str) -> sql.Composable:
    """Return a text as SQL writes it, whatever bytes it holds."""
    try:
        value.encode()
    except UnicodeEncodeError:
        data = sql.Literal(value.encode("utf-8", "surrogateescape"))
        return sql.SQL("pg_catalog.convert_from({}, 'SQL_ASCII')").format(data)
    return sql.Literal(value)


def _text(value: Any) -> Any:
    return value.encode(_ANY_BYTES).decode("utf-8", "surrogateescape") if isinstance(value, str) else value
