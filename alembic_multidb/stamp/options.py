"""What ``multidb stamp-from`` shall do, and how strictly."""

from __future__ import annotations

from dataclasses import dataclass

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry import TableName

Revisions = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StampOptions:
    """What to do, and how strictly.

    Attributes:
        names: which databases; all of them if empty.
        revision: the revision to stamp, instead of the source's own; it is proven, too.
        version_table: the source's version table, if it has another name than the database's own.
        latest: of several revisions with one schema, take the latest.
        strict: refuse where the source is not exactly what its revision says.
        dry_run: say what would be stamped, and change nothing.
        purge: replace what is recorded already.
        force: stamp without any proof; the marker then says so.
        write_revision: where no revision has the schema, or the source differs from its own, write one that does.
        lock_timeout: seconds to wait for each database's lock; None for what alembic.ini says.
    """

    names: tuple[str, ...] = ()
    revision: str | None = None
    version_table: TableName | None = None
    latest: bool = False
    strict: bool = False
    dry_run: bool = False
    purge: bool = False
    force: bool = False
    write_revision: bool = False
    lock_timeout: float | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ConfigurationError: it does.
        """
        for is_set, option in ((self.strict, "--strict"), (self.write_revision, "--write-revision")):
            if self.force and is_set:
                raise ConfigurationError(f"--force asks for no proof, {option} for one: leave one of the two out")
