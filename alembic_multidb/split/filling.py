"""Targets are filled: schema, rows, sequences, indexes and constraints, materialized views, statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import text

from alembic_multidb.postgres import Programs
from alembic_multidb.split.after import Locked, builds, index_memory, kind_of, read_locked, split_entries
from alembic_multidb.split.archive import Archive, dumped
from alembic_multidb.split.making import SchemaMaker
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.states import read_states, set_states
from alembic_multidb.split.views import in_order, reading
from alembic_multidb.split.work import Work
from alembic_multidb.transfer.builds import Builder
from alembic_multidb.transfer.finishing import analyze, refresh
from alembic_multidb.transfer.large_objects import copy_large_objects
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.rows import copy_rows
from alembic_multidb.transfer.sequences import extension_places, set_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.sites import Build, Room
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name

_POPULATED = text(
    """
    SELECT c.oid, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND c.relispopulated
    """
)


@dataclass
class Filler:
    """Fills targets from one source.

    Attributes:
        ready: the split, planned; the source's point in time is held open.
        options: what was asked for.
        source: its workers.
        places: where its sequences stand, by their numbers.
        meter: told what is done.
        later: kinds of what is made after the rows that :meth:`fill` leaves for :meth:`fill_later`.
        numbers: the numbers of tables in the database whose schema is made, by those of the source, if that is another.
    """

    ready: Prepared
    options: SplitOptions
    source: Side
    places: Mapping[int, tuple[Name, Place]]
    meter: Meter
    later: frozenset[str] = frozenset()
    numbers: Mapping[int, int] = field(default_factory=dict)

    def fill(self, works: Sequence[Work], programs: Programs) -> None:
        """Do everything that no interrupted run has done.

        Raises:
            MultidbError: something could not be done; what was done before is kept.
        """
        ready, plan = self.ready, self.ready.plan
        with self._dumped(programs) as archive:
            locked = read_locked(ready.connection)
            for work in works:
                work.notes += SchemaMaker(work.target, plan, archive).run(split_entries(archive, work.name)[0])
            flows = {work.target: work.tables for work in works}
            encoding = str(self.source.lead.exec_driver_sql("SHOW server_encoding").scalar_one())
            copied = copy_rows(self.source, flows, self.meter, encoding=encoding)
            for work in works:
                work.copied = copied[work.target]
                self._large_objects(work)
            self.meter.begin("indexes")
            for work in works:
                set_places(work.target, self._own(work))
            self._finish(works, archive, locked)

    def fill_later(self, works: Sequence[Work], programs: Programs) -> None:
        """Make what :meth:`fill` has left.

        Raises:
            MultidbError: something could not be made; what was made before is kept.
        """
        with self._dumped(programs) as archive:
            room = Room(self.options.jobs, self.options.memory)
            found = {work.target: self._builds(work, archive, {}, is_later=True) for work in works}
            Builder(room, self.meter).run(found)
            states = read_states(self.ready.connection)
            for work in works:
                work.builds += len(found[work.target])
                set_states(work.target, states)

    def _dumped(self, programs: Programs) -> AbstractContextManager[Archive]:
        leave = [
            *(["--no-owner"] if self.options.no_owner else []),
            *(["--no-acl"] if self.options.no_acl else []),
        ]
        return dumped(self.ready.connection, self.ready.url, programs, self.ready.objects, options=leave)

    def _large_objects(self, work: Work) -> None:
        if work.name == self.options.large_objects:
            work.large_objects = copy_large_objects(
                self.source, work.target, owners=not self.options.no_owner, grants=not self.options.no_acl
            )

    def _own(self, work: Work) -> dict[Name, Place]:
        rows = self.ready.plan.expected[work.name].rows
        own = dict(self.places[row.node.oid] for row in rows if row.kind == "sequence" and row.node.oid in self.places)
        return own | extension_places(raw(self.source.lead), work.extensions)

    def _finish(self, works: Sequence[Work], archive: Archive, locked: Mapping[int, Locked]) -> None:
        """Make what comes after the rows."""
        room = Room(self.options.jobs, self.options.memory)
        found = {work.target: self._builds(work, archive, locked) for work in works}
        notes = Builder(room, self.meter).run(found)
        states = read_states(self.ready.connection)
        for work in works:
            work.builds = len(found[work.target])
            set_states(work.target, states)
            refresh(work.target, self._views(work, archive), room, self.meter, reading(self.ready.connection))
            analyze(work.target, [table.place for table in work.tables], room)
            work.notes += notes[work.target]

    def _builds(
        self, work: Work, archive: Archive, locked: Mapping[int, Locked], *, is_later: bool = False
    ) -> list[Build]:
        rows: dict[int, int] = {}
        for key, step in work.target.done("rows:").items():
            oid = int(key.split(":")[1])
            oid = self.numbers.get(oid, oid)
            rows[oid] = rows.get(oid, 0) + int(step.facts.get("rows", 0))
        entries = [
            entry for entry in split_entries(archive, work.name)[1] if (kind_of(entry) in self.later) == is_later
        ]
        return builds(archive, entries, locked, index_memory(self.ready.objects.survey, rows))

    def _views(self, work: Work, archive: Archive) -> list[Name]:
        """Return the materialized views that are filled, in the order in which they can be."""
        found = []
        populated = {row.oid: (row.nspname, row.relname) for row in self.ready.connection.execute(_POPULATED)}
        for entry in archive.contents.of(work.name):
            if entry.text.startswith("MATERIALIZED VIEW ") and entry.node is not None and entry.node.oid in populated:
                found.append(entry.node.oid)
        return [populated[oid] for oid in in_order(found, self.ready.objects.survey.snapshot.edges)]
