"""What was proven, and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from alembic_multidb.catalog.snapshot import canonical
from alembic_multidb.verify.rows import RowDifference

What = Literal["missing", "extra", "different", "suspicious", "unknown"]

EQUAL, DIFFERENT, UNKNOWN = 0, 1, 2


def fact(value: Any) -> str:
    """Return a hash of a value as evidence keeps it: it tells whether the value is another one, but not what it is."""
    return sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that keeps a database from being equal.

    Attributes:
        kind: table, rows, sequence, setting, ...
        object: what it is about.
        what: missing in the target, extra there, different; suspicious or unknown where that could not be told.
        message: what is the matter.
        database: whose target it is.
    """

    kind: str
    object: str
    what: What
    message: str
    database: str = ""

    @property
    def is_told(self) -> bool:
        """Tell whether it was seen to differ; else it could not be told."""
        return self.what not in ("suspicious", "unknown")

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A difference that is as it should be.

    Attributes:
        kind: table, constraint, ...
        object: what it is about.
        reason: why it may differ.
    """

    kind: str
    object: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.object}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class TableProof:
    """What was read of one table.

    Attributes:
        name: schema and name, as SQL writes them.
        rows: how many rows source and target have.
        digests: what they add up to.
        columns: which columns were read, and how each became bytes (``sent`` or ``written``).
        differences: the first rows that differ.
        is_complete: whether these are all of them.
        note: why they are not, if something was in the way.
    """

    name: str
    rows: tuple[int, int]
    digests: tuple[str, str]
    columns: tuple[tuple[str, str], ...] = ()
    differences: tuple[RowDifference, ...] = ()
    is_complete: bool = True
    note: str = ""

    @property
    def is_equal(self) -> bool:
        """Tell whether both sides have the same rows."""
        return self.rows[0] == self.rows[1] and self.digests[0] == self.digests[1]


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How well a vector index finds what an exact search finds.

    Attributes:
        index: its name.
        samples: how many stored vectors were searched for.
        recalls: which part of the ten nearest was found, in the source and in the target.
        settings: what a new connection to each side has for the index's search.
    """

    index: str
    samples: int
    recalls: tuple[float, float]
    settings: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Orphans:
    """Soft references that point at nothing.

    Attributes:
        reference: the reference.
        values: how many different values point at nothing.
        rows: in how many rows.
        first: the first of the values.
    """

    reference: str
    values: int
    rows: int
    first: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DatabaseReport:
    """What came of one database.

    Attributes:
        name: the database's name.
        findings: what keeps it from being equal.
        expected: differences that are as they should be.
        tables: what was read of each table.
        recalls: what vector indexes find.
        orphans: soft references that point at nothing.
        facts: of how many facts the schemas consist that were compared.
        objects: of each fact of the target by its kind and its name, a hash.
        sequences: where each stands in the target.
        large_objects: of each of the target's, what it is.
        moment: what the target's server said of itself.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    expected: tuple[Expected, ...] = ()
    tables: tuple[TableProof, ...] = ()
    recalls: tuple[Recall, ...] = ()
    orphans: tuple[Orphans, ...] = ()
    facts: int = 0
    objects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sequences: Mapping[str, str] = field(default_factory=dict)
    large_objects: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    moment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Return 0 for equal, 1 for different, 2 where something could not be told."""
        if any(not finding.is_told for finding in self.findings):
            return UNKNOWN
        return DIFFERENT if self.findings else EQUAL

    @property
    def state(self) -> str:
        """Say it in a word."""
        return ("equal", "different", "unknown")[self.exit_code]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a comparison.

    Attributes:
        databases: in the registry's order.
        source: where the source is, without any password; empty where evidence took its place.
        moment: what the source's server said of itself.
        started: when, in UTC.
        seconds: how long it took.
        strong: whether two hashes were taken of each row.
        options: what was compared, and what was left out.
    """

    databases: tuple[DatabaseReport, ...]
    source: str = ""
    moment: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0
    strong: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Return 0 for equal, 1 for different, 2 where something could not be told; of several, the highest."""
        return max((database.exit_code for database in self.databases), default=UNKNOWN)

    @property
    def findings(self) -> list[Finding]:
        """Return what was found in all databases."""
        return [finding for database in self.databases for finding in database.findings]
