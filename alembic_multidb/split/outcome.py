"""What came of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from alembic_multidb.operate.status import counted
from alembic_multidb.split.model import EXIT_CODES, Plan
from alembic_multidb.split.page import megabytes
from alembic_multidb.stamp.stamp import Stamp
from alembic_multidb.verify import DatabaseReport, Report

State = Literal["made", "there", "cloned"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What came of one target.

    Attributes:
        name: the database's name.
        state: whether it was filled, found filled already, or made from a clone of the source.
        tables: how many tables it has.
        rows: how many rows were copied.
        kept: how many tables an interrupted run had copied.
        large_objects: how many it has.
        builds: how many indexes, constraints and other things were made after the rows.
        dropped: how many objects of other homes were dropped from the clone.
        stamp: what came of stamping it; None if it was found filled.
        notes: what the server warned of, and what could not be set.
    """

    name: str
    state: State
    tables: int = 0
    rows: int = 0
    kept: int = 0
    large_objects: int = 0
    builds: int = 0
    dropped: int = 0
    stamp: Stamp | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_stamped(self) -> bool:
        """Tell whether its version table says at which revision it is."""
        return self.stamp is None or self.stamp.result in ("stamped", "nothing to do")


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a rehearsal has seen, at most at a time; the real run will need as much.

    Attributes:
        seconds: it took, from the plan to the proof.
        bytes: of disk, of all databases that it made.
        source_connections: to the source, or sources.
        target_connections: to the other databases, of all together.
        locks: that one server held for it.
    """

    seconds: float
    bytes: int
    source_connections: int
    target_connections: int
    locks: int

    def words(self, sources: str, others: str) -> str:
        """Return it as a line to read.

        Args:
            sources: what is only read.
            others: the other databases.
        """
        return (
            f"The real run will need about {self.seconds:.1f} s, {megabytes(self.bytes)} of disk, "
            f"{counted(self.source_connections, 'connection')} to {sources} and {self.target_connections} to {others}, "
            f"and {counted(self.locks, 'lock')} on one server."
        )


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """What came of a split.

    Attributes:
        plan: what was to be done.
        databases: what came of each target, in the registry's order.
        verified: the proof.
        evidence: the file that says so; None if nothing stays, as of a rehearsal.
        backup: the dump of the source, if one was asked for.
        since: whether anybody wrote to the source meanwhile.
        seconds: how long each phase took.
        require_stamp: whether an unstamped database is a failure.
        ended: the sessions of the source that were ended, in words.
        needs: what the real run will need, as a rehearsal has seen it.
        left: databases that could not be cleared away, each with the reason.
    """

    plan: Plan
    databases: tuple[Moved, ...]
    verified: Report
    evidence: Path | None
    backup: Path | None
    since: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    require_stamp: bool = False
    ended: tuple[str, ...] = ()
    needs: Needs | None = None
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0 for done and proven; else what verify says, 1 for a missing stamp, 2 if something is left."""
        code = EXIT_CODES["failed"] if self.left else self.verified.exit_code
        if self.require_stamp and not all(each.is_stamped for each in self.databases):
            return max(code, 1)
        return code

    def verified_of(self, name: str) -> DatabaseReport:
        """Return the proof of one database."""
        return next(each for each in self.verified.databases if each.name == name)

    def to_data(self) -> dict[str, Any]:
        """Return what the evidence says beside the proof."""
        return {
            "method": self.plan.method,
            "why": self.plan.why,
            "ended_sessions": list(self.ended),
            "left": list(self.left),
            "rehearsal": vars(self.needs) if self.needs is not None else None,
            "databases": [moved_data(each) for each in self.databases],
            "foreign_keys": [vars(item) for item in self.plan.references],
            "excluded": [item.name for item in self.plan.objects if item.treatment == "excluded"],
            "outside": [item.name for item in self.plan.objects if item.treatment == "outside"],
            "left_out": list(self.plan.left_out),
            "backup": str(self.backup) if self.backup is not None else None,
            "since": self.since,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def moved_data(moved: Moved) -> dict[str, Any]:
    """Return what the evidence says of one target."""
    return {
        "name": moved.name,
        "state": moved.state,
        "tables": moved.tables,
        "rows": moved.rows,
        "kept": moved.kept,
        "dropped": moved.dropped,
        "large_objects": moved.large_objects,
        "revisions": list(moved.stamp.revisions) if moved.stamp is not None else [],
        "stamp": moved.stamp.message if moved.stamp is not None else "",
        "notes": list(moved.notes),
    }
