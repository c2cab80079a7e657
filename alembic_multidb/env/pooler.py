"""Transaction poolers (PgBouncer, Supabase, Neon): session locks do not hold behind them.

A pooler shows in two steps. It hands its client a process id of its own making, which is not that of the
server's backend. Whether it pools transactions shows when a second session gets the backend of the first,
which is idle, or when the first gets another backend because the second occupies its own.
"""

from __future__ import annotations

import logging
from threading import Thread

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.errors import TransactionPoolerError
from alembic_multidb.registry import RegisteredDatabase

log = logging.getLogger("alembic.multidb")

# A session pooler without a free connection makes the second session wait: then the first is a real one.
_PATIENCE = 5.0

_BACKEND = text("SELECT pg_backend_pid()")


def refuse_transaction_pooler(connection: Connection, database: RegisteredDatabase) -> None:
    """Refuse to change a database through a transaction pooler, where one can be detected.

    Args:
        connection: outside of any transaction.
        database: the database that it leads to.

    Raises:
        TransactionPoolerError: two sessions share one backend.
    """
    if not is_transaction_pooler(connection):
        return
    name = database.name
    url = "migration_url" if database.declaration.migration_url is not None else "url"
    raise TransactionPoolerError(
        f'the {url} of database "{name}" leads through a transaction pooler (two sessions share one backend), '
        "behind which neither locks nor settings of a session hold; give migrations the direct address: "
        f'Database("{name}", migration_url="env:{name.upper().replace("-", "_")}_DIRECT_URL", ...)'
    )


def is_transaction_pooler(connection: Connection) -> bool:
    """Tell whether a connection, outside of any transaction, leads through a transaction pooler, as far as it shows."""
    told, backend = _told_by_the_driver(connection), _backend(connection)
    return told not in (None, backend) and _shares_backends(connection, backend)


def _told_by_the_driver(connection: Connection) -> int | None:
    """Return the process id that the client was told when it connected.

    psycopg and psycopg2 know it. Other drivers, which only a caller can hand in, are not asked.
    """
    info = getattr(connection.connection.dbapi_connection, "info", None)
    return getattr(info, "backend_pid", None)


def _backend(connection: Connection) -> int:
    pid = connection.execute(_BACKEND).scalar_one()
    connection.rollback()
    return int(pid)


def _shares_backends(connection: Connection, backend: int) -> bool:
    """Tell whether a second session gets this session's backend, or takes it away."""
    found: list[bool] = []

    def compare() -> None:
        try:
            with connection.engine.connect() as other:
                if other.connection.dbapi_connection is connection.connection.dbapi_connection:
                    return  # the engine's pool has one connection only: nothing to compare with
                # The transaction stays open while the first session is asked once more.
                found.append(other.execute(_BACKEND).scalar() == backend or _backend(connection) != backend)
        except SQLAlchemyError as error:
            log.debug("no second session could be had to look for a transaction pooler: %s", type(error).__name__)

    asking = Thread(target=compare, name="multidb-pooler", daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return bool(found and found[0])
