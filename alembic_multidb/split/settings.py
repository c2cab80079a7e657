"""Settings of a database and of roles in it, which no dump of the database holds."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.settings import LiveSetting, make_setting, read_live_settings, reset_setting
from alembic_multidb.split.model import Setting
from alembic_multidb.split.survey import read_parameters


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
                make_setting(connection, database, LiveSetting(setting.role, setting.name, setting.value))
        except DBAPIError as error:
            failed.append(f"{_named(setting)} could not be set: {type(error.orig).__name__}")
    return failed


def read_settings(connection: Connection) -> list[Setting]:
    """Return the settings of the connected database, and of roles in it."""
    return [Setting(name=row.name, value=row.value, role=row.role, homes=()) for row in read_live_settings(connection)]


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
        try:
            with connection.begin_nested():
                reset_setting(connection, database, role, name)
        except DBAPIError as error:
            failed.append(f"setting {name} could not be taken away: {type(error.orig).__name__}")
    return failed


def missing(connection: Connection, settings: Iterable[Setting]) -> list[str]:
    """Return the settings that a database does not have.

    Args:
        connection: to the target, a session that was opened after they were made.
        settings: what should be there.
    """
    there = set(read_live_settings(connection))
    return [
        f"{_named(setting)} is missing"
        for setting in settings
        if LiveSetting(setting.role, setting.name, setting.value) not in there
    ]


def _named(setting: Setting) -> str:
    return f"setting {setting.name}{f' of role {setting.role}' if setting.role else ''}"
