"""Where an embedded scratch server has its data: in memory if there is room; what killed processes left is removed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic_multidb.errors import MultidbError
from alembic_multidb.postgres import folder_for_servers, stop_embedded_server

log = logging.getLogger(__name__)

PREFIX = "multidb-scratch-"
# Making the thousand files of a cluster takes a tenth of the time there.
_MEMORY = Path("/dev/shm")  # noqa: S108
# A cluster has 40 MB, and its write-ahead log at most 1 GB before a checkpoint.
_ROOM = 2 * 2**30
_LOCK = "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that is held by a lock as long as this process lives; it is gone at the end."""
    parent = _parent()
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    descriptor = os.open(folder / f"{_LOCK}.new", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Under its name the file is never there without being locked.
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep(parent: Path) -> None:
    """Remove the folders of processes that were killed, and stop the servers that still run there."""
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_left(folder):
            try:
                stop_embedded_server(folder / "data")
            except MultidbError as error:
                log.warning("%s was left by a process that was killed, and cannot be removed: %s", folder, error)
            else:
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


def _parent() -> Path:
    """Return the folder for scratch servers: in memory, unless TMPDIR says otherwise or there is little room."""
    may_be = "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK | os.X_OK)
    has_room = may_be and shutil.disk_usage(_MEMORY).free >= _ROOM
    return _MEMORY if has_room else Path(folder_for_servers())
