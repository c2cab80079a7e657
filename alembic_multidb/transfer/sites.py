"""What is made after the rows of one target: what must be there before, what locks what, and what can be made now."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alembic_multidb.transfer.target import Target

INDEX, FOREIGN_KEY = "INDEX", "FK CONSTRAINT"
PARALLEL = frozenset({INDEX, "CONSTRAINT", FOREIGN_KEY})
_MEBIBYTE = 2**20
_LEAST_MEMORY = 16 * _MEBIBYTE
# pgvector's parallel build of HNSW writes where it must not before this version.
_SAFE_VECTOR = (0, 8, 2)


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

    @property
    def is_parallel(self) -> bool:
        """Tell whether others can be made at the same time."""
        return self.kind in PARALLEL

    @property
    def marks_table(self) -> bool:
        """Tell whether it changes its table at last, as CLUSTER ON does: two of them would wait for each other."""
        return "\nALTER TABLE " in self.sql

    @property
    def order(self) -> tuple[int, int, int]:
        """Return what puts builds in order: the largest indexes first, everything else as pg_dump has it."""
        return (-self.memory, -self.size, self.number) if self.is_parallel else (0, 0, self.number)

    def excludes(self, other: Build) -> bool:
        """Tell whether two of one target cannot be made at the same time."""
        if not (self.is_parallel and other.is_parallel):
            return True
        if self.kind == other.kind == INDEX:
            return bool(self.tables & other.tables) and self.marks_table and other.marks_table
        return bool(self.tables & other.tables)


@dataclass(frozen=True)
class Room:
    """What builds may use.

    Attributes:
        jobs: how many at a time.
        memory: bytes, of all together.
    """

    jobs: int
    memory: int

    def memory_for(self, build: Build) -> int:
        """Return the bytes that a build gets."""
        if build.memory:
            return min(max(build.memory, _LEAST_MEMORY), self.memory)
        return min(max(build.size, _LEAST_MEMORY), max(self.memory // self.jobs, _LEAST_MEMORY), self.memory)


class Site:
    """One target, and what is left to be made there.

    Args:
        target: where.
        builds: everything that is made there; what an earlier run has made is left out.

    Attributes:
        running: what is being made.
        notes: what the server has said.
        is_parallel_safe: whether pgvector's parallel build is free of known faults there.
    """

    def __init__(self, target: Target, builds: Sequence[Build]) -> None:
        self.target = target
        self.running: list[Build] = []
        self.notes: list[str] = []
        self.is_parallel_safe = _is_parallel_safe(target)
        self._waiting = {build.number: build for build in builds if build.key not in target.steps}
        self._needs = {number: set(build.depends & self._waiting.keys()) for number, build in self._waiting.items()}
        self._users: dict[int, list[int]] = defaultdict(list)
        for number, needed in self._needs.items():
            for each in needed:
                self._users[each].append(number)
        # Indexes and constraints, the largest first; and the others in their order.
        self._free: tuple[list[Build], list[Build]] = ([], [])
        self._release([number for number, needed in self._needs.items() if not needed])

    @property
    def left(self) -> list[Build]:
        """Return what is not being made yet."""
        return [*self._waiting.values(), *self._free[0], *self._free[1]]

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left."""
        return not (self.running or self._waiting or any(self._free))

    def next(self, fits: Callable[[Build], bool]) -> Build | None:
        """Return what can be made now, if anything: indexes and constraints as soon as possible."""
        if self._waiting and not self.running and not any(self._free):
            self._release([next(iter(self._waiting))])  # a circle, which pg_dump would have cut
        parallel, others = self._free
        chosen = parallel or others[:1]
        return next((build for build in chosen if fits(build) and not self._is_locked(build)), None)

    def begin(self, build: Build) -> None:
        """Take something out of what is left."""
        self._free[not build.is_parallel].remove(build)
        self.running.append(build)

    def finish(self, build: Build) -> None:
        """Let what needed it be made."""
        self.running.remove(build)
        free = []
        for number in self._users.pop(build.number, ()):
            self._needs[number].discard(build.number)
            if not self._needs[number] and number in self._waiting:
                free.append(number)
        self._release(free)

    def _release(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            build = self._waiting.pop(number)
            insort(self._free[not build.is_parallel], build, key=lambda each: each.order)

    def _is_locked(self, build: Build) -> bool:
        return any(build.excludes(other) for other in self.running)


def _is_parallel_safe(target: Target) -> bool:
    row = target.lead.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    target.lead.rollback()
    version = tuple(int(part) for part in str(row[0]).split(".")[:3] if part.isdigit()) if row else _SAFE_VECTOR
    return version >= _SAFE_VECTOR
