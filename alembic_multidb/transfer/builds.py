"""What is made after the rows: indexes and constraints several at a time, everything else in its order.

Each is a transaction with its line in the journal. A vector index gets the memory that its graph takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import psycopg

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.session import Raw
from alembic_multidb.transfer.sites import Build, Room, Site
from alembic_multidb.transfer.target import Target

# Seconds between two looks at how far indexes are.
_LOOK = 1.0
_PROGRESS = """
    SELECT relid::regclass::text, phase, blocks_done, blocks_total, tuples_done, tuples_total
    FROM pg_catalog.pg_stat_progress_create_index WHERE datname = pg_catalog.current_database()
"""


class Builder:
    """Makes what comes after the rows, in all targets at once.

    Args:
        room: what may be used.
        meter: told what is being made.
    """

    def __init__(self, room: Room, meter: Meter) -> None:
        self.room, self.meter = room, meter

    def run(self, builds: Mapping[Target, Sequence[Build]]) -> dict[Target, list[str]]:
        """Make everything that is not there yet, and return what the server of each target has said.

        Raises:
            MultidbError: something could not be made; what was made before is kept.
        """
        sites = [Site(target, some) for target, some in builds.items()]
        total = sum(build.is_parallel for some in builds.values() for build in some)
        self.meter.begin("indexes", total)
        self.meter.skip(total - sum(build.is_parallel for site in sites for build in site.left))
        running: dict[Future[None], tuple[Site, Build]] = {}
        with ThreadPoolExecutor(self.room.jobs, "multidb-build") as executor:
            try:
                while not all(site.is_done for site in sites):
                    while (chosen := self._next(sites)) is not None:
                        site, build = chosen
                        site.begin(build)
                        running[executor.submit(self._make_one, site, build)] = chosen
                    done, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                    for future in done:
                        site, build = running.pop(future)
                        future.result()
                        site.finish(build)
                    if not done:
                        self._look(sites)
            except BaseException:
                for site in sites:
                    site.target.interrupt()
                raise
        return {site.target: site.notes for site in sites}

    def _next(self, sites: Sequence[Site]) -> tuple[Site, Build] | None:
        """Choose what can begin now: nothing that another one locks, and no more memory than there is."""
        busy = [build for site in sites for build in site.running]
        if len(busy) >= self.room.jobs:
            return None
        free = self.room.memory - sum(map(self.room.memory_for, busy))

        def fits(build: Build) -> bool:
            return not busy or self.room.memory_for(build) <= free

        found = [(build.order, number, build) for number, site in enumerate(sites) if (build := site.next(fits))]
        if not found:
            return None
        _, number, build = min(found)
        return sites[number], build

    def _make_one(self, site: Site, build: Build) -> None:
        if not build.is_parallel:
            self._make(site, build)
            return
        with self.meter.part(build.name, 1):
            try:
                self._make(site, build, is_parallel=site.is_parallel_safe)
            except _NoSharedMemoryError as error:
                site.notes.append(
                    f"{build.name}: built by one process alone, since the server is short of shared memory ({error}); "
                    "give it more, in a container with --shm-size"
                )
                self._make(site, build, is_parallel=False)

    def _make(self, site: Site, build: Build, *, is_parallel: bool = True) -> None:
        target = site.target
        try:
            with target.session() as session:
                handler = _noticed(site, build)
                session.add_notice_handler(handler)
                try:
                    with target.journal.work(session, (build.key, "")) as is_to_do:
                        if is_to_do:
                            self._give_memory(session, build, is_parallel=is_parallel)
                            session.execute(build.sql.encode())
                finally:
                    session.remove_notice_handler(handler)
        except psycopg.Error as error:
            is_short = isinstance(error, (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory))
            if build.memory and is_parallel and is_short:
                raise _NoSharedMemoryError(first_line(error)) from None
            what_next = "when the cause is gone, the same command goes on"
            if build.memory and isinstance(error, psycopg.errors.ProgramLimitExceeded):
                what_next = "the same command goes on with more --memory"
            raise MultidbError(
                f'{build.name} could not be made in "{target.name}": {first_line(error)}. Nothing that was made '
                f"before is lost: {what_next}"
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

    def _look(self, sites: Sequence[Site]) -> None:
        """See how far the indexes are."""
        for site in sites:
            try:
                rows = site.target.lead.execute(_PROGRESS.encode()).fetchall()
                site.target.lead.rollback()
            except psycopg.Error as error:
                raise MultidbError(f'the connection to "{site.target.name}" was lost: {first_line(error)}') from None
            words = []
            for table, phase, blocks, all_blocks, tuples, all_tuples in rows:
                done, total = (blocks, all_blocks) if all_blocks else (tuples, all_tuples)
                words.append(f"{table}: {phase}{f', {100 * done // total} %' if total else ''}")
            self.meter.note(site.target.name, ", ".join(words))


def _noticed(site: Site, build: Build) -> Callable[[psycopg.errors.Diagnostic], None]:
    def handler(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING" or "no longer fits" in (notice.message_primary or ""):
            site.notes.append(f"{build.name}: the server says: {notice.message_primary}")

    return handler


class _NoSharedMemoryError(Exception):
    """The server cannot give the shared memory that a parallel build takes."""
