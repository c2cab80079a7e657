"""Where a split or a merge leaves what stays of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryFile

from alembic_multidb.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where a split leaves what stays of it.

    Attributes:
        evidence: the file of the proof; None for one in the working directory, named by the time.
        backup: a folder for a dump of the source; None for none.
        command: what is done: split or merge.
    """

    evidence: Path | None = None
    backup: Path | None = None
    command: str = "split"

    def check(self) -> None:
        """Refuse, before anything is done, what could not be written at the end.

        Raises:
            ConfigurationError: it could not.
        """
        for folder in (self.backup, self.evidence.absolute().parent if self.evidence is not None else Path.cwd()):
            if folder is not None and not _is_writable(folder):
                raise ConfigurationError(f"nothing can be written into {folder}: make the folder, or name another one")
        if self.evidence is not None and self.evidence.is_dir():
            raise ConfigurationError(f"the evidence cannot be written: {self.evidence} is a folder; name a file in it")

    def evidence_path(self) -> Path:
        """Return the file of the proof."""
        if self.evidence is not None:
            return self.evidence
        return Path(f"multidb-{self.command}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.json")


def _is_writable(folder: Path) -> bool:
    """Tell whether a file can be made there, which rights alone do not say; none stays."""
    try:
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
