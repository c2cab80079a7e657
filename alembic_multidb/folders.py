"""Temporary folders: held by a lock as long as their process lives; what killed processes left is removed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from alembic_multidb.errors import MultidbError
from alembic_multidb.postgres import folder_for_servers, stop_embedded_server

log = logging.getLogger(__name__)

Kind = Literal["scratch", "split", "merge"]
KINDS: tuple[Kind, ...] = ("scratch", "split", "merge")
# Where a server's data may be in memory.
MEMORY = Path("/dev/shm")  # noqa: S108
_LOCK = "lock"


@contextmanager
def temporary_folder(kind: Kind, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that is held by a lock as long as this process lives; it is gone at the end.

    Args:
        kind: what it is for, which is part of its name.
        parent: where; TMPDIR if not given.
    """
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"multidb-{kind}-", dir=parent))
    descriptor = os.open(folder / f"{_LOCK}.new", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Under its name the file is never there without being locked.
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)
        yield folder
    finally:
        _remove(folder)
        os.close(descriptor)


def sweep() -> None:
    """Remove this user's folders of processes that were killed, and stop the servers that still run there."""
    for parent in {Path(tempfile.gettempdir()), Path(folder_for_servers()), MEMORY}:
        for kind in KINDS:
            for folder in parent.glob(f"multidb-{kind}-*"):
                if _is_left(folder):
                    _end(folder)


def _end(folder: Path) -> None:
    try:
        stop_embedded_server(folder / "data")
    except MultidbError as error:
        log.warning("%s was left by a process that was killed, and cannot be removed: %s", folder, error)
    else:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the lock last: whoever is killed meanwhile leaves what the next one still knows as left."""
    for item in folder.glob("*"):
        if item.is_dir():
            shutil.rmtree(item, ignore_errors=True)
        elif item.name != _LOCK:
            item.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Tell whether the folder is ours and nobody holds its lock any more."""
    try:
        if folder.stat().st_uid != os.getuid():
            return False
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:  # it is being made, or is just going
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
