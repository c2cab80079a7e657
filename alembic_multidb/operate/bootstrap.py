"""From nothing to head: the database itself, its extensions, its schema; safe at every start of a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import quoted_name

from alembic_multidb.env.connect import connect, first_line, make_engine
from alembic_multidb.env.lock import creation_lock_key, held_lock
from alembic_multidb.env.marker import find_version_table
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import ConfigurationError, ConnectionFailedError, MultidbError
from alembic_multidb.operate.change import Change, move
from alembic_multidb.operate.history import History
from alembic_multidb.operate.outcome import Outcome, Report, change_each
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.tables import read_live_tables
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.urls import DatabaseURL

_EXISTS = text("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)")
_SETTINGS = text(
    """
    SELECT pg_encoding_to_char(d.encoding) AS encoding,
           pg_encoding_to_char(pg_char_to_encoding(:encoding)) AS asked_encoding,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate) AS locale
    FROM pg_database AS d WHERE d.datname = current_database()
    """
)
_CREATED = "created database"
_PATIENCE = 30.0
# Somebody created it at the same moment, without our lock.
_THERE_ALREADY = ("42P04", "23505")


@dataclass(frozen=True, kw_only=True)
class NewDatabase:
    """How a missing database is created.

    Attributes:
        maintenance: the database of the same server that is connected to for it.
        encoding: the character set; None for the template's.
        locale: the locale of the operating system or the provider; None for the template's.
        lock_timeout: seconds to wait for each lock; None for what alembic.ini says.
    """

    maintenance: str = "postgres"
    encoding: str | None = "UTF8"
    locale: str | None = None
    lock_timeout: float | None = None


def bootstrap(
    project: Project,
    names: Sequence[str] = (),
    wanted: NewDatabase = NewDatabase(),
    *,
    report: Report = lambda outcome: None,
) -> list[Outcome]:
    """Make databases ready: create those that are missing, then extensions and schema, up to head.

    Args:
        project: the repository.
        names: which databases; all of them if empty.
        wanted: how a missing one is created.
        report: called with the outcome of each database when it is known.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        HistoryError: the revisions of one of them cannot be read.
    """
    histories = {each.name: History.load(project, each.name) for each in project.select(names)}
    change = Change(direction="upgrade", revision="heads", lock_timeout=wanted.lock_timeout)

    def make_ready(database: RegisteredDatabase) -> Outcome:
        history = histories[database.name]
        notes = _ensure_database(project, database, history, wanted)
        _refuse_unstamped(project, database)
        outcome = move(project, history, change)
        if outcome.result == "nothing to do" and any(note.startswith(_CREATED) for note in notes):
            outcome = replace(outcome, result="done")
        return replace(outcome, notes=notes)

    return change_each(project.databases.in_order(histories), make_ready, report)


def _ensure_database(
    project: Project, database: RegisteredDatabase, history: History, wanted: NewDatabase
) -> tuple[str, ...]:
    """Create the database if it is missing; say what was done, and what is not as it was asked for."""
    try:
        with project.connect(database) as connection:
            return _differences(connection, wanted)
    except ConnectionFailedError as error:
        return _create_if_missing(project, database, history, wanted, error)


def _create_if_missing(
    project: Project,
    database: RegisteredDatabase,
    history: History,
    wanted: NewDatabase,
    problem: ConnectionFailedError,
) -> tuple[str, ...]:
    """Ask the maintenance database, since libpq only tells in the server's own language that a database is missing."""
    url = database.migration_url(project.variables)
    name = url.url.database
    if not name:
        raise ConfigurationError(f'the URL of database "{database.name}" names no database that could be created')
    maintenance = url.to(wanted.maintenance)
    try:
        connection = connect(make_engine(database.name, maintenance), database.name, maintenance)
    except ConnectionFailedError as error:
        raise ConnectionFailedError(
            f"{problem}. If it has to be created: the maintenance database cannot be asked either ({error}); "
            "name another one with --maintenance-db"
        ) from None
    timeout = history.lock_timeout(wanted.lock_timeout)
    with connection:
        refuse_transaction_pooler(connection, database)
        with held_lock(connection, creation_lock_key(name), database.name, timeout):
            is_there = connection.execute(_EXISTS, {"name": name}).scalar()
            connection.rollback()
            is_created = not is_there and _create(connection, name, wanted, database, url)
    if is_created:
        return (f'{_CREATED} "{name}"',)
    with project.connect(database):  # somebody else has just created it; or it raises what is really wrong
        return ()


def _create(
    connection: Connection, name: str, wanted: NewDatabase, database: RegisteredDatabase, url: DatabaseURL
) -> bool:
    """Create the database; False if somebody else, without our lock, was faster."""
    statement = _create_statement(connection, name, wanted)
    # CREATE DATABASE cannot run in a transaction; the lock is the session's and stays.
    autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        autocommit.exec_driver_sql(statement)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _THERE_ALREADY:
            return False
        raise MultidbError(
            f'database "{database.name}" ({url}) is missing and cannot be created: {first_line(error)}; as a role '
            f"that may, run: {statement.replace('%%', '%')};"
        ) from None
    return True


def _create_statement(connection: Connection, name: str, wanted: NewDatabase) -> str:
    prepare = connection.dialect.identifier_preparer
    # template0, since only that takes another encoding or locale, and nobody has put anything into it.
    statement = f"CREATE DATABASE {prepare.quote(quoted_name(name, None))} TEMPLATE template0"
    for keyword, value in (("ENCODING", wanted.encoding), ("LOCALE", wanted.locale)):
        if value is not None:
            quoted = value.replace("'", "''")
            statement += f" {keyword} '{quoted}'"
    return statement


def _differences(connection: Connection, wanted: NewDatabase) -> tuple[str, ...]:
    """Say where an existing database is not as a new one would be made; that cannot be changed any more."""
    row = connection.execute(_SETTINGS, {"encoding": wanted.encoding or ""}).one()
    asked = (("encoding", row.asked_encoding or wanted.encoding, row.encoding), ("locale", wanted.locale, row.locale))
    return tuple(
        f"note: it has the {what} {found}, not {value}, and keeps it"
        for what, value, found in asked
        if value is not None and _spelled_alike(value) != _spelled_alike(found)
    )


def _spelled_alike(name: str) -> str:
    """Return a name of an encoding or locale without what is written in several ways: en_US.UTF-8, en_US.utf8."""
    spelled = name.lower().replace("-", "").replace("_", "")
    return "c" if spelled == "posix" else spelled


def _refuse_unstamped(project: Project, database: RegisteredDatabase) -> None:
    """Refuse a schema that somebody else has put there: the history would collide with it half-way."""
    with project.read(database, timeout=_PATIENCE) as connection:
        if find_version_table(connection, database) is not None:
            return
        modelled = [
            str(name)
            for name in read_live_tables(connection, database)
            if name in database.filters.homes.models and database.filters.owns(name)
        ]
    if modelled:
        raise MultidbError(
            f'database "{database.name}" holds {", ".join(sorted(modelled)[:5])} but no version table '
            f'"{database.declaration.version_table_name}": its schema came from somewhere else, and the history would '
            f"collide with it. Stamp it with the revision that it is at: alembic -n {database.name} stamp REVISION"
        )
