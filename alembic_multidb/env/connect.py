"""Where the migration's connection comes from: the registry's URL, or what the caller hands in."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, Pool

from alembic_multidb.errors import ConfigurationError, ConnectionFailedError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.urls import DatabaseURL

log = logging.getLogger("alembic.multidb")

# What libpq says, and what helps.
_ADVICE = (
    ("password authentication failed", "check user and password in {source}"),
    ("no password supplied", "put user and password into {source}"),
    ("no pg_hba.conf entry", "the server lets nobody in from here like that: check user and sslmode in {source}"),
    ("SSL", "check sslmode in {source}, or let the server offer SSL"),
    ("starting up", "it will be there in a moment: try again"),
    ("shutting down", "wait until it is there again"),
    ("too many", "wait until others have gone, or raise the server's limit"),
    ("permission denied for database", "GRANT CONNECT, or check the user in {source}"),
    ("invalid connection option", "take the option out of {source}"),
    ("invalid URI query parameter", "take the option out of {source}"),
    ("Connection refused", "is the server running there? Check host and port in {source}"),
    ("No such file or directory", "is the server running there? Check host and port in {source}"),
    ("resolve host", "check the host in {source}"),
    ("translate host name", "check the host in {source}"),
    ("timeout", "is it the right host, and is there no firewall between? Check host and port in {source}"),
)

# PostgreSQL cuts an application name after 63 bytes.
_NAME_LENGTH = 63


@contextmanager
def migration_connection(
    database: RegisteredDatabase, given: object, environment: Mapping[str, str]
) -> Iterator[Connection]:
    """Open the connection that migrations run on, or use the one that was handed in.

    Args:
        database: whose connection it is.
        given: ``config.attributes["connection"]``: an Engine, a Connection, or None for the registry's URL.
        environment: where ``env:NAME`` is looked up.

    Raises:
        ConfigurationError: the URL cannot be used, or what was handed in is neither.
        ConnectionFailedError: the server cannot be reached or refuses the login.
    """
    if isinstance(given, Connection):
        yield _postgresql(given)
    elif isinstance(given, Engine):
        with given.connect() as connection:
            yield _postgresql(connection)
    elif given is None:
        url = database.migration_url(environment)
        engine = make_engine(database.name, url)
        try:
            with connected(engine, database.name, url) as connection:
                yield connection
        finally:
            engine.dispose()
    else:
        raise ConfigurationError(
            'config.attributes["connection"] must be a synchronous Engine or Connection, not '
            f"{type(given).__name__}; with an asynchronous engine, run Alembic inside connection.run_sync()"
        )


def make_engine(
    database: str, url: DatabaseURL, *, timeout: float | None = None, poolclass: type[Pool] = NullPool
) -> Engine:
    """Return an engine, without a pool unless one is given, whose sessions say in pg_stat_activity who they are.

    Raises:
        ConfigurationError: psycopg, or the libpq that it needs, is not installed.
    """
    address, secrets = url.sync()
    arguments: dict[str, Any] = {
        **secrets,
        "fallback_application_name": _application_name(database),
        # A statement that psycopg prepares on the server does not survive a transaction pooler.
        "prepare_threshold": None,
        # Else a database in SQL_ASCII would answer in bytes.
        "client_encoding": "utf8",
    }
    if timeout is not None and "connect_timeout" not in address.query:
        arguments["connect_timeout"] = max(2, round(timeout))
    with needed_driver():
        return create_engine(address, poolclass=poolclass, connect_args=arguments)


@contextmanager
def needed_driver() -> Iterator[None]:
    """Say in one line that psycopg cannot be imported.

    Raises:
        ConfigurationError: psycopg, or the libpq that it needs, is not installed.
    """
    try:
        yield
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"psycopg cannot be used ({str(error).splitlines()[0]}); install its libpq with: "
            'pip install "alembic-multidb[binary]"'
        ) from None


def connect(engine: Engine, database: str, url: DatabaseURL) -> Connection:
    """Connect, or say in one line why not.

    Raises:
        ConnectionFailedError: the server cannot be reached or refuses the login.
    """
    try:
        return engine.connect()
    except (SQLAlchemyError, ValueError) as error:
        words = first_line(error)
        raise ConnectionFailedError(
            f'cannot connect to database "{database}" at {url}: {words}; {_what_next(words, url)}'
        ) from None


@contextmanager
def connected(engine: Engine, database: str, url: DatabaseURL) -> Iterator[Connection]:
    """Connect, and close in the end; whatever was not committed is rolled back, by us or by a server that was lost.

    Raises:
        ConnectionFailedError: the server cannot be reached or refuses the login.
    """
    connection = connect(engine, database, url)
    try:
        yield connection
    finally:
        try:
            connection.close()
        except DBAPIError as error:
            log.debug("the connection was lost before it was closed: %s", first_line(error))


def notice_a_dead_client(connection: Connection) -> None:
    """Let the server look every two seconds whether this process is still there, even while a statement waits.

    Else the backend of a killed run would keep the lock for as long as its last statement takes.
    """
    try:
        connection.exec_driver_sql("SET client_connection_check_interval = '2s'")
        connection.commit()
    except DBAPIError as error:  # a server whose system cannot tell
        log.debug("a dead client goes unnoticed: %s", error)
        connection.rollback()


def first_line(error: Exception) -> str:
    """Return the driver's own words, without SQLAlchemy's appendix and without any repetition."""
    cause = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[0] if lines else type(cause).__name__


def _what_next(words: str, url: DatabaseURL) -> str:
    """Return what to do; a refused connection has no SQLSTATE, so that libpq's own words must tell."""
    if url.url.database is None and "does not exist" in words:
        return f"{url.source} names no database"
    if "does not exist" in words:
        return f"create it, or check {'the user' if 'role' in words else 'the name'} in {url.source}"
    for sign, advice in _ADVICE:
        if sign in words:
            return advice.format(source=url.source)
    return f"check {url.source}"


def _postgresql(connection: Connection) -> Connection:
    if connection.dialect.name != "postgresql":
        raise ConfigurationError(
            f"the connection handed in is for {connection.dialect.name}; only PostgreSQL is supported"
        )
    return connection


def _application_name(database: str) -> str:
    return f"multidb {database} pid {os.getpid()} on {socket.gethostname()}"[:_NAME_LENGTH]
