"""``multidb split``: schema, rows, indexes, stamp and proof, each step written down, so that it can go on anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial

import psycopg
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.objects import read_objects
from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.env.marker import find_version_table, mark_version_table
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.postgres import Programs, find_programs
from alembic_multidb.split.after import Locked, builds, index_memory, read_locked, split_entries
from alembic_multidb.split.archive import Archive, dumped
from alembic_multidb.split.backup import Backup
from alembic_multidb.split.compare import counts
from alembic_multidb.split.database import copy_to_database
from alembic_multidb.split.files import Files
from alembic_multidb.split.making import SchemaMaker
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.outcome import Moved, SplitReport
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.settings import replay
from alembic_multidb.split.watch import Watch
from alembic_multidb.stamp.choose import ScratchMaker
from alembic_multidb.stamp.options import StampOptions
from alembic_multidb.stamp.source import Source
from alembic_multidb.stamp.stamp import Stamp, stamp_connected
from alembic_multidb.transfer.builds import PARALLEL, Builder, Room
from alembic_multidb.transfer.finishing import analyze, refresh
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.large_objects import copy_large_objects
from alembic_multidb.transfer.progress import Meter, Show
from alembic_multidb.transfer.rows import Copied, copy_rows
from alembic_multidb.transfer.sequences import read_places, set_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.tables import Table, read_tables
from alembic_multidb.transfer.target import Target, opened
from alembic_multidb.verify import VerifyOptions, verify
from alembic_multidb.verify.evidence import evidence_data
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.options import Exclusion
from alembic_multidb.verify.output import write_private
from alembic_multidb.verify.progress import Show as ShowVerify
from alembic_multidb.verify.report import Report
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name

COMMAND = "split"
_POPULATED = text(
    """
    SELECT c.oid, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND c.relispopulated
    """
)
# pgvector's parallel build of HNSW writes where it must not before this version.
_SAFE_VECTOR = (0, 8, 2)


@dataclass
class _Work:
    """One target on its way.

    Attributes:
        target: under its lock.
        tables: what is copied.
        is_there: whether an earlier run has finished it.
        moved: what came of it so far.
        notes: what is to be said.
        stamp: what came of stamping.
    """

    target: Target
    tables: list[Table]
    is_there: bool
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
    say: Callable[[str], None] = lambda line: None,
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
        say: told what begins, a line each.

    Raises:
        MultidbError: it could not be finished; everything that is done is kept, and the same command goes on.
        LockTimeoutError: somebody else works on one of the targets.
    """
    try:
        with ExitStack() as stack:
            return _Split(project, ready, options, files, scratch, Meter(show), say).run(
                stack, show_verify, require_stamp=require_stamp
            )
    except (psycopg.Error, SQLAlchemyError) as error:
        raise MultidbError(
            f"the split was interrupted: {first_line(error)}. Everything that is done is kept; the same command goes on"
        ) from None


