"""How far a transfer is, as a caller may want to show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Literal

Phase = Literal["schema", "rows", "indexes", "clone", "drop", "stamp", "verify", "backup"]

# Seconds after which the pace tells something.
_TELLING = 0.5


@dataclass(frozen=True)
class Progress:
    """Where a transfer is.

    Attributes:
        phase: what is being done.
        done: bytes that have gone, or indexes and constraints that are made.
        total: bytes that will have gone at the end, as far as is known, or how many are to be made.
        seconds: since the phase began.
        now: the tables or indexes that are being worked on, each with how far it is.
    """

    phase: Phase
    done: int
    total: int
    seconds: float
    now: tuple[str, ...]

    @property
    def left(self) -> float | None:
        """Return how many seconds the rest of the phase will take at this pace; None where that is not known."""
        if self.phase == "indexes" or not self.done or self.seconds < _TELLING:
            return None
        return max(0.0, (self.total - self.done) * self.seconds / self.done)


Show = Callable[[Progress], None]


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
        self._now: dict[int, str] = {}
        self._notes: dict[str, str] = {}
        self._lock = Lock()
        self._next = 0
        self._seconds: dict[str, float] = {}

    def begin(self, phase: Phase, total: int = 0) -> None:
        """Begin a phase, in which so much is to be done."""
        with self._lock:
            now = self._clock()
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._start
            self._phase, self._start = phase, now
            self._done, self._total = 0, total
            self._notes.clear()
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
    def part(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """Do a part, whose size was counted in the phase's total.

        Yields:
            A function that is told how many bytes more have gone; what the part's size says is never exceeded, since
            bytes on disk and bytes on the way are not the same.
        """
        gone = 0
        with self._lock:
            self._next += 1
            number = self._next
            self._now[number] = name
            self._tell()

        def report(more: int) -> None:
            nonlocal gone
            step = min(more, size - gone)
            gone += step
            with self._lock:
                self._done += step
                self._tell()

        try:
            yield report
            report(size - gone)
        finally:
            with self._lock:
                del self._now[number]

    def note(self, name: str, words: str) -> None:
        """Say how far something is that is being worked on; no words take that away."""
        with self._lock:
            self._notes[name] = words
            self._tell()

    def _tell(self) -> None:
        now = (*self._now.values(), *filter(None, self._notes.values()))
        self._show(Progress(self._phase, self._done, self._total, self._clock() - self._start, now))
