"""Settings of a database and of roles in it, which no dump of the database holds."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.settings import QUOTED_LISTS
from alembic_multidb.split.model import Setting
from alembic_multidb.split.survey import read_parameters

_SET = text("SELECT set_config(:name, :value, true)")
_READ = text(
    """
    SELECT CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole)::text END AS role,
           split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
    FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c
    WHERE s.setdatabase = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    """
)


def replay(connection: Connection, settings: Iterable[Setting]) -> list[str]:
    """Make settings, each by itself, and return what could not be made.

    Args:
        connection: to the target, inside a transaction. The libraries of its extensions are loaded first: before
            that, the server takes their parameters for somebody's own, which only a superuser sets.
        settings: what to set; a value is never part of a message.
    """
    read_parameters(connection)
    database = str(connection.exec_driver_sql("SELECT current_database()").scalar_one())
    failed = []
    for setting in settings:
        try:
            with connection.begin_nested():
                _make(connection, database, setting)
        except DBAPIError as error:
            failed.append(f"{_named(setting)} could not be set: {type(error.orig).__name__}")
    return failed


def read_settings(connection: Connection) -> list[Setting]:
    """Return the settings of the connected database, and of roles in it."""
    return [Setting(name=row.name, value=row.value, role=row.role, homes=()) for row in connection.execute(_READ)]


def reset(connection: Connection, names: Iterable[tuple[str | None, str]]) -> list[str]:
    """Take settings away, and return what could not be taken away.

    Args:
        connection: to the target, inside a transaction.
        names: role, or None for everybody, and parameter of each.
    """
    read_parameters(connection)
    database = str(connection.exec_driver_sql("SELECT current_database()").scalar_one())
    failed = []
    for role, name in names:
        statement = sql.SQL("ALTER {} RESET {}").format(_owner(database, role), sql.Identifier(*name.split(".")))
        try:
            with connection.begin_nested():
                _run(connection, statement)
        except DBAPIError as error:
            failed.append(f"setting {name} could not be taken away: {type(error.orig).__name__}")
    return failed


def missing(connection: Connection, settings: Iterable[Setting]) -> list[str]:
    """Return the settings that a database does not have.

    Args:
        connection: to the target, a session that was opened after they were made.
        settings: what should be there.
    """
    there = {(row.role, row.name, row.value) for row in connection.execute(_READ)}
    return [
        f"{_named(setting)} is missing"
        for setting in settings
        if (setting.role, setting.name, setting.value) not in there
    ]


def _make(connection: Connection, database: str, setting: Setting) -> None:
    if setting.name in QUOTED_LISTS:
        connection.execute(_SET, {"name": setting.name, "value": setting.value})
        value: sql.Composable = sql.SQL("FROM CURRENT")
    else:
        value = sql.SQL("TO {}").format(sql.Literal(setting.value))
    name = sql.Identifier(*setting.name.split("."))
    _run(connection, sql.SQL("ALTER {} SET {} {}").format(_owner(database, setting.role), name, value))


def _owner(database: str, role: str | None) -> sql.Composed:
    if role is None:
        return sql.SQL("DATABASE {}").format(sql.Identifier(database))
    return sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(database))


def _run(connection: Connection, statement: sql.Composed) -> None:
    raw = connection.connection.dbapi_connection
    connection.exec_driver_sql(
        statement.as_string(raw),  # type: ignore[arg-type]
        execution_options={"no_parameters": True},
    )


def _named(setting: Setting) -> str:
    return f"setting {setting.name}{f' of role {setting.role}' if setting.role else ''}"
