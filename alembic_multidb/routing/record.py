"""What a revision says: it is run against a server that is not there, and its statements are kept."""

from __future__ import annotations

import inspect
import io
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

from alembic import op
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from alembic_multidb.errors import MultidbError
from alembic_multidb.routing.selected import BLOCKS, Blocks
from alembic_multidb.routing.silent import silent_engine
from alembic_multidb.statements import read


@dataclass(frozen=True)
class Recorded:
    """A statement of a revision.

    Attributes:
        sql: its text, which may hold several.
        only: the databases that the revision says it is for; None if it says nothing.
        lines: the lines in the revision's file that it comes from, the innermost first.
        has_parameters: whether values are sent along with it.
        is_certain: whether it does not depend on what a database answers.
    """

    sql: str
    only: frozenset[str] | None = None
    lines: tuple[int, ...] = ()
    has_parameters: bool = False
    is_certain: bool = True


def record(function: Callable[[], Any], path: str, config: Config, script: ScriptDirectory) -> Run:
    """Run a function against a server that is not there; if it asks for something, once more with the other answer.

    Args:
        function: a revision's ``upgrade()`` or ``downgrade()``.
        path: the file that it is in.
        config: Alembic's configuration, which revisions may ask for.
        script: the history.
    """
    first = Run(path, answers=False).collect(function, config, script)
    if not first.asks:
        return first
    second = Run(path, answers=True).collect(function, config, script)
    texts = {item.sql for item in first.statements} & {item.sql for item in second.statements}
    first.statements = [
        replace(item, is_certain=item.sql in texts) for item in _merged(first.statements, second.statements)
    ]
    first.error = first.error and second.error
    return first


def _merged(first: list[Recorded], second: list[Recorded]) -> list[Recorded]:
    """Return the statements of both runs, those that only the second has where they come in it."""
    known = {item.sql for item in first}
    found = list(first)
    place = 0
    for item in second:
        if item.sql in known:
            place = next((n + 1 for n, each in enumerate(found) if each.sql == item.sql), place)
        else:
            found.insert(place, item)
            known.add(item.sql)
            place += 1
    return found


@dataclass
class Run:
    """One run of a revision's function against a server that is not there.

    Attributes:
        path: the file that it is in.
        answers: whether every question is answered with a row, or with none.
        statements: what it ran.
        asks: whether it asked for something.
        error: what it raised; empty if nothing.
        blocks: the ``op.on_database()`` blocks that are open.
    """

    path: str
    answers: bool
    statements: list[Recorded] = field(default_factory=list)
    asks: bool = False
    error: str = ""
    blocks: Blocks = field(default_factory=Blocks)
    _times: Counter[str] = field(default_factory=Counter)

    def collect(self, function: Callable[[], Any], config: Config, script: ScriptDirectory) -> Run:
        """Run it, as far as it comes."""
        engine = silent_engine(self._record, answers=self.answers)
        with engine.connect() as connection, alone(config, script, connection, self.blocks):
            try:
                function()
            except MultidbError:
                raise
            except (Exception, SystemExit, EndlessError) as error:  # a revision may raise anything without a database
                self.error = f"{type(error).__name__}: {error}".splitlines()[0]
        return self

    def _record(self, text: str, has_parameters: bool) -> None:
        self._times[text] += 1
        if self._times[text] > _ENDLESS:
            raise EndlessError("it goes on and on without the answer of a database")
        statements = read(text)
        if all(statement.reads and not statement.hints for statement in statements):
            self.asks = True
        if not all(statement.kind in _NOTHING for statement in statements):
            self.statements.append(Recorded(text, self.blocks.only, _lines(self.path), has_parameters))


_NOTHING = frozenset({"transaction"})
# Whoever runs the same statement so often waits for an answer that nobody gives.
_ENDLESS = 1000


class EndlessError(BaseException):
    """A revision does the same again and again; no handler of its own for exceptions is to catch this."""


def _lines(path: str) -> tuple[int, ...]:
    """Return the lines of a file that are being run, the innermost first."""
    found = []
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename == path:
            found.append(frame.f_lineno)
        frame = frame.f_back
    return tuple(found)


@contextmanager
def silenced() -> Iterator[None]:
    """Keep revisions from printing, and Alembic from telling of every migration context that there is one."""
    logger = logging.getLogger("alembic.runtime.migration")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def alone(config: Config, script: ScriptDirectory, connection: Connection, blocks: Blocks) -> Iterator[None]:
    """Let ``op`` and ``context`` lead to this connection and to nothing else, until the block ends."""
    context = MigrationContext.configure(connection, opts={BLOCKS: blocks, "transaction_per_migration": True})
    environment = EnvironmentContext(config, script)
    environment._migration_context = context
    with _restored(), context.begin_transaction(_per_migration=True):
        environment._install_proxy()
        operations = Operations(context)
        operations.batch_alter_table = _never_recreated(operations)  # type: ignore[method-assign]
        operations._install_proxy()
        yield


def _never_recreated(operations: Operations) -> Callable[..., Any]:
    original = operations.batch_alter_table

    def batch_alter_table(table_name: str, *arguments: Any, **options: Any) -> Any:
        return original(table_name, *arguments, **{**options, "recreate": "never"})

    return batch_alter_table


@contextmanager
def _restored() -> Iterator[None]:
    """Put back what ``op`` and ``context`` led to before."""
    from alembic import context

    before = [vars(module).get("_proxy") for module in (op, context)]
    try:
        yield
    finally:
        for module, proxy in zip((op, context), before, strict=True):
            current = vars(module).get("_proxy")
            if proxy is not None:
                proxy._install_proxy()
            elif current is not None:
                current._remove_proxy()
