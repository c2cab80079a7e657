"""The folder of an embedded scratch server: gone at the end, whatever ended the process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alembic_multidb.stamp.scratch_folder import scratch_folder, sweep
from tests.conftest import short_folder

KILLED = """
import os, signal
from alembic_multidb.stamp.scratch import scratch_server

with scratch_server(None) as server:
    server.create()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = short_folder()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def is_running(process: int) -> bool:
    """Tell whether the process is there, and has not only not been buried yet."""
    arguments = Path(f"/proc/{process}/cmdline")
    return arguments.is_file() and arguments.read_bytes() != b""


def test_folders_of_living_processes_are_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once; each removes its own."""
    monkeypatch.setattr("tempfile.tempdir", None)
    with scratch_folder() as one:
        with scratch_folder() as other:
            sweep(temporary)
            assert sorted(temporary.iterdir()) == sorted([one, other])
        sweep(temporary)
        assert list(temporary.iterdir()) == [one]
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_just_being_made_is_left_alone(temporary: Path) -> None:
    """It has no lock yet."""
    (temporary / "multidb-scratch-new").mkdir()
    sweep(temporary)
    assert (temporary / "multidb-scratch-new").is_dir()


def test_what_a_killed_process_left_is_removed(temporary: Path) -> None:
    """Its server still runs; the next one stops it, and removes the folder."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED], env=os.environ, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    (left,) = temporary.glob("multidb-scratch-*")
    server = int((left / "data" / "postmaster.pid").read_text().split()[0])
    assert is_running(server)
    sweep(temporary)
    assert not left.exists()
    assert not is_running(server)
