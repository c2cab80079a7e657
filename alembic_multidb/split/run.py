"""A split from its source: planned, looked at from all sides, and then carried out or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.garbage import without_collection
from alembic_multidb.operate.project import Project
from alembic_multidb.split.connections import Connections
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.plan import make_plan
from alembic_multidb.split.preflight.run import ScratchMaker, drift, preflight, source_pooler
from alembic_multidb.split.survey import read_survey
from alembic_multidb.split.template.choice import Choice, choose
from alembic_multidb.stamp.source import connect_source
from alembic_multidb.transfer.session import raw
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.locks import in_the_way, who_is_in_the_way

# A session may have other ideas of how long it may wait, or be idle while rows are copied.
_PATIENT = """
    SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL tcp_keepalives_idle = 20
"""
_READABLE = """
    SELECT n.nspname, c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
    ORDER BY n.nspname, c.relname
"""
_LOCKED_AT_ONCE = 500
# How often it is tried to lock all tables; in between it is said who is waited for.
_TRIES = 6
_IDENTITY = """
    SELECT concat_ws(' ', (SELECT system_identifier FROM pg_catalog.pg_control_system()), oid, datname)
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""


@dataclass(frozen=True)
class Prepared:
    """A split that is decided and looked at; the source's point in time is held open.

    Attributes:
        connection: to the source.
        url: where the source is.
        identity: which database the source is, in words of its server.
        search_path: where a new session of this login looks for names there.
        objects: what becomes of its objects.
        plan: what will be done, all findings included.
        choice: by which method.
        connections: counts those of this process, from the beginning of the plan on.
        seconds: how long the plan took.
    """

    connection: Connection
    url: DatabaseURL
    identity: str
    search_path: str
    objects: Objects
    plan: Plan
    choice: Choice
    connections: Connections = field(default_factory=lambda: Connections([]))
    seconds: float = 0.0


@contextmanager
def prepared(
    project: Project,
    url: DatabaseURL,
    options: SplitOptions,
    scratch: ScratchMaker | None = None,
    *,
    with_rows: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[Prepared]:
    """Plan a split and look at everything that may stand in its way; nothing is changed.

    Args:
        project: the repository.
        url: the source.
        options: what is asked for.
        scratch: returns the server for scratch databases, on which drift is looked for; None not to look.
        with_rows: whether rows will be read, so that nobody may empty, drop or rewrite a table from here on.
        tell: told who is waited for.

    Raises:
        ConfigurationError: an object that is to be excluded is not there.
        ConnectionFailedError: the source cannot be reached.
        MultidbError: it, or a target, cannot be read.
    """
    began = time.monotonic()
    with Connections([url]) as connections, connect_source(url) as connection:
        try:
            pooler = list(source_pooler(connection))
            if with_rows and not pooler:
                hold_tables(connection, tell)
            else:
                connection.rollback()
                _be_patient(connection)
            ready = _prepare(connection, project, url, options, scratch, pooler)
        except (DBAPIError, psycopg.Error) as error:
            raise MultidbError(f"the split could not be planned: {_why(error)}; nothing was changed") from None
        yield replace(ready, connections=connections, seconds=time.monotonic() - began)


def _prepare(
    connection: Connection,
    project: Project,
    url: DatabaseURL,
    options: SplitOptions,
    scratch: ScratchMaker | None,
    pooler: Sequence[Finding],
) -> Prepared:
    search_path = str(connection.exec_driver_sql("SHOW search_path").scalar_one())
    with without_collection():
        survey = read_survey(connection, url)
        objects = Objects.of(survey, project.databases, options)
        plan = make_plan(objects)
        found = [*plan.findings, *pooler, *preflight(connection, project, objects, plan, options)]
    choice, found = choose(connection, project, objects, plan, options, found)
    if scratch is not None:
        revisions = sorted({item for each in survey.revisions.values() for item in each or ()})
        found += drift(project, plan, revisions, scratch)
    plan = replace(plan, findings=tuple(found), method=choice.method, why=choice.why)
    return Prepared(connection, url, _identity(connection), search_path, objects, plan, choice)


def hold_tables(connection: Connection, tell: Callable[[str], None] = lambda line: None) -> None:
    """Begin a transaction whose first act is to lock every table for reading, and whose first look comes after that.

    In the other order, what somebody empties or rewrites in between would be seen as empty.

    Args:
        connection: to the source, outside of any transaction.
        tell: told who is waited for.

    Raises:
        MultidbError: somebody else holds a table for too long.
    """
    try:
        for _ in range(_TRIES - 1):
            try:
                _hold_tables(connection)
            except psycopg.errors.LockNotAvailable:
                tell(f"waiting for the source: {who_is_in_the_way(raw(connection))}")
            else:
                return
        try:
            _hold_tables(connection)
        except psycopg.errors.LockNotAvailable:
            raise in_the_way(raw(connection)) from None
    except (DBAPIError, psycopg.Error) as error:
        raise MultidbError(f"the tables of the source could not be held for reading: {_why(error)}") from None


def _why(error: DBAPIError | psycopg.Error) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.CharacterNotInRepertoire):
        return (
            f"{first_line(error)}. A name, a comment or a definition in the source is no UTF-8 (in SQL_ASCII, rows may "
            "be anything, but these may not): rename or change it"
        )
    return first_line(error)


def _hold_tables(connection: Connection) -> None:
    names = [(row.nspname, row.relname) for row in connection.execute(text(_READABLE))]
    connection.rollback()
    _be_patient(connection)
    for start in range(0, len(names), _LOCKED_AT_ONCE):
        some = [sql.SQL("ONLY {}").format(sql.Identifier(*name)) for name in names[start : start + _LOCKED_AT_ONCE]]
        raw(connection).execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(some)))


def _be_patient(connection: Connection) -> None:
    """Begin a transaction that may take its time, whatever the login's settings are."""
    connection.exec_driver_sql(_PATIENT)
    if (connection.dialect.server_version_info or (0,)) >= (17,):
        connection.exec_driver_sql("SET LOCAL transaction_timeout = 0")


def _identity(connection: Connection) -> str:
    """Return which database this is, wherever it is reached."""
    return str(connection.execute(text(_IDENTITY)).scalar_one())
