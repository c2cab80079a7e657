"""``multidb demo``: the example on an embedded server, with the commands that a user types."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic_multidb.errors import MultidbError
from alembic_multidb.postgres import EmbeddedServer, embedded_server, folder_for_servers, stop_embedded_server

EXAMPLE = "notes"
TRACE = ".multidb-demo"
VARIABLES = {"core": "DATABASE_URL", "ai": "AI_DATABASE_URL"}


@dataclass(frozen=True)
class DatabaseFacts:
    """What the demo found in one database at its end, read from the database itself.

    Attributes:
        name: the database's name in the registry.
        tables: its tables, without the version table.
        extensions: its extensions, with versions, without plpgsql.
        vector_indexes: its vector indexes, with their validity.
        revision: what the version table says.
    """

    name: str
    tables: tuple[str, ...]
    extensions: tuple[str, ...]
    vector_indexes: tuple[str, ...]
    revision: str


@dataclass(frozen=True)
class Demo:
    """A running demo: its folder, and the URL of every database."""

    folder: Path
    urls: Mapping[str, str]

    @property
    def project(self) -> Path:
        """Return the folder of the example's copy."""
        return self.folder / EXAMPLE

    @property
    def data(self) -> Path:
        """Return the folder of the server's data."""
        return self.folder / "data"

    def alembic(self, *arguments: str) -> None:
        """Run the real ``alembic`` in the example's folder.

        Raises:
            MultidbError: it failed.
        """
        # The user's own settings for PostgreSQL and Alembic are about other databases.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "ALEMBIC_"))}
        environment = {**inherited, **{VARIABLES[name]: url for name, url in self.urls.items()}}
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=self.project, env=environment, check=False)  # noqa: S603
        if done.returncode != 0:
            raise MultidbError(f"alembic {' '.join(arguments)} ended with exit code {done.returncode}")

    def facts(self) -> list[DatabaseFacts]:
        """Ask every database what it holds."""
        return [_facts(name, url) for name, url in self.urls.items()]


@contextmanager
def running_demo(*, keep: bool = False, say: Callable[[str], None] = lambda line: None) -> Iterator[Demo]:
    """Start an embedded server with the example's two databases, still empty.

    Args:
        keep: leave the server and its folder behind, unless the block fails.
        say: told what takes time, a line each.

    Raises:
        MultidbError: the server does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="multidb-demo-", dir=folder_for_servers()))
    kept = False
    try:
        (folder / TRACE).touch()
        shutil.copytree(examples_folder() / EXAMPLE, folder / EXAMPLE, ignore=shutil.ignore_patterns("__pycache__"))
        say("starting an embedded PostgreSQL server (a few seconds) ...")
        with embedded_server(folder / "data") as server:
            yield Demo(folder, _create_databases(server))
            server.keep = kept = keep
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def stop_demo(folder: Path) -> None:
    """Stop a kept demo's server and remove its folder.

    Raises:
        MultidbError: it is no folder of a demo; nothing was touched.
    """
    if not (folder / TRACE).is_file() or not (folder / EXAMPLE / "alembic.ini").is_file():
        raise MultidbError(f"{folder} is not the folder of a kept demo; nothing was touched")
    stop_embedded_server(folder / "data")
    shutil.rmtree(folder)


def examples_folder() -> Path:
    """Return the folder of the examples: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / EXAMPLE).is_dir():
            return folder
    raise MultidbError("the examples were not installed with the package; reinstall alembic-multidb")


def _create_databases(server: EmbeddedServer) -> dict[str, str]:
    return {name: server.create_database(f"{EXAMPLE}_{name}") for name in VARIABLES}


def _facts(name: str, url: str) -> DatabaseFacts:
    import psycopg  # needs libpq, which only the embedded extra brings for certain

    with psycopg.connect(url) as connection:

        def names(query: str) -> tuple[str, ...]:
            return tuple(str(row[0]) for row in connection.execute(query.encode()))

        return DatabaseFacts(
            name,
            tables=names(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' "
                "ORDER BY 1"
            ),
            extensions=names(
                "SELECT extname || ' ' || extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
            ),
            vector_indexes=names(
                "SELECT c.relname || CASE WHEN i.indisvalid THEN ' (valid)' ELSE ' (INVALID)' END "
                "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
                "JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname IN ('hnsw', 'ivfflat') ORDER BY 1"
            ),
            revision=", ".join(names("SELECT version_num FROM alembic_version ORDER BY 1")),
        )
