"""``multidb adopt``: a copy becomes a database of its own."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic_multidb.env.guard import wrong_database_error
from alembic_multidb.env.lock import migration_lock
from alembic_multidb.env.marker import Mark, find_markers, find_version_table, set_marker, wrong_markers
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import MultidbError
from alembic_multidb.registry import RegisteredDatabase


def adopt(connection: Connection, database: RegisteredDatabase, expected: Mark, timeout: float) -> Mark | None:
    """Mark the version table as this database's, whatever it was marked as before.

    Args:
        connection: outside of any transaction.
        database: what the connected database shall be.
        expected: what the marker is to say.
        timeout: seconds to wait for the lock.

    Returns:
        What it was marked as before; None if it was not marked.

    Raises:
        MultidbError: there is no version table, or it is somebody else's.
        TransactionPoolerError: the connection leads through a transaction pooler.
        WrongDatabaseError: another version table in the same database is still marked as another database.
    """
    table = database.declaration.version_table_name
    refuse_transaction_pooler(connection, database)
    with migration_lock(connection, database.name, table, timeout), connection.begin():
        existing = find_version_table(connection, database)
        if existing is None:
            raise MultidbError(
                f'there is nothing to adopt as "{database.name}": the database has no table "{table}"; '
                f"alembic -n {database.name} upgrade makes and marks it"
            )
        comment = expected.comment(existing.comment)
        if not existing.is_owner:
            raise MultidbError(
                f'only the owner of table "{table}" may adopt this database as "{expected}"; as the owner, run: '
                f"COMMENT ON TABLE {table} IS '{comment}';"
            )
        connection.execute(set_marker(database, comment))
        others = wrong_markers(find_markers(connection), database, expected)
        if others:
            raise wrong_database_error(connection, database, expected, others[0])
    return existing.mark
