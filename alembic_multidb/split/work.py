"""One target of a split on its way."""

from __future__ import annotations

from dataclasses import dataclass, field

from alembic_multidb.split.outcome import Moved
from alembic_multidb.stamp.stamp import Stamp
from alembic_multidb.transfer.rows import Copied
from alembic_multidb.transfer.tables import Table
from alembic_multidb.transfer.target import Target


@dataclass
class Work:
    """One target on its way.

    Attributes:
        target: under its lock.
        tables: what is copied.
        is_there: whether an earlier run has finished it.
        extensions: those whose own tables and sequences are filled, too.
        copied: what came of its rows.
        large_objects: how many were copied.
        builds: how many things were made after the rows.
        notes: what is to be said.
        stamp: what came of stamping.
    """

    target: Target
    tables: list[Table]
    is_there: bool
    extensions: tuple[str, ...] = ()
    copied: Copied = field(default=Copied(0, 0, 0))
    large_objects: int = 0
    builds: int = 0
    notes: list[str] = field(default_factory=list)
    stamp: Stamp | None = None

    @property
    def name(self) -> str:
        """Return the database's name."""
        return self.target.name

    def moved(self) -> Moved:
        """Return what came of it."""
        return Moved(
            name=self.name,
            state="there" if self.is_there else "made",
            tables=self.copied.tables,
            rows=self.copied.rows,
            kept=self.copied.kept,
            large_objects=self.large_objects,
            builds=self.builds,
            stamp=self.stamp,
            notes=tuple(dict.fromkeys(self.notes)),
        )
