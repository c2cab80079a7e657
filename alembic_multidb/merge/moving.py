"""``multidb merge``: every database's part into one, each proven, then the foreign keys; each step written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from glob import escape
from itertools import chain
from typing import Any

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.changing import Changer
from alembic_multidb.merge.gather import COMMAND
from alembic_multidb.merge.histories import changes, write_revisions
from alembic_multidb.merge.model import MergeOptions, MergePlan, Part, Place
from alembic_multidb.merge.outcome import MergeReport
from alembic_multidb.merge.own import own_digests
from alembic_multidb.operate.project import Project
from alembic_multidb.postgres import find_programs
from alembic_multidb.registry import Database, Databases, RegisteredDatabase
from alembic_multidb.split.abort import Aborted, take_back
from alembic_multidb.split.abort import state_before as state_of_split
from alembic_multidb.split.backup import Backup
from alembic_multidb.split.compare import counts
from alembic_multidb.split.ending import make_settings
from alembic_multidb.split.files import Files
from alembic_multidb.split.filling import Filler
from alembic_multidb.split.model import Plan
from alembic_multidb.split.watch import Watch
from alembic_multidb.split.work import Work
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.progress import Meter, Show
from alembic_multidb.transfer.sequences import read_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.tables import read_tables
from alembic_multidb.transfer.target import Target, opened
from alembic_multidb.verify import VerifyOptions, verify
from alembic_multidb.verify.evidence import evidence_data
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.options import Exclusion
from alembic_multidb.verify.output import write_private
from alembic_multidb.verify.progress import Show as ShowVerify
from alembic_multidb.verify.report import Report
from alembic_multidb.verify.rights import Rights
from alembic_multidb.verify.sequences import Place as Standing
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name, quoted_name

_VERIFIED = "verified"
_LATER = frozenset({"DEFAULT ACL"})


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
class _Source:
    """One part on its way.

    Attributes:
        part: what it brings along.
        side: its workers.
        work: what came of it.
        places: where its sequences stand, by their numbers.
        watch: what had been written to its database.
    """

    part: Part
    side: Side
    work: Work
    places: dict[int, tuple[Name, Standing]]
    watch: Watch


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
        write_private(report.evidence, {**report.proof, "merge": report.to_data()})
        if report.exit_code == 0:
            with target.lead.transaction():
                target.journal.drop(target.lead)
        return report

    def _bring(self, target: Target, show_verify: ShowVerify) -> MergeReport:
        """Bring every part, and prove it; the proof is written down, for what comes after it changes the rows."""
        sources = [self._begin(target, part) for part in self.plan.parts]
        backups = [self._backup(source) for source in sources] if self.files.backup is not None else []
        for source in sources:
            self._fill(source)
        for source in sources:
            self._end(target, source)
        # Not before everything is there: else what comes later would get rights from them.
        for source in sources:
            if any(row.kind == "default grants" for row in source.part.expected.rows):
                self._fill(source, later=True)
        proof = evidence_data(self._verify(sources, show_verify))
        since = {source.part.name: self._since(source) for source in sources}
        report = replace(
            self._report(proof, since),
            databases=tuple(source.work.moved() for source in sources),
            own=self._own(target),
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

    def _open(self) -> Target:
        """Lock the target, look at it again, and begin or go on."""
        plan = self.plan
        project, database = target_of(self.project, plan.place)
        target = self.stack.enter_context(opened(project, database, Journal(), self.options.common.lock_timeout))
        notice_a_dead_client(target.connection)
        pins = {"search_path": plan.all_parts[0].search_path}
        target.begin(COMMAND, self._identity(), {} if plan.is_begun else self._before(target), pins)
        return target

    def _identity(self) -> str:
        return "; ".join(f"{part.name}: {part.source.identity}" for part in self.plan.parts)

    def _before(self, target: Target) -> dict[str, Any]:
        """Note down what is the target's own; what has come in since the plan was made stops everything."""
        there = self.plan.there
        if there is None:
            return state_before(target, self.plan)
        return {
            **state_before(target, self.plan),
            "keys": [list(key) for key in sorted(there.keys)],
            "relations": [list(name) for name in sorted(there.relations)],
            "types": [list(name) for name in sorted(there.types)],
            "digests": own_digests(self.plan.place, self._own_names(), self.options.common.jobs),
        }

    def _own_names(self) -> set[Name]:
        assert self.plan.there is not None
        versions = {(table.schema or "public", table.name) for table in self.plan.version_tables.values()}
        return set(self.plan.there.relations) - versions

    def _begin(self, target: Target, part: Part) -> _Source:
        ready, jobs = part.source, self.options.common.jobs
        watch = Watch.begin(part.connection)
        side = self.stack.enter_context(Side(part.name, part.url, jobs, part.snapshot_id))
        own = target.part(part.database, set(part.relations), {"search_path": part.search_path})
        self.stack.callback(own.close)
        oids = [item.node.oid for item in ready.plan.objects if item.type == "table" and item.homes == (part.name,)]
        extensions = tuple(self._extensions(part))
        tables = read_tables(raw(side.lead), oids, extensions)
        side.hold([table.oid for table in tables])
        sequences = {row.node.oid for row in part.expected.rows if row.kind == "sequence"}
        places = read_places(raw(side.lead), sequences)
        return _Source(part, side, Work(own, tables, False, extensions), places, watch)

    def _extensions(self, part: Part) -> list[str]:
        """Return the extensions whose tables this part fills: not those that another part has, too."""
        others = {
            name
            for other in self.plan.all_parts
            if other.name != part.name
            for name in (other.source.plan.extensions[other.name] if other.ready is not None else _extensions_of(other))
        }
        return [name for name in part.source.plan.extensions[part.name] if name not in others]

    def _backup(self, source: _Source) -> Backup:
        assert self.files.backup is not None
        part = source.part
        programs = find_programs(part.source.plan.server_version // 10000, self.options.common.programs)
        now = datetime.now(timezone.utc)
        return self.stack.enter_context(Backup(self.files.backup, part.url, programs, part.snapshot_id, now))

    def _fill(self, source: _Source, *, later: bool = False) -> None:
        part, common = source.part, self.options.common
        source.work.target.take_up()
        options = replace(common, large_objects=part.name if self.options.large_objects else None)
        programs = find_programs(part.source.plan.server_version // 10000, common.programs)
        filler = Filler(part.source, options, source.side, source.places, self.meter, _LATER)
        (filler.fill_later if later else filler.fill)([source.work], programs)

    def _end(self, target: Target, source: _Source) -> None:
        """Write down the revision, and make what no dump holds; a comment on the database is not brought along."""
        part, ready = source.part, source.part.source
        with target.connection.begin():
            target.journal.fence(target.lead)
            write_revisions(target.connection, self.project, part)
        facts = tuple(item for item in ready.plan.database_facts if item.what != "comment" or item.extension)
        source.work.notes += make_settings(replace(ready, plan=replace(ready.plan, database_facts=facts)), source.work)

    def _verify(self, sources: Sequence[_Source], show: ShowVerify) -> Report:
        self.meter.begin("verify")
        with Side(self.plan.place.name, self.plan.place.url, 1) as side:
            there = Rights.read(side, self._compared(), (), with_maintain=True)
        rights = {
            source.part.name: Rights.read(source.side, self._compared(), (), with_maintain=True) for source in sources
        }
        reports = [
            self._verify_one(source, _foreign_rights(source.part.name, rights, there), show) for source in sources
        ]
        return replace(
            reports[0],
            databases=tuple(chain.from_iterable(report.databases for report in reports)),
            source="; ".join(report.source for report in reports),
            seconds=sum(report.seconds for report in reports),
        )

    def _compared(self) -> VerifyOptions:
        common = self.options.common
        return VerifyOptions(jobs=common.jobs, owners=not common.no_owner, grants=not common.no_acl)

    def _verify_one(self, source: _Source, foreign_rights: Iterable[str], show: ShowVerify) -> Report:
        part = source.part
        plan = part.source.plan
        others = [other for other in self.plan.all_parts if other.name != part.name]
        tables = frozenset(
            item.node.oid for item in plan.objects if item.type == "table" and item.homes == (part.name,)
        )
        given = Given(
            source.side,
            {part.name: part.expected},
            {part.name: tables},
            partial(_counts, plan, set().union(*(other.keys for other in others)) - part.keys),
            dict(source.places.values()),
            others=frozenset[Name]().union(*(other.relations for other in others)),
        )
        exclude = [
            *self._exclusions(part, others),
            *(Exclusion("changed grants", escape(name)) for name in foreign_rights),
        ]
        options = replace(self._compared(), names=(part.name,), exclude=tuple(exclude))
        return verify(part.project, part.url, options, given=given, show=show)

    def _exclusions(self, part: Part, others: Iterable[Part]) -> Iterator[Exclusion]:
        """Yield what the whole target need not have as this one database has it."""
        for what in ("owner", "comment", "grants", "encoding"):
            yield Exclusion("database", what)
        names = {row.name for other in others for row in other.objects.survey.settings} | part.left_settings
        for name in sorted(names - {row.name for row in part.source.plan.settings}):
            yield Exclusion("setting", escape(name))
        for other in others:
            for item in other.objects.survey.outside:
                if item.type == "large object":
                    yield Exclusion("large object", item.identity)
        if not self.options.large_objects:
            yield Exclusion("large object", "*")

    def _own(self, target: Target) -> tuple[str, ...]:
        """Return the tables of the target whose rows are not what they were before."""
        if self.plan.there is None:
            return ()
        begun = Journal.begun(target.lead)
        target.lead.rollback()
        assert begun is not None
        before = begun.before["digests"]
        now = own_digests(self.plan.place, self._own_names(), self.options.common.jobs)
        return tuple(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))

    def _since(self, source: _Source) -> str:
        return source.watch.end(source.part.url, {table.oid for table in source.work.tables})

    def _change(self, target: Target, report: MergeReport) -> tuple[str, ...]:
        keys = report.evidence.with_name(f"{report.evidence.stem}-orphans.jsonl")
        changer = Changer(target, self.plan, self.options, keys)
        changer.run()
        return tuple(changer.done)


def target_of(project: Project, place: Place) -> tuple[Project, RegisteredDatabase]:
    """Return the target as a database of a registry, with that registry."""
    if place.into is not None:
        return project, place.into
    databases = Databases(Database(place.name, url=place.url.url, default=True))
    return Project(project.config_file, databases), databases[place.name]


def abort(project: Project, place: Place, lock_timeout: float | None = None) -> Aborted:
    """Take back what an unfinished merge has made; the sources are not needed.

    Args:
        project: the repository.
        place: where it was to bring everything together.
        lock_timeout: seconds to wait for somebody else.

    Raises:
        MultidbError: rows or types of the target's own were changed on purpose already, or it cannot be taken back.
        LockTimeoutError: somebody else works on the target.
    """
    owner, database = target_of(project, place)
    with opened(owner, database, Journal(), lock_timeout) as target:
        if Journal.begun(target.lead) is not None:
            target.read_steps()
            if place.into is not None and target.done("cast:"):
                raise MultidbError(
                    f'columns of "{place.name}" have another type already, which cannot be taken back: the same '
                    "command without --abort goes on to the end"
                )
        target.lead.rollback()
        return take_back(target, COMMAND)


def _foreign_rights(name: str, rights: Mapping[str, Rights], there: Rights) -> set[str]:
    """Return what else has rights in the target that were changed: members of extensions that a part has not."""
    own = rights[name]
    of_others = {each for other, found in rights.items() if other != name for each in found.changed}
    foreign = {each for each in there.changed if there.extension[each] not in {None, *own.extensions}}
    return (of_others & there.changed.keys() | foreign) - own.changed.keys()


def _extensions_of(part: Part) -> list[str]:
    return [row.identity for row in part.expected.rows if row.kind == "extension"]


def _counts(plan: Plan, foreign: set[tuple[str, str]], database: str, row: Row) -> bool:
    """Tell whether a fact of the target is one that this part answers for: not one that only others have."""
    return row.key not in foreign and counts(plan, database, row)


def state_before(target: Target, plan: MergePlan) -> dict[str, Any]:
    """Return what is to be known to take a merge back: what is there, and what will be made."""
    found: dict[str, Any] = {}
    for part in plan.parts:
        for key, items in state_of_split(target.connection, part.source.plan, part.database).items():
            known = found.setdefault(key, [])
            known += [item for item in items if item not in known]
    names = [table for name, table in plan.version_tables.items() if plan.there is None or name != plan.there.name]
    keys = [f"{quoted_name((item.name,))} on {quoted_name(item.table)}" for item in plan.references]
    found["planned"] += [["table constraint", identity] for identity in keys]
    found["planned"] += [["table", f"{table.schema or 'public'}.{table.name}"] for table in names]
    return found
