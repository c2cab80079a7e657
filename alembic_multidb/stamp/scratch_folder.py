"""Where an embedded scratch server has its data: in memory if there is room."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from alembic_multidb.folders import MEMORY, temporary_folder
from alembic_multidb.postgres import folder_for_servers

# Making the thousand files of a cluster takes a tenth of the time in memory.
# A cluster has 40 MB, and its write-ahead log at most 1 GB before a checkpoint.
_ROOM = 2 * 2**30


def scratch_folder() -> AbstractContextManager[Path]:
    """Make a folder for the data of a scratch server; it is gone at the end."""
    return temporary_folder("scratch", _parent())


def _parent() -> Path:
    """Return the folder for scratch servers: in memory, unless TMPDIR says otherwise or there is little room."""
    may_be = "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK | os.X_OK)
    has_room = may_be and shutil.disk_usage(MEMORY).free >= _ROOM
    return MEMORY if has_room else Path(folder_for_servers())
