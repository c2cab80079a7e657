"""What is made after the rows: indexes and constraints several at a time, everything else in its order.

Each is a transaction with its line in the journal. A vector index gets the memory that its graph takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import psycopg

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.session import Raw
from alembic_multidb.transfer.target import Target

INDEX, FOREIGN_KEY = "INDEX", "FK CONSTRAINT"
PARALLEL = frozenset({INDEX, "CONSTRAINT", FOREIGN_KEY})
_MEBIBYTE = 2**20
_LEAST_MEMORY = 16 * _MEBIBYTE
# Seconds between two looks at how far indexes are.
_LOOK = 1.0
_PROGRESS = """
    SELECT pid, phase, blocks_done, blocks_total, tuples_done, tuples_total
    FROM pg_catalog.pg_stat_progress_create_index WHERE datname = pg_catalog.current_database()
"""


@dataclass(frozen=True)
class Build:
    """Something that is made after the rows.

    Attributes:
        number: its place in the order.
        kind: what pg_dump calls it.
        name: what it is called in messages.
        depends: the numbers of what must be there before.
        tables: the numbers of the tables that are locked while it is made.
        size: bytes that are read for it.
        memory: bytes that its graph takes, if it is a vector index.
        key: what the journal calls it.
        sql: what makes it.
    """

    number: int
    kind: str
    name: str
    depends: frozenset[int]
    tables: frozenset[int]
    size: int
    memory: int
    key: str
    sql: str = field(repr=False)

    def excludes(self, other: Build) -> bool:
        """Tell whether the two cannot be made at the same time."""
        return bool(self.tables & other.tables) and not self.kind == other.kind == INDEX


@dataclass(frozen=True)
class Room:
    """What builds may use.

    Attributes:
        jobs: how many at a time.
        memory: bytes, of all together.
        is_parallel_safe: whether pgvector's parallel build is free of known faults there.
    """

    jobs: int
    memory: int
    is_parallel_safe: bool = True

    def memory_for(self, build: Build) -> int:
        """Return the bytes that a build gets."""
        if build.memory:
            return min(max(build.memory, _LEAST_MEMORY), self.memory)
        return min(max(build.size, _LEAST_MEMORY), max(self.memory // self.jobs, _LEAST_MEMORY), self.memory)


def waves(builds: Sequence[Build]) -> Iterable[list[Build]]:
    """Yield what can be made together: indexes and constraints as soon as possible, then one of the others."""
    left = {build.number: build for build in builds}
    while left:
        ready = [build for build in left.values() if not build.depends & left.keys()]
        if not ready:  # a circle, which pg_dump would have cut
            ready = list(left.values())[:1]
        chosen = [build for build in ready if build.kind in PARALLEL] or ready[:1]
        yield chosen
        for build in chosen:
            del left[build.number]


class Builder:
    """Makes what comes after the rows of one target.

    Args:
        target: where.
        room: what may be used.
        meter: told what is being made.
    """

    def __init__(self, target: Target, room: Room, meter: Meter) -> None:
        self.target, self.room, self.meter = target, room, meter
        self.notes: list[str] = []

    def run(self, builds: Sequence[Build]) -> None:
        """Make everything that is not there yet.

        Raises:
            MultidbError: something could not be made; what was made before is kept.
        """
        for wave in waves(builds):
            todo = [build for build in wave if build.key not in self.target.steps]
            self.meter.skip(
                sum(build.kind in PARALLEL for build in wave) - sum(build.kind in PARALLEL for build in todo)
            )
            if todo and todo[0].kind not in PARALLEL:
                self._make(todo[0])
            elif todo:
                self._make_together(sorted(todo, key=lambda build: (-build.memory, -build.size, build.number)))

    def _make_together(self, builds: list[Build]) -> None:
        running: dict[Future[None], Build] = {}
        with ThreadPoolExecutor(self.room.jobs, "multidb-build") as executor:
            try:
                while builds or running:
                    for build in self._next(builds, list(running.values())):
                        builds.remove(build)
                        running[executor.submit(self._make_one, build)] = build
                    done, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                    for future in done:
                        del running[future]
                        future.result()
                    self._look()
            except BaseException:
                self.target.interrupt()
                raise

    def _next(self, builds: Sequence[Build], running: list[Build]) -> list[Build]:
        """Choose what can begin now: nothing that another one locks, and no more memory than there is."""
        chosen: list[Build] = []
        for build in builds:
            busy = [*running, *chosen]
            if len(busy) >= self.room.jobs:
                break
            used = sum(map(self.room.memory_for, busy))
            has_room = not busy or used + self.room.memory_for(build) <= self.room.memory
            if has_room and not any(build.excludes(other) for other in busy):
                chosen.append(build)
        return chosen

    def _make_one(self, build: Build) -> None:
        with self.meter.part(build.name, 1):
            if not build.memory:
                self._make(build)
                return
            try:
                self._make(build, is_parallel=self.room.is_parallel_safe)
            except _NoSharedMemoryError as error:
                self.notes.append(
                    f"{build.name}: built by one process alone, since the server is short of shared memory ({error}); "
                    "give it more, in a container with --shm-size"
                )
                self._make(build, is_parallel=False)

    def _make(self, build: Build, *, is_parallel: bool = True) -> None:
        try:
            with self.target.session() as session:
                handler = self._noticed(build)
                session.add_notice_handler(handler)
                try:
                    with self.target.journal.work(session, (build.key, "")) as is_to_do:
                        if is_to_do:
                            self._give_memory(session, build, is_parallel=is_parallel)
                            session.execute(build.sql.encode())
                finally:
                    session.remove_notice_handler(handler)
        except psycopg.Error as error:
            if (
                build.memory
                and is_parallel
                and isinstance(error, (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory))
            ):
                raise _NoSharedMemoryError(first_line(error)) from None
            raise MultidbError(
                f'{build.name} could not be made in "{self.target.name}": {first_line(error)}. Nothing that was made '
                "before is lost: when the cause is gone, the same command goes on"
            ) from None

    def _give_memory(self, session: Raw, build: Build, *, is_parallel: bool) -> None:
        settings = {"search_path": "", "maintenance_work_mem": f"{self.room.memory_for(build) // 1024}kB"}
        if build.memory:
            # What is stored out of line does not count when the server decides whether help is worth while.
            workers = max(self.room.jobs - 1, 1) if is_parallel else 0
            settings |= {"max_parallel_maintenance_workers": str(workers), "min_parallel_table_scan_size": "0"}
        session.execute(
            "SELECT set_config(s.name, s.value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
            (list(settings), list(settings.values())),
        )

    def _noticed(self, build: Build) -> Callable[[psycopg.errors.Diagnostic], None]:
        def handler(notice: psycopg.errors.Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING" or "no longer fits" in (notice.message_primary or ""):
                self.notes.append(f"{build.name}: the server says: {notice.message_primary}")

        return handler

    def _look(self) -> None:
        """See how far the indexes are."""
        try:
            rows = self.target.lead.execute(_PROGRESS.encode()).fetchall()
            self.target.lead.rollback()
        except psycopg.Error as error:
            raise MultidbError(f'the connection to "{self.target.name}" was lost: {first_line(error)}') from None
        for _, phase, blocks, all_blocks, tuples, all_tuples in rows:
            done, total = (blocks, all_blocks) if all_blocks else (tuples, all_tuples)
            self.meter.note("index", f"{phase}{f', {100 * done // total} %' if total else ''}")


class _NoSharedMemoryError(Exception):
    """The server cannot give the shared memory that a parallel build takes."""
