"""How far a long comparison is, on stderr: bytes, and how long the rest may take."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from alembic_multidb.transfer.progress import Progress as Moving
from alembic_multidb.transfer.progress import TableProgress
from alembic_multidb.verify.progress import Progress

_MEBIBYTE = 2**20
# Seconds until the first word, between two on a screen, and between two lines elsewhere.
_FIRST, _ON_SCREEN, _ELSEWHERE = 1.0, 0.2, 10.0
# What is said of phases whose end cannot be told.
_PHASES = {
    "schema": "making the schemas",
    "clone": "cloning the source",
    "drop": "dropping what is not at home",
    "stamp": "stamping",
    "verify": "verifying",
    "backup": "waiting for the backup",
}


class Bar:
    """A line that is written anew on a screen, and now and then a line elsewhere; what is quick shows nothing."""

    def __init__(self) -> None:
        self._is_screen = sys.stderr.isatty()
        self._next = time.monotonic() + _FIRST
        self._shown = False
        self._lock = Lock()
        self._last: Callable[[], str] | None = None
        self._ended = Event()
        self._pulse = Thread(target=self._repeat, name="multidb-progress", daemon=True)

    def __enter__(self) -> Bar:
        self._pulse.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._pulse.join()
        with self._lock:
            if self._shown and self._is_screen:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Show how far a comparison is; called from any thread."""
        self._show(lambda: words(progress))

    def show_transfer(self, progress: Moving) -> None:
        """Show how far a transfer is; called from any thread."""
        self._show(lambda: words_of_transfer(progress))

    def _repeat(self) -> None:
        """Say again where it is while a server is silent for long."""
        while not self._ended.wait(_FIRST):
            last = self._last
            if last is not None:
                self._show(last)

    def _show(self, say: Callable[[], str]) -> None:
        with self._lock:
            self._last = say
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + (_ON_SCREEN if self._is_screen else _ELSEWHERE)
            self._shown = True
            sys.stderr.write(f"\r{_fitted(say())}\x1b[K" if self._is_screen else f"{say()}\n")
            sys.stderr.flush()


def words(progress: Progress) -> str:
    """Say how far it is."""
    rate = progress.done / progress.seconds if progress.seconds > 0 else 0.0
    left = "" if progress.left is None else f", {_duration(progress.left)} left"
    sizes = f"{progress.done / _MEBIBYTE:.0f} of {progress.total / _MEBIBYTE:.0f} MiB"
    return f"compared {sizes}, {rate / _MEBIBYTE:.0f} MiB/s{left}"


def words_of_transfer(progress: Moving) -> str:
    """Say how far a transfer is."""
    now = f": {', '.join(progress.now)}" if progress.now else ""
    if progress.phase == "rows":
        rate = progress.done / progress.seconds if progress.seconds > 0 else 0.0
        tables = "; ".join(f"{table.name} {_share(table)}" for table in progress.tables)
        words = f"copied {_gone(progress)}, {rate / _MEBIBYTE:.0f} MiB/s{_rest(progress)}"
        return f"{words}: {tables}" if tables else words
    if progress.phase == "indexes":
        return f"made {progress.done} of {progress.total} indexes and constraints{now}"
    return _PHASES[progress.phase]


def _gone(progress: Moving) -> str:
    return f"{progress.done / _MEBIBYTE:.0f} of {progress.total / _MEBIBYTE:.0f} MiB, {progress.rows} rows"


def _share(table: TableProgress) -> str:
    share = f"{min(100 * table.done // table.total, 100)} %, " if table.total else ""
    return f"{share}{table.rows} rows{_rest(table)}"


def _rest(progress: Moving | TableProgress) -> str:
    return "" if progress.left is None else f", {_duration(progress.left)} left"


def _fitted(line: str) -> str:
    """Cut a line that would not fit on the screen."""
    width = shutil.get_terminal_size().columns - 1
    return line if len(line) <= width else line[: max(width - 3, 0)] + "..."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
