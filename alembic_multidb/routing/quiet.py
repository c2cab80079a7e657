"""What a revision's own code says while it is read stays where it is: it speaks of a database that is not there."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

# What these say of a statement is no word of the revision's.
_LIBRARIES = ("alembic", "sqlalchemy")


@contextmanager
def quiet(said: Callable[[], None]) -> Iterator[None]:
    """Let nothing that this thread prints, logs or warns of reach anybody, until the block ends.

    Args:
        said: called if there was something.
    """
    printed = io.StringIO()
    unheard = _Unheard()
    handlers = _handlers()
    for handler in handlers:
        handler.addFilter(unheard)
    try:
        with warnings.catch_warnings(record=True) as warned, redirect_stdout(printed), redirect_stderr(printed):
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(unheard)
    if unheard.any or warned or printed.getvalue():
        said()


class _Unheard(logging.Filter):
    """Holds back what one thread logs, and remembers whether there was anything."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.any = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread:
            return True
        self.any = self.any or record.name.split(".")[0] not in _LIBRARIES
        return False


def _handlers() -> list[logging.Handler]:
    """Return whatever shows records of any logger."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    found = [handler for logger in (logging.root, *loggers) for handler in logger.handlers]
    return [*found, logging.lastResort] if logging.lastResort is not None else found
