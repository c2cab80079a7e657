"""Both sides of one home, asked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from alembic_multidb.verify.digest import Digest, Digester, Where
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.statements import Raw

T = TypeVar("T")


@dataclass(frozen=True)
class Sides:
    """Source and target."""

    source: Side
    target: Side

    def __getitem__(self, is_target: bool) -> Side:
        return self.target if is_target else self.source

    def start(self, is_target: bool, work: Callable[[Raw], T]) -> Future[T]:
        """Do something on one side."""
        return self[is_target].run(lambda connection: work(raw(connection)))

    def both(self, work: Callable[[Raw, bool], T]) -> tuple[T, T]:
        """Do the same on both sides at once; the second argument says whether it is the target."""
        one = self.start(False, lambda connection: work(connection, False))
        other = self.start(True, lambda connection: work(connection, True))
        return one.result(), other.result()


@dataclass(frozen=True)
class Reader:
    """Reads digests of one pair of tables.

    Attributes:
        sides: where.
        digester: makes the statements.
    """

    sides: Sides
    digester: Digester

    def start(self, is_target: bool, where: Where) -> Future[Digest]:
        """Begin to read a part of one side's table."""
        return self.sides.start(is_target, lambda connection: self.digester.read(connection, is_target, where))

    def digests(self, parts: Sequence[tuple[Where, Where]]) -> list[tuple[Digest, Digest]]:
        """Read parts of the table, each on both sides."""
        running = [(self.start(False, one), self.start(True, other)) for one, other in parts]
        return [(one.result(), other.result()) for one, other in running]
