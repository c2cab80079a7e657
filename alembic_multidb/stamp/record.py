"""What is written: under the lock, in one transaction, as Alembic's own stamp does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from alembic_multidb.env.lock import is_same_database, lock_scope, migration_lock
from alembic_multidb.env.logs import logging_for
from alembic_multidb.env.marker import Mark, find_markers, find_version_table, mark_version_table, wrong_markers
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import MultidbError, WrongDatabaseError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.choose import RefusedError, words
from alembic_multidb.stamp.options import Revisions, StampOptions
from alembic_multidb.stamp.source import Source, connect_source

# transaction_timeout is PostgreSQL 17's.
_WAITS = text(
    """
    SELECT set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout', 'statement_timeout')
    """
)


@contextmanager
def locked(
    project: Project, database: RegisteredDatabase, history: History, options: StampOptions
) -> Iterator[Connection]:
    """Connect to the target and hold its lock; what is done inside is one transaction."""
    timeout = history.lock_timeout(options.lock_timeout)
    with project.connect(database) as connection:
        refuse_transaction_pooler(connection, database)
        with migration_lock(connection, database.name, lock_scope(database), timeout), connection.begin():
            # It waits inside for the history to be built.
            connection.execute(_WAITS)
            yield connection


def refuse_the_source(target: Connection, database: RegisteredDatabase, source: Source) -> None:
    """Refuse a target that is the source itself."""
    with connect_source(source.url) as connection:
        is_source = is_same_database(target, connection)
    if is_source:
        raise MultidbError(
            f'the URL of "{database.name}" leads to the source itself ({source.url}), which is only ever read; give '
            f'"{database.name}" the URL of the database that was imported'
        )


def recorded_revisions(connection: Connection, database: RegisteredDatabase) -> Revisions:
    """Return what the target's version table says."""
    options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
    return tuple(sorted(MigrationContext.configure(connection, opts=options).get_current_heads()))


def is_same(before: Revisions, revisions: Revisions) -> bool:
    """Tell whether this is recorded already."""
    return bool(before) and set(before) == set(revisions)


def refuse_recorded(
    connection: Connection,
    project: Project,
    database: RegisteredDatabase,
    before: Revisions,
    revisions: Revisions,
    options: StampOptions,
) -> None:
    """Refuse to replace what is recorded otherwise, or to write beside another database's version table.

    Raises:
        RefusedError: another revision is recorded, and not ``--purge``.
        WrongDatabaseError: another version table is marked as another database.
    """
    if before and not options.purge:
        raise RefusedError(
            f'"{database.name}" is stamped already, as {words(before)}; it would be {words(revisions)}. If that came '
            "along with a copy, replace it with --purge. Nothing was stamped"
        )
    others = [marker for marker in find_markers(connection, database) if not marker.is_own]
    wrong = wrong_markers(others, database, project.mark_of(database))
    if wrong:
        raise WrongDatabaseError(
            f'table {wrong[0].table} of the same database is marked as "{wrong[0].mark}"; drop it if it came along '
            f'with a copy, or check the URL of "{database.name}"'
        )


def refuse_wrong_marker(connection: Connection, project: Project, database: RegisteredDatabase) -> None:
    """Refuse a database that is marked as another one, although it has this schema.

    Raises:
        WrongDatabaseError: it is.
    """
    wrong = wrong_markers(find_markers(connection, database), database, project.mark_of(database))
    if wrong:
        raise WrongDatabaseError(
            f'table {wrong[0].table} is marked as "{wrong[0].mark}", not "{project.mark_of(database)}": check the URL '
            f'of "{database.name}"; if this is a copy that shall become it, run: multidb adopt -n {database.name}'
        )


def write_stamp(
    connection: Connection, history: History, database: RegisteredDatabase, revisions: Revisions, *, purge: bool
) -> None:
    """Record the revisions, as Alembic's own stamp does."""
    schema = database.version_table_schema
    if schema is not None and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema))
    options = {"version_table": database.version_table, "version_table_schema": schema}
    context = MigrationContext.configure(connection, opts=options)
    if purge and find_version_table(connection, database) is not None:
        connection.execute(context._version.delete())
    context.stamp(history.script, revisions)  # type: ignore[arg-type]
    recorded = recorded_revisions(connection, database)
    if set(recorded) != set(revisions):
        raise MultidbError(f"the version table says {recorded} after the stamp, not {revisions}; nothing was stamped")


def mark_database(connection: Connection, history: History, database: RegisteredDatabase, mark: Mark) -> None:
    """Mark the version table, if it does not say so already."""
    existing = find_version_table(connection, database)
    if existing is not None and existing.mark != mark:
        with logging_for(history.config, database.name):
            mark_version_table(connection.execute, database, existing, mark)
