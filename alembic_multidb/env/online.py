"""One history on one live database: lock, guard, extensions, revisions, marker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import CreateSchema

from alembic_multidb.env.command import Command
from alembic_multidb.env.connect import notice_a_dead_client
from alembic_multidb.env.guard import Recorder, guard
from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.marker import Mark
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.env.shared import route_shared_history
from alembic_multidb.env.statements import watch_statements
from alembic_multidb.errors import WrongDatabaseError
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.plugin.pgvector import EXTENSION, register_types
from alembic_multidb.registry import RegisteredDatabase

log = logging.getLogger("alembic.multidb")


def run_online(
    connection: Connection,
    database: RegisteredDatabase,
    recorder: Recorder,
    timeout: Callable[[], float],
    options: dict[str, Any],
    *,
    arguments: Mapping[str, Any],
) -> None:
    """Run Alembic's command on one connection.

    Args:
        connection: the migration's connection; in a transaction only if the caller handed it in like that,
            and then the caller commits.
        database: the database that the connection leads to.
        recorder: what looks at every revision; its ``record`` is among the options.
        timeout: how many seconds to wait for the lock.
        options: for ``context.configure()``.
        arguments: for each revision's ``upgrade()`` and ``downgrade()``.
    """
    context.configure(connection=connection, **options)
    migration_context = context.get_context()
    route_shared_history(migration_context, database)
    command = Command.of(migration_context.opts)
    if command.changes:
        _change(migration_context, database, recorder, timeout(), command, arguments=arguments)
    else:
        _read(migration_context, database, recorder.expected, command)


def _change(
    migration_context: MigrationContext,
    database: RegisteredDatabase,
    recorder: Recorder,
    timeout: float,
    command: Command,
    *,
    arguments: Mapping[str, Any],
) -> None:
    connection = migration_context.connection
    assert connection is not None
    callers_transaction = connection.in_transaction()
    if not callers_transaction:
        refuse_transaction_pooler(connection, database)
        notice_a_dead_client(connection)
    with migration_lock(connection, database.name, lock_scope(database), timeout):
        with _autocommit(connection):
            guard(connection, database, recorder.expected, refuse=True)
            if not migration_context.purge:
                _refuse_unknown_revisions(migration_context, database)
            recorder.look(connection)
            _ensure_schema(connection, database)
            if command.upgrades:
                ensure_extensions(connection, database.name, database.extensions)
        with watch_statements(connection, database.name, database.foreign_extensions) as watch:
            recorder.watch = watch
            with context.begin_transaction():
                context.run_migrations(**arguments)
        recorder.finish(migration_context)
        # With a transaction per migration nobody else commits what is done outside of a revision.
        if not callers_transaction and connection.in_transaction():
            connection.commit()


def _read(migration_context: MigrationContext, database: RegisteredDatabase, expected: Mark, command: Command) -> None:
    connection = migration_context.connection
    assert connection is not None
    with _autocommit(connection):
        guard(connection, database, expected, refuse=command.compares)
    # Without this, `history -i` on an empty database would create the version table.
    migration_context.opts["dont_mutate"] = True
    if command.compares and EXTENSION in database.extensions:
        register_types()
    with context.begin_transaction():
        context.run_migrations()
    if command.compares and (unmodelled := database.filters.unmodelled_tables(connection)):
        names = ", ".join(map(str, unmodelled))
        log.info('tables without a model are left alone (unmodelled="keep"): %s', names)


def _refuse_unknown_revisions(migration_context: MigrationContext, database: RegisteredDatabase) -> None:
    """Refuse a database whose revision this history does not have, before anything in it is changed."""
    script = migration_context.script
    for revision in migration_context.get_current_heads() if script is not None else ():
        try:
            known = script is not None and script.get_revision(revision).revision == revision
        except CommandError:
            known = False
        if not known:
            raise WrongDatabaseError(
                f'the database is at revision "{revision}", which the history of "{database.name}" does not have: it '
                "is another database, or newer than this code. If neither, stamp it anew: "
                f"alembic -n {database.name} stamp --purge REVISION"
            )


def _ensure_schema(connection: Connection, database: RegisteredDatabase) -> None:
    """Create the version table's schema; only if it is missing, since CREATE SCHEMA needs a right even if it is not."""
    schema = database.declaration.version_table_schema
    if schema is not None and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema, if_not_exists=True))


@contextmanager
def _autocommit(connection: Connection) -> Iterator[None]:
    """Let each statement commit by itself, unless the caller's transaction is open.

    Nothing may be open when Alembic begins: it would take that transaction for the caller's, and commit nothing.
    """
    if connection.in_transaction():
        yield
        return
    before = connection.get_isolation_level()
    # Asking has opened a transaction in the driver that SQLAlchemy does not know of.
    connection.connection.rollback()
    connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        yield
    finally:
        connection.rollback()
        connection.execution_options(isolation_level=before)
