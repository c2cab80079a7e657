"""How far a long comparison is, on stderr: bytes, and how long the rest may take."""

from __future__ import annotations

import sys
import time
from threading import Lock

from alembic_multidb.verify.progress import Progress

_MEBIBYTE = 2**20
# Seconds until the first word, between two on a screen, and between two lines elsewhere.
_FIRST, _ON_SCREEN, _ELSEWHERE = 1.0, 0.2, 10.0


class Bar:
    """A line that is written anew on a screen, and now and then a line elsewhere; what is quick shows nothing."""

    def __init__(self) -> None:
        self._is_screen = sys.stderr.isatty()
        self._next = time.monotonic() + _FIRST
        self._shown = False
        self._lock = Lock()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._shown and self._is_screen:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Show how far it is; called from any thread."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + (_ON_SCREEN if self._is_screen else _ELSEWHERE)
            self._shown = True
            sys.stderr.write(f"\r{words(progress)}\x1b[K" if self._is_screen else f"{words(progress)}\n")
            sys.stderr.flush()


def words(progress: Progress) -> str:
    """Say how far it is."""
    rate = progress.done / progress.seconds if progress.seconds > 0 else 0.0
    left = "" if progress.left is None else f", {_duration(progress.left)} left"
    sizes = f"{progress.done / _MEBIBYTE:.0f} of {progress.total / _MEBIBYTE:.0f} MiB"
    return f"compared {sizes}, {rate / _MEBIBYTE:.0f} MiB/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
