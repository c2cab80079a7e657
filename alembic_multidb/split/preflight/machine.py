"""Memory for building graphs of vectors: the server's own, and what is shared between its processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from alembic_multidb.split.model import Finding, Plan
from alembic_multidb.split.preflight.facts import Facts

_SHARED = Path("/dev/shm")  # noqa: S108
_MEGABYTE = 2**20


def memory_for_graphs(database: str, facts: Facts, plan: Plan) -> Iterator[Finding]:
    """Compare what the largest hnsw index wants with what the server of a target gives it."""
    builds = [build for build in plan.vector_builds if build.home == database and build.method == "hnsw"]
    if not builds:
        return
    largest = max(builds, key=lambda build: build.memory)
    wanted = largest.memory // _MEGABYTE + 1
    if largest.memory > facts.maintenance_memory:
        yield _finding(
            database,
            "graph-memory",
            largest.index,
            f"{largest.index} wants {wanted} MB to be built in memory, maintenance_work_mem is "
            f"{facts.maintenance_memory // _MEGABYTE} MB: beyond that, building is several times slower",
            f"if the server has the memory: ALTER DATABASE {facts.database} SET maintenance_work_mem = '{wanted}MB'",
        )
    if facts.parallel_workers:
        yield from _shared_memory(database, facts, max(largest.memory, facts.maintenance_memory), largest.index)


def _shared_memory(database: str, facts: Facts, wanted: int, index: str) -> Iterator[Finding]:
    """A parallel build takes its memory from /dev/shm, all at once; a container has 64 MB unless told otherwise."""
    if facts.shared_memory != "posix":
        return
    if not is_here(facts):
        yield _finding(
            database,
            "shared-memory",
            index,
            "its server is not this machine's: whether /dev/shm has room for a parallel build cannot be seen from here",
            "in Docker, start it with --shm-size (or shm_size:) of at least maintenance_work_mem",
            is_note=True,
        )
        return
    free = shutil.disk_usage(_SHARED).free
    if free < wanted:
        yield _finding(
            database,
            "shared-memory",
            index,
            f"{_SHARED} has {free // _MEGABYTE} MB left, a parallel build of {index} takes {wanted // _MEGABYTE} MB",
            "make it larger, or SET max_parallel_maintenance_workers = 0",
        )


def is_here(facts: Facts) -> bool:
    """Tell whether the process that serves a connection is one of this machine's, and no container's behind a port."""
    try:
        words = Path(f"/proc/{facts.pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return words.startswith("postgres") and f" {facts.database} " in words


def _finding(database: str, kind: str, object_: str, message: str, fix: str, *, is_note: bool = False) -> Finding:
    return Finding(
        kind=kind,
        severity="note" if is_note else "warning",
        database=database,
        object=object_,
        message=message,
        fix=fix,
        rows_only=True,
    )
