"""``multidb split``: schema, rows, indexes, stamp and proof, each step written down, so that it can go on anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.postgres import Programs, find_programs
from alembic_multidb.split.abort import state_before
from alembic_multidb.split.backup import Backup
from alembic_multidb.split.ending import make_settings, recorded, stamp
from alembic_multidb.split.files import Files
from alembic_multidb.split.filling import Filler
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.outcome import SplitReport
from alembic_multidb.split.preflight.strays import still_beside
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.split.proof import keep, prove, source_places
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.template.maintenance import database_of
from alembic_multidb.split.template.run import Cloning
from alembic_multidb.split.watch import Watch
from alembic_multidb.split.work import Work
from alembic_multidb.stamp.choose import ScratchMaker
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.progress import Meter, Show
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.tables import read_tables
from alembic_multidb.transfer.target import opened
from alembic_multidb.verify.progress import Show as ShowVerify
from alembic_multidb.verify.side import Side

COMMAND = "split"


def split(
    project: Project,
    ready: Prepared,
    options: SplitOptions,
    files: Files,
    scratch: ScratchMaker,
    *,
    require_stamp: bool = False,
    show: Show = lambda progress: None,
    show_verify: ShowVerify = lambda progress: None,
) -> SplitReport:
    """Move everything to its home, and prove it.

    Args:
        project: the repository.
        ready: the split, planned with its tables held, with nothing in its way.
        options: what was asked for.
        files: where evidence and backup go.
        scratch: returns the server for scratch databases, on which a stamp is proven.
        require_stamp: whether a database that cannot be stamped is a failure.
        show: told how far it is.
        show_verify: told how far the proof is.

    Raises:
        MultidbError: it could not be finished; everything that is done is kept, and the same command goes on.
        LockTimeoutError: somebody else works on one of the targets.
    """
    try:
        if ready.choice.method == "template":
            cloning = Cloning(project, ready, options, files, scratch, Meter(show, phase="clone"))
            return cloning.run(show_verify, require_stamp=require_stamp)
        with ExitStack() as stack:
            return _Split(project, ready, options, files, scratch, Meter(show)).run(
                stack, show_verify, require_stamp=require_stamp
            )
    except (psycopg.Error, SQLAlchemyError) as error:
        kept = "Everything that is done is kept; the same command goes on"
        if options.rehearses or ready.choice.method == "template":
            kept = "The targets are as they were, or all of them are done; the same command begins anew, or says so"
        raise MultidbError(f"the split was interrupted: {first_line(error)}. {kept}") from None


@dataclass
class _Split:
    project: Project
    ready: Prepared
    options: SplitOptions
    files: Files
    scratch: ScratchMaker
    meter: Meter

    def run(self, stack: ExitStack, show_verify: ShowVerify, *, require_stamp: bool) -> SplitReport:
        ready, plan = self.ready, self.ready.plan
        snapshot = str(ready.connection.exec_driver_sql("SELECT pg_catalog.pg_export_snapshot()").scalar_one())
        watch = Watch.begin(ready.connection)
        programs = find_programs(plan.server_version // 10000, self.options.programs)
        source = stack.enter_context(Side("source", ready.url, self.options.jobs, snapshot))
        works = [self._open(stack, source, name) for name in plan.databases]
        source.hold([table.oid for work in works for table in work.tables])
        backup = self._back_up(stack, programs, snapshot)
        places = source_places(ready, source, plan.databases)
        todo = [work for work in works if not work.is_there]
        if todo:
            Filler(ready, self.options, source, places, self.meter).fill(todo, programs)
        if backup is not None:
            backup.look()
        self._stamp(todo)
        self.meter.begin("verify")
        report = prove(self.project, ready, self.options, source, places, show_verify)
        _refuse_lost(todo)
        if backup is not None:
            self.meter.begin("backup")
        moved = SplitReport(
            plan=plan,
            databases=tuple(work.moved() for work in works),
            verified=report,
            evidence=None if self.options.rehearses else self.files.evidence_path(),
            backup=backup.finish() if backup is not None else None,
            since=watch.end(ready.url, {table.oid for work in works for table in work.tables}),
            seconds=self.meter.times(),
            require_stamp=require_stamp,
        )
        keep(moved)
        if report.exit_code == 0:
            for work in todo:
                with work.target.lead.transaction():
                    work.target.journal.drop(work.target.lead)
        return moved

    def _back_up(self, stack: ExitStack, programs: Programs, snapshot: str) -> Backup | None:
        if self.files.backup is None:
            return None
        now = datetime.now(timezone.utc)
        return stack.enter_context(Backup(self.files.backup, self.ready.url, programs, snapshot, now))

    def _stamp(self, works: Sequence[Work]) -> None:
        self.meter.begin("stamp")
        for work in works:
            work.stamp = stamp(self.project, self.ready, work, self.scratch)
            work.notes += make_settings(self.ready, work)

    def _open(self, stack: ExitStack, source: Side, name: str) -> Work:
        """Lock a target, look at it again, and begin or go on."""
        database = self.project.databases[name]
        target = stack.enter_context(opened(self.project, database, Journal(), self.options.lock_timeout))
        notice_a_dead_client(target.connection)
        found = read_target(target.connection, self.project, database)
        state = found.state(self.ready.plan)
        if state == "used":
            raise MultidbError(f'somebody else has begun to fill "{name}"; nothing was changed')
        oids = [item.node.oid for item in self.ready.plan.objects if item.type == "table" and item.homes == (name,)]
        extensions = () if state == "equal" else tuple(self.ready.plan.extensions[name])
        tables = read_tables(raw(source.lead), oids, extensions)
        if state != "equal":
            before = state_before(target.connection, self.ready.plan, database)
            pins = {"search_path": self.ready.search_path}
            target.begin(COMMAND, self.ready.identity, before, pins)
        is_there = state == "equal"
        known = recorded(name, found.recorded) if is_there else None
        notes = still_beside(target.connection, database_of(target.url))
        return Work(target, tables, is_there, extensions, stamp=known, notes=notes)


def _refuse_lost(works: Sequence[Work]) -> None:
    """Notice a lost connection while all journals are there: a database without one is never filled again."""
    for work in works:
        work.target.lead.execute("SELECT 1")
        work.target.lead.rollback()
