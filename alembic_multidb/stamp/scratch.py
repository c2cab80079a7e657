"""Scratch databases: made to run a history in, looked at, and dropped; on a server of their own or beside another."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql import quoted_name

from alembic_multidb.catalog.settings import make_setting, read_live_settings
from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.plugin.extensions import create_extension_sql
from alembic_multidb.postgres import embedded_server
from alembic_multidb.urls import DatabaseURL, resolve_url

PREFIX = "multidb_scratch_"


@dataclass
class ScratchServer:
    """A server on which scratch databases are made; all of them are gone when it is closed.

    Attributes:
        url: where it is reached, by way of its maintenance database.
        names: the databases that were made and not dropped yet.
    """

    url: DatabaseURL
    names: set[str] = field(default_factory=set)

    def create(self, template: str = "template0") -> str:
        """Make an empty database, or a copy of another scratch database, and return its name."""
        name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
        self.names.add(name)  # first: whoever is interrupted while it is made, drops it too
        self._run(f"CREATE DATABASE {{name}} TEMPLATE {template} ENCODING 'UTF8'", name)
        if template in self.names:
            self._copy_settings(template, name)
        return name

    def lay_out(self, name: str, schema: str, extensions: Mapping[str, str]) -> None:
        """Let names without a schema lie in one schema of a scratch database, and extensions in schemas of their own.

        Args:
            name: of the scratch database.
            schema: what its sessions then have as their default schema.
            extensions: the schema of each.
        """
        with self.connect(name) as connection:
            preparer = connection.dialect.identifier_preparer
            path = [preparer.quote(quoted_name(each, None)) for each in (schema, *sorted({*extensions.values()}))]
            for each in path:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {each}")
            for extension, its_schema in extensions.items():
                create, where = create_extension_sql(extension), preparer.quote(quoted_name(its_schema, None))
                connection.exec_driver_sql(f"{create} SCHEMA {where} CASCADE")
            database = preparer.quote(quoted_name(name, None))
            connection.exec_driver_sql(
                f"ALTER DATABASE {database} SET search_path = {', '.join(dict.fromkeys([*path, 'public']))}"
            )
            connection.commit()

    def _copy_settings(self, template: str, name: str) -> None:
        """Give a copy what ALTER DATABASE ... SET has set, which is no part of what CREATE DATABASE copies."""
        with connected(self._engine, "scratch", self.url) as connection, connection.begin():
            for setting in read_live_settings(connection, template):
                make_setting(connection, name, setting)

    def drop(self, name: str) -> None:
        """Drop a scratch database; nothing else is ever dropped."""
        if name in self.names:
            self._run("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name)
            self.names.discard(name)

    @contextmanager
    def connect(self, name: str) -> Iterator[Connection]:
        """Connect to a scratch database.

        Raises:
            ConnectionFailedError: the server cannot be reached.
        """
        url = self.url.to(name)
        with connected(make_engine("scratch", url), "scratch", url) as connection:
            yield connection

    def do_not_wait_for_disks(self) -> None:
        """Make a server of our own faster, whose databases nobody will miss."""
        with connected(make_engine("scratch", self.url), "scratch", self.url) as connection:
            autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
            for setting in (
                "fsync = off",
                "full_page_writes = off",
                "synchronous_commit = off",
                "max_wal_size = '128MB'",
            ):
                autocommit.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
            autocommit.exec_driver_sql("SELECT pg_reload_conf()")

    def close(self) -> None:
        """Drop what is left."""
        try:
            for name in list(self.names):
                self.drop(name)
        finally:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection that is kept; the databases stay, as they may on a server that goes with them."""
        self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        """Return the way to the maintenance database; its connection is kept, since many databases may be made."""
        return make_engine("scratch", self.url, poolclass=QueuePool)

    def _run(self, statement: str, name: str) -> None:
        with connected(self._engine, "scratch", self.url) as connection:
            quoted = connection.dialect.identifier_preparer.quote(quoted_name(name, None))
            autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
            autocommit.exec_driver_sql(statement.replace("{name}", quoted), execution_options={"no_parameters": True})


@contextmanager
def scratch_server(url: DatabaseURL | None) -> Iterator[ScratchServer]:
    """Open a server for scratch databases: the one that is named, or an embedded one that lives as long as the block.

    Args:
        url: a database of the server, whose login may create databases; None for the ``embedded`` extra.

    Raises:
        ConfigurationError: the ``embedded`` extra is not installed.
        ConnectionFailedError: the server cannot be reached.
    """
    if url is not None:
        server = ScratchServer(url)
        try:
            yield server
        finally:
            server.close()
        return
    from alembic_multidb.stamp.scratch_folder import scratch_folder

    with scratch_folder() as folder, embedded_server(folder / "data") as embedded:
        server = ScratchServer(resolve_url(embedded.uri, {}, of="URL of the scratch server"))
        server.do_not_wait_for_disks()
        try:
            yield server
        finally:
            server.disconnect()
