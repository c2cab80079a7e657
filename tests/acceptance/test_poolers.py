"""Transaction poolers are detected and refused for changes; session poolers and reads are let through."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Project, psql
from tests.servers import Server, free_port, wait_until

PGBOUNCER = Path("/usr/sbin/pgbouncer")

Through = Callable[[Project, str, int], AbstractContextManager[Project]]


@contextmanager
def _pgbouncer(server: Server, mode: str, size: int) -> Iterator[int]:
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="multidb-pooler-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = {size}\nignore_startup_parameters = extra_float_digits\n"
    )
    process = subprocess.Popen(
        [str(PGBOUNCER), str(folder / "ini")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user="nobody" if os.geteuid() == 0 else None,
    )
    try:
        wait_until(lambda: _answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def through(server: Server) -> Iterator[Through]:
    """Lead core's URL of a project through a pooler."""
    if not PGBOUNCER.exists():
        pytest.skip("pgbouncer is not installed")

    @contextmanager
    def lead(project: Project, mode: str, size: int) -> Iterator[Project]:
        with _pgbouncer(server, mode, size) as port:
            direct = project.environment["DATABASE_URL"]
            pooled = direct.replace(f":{server.port}/", f":{port}/")
            yield Project(project.folder, {**project.environment, "DATABASE_URL": pooled, "DIRECT_URL": direct})

    yield lead


@pytest.mark.parametrize("size", [1, 5])
def test_a_transaction_pooler_is_refused_for_changes(notes_at_head: Project, through: Through, size: int) -> None:
    """The error names migration_url, which is the way out; reads work."""
    with through(notes_at_head, "transaction", size) as pooled:
        for command in (("upgrade", "head"), ("downgrade", "base"), ("stamp", "base")):
            refused = pooled.refused("-n", "core", *command)
            assert 'the url of database "core" leads through a transaction pooler' in refused
            assert 'migration_url="env:CORE_DIRECT_URL"' in refused
        assert "transaction pooler" in pooled.refused("adopt", "-n", "core", module="alembic_multidb")
        assert psql(pooled.environment["DIRECT_URL"], "SELECT version_num FROM alembic_version") == [("c003",)]
        assert "c003 (head)" in pooled.ok("-n", "core", "current")
        assert "No new upgrade operations" in pooled.ok("-n", "core", "check")

        pooled.edit(
            "notes/databases.py", 'url="env:DATABASE_URL"', 'url="env:DATABASE_URL", migration_url="env:DIRECT_URL"'
        )
        pooled.ok("-n", "core", "downgrade", "base")
        pooled.ok("-n", "core", "upgrade", "head")


@pytest.mark.parametrize("size", [1, 5])
def test_a_session_pooler_is_let_through(notes_at_head: Project, through: Through, size: int) -> None:
    """Locks hold there, even if the pool has no second connection to compare with."""
    with through(notes_at_head, "session", size) as pooled:
        pooled.ok("-n", "core", "downgrade", "c002")
        pooled.ok("-n", "core", "upgrade", "head")
