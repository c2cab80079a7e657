"""Files that a run leaves behind: whole or not at all, and nobody else's to read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from alembic_multidb.errors import ConfigurationError


@contextmanager
def private_file(path: Path) -> Iterator[IO[str]]:
    """Open a file for writing that is there only if the block ends well, with the rights 0600.

    Raises:
        ConfigurationError: it cannot be written.
    """
    folder = path.parent
    if not folder.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {folder}")
    # Nameless until then: a killed run leaves nothing behind.
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=_writable(folder, path)) as file:
        yield file
        file.flush()
        file.seek(0)
        _write(path, file)


def write_private(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON, for its owner alone to read.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    with private_file(path) as file:
        file.write(json.dumps(data, indent=1, sort_keys=True) + "\n")


def _writable(folder: Path, path: Path) -> Path:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{path} cannot be written: no right to write into {folder}")
    return folder


def _write(path: Path, file: IO[str]) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            os.fchmod(descriptor, 0o600)
            shutil.copyfileobj(file, written)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
