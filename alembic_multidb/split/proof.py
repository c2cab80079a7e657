"""The proof of a split: every target against what its plan says that it gets of the source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from alembic_multidb.operate.project import Project
from alembic_multidb.split.compare import counts
from alembic_multidb.split.database import missing_facts, read_database
from alembic_multidb.split.model import Plan, SplitOptions
from alembic_multidb.split.outcome import SplitReport
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.settings import read_settings
from alembic_multidb.transfer.sequences import read_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.verify import VerifyOptions, verify
from alembic_multidb.verify.evidence import evidence_data
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.options import Exclusion
from alembic_multidb.verify.output import write_private
from alembic_multidb.verify.progress import Show
from alembic_multidb.verify.report import DatabaseReport, Expected, Report
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name

# A clone has the source's own indexes: to see that they answer, a few searches are enough.
_FEW_SAMPLES = 2


def source_places(ready: Prepared, source: Side, names: Iterable[str]) -> dict[int, tuple[Name, Place]]:
    """Return where the sequences of some targets stand in the source, by their numbers."""
    expected = ready.plan.expected
    oids = {row.node.oid for name in names for row in expected[name].rows if row.kind == "sequence"}
    return read_places(raw(source.lead), oids)


def keep(report: SplitReport) -> None:
    """Write the evidence, if any is to stay."""
    if report.evidence is not None:
        write_private(report.evidence, {**evidence_data(report.verified), "split": report.to_data()})


def prove(
    project: Project,
    ready: Prepared,
    options: SplitOptions,
    source: Side,
    places: Mapping[int, tuple[Name, Place]],
    show: Show,
) -> Report:
    """Compare every target with its part of the source.

    Args:
        project: where the targets are.
        ready: the split.
        options: what was asked for.
        source: at the moment that was copied.
        places: where its sequences stand.
        show: told how far it is.
    """
    plan = ready.plan
    tables = {
        name: frozenset(item.node.oid for item in plan.objects if item.type == "table" and item.homes == (name,))
        for name in plan.databases
    }
    stood = dict(places.values())
    given = Given(source, plan.expected, tables, partial(counts, plan), stood, options.large_objects)
    wanted = VerifyOptions(
        names=plan.databases,
        # An encoding that could lose anything was refused before; the rows are compared whatever it is.
        exclude=(Exclusion("database", "owner"), Exclusion("database", "encoding")),
        jobs=options.jobs,
        owners=not options.no_owner,
        grants=not options.no_acl,
        recall_samples=_FEW_SAMPLES if plan.method == "template" else VerifyOptions.recall_samples,
    )
    report = verify(project, ready.url, wanted, given=given, show=show)
    return replace(report, databases=tuple(_without_own(project, plan, each) for each in report.databases))


def _without_own(project: Project, plan: Plan, report: DatabaseReport) -> DatabaseReport:
    """Let a target keep settings, rights and a comment that it had before, where the source has none."""
    if not any(item.kind in ("setting", "database") for item in report.findings):
        return report
    with project.connect(project.databases[report.name]) as connection:
        settings = {(item.role, item.name) for item in read_settings(connection)}
        settings -= {(item.role, item.name) for item in plan.settings}
        facts = {fact for fact in read_database(connection) if fact.extension is None} - set(plan.database_facts)
        is_complete = not missing_facts(connection, plan.database_facts)
    own = {("setting", f"{name} of {'the database' if role is None else f'role {role}'}") for role, name in settings}
    own |= {("setting", f"{name} of a new connection") for role, name in settings if role is None}
    if is_complete:
        own |= {("database", "comment" if fact.what == "comment" else "grants") for fact in facts}
    kept = [item for item in report.findings if (item.kind, item.object) in own]
    return replace(
        report,
        findings=tuple(item for item in report.findings if item not in kept),
        expected=(
            *report.expected,
            *(Expected(kind=item.kind, object=item.object, reason="the target had it before") for item in kept),
        ),
    )
