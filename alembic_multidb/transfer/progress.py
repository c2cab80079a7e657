"""How far a transfer is, as a caller may want to show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Literal, Protocol

Phase = Literal["schema", "rows", "indexes", "clone", "drop", "stamp", "verify", "backup"]

# Seconds after which the pace tells something.
_TELLING = 0.5


def _left(done: int, total: int, seconds: float) -> float | None:
    if not done or seconds < _TELLING:
        return None
    return max(0.0, (total - done) * seconds / done)


@dataclass(frozen=True)
class TableProgress:
    """Where a table is whose rows are on their way.

    Attributes:
        name: the table's.
        done: bytes that have gone.
        total: bytes that will have gone at the end, as far as is known.
        rows: how many rows have gone.
        seconds: since its first row.
    """

    name: str
    done: int
    total: int
    rows: int
    seconds: float

    @property
    def left(self) -> float | None:
        """Return how many seconds the rest will take at this pace; None where that is not known."""
        return _left(self.done, self.total, self.seconds)


@dataclass(frozen=True)
class Progress:
    """Where a transfer is.

    Attributes:
        phase: what is being done.
        done: bytes that have gone, or indexes and constraints that are made.
        total: bytes that will have gone at the end, as far as is known, or how many are to be made.
        seconds: since the phase began.
        now: the indexes and constraints that are being made, each with how far it is.
        rows: how many rows have gone.
        tables: the tables whose rows are on their way.
    """

    phase: Phase
    done: int
    total: int
    seconds: float
    now: tuple[str, ...]
    rows: int = 0
    tables: tuple[TableProgress, ...] = ()

    @property
    def left(self) -> float | None:
        """Return how many seconds the rest of the phase will take at this pace; None where that is not known."""
        return None if self.phase == "indexes" else _left(self.done, self.total, self.seconds)


Show = Callable[[Progress], None]


class Report(Protocol):
    """Is told that so many bytes more have gone, and so many rows in them."""

    def __call__(self, more: int, rows: int = 0) -> None:
        """Take note of it."""


@dataclass
class _Thing:
    """A table, index or constraint that is being worked on, by one worker or several."""

    total: int
    start: float
    done: int = 0
    rows: int = 0
    workers: int = 0


class Meter:
    """Adds up what has gone.

    Args:
        show: called with each new sum, by whichever thread has moved something.
        clock: tells the time, in seconds.
        phase: the first one.
    """

    def __init__(
        self,
        show: Show = lambda progress: None,
        clock: Callable[[], float] = time.monotonic,
        phase: Phase = "schema",
    ) -> None:
        self._show, self._clock = show, clock
        self._phase = phase
        self._start = clock()
        self._done = self._total = 0
        self._rows = 0
        self._now: dict[str, _Thing] = {}
        self._notes: dict[str, str] = {}
        self._lock = Lock()
        self._seconds: dict[str, float] = {}

    def begin(self, phase: Phase, total: int = 0) -> None:
        """Begin a phase, in which so much is to be done."""
        with self._lock:
            now = self._clock()
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._start
            self._phase, self._start = phase, now
            self._done, self._total, self._rows = 0, total, 0
            self._notes.clear()
            self._now.clear()
            self._tell()

    def times(self) -> dict[str, float]:
        """Return how many seconds each phase has taken so far."""
        with self._lock:
            since = self._clock() - self._start
            return {**self._seconds, self._phase: self._seconds.get(self._phase, 0.0) + since}

    def skip(self, size: int) -> None:
        """Say that so much of the total was done before."""
        with self._lock:
            self._done += size
            self._tell()

    @contextmanager
    def part(self, name: str, size: int, whole: int | None = None) -> Iterator[Report]:
        """Do a part, whose size was counted in the phase's total.

        Args:
            name: the table, index or constraint.
            size: the part's.
            whole: that of all parts of this name; None where there is one.

        Yields:
            A function that is told how many bytes more have gone; what the part's size says is never exceeded, since
            bytes on disk and bytes on the way are not the same.
        """
        gone = 0
        with self._lock:
            thing = self._now.setdefault(name, _Thing(whole or size, self._clock()))
            thing.workers += 1
            self._tell()

        def report(more: int, rows: int = 0) -> None:
            nonlocal gone
            step = min(more, size - gone)
            gone += step
            with self._lock:
                self._done += step
                self._rows += rows
                thing.done += step
                thing.rows += rows
                self._tell()

        try:
            yield report
            report(size - gone)
        finally:
            with self._lock:
                thing.workers -= 1
                if not thing.workers and thing.done >= thing.total:
                    self._now.pop(name, None)  # else each report would look through all that was ever done

    def note(self, name: str, words: str) -> None:
        """Say how far something is that is being worked on; no words take that away."""
        with self._lock:
            self._notes[name] = words
            self._tell()

    def _tell(self) -> None:
        now = self._clock()
        active = {name: thing for name, thing in self._now.items() if thing.workers}
        tables = [
            TableProgress(name, thing.done, thing.total, thing.rows, now - thing.start)
            for name, thing in active.items()
            if self._phase == "rows"
        ]
        names = () if tables else (*active, *filter(None, self._notes.values()))
        seconds = now - self._start
        self._show(Progress(self._phase, self._done, self._total, seconds, names, self._rows, tuple(tables)))
