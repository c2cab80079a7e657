"""Parts of all hashes: how rows are cut whose keys have no order that an index could serve, or that have no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from psycopg import sql

from alembic_multidb.verify.digest import Where
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.rows import RowDifference
from alembic_multidb.verify.statements import Raw

_LOWEST, _HIGHEST = -(2**63), 2**63
_CUTS = 1024
# So many rows are named in one pass over the table; no index leads to them.
_NAMED = 20_000

# Of each part by its number: how many rows, and what their hashes add up to.
Sums = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class HashPart:
    """Rows whose hashes are from ``low`` to ``high``, which is not in it."""

    low: int = _LOWEST
    high: int = _HIGHEST

    @property
    def step(self) -> int:
        """Return how many hashes each of its parts has."""
        return -(-(self.high - self.low) // _CUTS)

    def part(self, number: int) -> HashPart:
        """Return one of its parts."""
        return HashPart(self.low + number * self.step, min(self.high, self.low + (number + 1) * self.step))

    def number(self, value: sql.Composable) -> sql.Composable:
        """Return in which of its parts a hash is."""
        return sql.SQL("pg_catalog.div({}::pg_catalog.numeric - {}, {})::pg_catalog.int8").format(
            value, sql.Literal(self.low), sql.Literal(self.step)
        )

    def where(self, value: sql.Composable) -> Where:
        """Return the condition for a hash to be in it."""
        # The largest one is no int8, and a comparison of numerics costs more than the hash.
        low = sql.SQL("{} >= {}::pg_catalog.int8").format(value, sql.Literal(str(self.low)))
        high = sql.SQL("{} <= {}::pg_catalog.int8").format(value, sql.Literal(str(self.high - 1)))
        return Where(sql.SQL("{} AND {}").format(low, high))


def search(
    sides: Sides,
    sums: Callable[[HashPart, Raw, bool], Sums],
    name: Callable[[HashPart], Iterator[RowDifference]],
    many: int,
    part: HashPart | None = None,
) -> Iterator[RowDifference]:
    """Cut the hashes into smaller and smaller parts, in one pass each, and name the rows of the smallest that differ.

    Args:
        sides: source and target.
        sums: reads what the parts of a part add up to, on one side.
        name: names the rows of a part that differ.
        many: how many rows the part has, on the side that has more of them.
        part: the part; all hashes if it is None.
    """
    part = part or HashPart()
    if many <= _NAMED or part.step == 1:
        yield from name(part)
        return
    source, target = sides.both(lambda connection, is_target: sums(part, connection, is_target))
    for first, last, rows in _runs(source, target):
        within = HashPart(part.part(first).low, part.part(last).high)
        yield from search(sides, sums, name, rows, within)


def _runs(source: Sums, target: Sums) -> Iterator[tuple[int, int, int]]:
    """Put parts that differ together, as long as all of their rows can be named in one pass.

    Yields:
        The first and the last part's number, and how many rows there are from the one to the other.
    """
    first = last = rows = 0
    for number in sorted(source.keys() | target.keys()):
        one, other = source.get(number, (0, 0)), target.get(number, (0, 0))
        many = max(one[0], other[0])
        if rows and rows + many > _NAMED:
            yield first, last, rows
            rows = 0
        if rows:
            # Those that are equal lie between: they are read, too.
            last, rows = (number, rows + many) if one != other else (last, rows + many)
        elif one != other:
            first, last, rows = number, number, many
    if rows:
        yield first, last, rows
