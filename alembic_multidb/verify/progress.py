"""How much has been read, in bytes, as a caller may want to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True)
class Progress:
    """What has been read.

    Attributes:
        done: bytes that were read, on both sides together.
        total: bytes that will have been read at the end, as far as is known.
        seconds: how long that took.
    """

    done: int
    total: int
    seconds: float

    @property
    def left(self) -> float | None:
        """Return how many seconds the rest will take at this pace; None before anything was read."""
        if not self.done or self.seconds <= 0:
            return None
        return max(0.0, (self.total - self.done) * self.seconds / self.done)


Show = Callable[[Progress], None]


class Meter:
    """Adds up what is read.

    Args:
        show: called with each new sum, by whichever thread has read something.
        clock: tells the time, in seconds.
    """

    def __init__(self, show: Show, clock: Callable[[], float]) -> None:
        self._show, self._clock, self._start = show, clock, clock()
        self._done = self._total = 0
        self._lock = Lock()

    def expect(self, size: int) -> None:
        """Say that so many bytes more will be read."""
        with self._lock:
            self._total += size

    def add(self, size: int) -> None:
        """Say that so many bytes were read."""
        with self._lock:
            self._done += size
            self._show(Progress(self._done, max(self._total, self._done), self._clock() - self._start))
