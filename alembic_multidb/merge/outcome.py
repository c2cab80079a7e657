"""What came of a merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic_multidb.merge.model import MergePlan
from alembic_multidb.split.outcome import Moved, Needs, moved_data
from alembic_multidb.verify.report import DIFFERENT, EQUAL, UNKNOWN


@dataclass(frozen=True, kw_only=True)
class MergeReport:
    """What came of a merge.

    Attributes:
        plan: what was to be done.
        databases: what came of each part; none of what an earlier run had proven already.
        proof: the evidence of every part, as JSON has it.
        own: tables of the target whose rows are not what they were.
        done: what was changed on purpose, as lines.
        changes: what is to be changed in registry and environment, as lines.
        evidence: the file that says so.
        backups: dumps of the sources, if they were asked for.
        since: for each part, whether anybody wrote to its database meanwhile.
        seconds: how long each phase took.
        needs: what the real run will need, as a rehearsal has seen it.
        left: databases that killed runs have left beside the target, each in words.
    """

    plan: MergePlan
    databases: tuple[Moved, ...]
    proof: Mapping[str, Any]
    own: Sequence[str]
    done: tuple[str, ...]
    changes: tuple[str, ...]
    evidence: Path
    backups: tuple[Path, ...] = ()
    since: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    needs: Needs | None = None
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0 for done and proven, 1 for different, 2 where something could not be told."""
        codes = {"equal": EQUAL, "different": DIFFERENT, "unknown": UNKNOWN}
        return max(DIFFERENT if self.own else EQUAL, *(codes[each["state"]] for each in self.proof["databases"]))

    def to_data(self) -> dict[str, Any]:
        """Return what the evidence says beside the proof."""
        return {
            "target": str(self.plan.place.url),
            "into": self.plan.place.into.name if self.plan.place.into is not None else None,
            "databases": [moved_data(each) for each in self.databases],
            "shared": list(self.plan.shared),
            "foreign_keys": [vars(item) for item in self.plan.references],
            "version_tables": {name: str(table) for name, table in self.plan.version_tables.items()},
            "changed": list(self.done),
            "own_changed": list(self.own),
            "changes": list(self.changes),
            "backups": [str(path) for path in self.backups],
            "since": dict(self.since),
            "left": list(self.left),
            "rehearsal": vars(self.needs) if self.needs is not None else None,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }
