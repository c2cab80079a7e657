"""A dump of the whole source, of the same point in time as the rows that are moved."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.postgres import Programs
from alembic_multidb.urls import DatabaseURL

_PARTIAL = ".partial"


class Backup:
    """A ``pg_dump -Fc`` that runs beside everything else.

    Args:
        folder: where the file is written, for its owner alone to read.
        url: the source's.
        programs: pg_dump.
        snapshot: the exported snapshot; whoever exported it must live until the dump has begun to read.
        now: the time that the file's name says.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, folder: Path, url: DatabaseURL, programs: Programs, snapshot: str, now: datetime) -> None:
        self.path = folder / f"{url.url.database or 'source'}-{now:%Y%m%dT%H%M%SZ}.dump".replace(os.sep, "_")
        self._partial = self.path.with_name(self.path.name + _PARTIAL)
        target = url.libpq()
        command = [
            *(str(programs.folder / "pg_dump"), "--format=custom", f"--snapshot={snapshot}"),
            f"--dbname={target.dsn}",
        ]
        try:
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"the backup {self._partial} cannot be written: {error.strerror}") from None
        self._said = TemporaryFile()  # noqa: SIM115  # closed with everything else
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                env={**os.environ, "LC_ALL": "C", **target.environment},
                stdout=descriptor,
                stderr=self._said,
            )
        finally:
            os.close(descriptor)

    def __enter__(self) -> Backup:
        return self

    def __exit__(self, *error: object) -> None:
        """End it, if it is not finished; half a backup is none."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._said.close()
        self._partial.unlink(missing_ok=True)

    def look(self) -> None:
        """See whether it still runs, or is whole.

        Raises:
            MultidbError: pg_dump failed.
        """
        if self._process.poll():
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").splitlines() or [
                f"it ended with {self._process.returncode}"
            ]
            raise MultidbError(
                f"the backup could not be made: pg_dump failed: {' / '.join(lines[:4])}. Nothing that was copied is "
                "lost: when the cause is gone, the same command goes on"
            )

    def wait(self) -> None:
        """Wait until pg_dump has ended; the file gets its name later.

        Raises:
            MultidbError: pg_dump failed.
        """
        self._process.wait()
        self.look()

    def finish(self) -> Path:
        """Wait for its end, and return where it is.

        Raises:
            MultidbError: pg_dump failed.
        """
        self.wait()
        self._partial.replace(self.path)
        return self.path
