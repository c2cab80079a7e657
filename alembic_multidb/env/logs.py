"""Where Alembic's words go while env.py runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

# Our own messages go to its child "alembic.multidb", so that what an ini file says of Alembic holds for them too.
_LOGGER = "alembic"
# Says which comparators there are, at every check: nothing that a user of alembic.ini has asked for.
_TALKATIVE = "alembic.runtime.plugins"


@contextmanager
def logging_for(config: Config, database: str) -> Iterator[None]:
    """Set up logging as alembic.ini says; if it says nothing, INFO lines go to stderr, prefixed ``[core]``.

    An application that has set up logging by itself (the root logger has a handler) is left alone.
    """
    if config.config_file_name is not None and config.file_config.has_section("loggers"):
        fileConfig(config.config_file_name, disable_existing_loggers=False)
        yield
    elif logging.getLogger().handlers:
        yield
    else:
        with _prefixed_lines(database):
            yield


@contextmanager
def _prefixed_lines(database: str) -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(f"[{database}] %(message)s"))
    logger, talkative = logging.getLogger(_LOGGER), logging.getLogger(_TALKATIVE)
    levels = logger.level, talkative.level
    logger.addHandler(handler)
    logger.setLevel(logger.level or logging.INFO)
    talkative.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(levels[0])
        talkative.setLevel(levels[1])


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if record.levelno < logging.WARNING:
            return line
        prefix, _, rest = line.partition("] ")
        return f"{prefix}] {record.levelname}: {rest}"
