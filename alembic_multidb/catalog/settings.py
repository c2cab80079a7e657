"""Settings of databases, and of roles in them: how PostgreSQL's catalog writes them, and how they are made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

if TYPE_CHECKING:  # what needs no database needs no libpq
    from psycopg import sql

# Their values are lists of quoted names, which only the server itself takes apart again; pg_dump knows them, too.
QUOTED_LISTS = frozenset({"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"})

_READ = text(
    """
    SELECT CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole)::text END AS role,
           split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
    FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c
    WHERE s.setdatabase = (SELECT d.oid FROM pg_database AS d
                           WHERE d.datname = coalesce(CAST(:database AS name), current_database()))
    ORDER BY 1 NULLS FIRST, 2
    """
)
_SET = text("SELECT set_config(:name, :value, true)")


@dataclass(frozen=True)
class LiveSetting:
    """A setting of a database, or of a role in it.

    Attributes:
        role: whose it is; None for everybody's.
        name: the parameter.
        value: what it is set to; it may be a secret of an application's.
    """

    role: str | None
    name: str
    value: str = field(repr=False)


def read_live_settings(connection: Connection, database: str | None = None) -> tuple[LiveSetting, ...]:
    """Return the settings of the connected database, or of another one of its server, and of roles in it."""
    rows = connection.execute(_READ, {"database": database})
    return tuple(LiveSetting(row.role, row.name, row.value) for row in rows)


def make_setting(connection: Connection, database: str, setting: LiveSetting) -> None:
    """Make a setting of a database, or of a role in it.

    Args:
        connection: to any database of the server, inside a transaction.
        database: whose setting it is to be.
        setting: the setting.
    """
    from psycopg import sql

    if setting.name in QUOTED_LISTS:
        connection.execute(_SET, {"name": setting.name, "value": setting.value})
        value: sql.Composable = sql.SQL("FROM CURRENT")
    else:
        value = sql.SQL("TO {}").format(sql.Literal(setting.value))
    name = sql.Identifier(*setting.name.split("."))
    _run(connection, sql.SQL("ALTER {} SET {} {}").format(_owner(database, setting.role), name, value))


def reset_setting(connection: Connection, database: str, role: str | None, name: str) -> None:
    """Take a setting of a database, or of a role in it, away."""
    from psycopg import sql

    statement = sql.SQL("ALTER {} RESET {}").format(_owner(database, role), sql.Identifier(*name.split(".")))
    _run(connection, statement)


def _owner(database: str, role: str | None) -> sql.Composed:
    from psycopg import sql

    if role is None:
        return sql.SQL("DATABASE {}").format(sql.Identifier(database))
    return sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(database))


def _run(connection: Connection, statement: sql.Composed) -> None:
    raw = connection.connection.dbapi_connection
    connection.exec_driver_sql(
        statement.as_string(raw),  # type: ignore[arg-type]
        execution_options={"no_parameters": True},
    )
