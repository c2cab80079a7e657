"""A split by cloning: one clone of the source for each target, what is not at home dropped, proven, then renamed.

The first clone is the moment that all targets have: the others are cloned from it. Until all of them are renamed, in
one transaction, the targets are as they were, and whatever a killed run leaves is dropped by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from psycopg import sql

from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.postgres import find_programs
from alembic_multidb.split.backup import Backup
from alembic_multidb.split.ending import make_settings, recorded, stamp
from alembic_multidb.split.files import Files
from alembic_multidb.split.making import make_extensions
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.outcome import Moved, SplitReport
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.split.proof import keep, prove, source_places
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.template.clearing import clear
from alembic_multidb.split.template.clone import clone
from alembic_multidb.split.template.drops import Dropped, drop_foreign
from alembic_multidb.split.template.kept import Kept
from alembic_multidb.split.template.maintenance import Maintenance, database_of, maintenance
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, stray_name, take_away
from alembic_multidb.split.template.swap import swap
from alembic_multidb.split.watch import Watch
from alembic_multidb.split.work import Work
from alembic_multidb.stamp.choose import ScratchMaker
from alembic_multidb.stamp.stamp import Stamp
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.session import pin, raw
from alembic_multidb.transfer.target import opened
from alembic_multidb.verify.progress import Show
from alembic_multidb.verify.report import Report
from alembic_multidb.verify.side import Side


@dataclass
class Cloning:
    """One split by cloning.

    Attributes:
        project: the repository.
        ready: the split, planned, with nothing in its way.
        options: what was asked for.
        files: where evidence and backup go.
        scratch: returns the server for scratch databases, on which a stamp is proven.
        meter: told how far it is.
        ended: whose sessions were ended.
        there: what is recorded in the targets that an earlier run has filled.
    """

    project: Project
    ready: Prepared
    options: SplitOptions
    files: Files
    scratch: ScratchMaker
    meter: Meter
    ended: list[str] = field(default_factory=list)
    there: dict[str, Stamp] = field(default_factory=dict)

    def run(self, show: Show, *, require_stamp: bool) -> SplitReport:
        """Clone, drop, stamp and prove; then let the clones take the targets' places, but not in a rehearsal.

        Raises:
            MultidbError: it could not be done; the targets are as they were.
            LockTimeoutError: somebody else works on one of the targets.
        """
        ready, names = self.ready, self.ready.plan.databases
        assert ready.choice.url is not None
        targets = {
            name: database_of(self.project.databases[name].migration_url(self.project.variables)) for name in names
        }
        with ExitStack() as stack:
            session = stack.enter_context(maintenance(ready.choice.url, {ready.choice.source, *targets.values()}))
            session.run(sql.SQL("SET client_connection_check_interval = '1s'"))
            stack.enter_context(session.locked(targets.values(), self.options.lock_timeout))
            left = clear(self.project, session, targets).kept
            kept = {name: found for name in names if (found := self._kept(name)) is not None}
            if not self.options.rehearses:
                _refuse_kept(left[name] for name in kept if name in left)
            kind = REHEARSAL if self.options.rehearses else CLONE
            clones = {name: stray_name(kind, targets[name]) for name in kept}
            watch = Watch.begin(ready.connection)
            backup = self._back_up(stack)
            # A clone needs a source that nobody is connected to, not even we.
            ready.connection.close()
            stack.callback(take_away, session, clones.values())
            self._clone(session, clones, kept)
            report, moved, proven = self._fill(clones, kept, show)
            is_done = report.exit_code == 0 and not self.options.rehearses
            if is_done:
                swap(session, {targets[name]: (clones[name], stray_name(OLD, targets[name])) for name in clones})
            done = SplitReport(
                plan=ready.plan,
                databases=tuple(moved),
                verified=report,
                evidence=None if self.options.rehearses else self.files.evidence_path(),
                backup=backup.finish() if backup is not None else None,
                # What was written before the proof was read is in the clones, or was found to be missing.
                since=(watch if report.exit_code else proven).end(ready.url, self._tables()),
                seconds=self.meter.times(),
                require_stamp=require_stamp,
                ended=tuple(self.ended),
            )
            # First, since from now on nothing can be lost but what was empty.
            keep(done)
            return replace(done, left=tuple(clear(self.project, session, targets).kept.values())) if is_done else done

    def _back_up(self, stack: ExitStack) -> Backup | None:
        """Dump the source before it is cloned: then nobody may be connected to it, not even pg_dump."""
        if self.files.backup is None:
            return None
        ready, now = self.ready, datetime.now(timezone.utc)
        self.meter.begin("backup")
        snapshot = str(ready.connection.exec_driver_sql("SELECT pg_catalog.pg_export_snapshot()").scalar_one())
        programs = find_programs(ready.plan.server_version // 10000, self.options.programs)
        backup = stack.enter_context(Backup(self.files.backup, ready.url, programs, snapshot, now))
        backup.wait()
        self.meter.begin("clone")
        return backup

    def _tables(self) -> set[int]:
        return {item.node.oid for item in self.ready.plan.objects if item.type == "table" and item.homes}

    def _kept(self, name: str) -> Kept | None:
        """Return what a target is, if it is to be filled; None if an earlier run has filled it."""
        database = self.project.databases[name]
        with self.project.connect(database) as connection:
            target = read_target(connection, self.project, database)
            state = target.state(self.ready.plan)
            if state not in ("empty", "equal") and not self.options.rehearses:
                raise MultidbError(f'somebody else has begun to fill "{name}"; nothing was changed')
            if state == "equal" and not self.options.rehearses:
                self.there[name] = recorded(name, target.recorded)
                return None
            return Kept.read(connection)

    def _clone(self, session: Maintenance, clones: Mapping[str, str], kept: Mapping[str, Kept]) -> None:
        """Clone the source once, and that clone for all other targets, so that they have one moment."""
        source, terminates = self.ready.choice.source, self.options.terminates
        for name, clone_name in clones.items():
            version = self.ready.plan.server_version
            self.ended += clone(session, source, clone_name, kept[name], version=version, terminates=terminates)
            source, terminates = clone_name, False

    def _fill(
        self, clones: Mapping[str, str], kept: Mapping[str, Kept], show: Show
    ) -> tuple[Report, Sequence[Moved], Watch]:
        """Make each clone its target's, and compare all targets with the source; watch it from that moment on."""
        ready, project = self.ready, self.project.elsewhere(clones)
        with ExitStack() as stack:
            source = stack.enter_context(Side("source", ready.url, self.options.jobs))
            source.hold(sorted(self._tables()))
            watch = Watch.begin(source.lead)
            places = source_places(ready, source, ready.plan.databases)
            self.meter.begin("drop")
            dropped = {name: self._drop(clones[name], name, kept[name]) for name in clones}
            self.meter.begin("stamp")
            works = [self._finish(stack, project, name, kept[name]) for name in clones]
            self.meter.begin("verify")
            report = prove(project, ready, self.options, source, places, show)
        found = {work.name: _moved(work, dropped[work.name]) for work in works}
        done = [
            found[name] if name in found else Moved(name=name, state="there", stamp=self.there[name])
            for name in ready.plan.databases
        ]
        return report, done, watch

    def _drop(self, clone_name: str, name: str, kept: Kept) -> Dropped:
        assert self.ready.choice.url is not None
        url = self.ready.choice.url.to(clone_name)
        with connected(make_engine(name, url), name, url) as connection:
            pin(raw(connection))
            _refuse_lost(name, kept.give_rights(connection))
            dropped = drop_foreign(connection, self.ready.plan, name)
            kept.give_path(connection)
            return dropped

    def _finish(self, stack: ExitStack, project: Project, name: str, kept: Kept) -> Work:
        """Make what the source does not have: extensions, revision and settings."""
        target = stack.enter_context(opened(project, project.databases[name], Journal(), self.options.lock_timeout))
        pin(target.lead)
        work = Work(target, [], is_there=False)
        with target.connection.begin():
            make_extensions(target.connection, target.database, self.ready.plan)
        work.stamp = stamp(project, self.ready, work, self.scratch)
        _refuse_lost(name, kept.give_settings(target.connection))
        work.notes += make_settings(self.ready, work)
        return work


def _refuse_lost(name: str, lost: Sequence[str]) -> None:
    if lost:
        raise MultidbError(
            f'what "{name}" is now could not be given to its clone: {"; ".join(lost)}. It is as it was: use the login '
            "of a superuser, or --method stream, which leaves it in its place"
        )


def _refuse_kept(left: Iterable[str]) -> None:
    if words := "; ".join(left):
        raise MultidbError(f"{words}. Until then no other clone can take that place; nothing was changed")


def _moved(work: Work, dropped: Dropped) -> Moved:
    return Moved(
        name=work.name,
        state="cloned",
        tables=dropped.tables,
        large_objects=dropped.large_objects,
        dropped=dropped.objects,
        stamp=work.stamp,
        notes=tuple(dict.fromkeys(work.notes)),
    )
