"""One database's part on its way into the target."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from alembic_multidb.classify import plain_name
from alembic_multidb.merge.gather import settings_words
from alembic_multidb.merge.histories import write_revisions
from alembic_multidb.merge.model import MergeOptions, MergePlan, Part
from alembic_multidb.operate.project import Project
from alembic_multidb.postgres import find_programs
from alembic_multidb.split.backup import Backup
from alembic_multidb.split.ending import make_settings
from alembic_multidb.split.filling import Filler
from alembic_multidb.split.watch import Watch
from alembic_multidb.split.work import Work
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.sequences import read_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.tables import read_tables
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.sequences import Place as Standing
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name, moved

# What is made when everything is there: else what comes later would get rights from it.
_LATER = frozenset({"DEFAULT ACL"})


@dataclass
class Arriving:
    """One part on its way.

    Attributes:
        part: what it brings along.
        options: what was asked for.
        side: its workers.
        work: what came of it.
        places: where its sequences stand, by their numbers where its schema is read.
        watch: what had been written to its database.
    """

    part: Part
    options: MergeOptions
    side: Side
    work: Work
    places: dict[int, tuple[Name, Standing]]
    watch: Watch

    @classmethod
    def begin(cls, stack: ExitStack, target: Target, plan: MergePlan, part: Part, options: MergeOptions) -> Arriving:
        """Open the source's workers, and hold its tables.

        Args:
            stack: closes everything at the end.
            target: begun, under its lock.
            plan: the merge.
            part: of it.
            options: what was asked for.
        """
        watch = Watch.begin(part.connection)
        side = stack.enter_context(Side(part.name, part.url, options.common.jobs, part.snapshot_id))
        own = target.part(part.database, set(part.relations), {"search_path": part.search_path})
        stack.callback(own.close)
        objects = part.source.plan.objects
        oids = [part.number(item.node.oid) for item in objects if item.type == "table" and item.homes == (part.name,)]
        extensions = _extensions(plan, part)
        tables = read_tables(raw(side.lead), oids, extensions, part.moved)
        side.hold([table.oid for table in tables])
        places = _places(side, part)
        return cls(part, options, side, Work(own, tables, False, extensions), places, watch)

    def back_up(self, stack: ExitStack, folder: Path) -> Backup:
        """Begin to dump the whole source."""
        part = self.part
        programs = find_programs(part.here.plan.server_version // 10000, self.options.common.programs)
        now = datetime.now(timezone.utc)
        return stack.enter_context(Backup(folder, part.url, programs, part.snapshot_id, now))

    def fill(self, meter: Meter) -> None:
        """Bring everything but default privileges that no interrupted run has brought."""
        self.work.target.take_up()
        programs = find_programs(self.part.source.plan.server_version // 10000, self.options.common.programs)
        self._filler(meter).fill([self.work], programs)

    def fill_later(self, meter: Meter) -> None:
        """Bring default privileges."""
        if any(row.kind == "default grants" for row in self.part.expected.rows):
            programs = find_programs(self.part.source.plan.server_version // 10000, self.options.common.programs)
            self.work.target.take_up()
            self._filler(meter).fill_later([self.work], programs)

    def _filler(self, meter: Meter) -> Filler:
        options = replace(self.options.common, large_objects=self.part.name if self.options.large_objects else None)
        numbers = {there: here for here, there in self.part.numbers.items()}
        return Filler(self.part.source, options, self.side, self.places, meter, _LATER, numbers)

    def end(self, project: Project, target: Target) -> None:
        """Write down the revision, and make what no dump holds; a comment on the database is not brought along."""
        ready = self.part.source
        with target.connection.begin():
            target.journal.fence(target.lead)
            write_revisions(target.connection, project, self.part)
        facts = tuple(item for item in ready.plan.database_facts if item.what != "comment" or item.extension)
        if len(facts) < len(ready.plan.database_facts):
            self.work.notes.append("the comment on the database stays behind")
        if names := settings_words(self.part):
            self.work.notes.append(f"brought along to the whole target: {', '.join(names)}")
        self.work.notes += make_settings(replace(ready, plan=replace(ready.plan, database_facts=facts)), self.work)

    def since(self) -> str:
        """Say whether anybody wrote to its database meanwhile."""
        return self.watch.end(self.part.url, {table.oid for table in self.work.tables})


def _places(side: Side, part: Part) -> dict[int, tuple[Name, Standing]]:
    numbers = {part.number(row.node.oid): row.node.oid for row in part.expected.rows if row.kind == "sequence"}
    found = read_places(raw(side.lead), numbers)
    return {numbers[oid]: (moved(name, part.moved), place) for oid, (name, place) in found.items()}


def _extensions(plan: MergePlan, part: Part) -> tuple[str, ...]:
    """Return the extensions whose tables this part fills: not those that another part has, too."""
    others = {name for other in plan.all_parts if other.name != part.name for name in _extensions_of(other)}
    return tuple(name for name in part.source.plan.extensions[part.name] if name not in others)


def _extensions_of(part: Part) -> list[str]:
    if part.ready is not None:
        return list(part.source.plan.extensions[part.name])
    return [plain_name(row.identity) for row in part.expected.rows if row.kind == "extension"]
