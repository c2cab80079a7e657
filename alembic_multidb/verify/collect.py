"""What the checks of one database tell, as they are made one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alembic.util.exc import CommandError

from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.verify.options import Exclusion, VerifyOptions
from alembic_multidb.verify.report import DatabaseReport, Expected, Finding, Orphans, Recall, TableProof
from alembic_multidb.verify.side import Unreadable, words_of

Told = Finding | Expected
# What a finding is about that is about no object alone.
EVERYTHING = "all"


@dataclass
class Collected:
    """What came of one database so far.

    Attributes:
        database: which one.
        options: what is excluded.
        told: what was found, and what may differ.
        tables: what was read of each table.
        recalls: what vector indexes find.
        orphans: soft references that point at nothing.
        facts: of how many facts the schema consists.
        objects: of each fact of the target by its kind and its name, a hash.
        sequences: where each stands in the target.
        large_objects: of each of the target's, what it is.
    """

    database: RegisteredDatabase
    options: VerifyOptions
    told: list[Told] = field(default_factory=list)
    tables: list[TableProof] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)
    orphans: list[Orphans] = field(default_factory=list)
    facts: int = 0
    objects: dict[str, Mapping[str, str]] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    large_objects: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def take(self, what: str, told: Callable[[], Iterable[Told]]) -> None:
        """Take in what a check tells; one that cannot be made is a finding."""
        try:
            self.told += told()
        except (CommandError, *Unreadable) as error:
            words = words_of(error)
            self.told.append(
                Finding(kind=what, object=EVERYTHING, what="unknown", message=f"{what} could not be compared: {words}")
            )

    def add(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """Keep what the target is like, as hashes by kind and name."""
        self.objects |= facts

    @property
    def named(self) -> set[tuple[str, str]]:
        """Return what something was found about."""
        return {(item.kind, item.object) for item in self.told if isinstance(item, Finding)}

    def report(self, moment: Mapping[str, Any]) -> DatabaseReport:
        """Return it as a whole; what two checks found alike is told once."""
        told = list(excused(self.told, self.options))
        findings = {str(item): item for item in told if isinstance(item, Finding)}
        expected = {(item.kind, item.object): item for item in told if isinstance(item, Expected)}
        return DatabaseReport(
            name=self.database.name,
            findings=tuple(replace(item, database=self.database.name) for item in findings.values()),
            expected=tuple(expected.values()),
            tables=tuple(self.tables),
            recalls=tuple(self.recalls),
            orphans=tuple(self.orphans),
            facts=self.facts,
            objects=self.objects,
            sequences=self.sequences,
            large_objects=self.large_objects,
            moment=moment,
        )


def excused(told: Iterable[Told], options: VerifyOptions) -> Iterator[Told]:
    """Tell what the user excluded as expected; what is said of all objects of a kind cannot be excluded."""
    for item in told:
        excluded = _exclusion(item, options) if isinstance(item, Finding) and item.object != EVERYTHING else None
        if excluded is None:
            yield item
        else:
            yield Expected(kind=item.kind, object=item.object, reason=f"excluded by {excluded}")


def _exclusion(item: Finding, options: VerifyOptions) -> Exclusion | None:
    # A setting is meant wherever it is set, or there alone.
    names = {item.object, item.object.partition(" of ")[0]} if item.kind == "setting" else {item.object}
    return next(filter(None, (options.excludes({item.kind}, name) for name in sorted(names))), None)