@dataclass
class _Split:
    project: Project
    ready: Prepared
    options: SplitOptions
    files: Files
    scratch: ScratchMaker
    meter: Meter
    say: Callable[[str], None]

    def run(self, stack: ExitStack, show_verify: ShowVerify, *, require_stamp: bool) -> SplitReport:
        ready, plan = self.ready, self.ready.plan
        snapshot = str(ready.connection.exec_driver_sql("SELECT pg_catalog.pg_export_snapshot()").scalar_one())
        watch = Watch.begin(ready.connection)
        programs = find_programs(plan.server_version // 10000, self.options.programs)
        source = stack.enter_context(Side("source", ready.url, self.options.jobs, snapshot))
        works = [self._open(stack, source, name) for name in plan.databases]
        source.hold([table.oid for work in works for table in work.tables])
        backup = None
        if self.files.backup is not None:
            now = datetime.now(timezone.utc)
            backup = stack.enter_context(Backup(self.files.backup, ready.url, programs, snapshot, now))
        places = self._places(source, works)
        todo = [work for work in works if not work.is_there]
        if todo:
            self._fill(source, todo, places, programs)
        for work in todo:
            self._stamp(work)
            self._settings(work)
        report = self._verify(source, works, places, show_verify)
        moved = SplitReport(
            plan=plan,
            databases=tuple(work.moved() for work in works),
            verified=report,
            evidence=self.files.evidence_path(),
            backup=backup.finish() if backup is not None else None,
            since=watch.end(ready.url, {table.oid for work in works for table in work.tables}),
            seconds=self.meter.times(),
            require_stamp=require_stamp,
        )
        write_private(moved.evidence, {**evidence_data(report), "split": moved.to_data()})
        if report.exit_code == 0:
            for work in todo:
                with work.target.lead.transaction():
                    work.target.journal.drop(work.target.lead)
        return moved

    def _open(self, stack: ExitStack, source: Side, name: str) -> _Work:
        """Lock a target, look at it again, and begin or go on."""
        database = self.project.databases[name]
        target = stack.enter_context(opened(self.project, database, Journal(), self.options.lock_timeout))
        notice_a_dead_client(target.connection)
        state = read_target(target.connection, self.project, database).state(self.ready.plan)
        if state == "used":
            raise MultidbError(f'somebody else has begun to fill "{name}"; nothing was changed')
        oids = [item.node.oid for item in self.ready.plan.objects if item.type == "table" and item.homes == (name,)]
        extensions = [] if state == "equal" else list(self.ready.plan.extensions[name])
        tables = read_tables(raw(source.lead), oids, extensions)
        if state != "equal":
            with target.connection.begin():
                before = [[item.type, item.identity] for item in read_objects(target.connection)]
            pins = {"search_path": self.ready.search_path}
            target.begin(COMMAND, self.ready.identity, {"objects": before}, pins)
        return _Work(target, tables, state == "equal")

    def _places(self, source: Side, works: Sequence[_Work]) -> dict[int, tuple[Name, Place]]:
        oids = {
            row.node.oid for work in works for row in self.ready.plan.expected[work.name].rows if row.kind == "sequence"
        }
        return read_places(raw(source.lead), oids)

    def _fill(
        self, source: Side, works: Sequence[_Work], places: Mapping[int, tuple[Name, Place]], programs: Programs
    ) -> None:
        ready, plan = self.ready, self.ready.plan
        leave = [
            *(["--no-owner"] if self.options.no_owner else []),
            *(["--no-acl"] if self.options.no_acl else []),
        ]
        with dumped(ready.connection, ready.url, programs, ready.objects, options=leave) as archive:
            locked = read_locked(ready.connection)
            for work in works:
                work.notes += SchemaMaker(work.target, plan, archive).run(split_entries(archive, work.name)[0])
            flows = {work.target: work.tables for work in works}
            encoding = str(ready.connection.exec_driver_sql("SHOW server_encoding").scalar_one())
            copied = copy_rows(source, flows, self.meter, encoding=encoding)
            for work in works:
                work.copied = copied[work.target]
                self._large_objects(source, work)
                set_places(work.target, self._own(work, places))
            for work in works:
                self._finish(work, archive, locked)

    def _large_objects(self, source: Side, work: _Work) -> None:
        if work.name == self.options.large_objects:
            work.large_objects = copy_large_objects(
                source, work.target, owners=not self.options.no_owner, grants=not self.options.no_acl
            )

    def _own(self, work: _Work, places: Mapping[int, tuple[Name, Place]]) -> dict[Name, Place]:
        rows = self.ready.plan.expected[work.name].rows
        return dict(places[row.node.oid] for row in rows if row.kind == "sequence" and row.node.oid in places)

    def _finish(self, work: _Work, archive: Archive, locked: Mapping[int, Locked]) -> None:
        """Make what comes after the rows."""
        room = Room(self.options.jobs, self.options.memory, self._is_parallel_safe(work))
        rows: dict[int, int] = {}
        for key, step in work.target.done("rows:").items():
            oid = int(key.split(":")[1])
            rows[oid] = rows.get(oid, 0) + int(step.facts.get("rows", 0))
        entries = split_entries(archive, work.name)[1]
        found = builds(archive, entries, locked, index_memory(self.ready.objects.survey, rows))
        self.meter.begin("indexes", sum(build.kind in PARALLEL for build in found))
        builder = Builder(work.target, room, self.meter)
        builder.run(found)
        work.builds = len(found)
        work.notes += builder.notes
        refresh(work.target, self._views(work, archive), room)
        analyze(work.target, [table.name for table in work.tables], room)

    def _views(self, work: _Work, archive: Archive) -> list[Name]:
        """Return the materialized views that are filled, in the order in which they can be."""
        found = []
        populated = {row.oid: (row.nspname, row.relname) for row in self.ready.connection.execute(_POPULATED)}
        for entry in archive.contents.of(work.name):
            if entry.text.startswith("MATERIALIZED VIEW ") and entry.node is not None and entry.node.oid in populated:
                found.append(populated[entry.node.oid])
        return found

    def _is_parallel_safe(self, work: _Work) -> bool:
        row = work.target.lead.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        work.target.lead.rollback()
        if row is None:
            return True
        return tuple(int(part) for part in str(row[0]).split(".")[:3] if part.isdigit()) >= _SAFE_VECTOR

    def _stamp(self, work: _Work) -> None:
        """Stamp it with proof; where that cannot be had, its version table is empty, and says whose it is."""
        survey = self.ready.objects.survey
        source = Source(self.ready.url, dict(survey.revisions), self.ready.objects.classification)
        expected = self.ready.plan.expected[work.name]
        stamp_options = StampOptions(names=(work.name,))
        target = work.target
        try:
            source.revisions_for(target.database, None)
        except MultidbError as error:
            work.stamp = Stamp(name=work.name, result="refused", message=str(error))
        else:
            work.stamp = stamp_connected(
                target.connection, self.project, target.database, source, expected, stamp_options, self.scratch
            )
        if isinstance(work.stamp.error, SQLAlchemyError):
            raise MultidbError(
                f'"{work.name}" could not be stamped: {work.stamp.message}. Everything that is done is kept; the same '
                "command goes on"
            )
        if work.stamp.result not in ("stamped", "nothing to do"):
            self._mark_empty(work)

    def _mark_empty(self, work: _Work) -> None:
        connection, database = work.target.connection, work.target.database
        options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
        with connection.begin():
            existing = find_version_table(connection, database)
            if existing is None:
                MigrationContext.configure(connection, opts=options)._ensure_version_table()
            mark_version_table(connection.execute, database, existing, self.project.mark_of(database))

    def _settings(self, work: _Work) -> None:
        """Make what no dump of a database holds, last: it may forbid writing."""
        connection = work.target.connection
        settings = [item for item in self.ready.plan.settings if work.name in item.homes]
        with connection.begin():
            work.notes += replay(connection, settings)
            work.notes += copy_to_database(connection, self.ready.plan.database_facts)

    def _verify(
        self, source: Side, works: Sequence[_Work], places: Mapping[int, tuple[Name, Place]], show: ShowVerify
    ) -> Report:
        self.meter.begin("verify")
        plan = self.ready.plan
        tables = {
            work.name: frozenset(
                item.node.oid for item in plan.objects if item.type == "table" and item.homes == (work.name,)
            )
            for work in works
        }
        given = Given(source, plan.expected, tables, partial(counts, plan), dict(places.values()))
        options = VerifyOptions(
            names=tuple(work.name for work in works),
            exclude=(Exclusion("database", "owner"),),
            jobs=self.options.jobs,
            owners=not self.options.no_owner,
            grants=not self.options.no_acl,
        )
        return verify(self.project, self.ready.url, options, given=given, show=show)
