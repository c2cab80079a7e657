"""What the questions of a revision are answered with on one database: of a shared history, and of a fork of it.

A shared history is told of the other homes' tables and extensions, as the mixed database told of them; for a fork they
are not there. Of whatever else is asked, neither is told more than the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from alembic_multidb.routing.catalogs import foreign_names, with_foreign, words_of
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.routing.reflect import MULTI
from alembic_multidb.routing.selected import Blocks
from alembic_multidb.routing.silent import numbered, texts_in
from alembic_multidb.statements import Statement, Thing, read

# What is asked where an inspector is.
_INSPECTED = "pg_catalog.pg_class"
# Texts of a question that name nothing by themselves, and those that are names or patterns of LIKE.
_KINDS = frozenset({"public", "BASE TABLE", "VIEW", "r", "p", "v", "m", "i", "S"})
_NAME = re.compile(r"[\w.%]+")


@dataclass
class Answers:
    """What one run of a function is told.

    Attributes:
        decider: knows what is at home elsewhere.
        state: what there is on the mixed database; a copy that takes in what the run makes.
        blocks: the ``op.on_database()`` blocks that are open.
        is_shared: whether the run is one of the shared history.
        is_wary: whether a question of which nobody sees what it names is taken for one about the other homes.
        lines: tells which lines of the file are being run.
        about: what is asked about that is at home elsewhere, by lines; ``""`` for all of a kind.
        inside: what blocks of PL/pgSQL ask about.
    """

    decider: Decider
    state: State
    blocks: Blocks
    is_shared: bool
    is_wary: bool
    lines: Callable[[], tuple[int, ...]] = tuple
    about: dict[tuple[int, str], str] = field(default_factory=dict)
    inside: dict[tuple[int, str], str] = field(default_factory=dict)

    @contextmanager
    def told(self, connection: Connection) -> Iterator[None]:
        """Let a connection without a server answer so, until the block ends."""
        dialect = vars(connection.dialect)
        methods: dict[str, Callable[..., Any]] = {
            name: _denying(getattr(connection.dialect, name), self._is_absent) for name in MULTI
        }
        methods["has_table"] = _has_table(connection.dialect.has_table, self._is_absent)
        before = {name: dialect[name] for name in methods if name in dialect}
        dialect.update(methods)
        driver: Any = connection.connection.driver_connection
        driver.cursor = partial(self._cursor, driver.cursor)
        try:
            yield
        finally:
            del driver.cursor
            for name in methods:
                del dialect[name]
            dialect.update(before)

    def looked(self, item: Item) -> None:
        """Take in that an inspector looks at something."""
        if self.decider.is_foreign(item):
            self._remember(str(item.names[-1]))

    def _remember(self, *things: str) -> None:
        line = next(iter(self.lines()), 0)
        self.about.update({(line, thing): thing for thing in things})

    def _is_absent(self, schema: str | None, name: str) -> bool:
        thing = Thing("relation", None if schema == "public" else schema, name)
        item = self.state.names.get(thing)
        is_foreign = item is not None and self.decider.is_foreign(item)
        if is_foreign:
            self._remember(str(thing))
        return is_foreign and not self.is_shared

    def _cursor(self, make: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Return a cursor that is told before it answers."""
        cursor = make(*arguments, **options)
        execute = cursor.execute

        def told(statement: str, parameters: object = None, *more: Any) -> Any:
            self._asked(cursor, statement, parameters)
            return execute(statement, parameters, *more)

        cursor.execute = told
        return cursor

    def _asked(self, cursor: Any, statement: str, parameters: object) -> None:
        """Choose the answer."""
        text = numbered(statement, parameters).strip()
        statements = read(text)
        if not all(each.reads for each in statements):
            for inner in [inner for each in statements for inner in each.inner if inner.reads]:
                found = self._foreign(inner.sql, ())
                self.inside.update({(next(iter(self.lines()), 0), name): name for name in found if name})
            self.state.take(statements)
            return
        answer = self._answer(text, statements, parameters)
        if answer is not None:
            cursor.answers = answer
            cursor.extensions = cursor.extensions if answer else frozenset()

    def _answer(self, text: str, statements: Sequence[Statement], parameters: object) -> bool | None:
        """Return whether there is a row; None if that is not known."""
        only = self.blocks.only
        if only is not None and self.decider.database.name not in only:
            return False
        if only is None and any(self.decider.decide(each, self.state).verdict == "skips" for each in statements):
            return False
        foreign = self._foreign(text, parameters)
        self._remember(*foreign)
        return self.is_shared if any(foreign) or (foreign and self.is_wary) else None

    def _foreign(self, text: str, parameters: object) -> list[str]:
        """Return what a question of the catalogs names that is at home elsewhere; ``""`` if it may name anything."""
        elsewhere, values = self.decider.elsewhere(self.state), texts_in(parameters)
        if not foreign_names(text, elsewhere, values) and with_foreign(text, elsewhere) == text:
            return []
        words, foreign = words_of(text, values) - _KINDS, elsewhere.names()
        matches = [re.compile(_pattern(word)).fullmatch for word in words]
        known = {*foreign, *(thing.name for thing in self.state.names)}
        named = sorted(name for name in known if any(match(name) for match in matches))
        found = [name for name in named if name in foreign]
        is_seen = named or _INSPECTED in text or (words and all(map(_NAME.fullmatch, words)))
        return found or ([] if is_seen else [""])


def _pattern(word: str) -> str:
    """Return what a text of a question may name: a name, or a pattern of LIKE."""
    return "".join(".*" if sign == "%" else re.escape(sign) for sign in word)


def _has_table(original: Callable[..., bool], is_absent: Callable[[str | None, str], bool]) -> Callable[..., bool]:
    def has_table(connection: Any, table_name: str, schema: str | None = None, **options: Any) -> bool:
        is_there = original(connection, table_name, schema, **options)
        return not is_absent(schema, table_name) and is_there

    return has_table


def _denying(original: Callable[..., Any], is_absent: Callable[[str | None, str], bool]) -> Callable[..., Any]:
    """Return one of the dialect's methods for several tables that says nothing of those that are absent."""

    def several(connection: Any, schema: str | None = None, filter_names: Any = None, **options: Any) -> Any:
        gone = {(schema, name) for name in filter_names or () if is_absent(schema, name)}
        found = original(connection, schema=schema, filter_names=filter_names, **options)
        return [(key, value) for key, value in found if key not in gone]

    return several
