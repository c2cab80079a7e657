"""Temporary folders, and the server in one: gone at the end, whatever ended the process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alembic_multidb.folders import KINDS, sweep, temporary_folder
from alembic_multidb.stamp.scratch_folder import scratch_folder
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
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    shutil.rmtree(folder)


def is_running(process: int) -> bool:
    """Tell whether the process is there, and has not only not been buried yet."""
    arguments = Path(f"/proc/{process}/cmdline")
    return arguments.is_file() and arguments.read_bytes() != b""


def test_folders_of_living_processes_are_left_alone(temporary: Path) -> None:
    """Two at once; each removes its own."""
    with scratch_folder() as one:
        with scratch_folder() as other:
            sweep()
            assert sorted(temporary.iterdir()) == sorted([one, other])
        sweep()
        assert list(temporary.iterdir()) == [one]
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_just_being_made_is_left_alone(temporary: Path) -> None:
    """It has no lock yet."""
    (temporary / "multidb-scratch-new").mkdir()
    sweep()
    assert (temporary / "multidb-scratch-new").is_dir()


def test_what_a_killed_process_left_is_removed(temporary: Path) -> None:
    """Its server still runs; the next one stops it, and removes the folder."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED], env=os.environ, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    (left,) = temporary.glob("multidb-scratch-*")
    server = int((left / "data" / "postmaster.pid").read_text().split()[0])
    assert is_running(server)
    sweep()
    assert not left.exists()
    assert not is_running(server)


def test_folders_of_every_kind_are_removed_by_the_next_of_any_kind(temporary: Path) -> None:
    """Each was left with files; one whose lock is still held, and one without any, stay."""
    for kind in KINDS:
        (temporary / f"multidb-{kind}-left" / "more").mkdir(parents=True)
        for name in ("lock", "entries", "more/copy.json"):
            (temporary / f"multidb-{kind}-left" / name).write_text("")
    (temporary / "multidb-mine").mkdir()
    with temporary_folder("merge") as held, temporary_folder("split") as other:
        assert sorted(temporary.iterdir()) == sorted([held, other, temporary / "multidb-mine"])


def test_a_removal_that_is_killed_is_ended_by_the_next(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock goes last."""
    with monkeypatch.context() as patched, temporary_folder("split") as folder:
        (folder / "entries").write_text("")
        patched.setattr("shutil.rmtree", lambda *arguments, **more: None)
    assert list(folder.iterdir()) == [folder / "lock"]
    sweep()
    assert list(temporary.iterdir()) == []
