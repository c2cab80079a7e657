"""What a revision says: it is run against a server that is not there, and its statements are kept."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from alembic_multidb.errors import MultidbError
from alembic_multidb.routing.alone import alone
from alembic_multidb.routing.answers import Answers
from alembic_multidb.routing.indexes import statements_of
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.routing.quiet import quiet
from alembic_multidb.routing.reflect import Told, told_by_history
from alembic_multidb.routing.selected import Blocks
from alembic_multidb.routing.sidedoors import no_other_connection
from alembic_multidb.routing.silent import Asked, is_silent, silent_connection, texts_in
from alembic_multidb.routing.surroundings import Surroundings
from alembic_multidb.statements import Statement, Thing, read


@dataclass(frozen=True)
class Recorded:
    """A statement of a revision.

    Attributes:
        sql: its text, which may hold several.
        only: the databases that the revision says it is for; None if it says nothing.
        lines: the lines in the revision's file that it comes from, the innermost first.
        has_parameters: whether values are sent along with it.
        values: the texts among them.
        is_certain: whether it does not depend on what a database answers.
        index_of: the table of the index that it drops, where the operation says it.
    """

    sql: str
    only: frozenset[str] | None = None
    lines: tuple[int, ...] = ()
    has_parameters: bool = False
    values: frozenset[str] = frozenset()
    is_certain: bool = True
    index_of: Thing | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Return what it says."""
        return statements_of(self.sql, self.index_of)

    @property
    def asked(self) -> Asked:
        """Return it as a question."""
        return self.sql, self.values


@dataclass(frozen=True)
class Reader:
    """Reads one of a revision's functions: runs it against a server that is not there, again and again.

    Attributes:
        function: ``upgrade()`` or ``downgrade()``.
        path: the file that it is in.
        around: what it finds around it.
    """

    function: Callable[..., Any]
    path: str
    around: Surroundings

    def run(self, state: State | None, answered: Mapping[Asked, bool] | None = None) -> Run:
        """Run it once; called inside of :func:`reading`.

        Args:
            state: what there is before it, which takes in what it makes, and no rows; None if everything is there.
            answered: the questions that have an answer of their own.
        """
        run = Run(self.path, Blocks(known=self.around.databases), state, answered=answered or {})
        return run.collect(self.function, self.around)


def record(reader: Reader, state: State) -> Run:
    """Run a function against a server that is not there; if it asks for something, once more with the other answer.

    The first answers are those of a new database: inspectors are told what the history has made, and nobody finds a
    row; the second is that everything is there. It is called inside of :func:`reading`.

    Args:
        reader: of the function.
        state: what there is before it; a copy that takes in what it makes.
    """
    first = reader.run(state)
    if not first.asks:
        return first
    second = reader.run(None)
    texts = {item.sql for item in first.statements} & {item.sql for item in second.statements}
    first.statements = [
        replace(item, is_certain=item.sql in texts) for item in _merged(first.statements, second.statements)
    ]
    first.error = first.error if second.error else ""
    return first


def _merged(first: list[Recorded], second: list[Recorded]) -> list[Recorded]:
    """Return the statements of two runs, those that only the second has where they come in it.

    A table that both make, each in its own way, is made as in the first.
    """
    found = [(item, _keys(item)) for item in first]
    known = {key for _, keys in found for key in keys}
    place = 0
    for item in second:
        keys = _keys(item)
        if keys & known:
            place = next((n + 1 for n, each in enumerate(found) if n >= place and keys & each[1]), place)
        else:
            found.insert(place, (item, keys))
            known |= keys
            place += 1
    return [item for item, _ in found]


def _keys(item: Recorded) -> frozenset[object]:
    """Return what tells a statement from others: its text, and the table that it makes."""
    tables = (made.thing for each in item.statements for made in each.makes if made.role == "table")
    return frozenset({item.sql, *tables})


