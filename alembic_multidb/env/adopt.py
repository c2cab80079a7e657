"""``multidb adopt``: a copy becomes a database of its own."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.marker import Mark, find_markers, find_version_table, printable, set_marker, wrong_markers
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import MultidbError, WrongDatabaseError
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
    with migration_lock(connection, database.name, lock_scope(database), timeout), connection.begin():
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
                f"{printable(set_marker(database, comment))}"
            )
        connection.execute(set_marker(database, comment))
        for other in wrong_markers(find_markers(connection, database), database, expected):
            raise WrongDatabaseError(
                f'nothing was adopted: table "{other.table}" of the same database is marked as "{other.mark}". Drop it '
                f'if it came along with a copy, or declare shared_with="{other.mark.database}"'
            )
    return existing.mark
