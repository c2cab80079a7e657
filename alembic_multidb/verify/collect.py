"""What the checks of one database tell, as they are made one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alembic.util.exc import CommandError

from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.verify.report import DatabaseReport, Expected, Finding, Orphans, Recall, TableProof
from alembic_multidb.verify.side import Unreadable, words_of

Told = Finding | Expected


@dataclass
class Collected:
    """What came of one database so far.

    Attributes:
        database: which one.
        told: what was found, and what may differ.
        tables: what was read of each table.
        recalls: what vector indexes find.
        orphans: soft references that point at nothing.
        facts: of how many facts the schema consists.
        objects: of each fact of the target's schema, a hash.
        sequences: where each stands in the target.
    """

    database: RegisteredDatabase
    told: list[Told] = field(default_factory=list)
    tables: list[TableProof] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)
    orphans: list[Orphans] = field(default_factory=list)
    facts: int = 0
    objects: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)

    def take(self, what: str, told: Callable[[], Iterable[Told]]) -> None:
        """Take in what a check tells; one that cannot be made is a finding."""
        try:
            self.told += told()
        except (CommandError, *Unreadable) as error:
            words = words_of(error)
            self.told.append(
                Finding(kind=what, object="all", what="unknown", message=f"{what} could not be compared: {words}")
            )

    @property
    def named(self) -> set[tuple[str, str]]:
        """Return what something was found about."""
        return {(item.kind, item.object) for item in self.told if isinstance(item, Finding)}

    def report(self, moment: Mapping[str, Any]) -> DatabaseReport:
        """Return it as a whole; what two checks found alike is told once."""
        findings = {str(item): item for item in self.told if isinstance(item, Finding)}
        expected = {(item.kind, item.object): item for item in self.told if isinstance(item, Expected)}
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
            moment=moment,
        )
