"""A session outside of the databases that are cloned, renamed and dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.env.lock import creation_lock_key, held_lock
from alembic_multidb.errors import ConnectionFailedError, MultidbError
from alembic_multidb.transfer.session import Raw, pin, raw
from alembic_multidb.transfer.target import PATIENCE
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.statements import rows

# Whoever is connected to template1 keeps everybody else from creating databases: it is the second choice.
_PLACES = ("postgres", "template1")


@dataclass(frozen=True)
class Maintenance:
    """A session in a database of the server that nothing is done to.

    Attributes:
        url: where it is.
        connection: every statement is a transaction of its own.
    """

    url: DatabaseURL
    connection: Connection

    @property
    def raw(self) -> Raw:
        """Return the driver's connection."""
        return raw(self.connection)

    def run(self, statement: sql.SQL | sql.Composed) -> None:
        """Run a statement."""
        self.raw.execute(statement)

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run a query, and return its rows."""
        return rows(self.raw, statement, *parameters)

    @contextmanager
    def beside(self) -> Iterator[Maintenance]:
        """Open another session in the same place."""
        with session_at(self.url) as session:
            yield session

    @contextmanager
    def locked(self, names: Collection[str], timeout: float | None) -> Iterator[None]:
        """Keep everybody else from creating databases of these names with this program.

        Args:
            names: of the databases on the server.
            timeout: seconds to wait for somebody else; None for as long as a killed process may still be seen.

        Raises:
            LockTimeoutError: somebody else does it for longer.
        """
        with ExitStack() as stack:
            for name in sorted(names):
                seconds = PATIENCE if timeout is None else timeout
                stack.enter_context(held_lock(self.connection, creation_lock_key(name), name, seconds))
            yield


@contextmanager
def maintenance(url: DatabaseURL, without: Collection[str]) -> Iterator[Maintenance]:
    """Connect to a database of the same server, with the same login, that is none of those named.

    Args:
        url: of any database of the server.
        without: names of databases.

    Raises:
        ConnectionFailedError: there is none that can be connected to.
    """
    problems = []
    for place in _PLACES:
        if place in without:
            continue
        with ExitStack() as stack:
            try:
                session = stack.enter_context(session_at(url.to(place)))
            except ConnectionFailedError as error:
                problems.append(str(error))
                continue
            yield session
            return
    raise ConnectionFailedError(
        "databases are made, renamed and dropped from another database of the server, and none can be connected to: "
        f"{'; '.join(problems) or 'postgres and template1 are used already'}"
    )


@contextmanager
def session_at(url: DatabaseURL) -> Iterator[Maintenance]:
    """Connect to one database, whichever it is.

    Raises:
        ConnectionFailedError: it cannot be connected to.
    """
    with connected(make_engine("maintenance", url), "maintenance", url) as connection:
        driver = raw(connection)
        pin(driver)
        driver.autocommit = True
        yield Maintenance(url, connection)


def database_of(url: DatabaseURL) -> str:
    """Return the name of the database on its server.

    Raises:
        MultidbError: the URL does not say it.
    """
    if not url.url.database:
        raise MultidbError(f"{url.source} names no database")
    return url.url.database