@dataclass
class Run:
    """One run of a revision's function against a server that is not there.

    Attributes:
        path: the file that it is in.
        blocks: the ``op.on_database()`` blocks that are open.
        state: what inspectors are told of, where no other question has a row for an answer; None if whatever is asked
            for is there.
        statements: what it ran.
        asks: whether it asked for something.
        error: what it raised; empty if nothing.
        looks: whether it does more than to state operations: it has looked at the connection or at what is around
            it, sent values, ended a transaction, said something.
        extensions: which are there.
        is_all: whether a table that the state does not know is not there.
        answered: the questions that have an answer of their own.
        answers: who knows better what is at home elsewhere; None if nobody does.
    """

    path: str
    blocks: Blocks
    state: State | None = None
    statements: list[Recorded] = field(default_factory=list)
    asks: bool = False
    error: str = ""
    looks: bool = False
    extensions: frozenset[str] = frozenset()
    is_all: bool = False
    answered: Mapping[Asked, bool] = field(default_factory=dict)
    answers: Answers | None = None
    _times: Counter[str] = field(default_factory=Counter)

    @property
    def says_all(self) -> bool:
        """Tell whether the statements are all that the function would do on any database."""
        return not (self.asks or self.looks or self.error)

    @property
    def texts(self) -> list[str]:
        """Return what it ran, as it was sent."""
        return [item.sql for item in self.statements]

    def collect(self, function: Callable[..., Any], around: Surroundings) -> Run:
        """Run it, as far as it comes."""
        told = Told(self.state, self._ask, nullcontext, self.is_all) if self.state is not None else None
        with (
            quiet(self._look),
            silent_connection(
                self._record, answers=self.state is None, extensions=self.extensions, answered=self.answered
            ) as connection,
            alone(around, connection, self.blocks, self._look),
            nullcontext() if told is None else told_by_history(connection.dialect, told),
            nullcontext() if self.answers is None else self.answers.told(connection),
        ):
            try:
                function(**around.arguments)
            except MultidbError:
                raise
            except (Exception, SystemExit, EndlessError) as error:  # a revision may raise anything without a database
                self.error = f"{type(error).__name__}: {error}".splitlines()[0]
        return self

    def _ask(self, item: Item) -> bool:
        self.asks = True
        if self.answers is not None:
            self.answers.looked(item)
        return True

    def _look(self) -> None:
        self.looks = True

    def _record(self, text: str, values: object, index_of: Thing | None) -> None:
        self._times[text] += 1
        if self._times[text] > _ENDLESS:
            raise EndlessError("it goes on and on without the answer of a database")
        statements = read(text)
        if all(statement.reads and not statement.hints for statement in statements):
            self.asks = True
        is_nothing = [statement.kind in _NOTHING for statement in statements]
        self.looks = self.looks or bool(values) or any(is_nothing)
        if not all(is_nothing):
            lines = lines_of(self.path)
            said = Recorded(text, self.blocks.only, lines, bool(values), texts_in(values), index_of=index_of)
            self.statements.append(said)
            if self.state is not None:
                self.state.take(self.statements[-1].statements)


_NOTHING = frozenset({"transaction"})
# Whoever runs the same statement so often waits for an answer that nobody gives.
_ENDLESS = 1000


class ElsewhereError(Exception):
    """A revision connects to a server of its own choice."""


def _refuse(door: object) -> None:
    if not is_silent(door):
        raise ElsewhereError("it connects by an engine of its own, which is not done without a database")


class EndlessError(BaseException):
    """A revision does the same again and again; no handler of its own for exceptions is to catch this."""


def lines_of(path: str) -> tuple[int, ...]:
    """Return the lines of a file that are being run, the innermost first."""
    found = []
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename == path:
            found.append(frame.f_lineno)
        frame = frame.f_back
    return tuple(found)


@contextmanager
def reading() -> Iterator[None]:
    """Let nobody connect to a server, and keep Alembic from telling of every migration context that there is one."""
    logger = logging.getLogger("alembic.runtime.migration")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with no_other_connection(_refuse):
            yield
    finally:
        logger.setLevel(level)
