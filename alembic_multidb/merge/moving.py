"""``multidb merge``: every database's part into one, each proven, then the foreign keys; each step written down."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.arriving import Arriving
from alembic_multidb.merge.changing import Changer
from alembic_multidb.merge.gather import COMMAND
from alembic_multidb.merge.histories import changes
from alembic_multidb.merge.model import MergeOptions, MergePlan
from alembic_multidb.merge.outcome import MergeReport
from alembic_multidb.merge.proof import prove
from alembic_multidb.merge.revision import write
from alembic_multidb.merge.target import own_changed, refuse_used, state_before, target_of
from alembic_multidb.operate.project import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.preflight.strays import still_beside
from alembic_multidb.split.template.maintenance import database_of
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.progress import Meter, Show
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.target import Target, opened
from alembic_multidb.verify.evidence import evidence_data
from alembic_multidb.verify.output import write_private
from alembic_multidb.verify.progress import Show as ShowVerify

_VERIFIED = "verified"


def merge(
    project: Project,
    plan: MergePlan,
    options: MergeOptions,
    files: Files,
    *,
    show: Show = lambda progress: None,
    show_verify: ShowVerify = lambda progress: None,
) -> MergeReport:
    """Bring everything together, prove it, and make what was asked for on top.

    Args:
        project: the repository.
        plan: the merge, planned with the tables of its sources held, with nothing in its way.
        options: what was asked for.
        files: where evidence and backups go.
        show: told how far it is.
        show_verify: told how far the proof is.

    Raises:
        MultidbError: it could not be finished; everything that is done is kept, and the same command goes on.
        LockTimeoutError: somebody else works on the target.
    """
    try:
        with ExitStack() as stack:
            return _Merge(project, plan, options, files, Meter(show), stack).run(show_verify)
    except (psycopg.Error, SQLAlchemyError) as error:
        raise MultidbError(
            f"the merge was interrupted: {first_line(error)}. Everything that is done is kept; the same command goes on"
        ) from None


@dataclass
class _Merge:
    project: Project
    plan: MergePlan
    options: MergeOptions
    files: Files
    meter: Meter
    stack: ExitStack

    def run(self, show_verify: ShowVerify) -> MergeReport:
        if self.plan.there is not None:
            # Its locks would keep us from changing a column.
            raw(self.plan.there.connection).rollback()
        target = self._open()
        known = target.steps.get(_VERIFIED)
        if known is None:
            report = self._bring(target, show_verify)
        else:
            report = self._report(known.facts["proof"], known.facts["since"])
        if report.exit_code == 0:
            report = replace(report, done=self._change(target, report))
        report = replace(report, left=tuple(still_beside(target.connection, database_of(target.url))))
        write_private(report.evidence, {**report.proof, "merge": report.to_data()})
        if report.exit_code == 0:
            with target.lead.transaction():
                target.journal.drop(target.lead)
        return report

    def _open(self) -> Target:
        """Lock the target, look at it again, and begin or go on."""
        plan, common = self.plan, self.options.common
        project, database = target_of(self.project, plan.place)
        target = self.stack.enter_context(opened(project, database, Journal(), common.lock_timeout))
        notice_a_dead_client(target.connection)
        before = {}
        if not plan.is_begun:
            refuse_used(target, plan)
            before = state_before(target, plan, common.jobs)
        identity = "; ".join(f"{part.name}: {part.source.identity}" for part in plan.parts)
        target.begin(COMMAND, identity, before, {"search_path": plan.all_parts[0].search_path})
        return target

    def _bring(self, target: Target, show_verify: ShowVerify) -> MergeReport:
        """Bring every part, and prove it; the proof is written down, for what comes after it changes the rows."""
        sources = [Arriving.begin(self.stack, target, self.plan, part, self.options) for part in self.plan.parts]
        folder = self.files.backup
        backups = [source.back_up(self.stack, folder) for source in sources] if folder is not None else []
        for source in sources:
            source.fill(self.meter)
        for source in sources:
            source.end(self.project, target)
        for source in sources:
            source.fill_later(self.meter)
        for backup in backups:
            backup.look()
        self.meter.begin("verify")
        proof = evidence_data(prove(self.plan, self.options, sources, show_verify))
        since = {source.part.name: source.since() for source in sources}
        if backups:
            self.meter.begin("backup")
        report = replace(
            self._report(proof, since),
            databases=tuple(source.work.moved() for source in sources),
            own=own_changed(target, self.plan, self.options.common.jobs),
            backups=tuple(backup.finish() for backup in backups),
        )
        if report.exit_code == 0:
            with target.journal.work(target.lead, (_VERIFIED, ""), facts={"proof": proof, "since": since}):
                pass
        return report

    def _report(self, proof: Mapping[str, Any], since: Mapping[str, str]) -> MergeReport:
        return MergeReport(
            plan=self.plan,
            databases=(),
            proof=proof,
            own=(),
            done=(),
            changes=tuple(changes(self.plan, self.project.databases)),
            evidence=self.files.evidence_path(),
            since=since,
            seconds=self.meter.times(),
        )

    def _change(self, target: Target, report: MergeReport) -> tuple[str, ...]:
        keys = report.evidence.with_name(f"{report.evidence.stem}-orphans.jsonl")
        changer = Changer(target, self.plan, self.options, keys)
        changer.run()
        written = write(self.project, self.plan, target) if self.options.write_revision else []
        return (*changer.done, *written)
