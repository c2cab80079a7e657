"""Tables without a key: the same rows, each as often. Rows are told apart by their hash, which is cut like a key is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from psycopg import sql

from alembic_multidb.verify.digest import Digest
from alembic_multidb.verify.reader import Reader
from alembic_multidb.verify.rows import LEAF, RowDifference, What
from alembic_multidb.verify.side import Raw
from alembic_multidb.verify.text import brief

_LOWEST, _HIGHEST = -(2**63), 2**63
_CUTS = 1024


@dataclass(frozen=True)
class _Part:
    """Rows whose hashes are from ``low`` to ``high``, which is not in it."""

    low: int = _LOWEST
    high: int = _HIGHEST

    @property
    def step(self) -> int:
        """Return how many hashes each of its parts has."""
        return -(-(self.high - self.low) // _CUTS)

    def part(self, number: int) -> _Part:
        """Return one of its parts."""
        return _Part(self.low + number * self.step, min(self.high, self.low + (number + 1) * self.step))


def differing_multiset(reader: Reader, found: tuple[Digest, Digest]) -> Iterator[RowDifference]:
    """Name the rows that one side has more often than the other.

    Args:
        reader: reads digests.
        found: the whole table's digests in source and target.
    """
    return _search(reader, _Part(), max(item.rows for item in found))


def _search(reader: Reader, part: _Part, many: int) -> Iterator[RowDifference]:
    if many <= LEAF or part.step == 1:
        yield from _name(reader, part)
        return
    source, target = reader.sides.both(lambda connection, is_target: _parts(connection, reader, part, is_target))
    for number in sorted(source.keys() | target.keys()):
        one, other = source.get(number, (0, 0)), target.get(number, (0, 0))
        if one != other:
            yield from _search(reader, part.part(number), max(one[0], other[0]))


def _parts(connection: Raw, reader: Reader, part: _Part, is_target: bool) -> dict[int, tuple[int, int]]:
    """Return count and sum of each part of a part, in one pass."""
    statement = sql.SQL(
        "SELECT pg_catalog.div(h::numeric - {low}, {step})::int8, count(*), sum({outer}) FROM {rows} GROUP BY 1"
    ).format(
        low=sql.Literal(part.low),
        step=sql.Literal(part.step),
        outer=sql.SQL("pg_catalog.hash_record_extended(ROW(pg_catalog.int8send(h)), 1)"),
        rows=_rows(reader, part, is_target),
    )
    return {number: (count, int(total)) for number, count, total in connection.execute(statement)}


def _name(reader: Reader, part: _Part) -> Iterator[RowDifference]:
    source, target = reader.sides.both(lambda connection, is_target: _counts(connection, reader, part, is_target))
    for number in sorted(source.keys() | target.keys()):
        one, other = source.get(number, 0), target.get(number, 0)
        if one != other:
            what: What = "missing" if not other else "extra" if not one else "repeated"
            side = not one
            key = reader.sides.start(side, partial(_show, reader, number, side)).result()
            yield RowDifference(key=key, what=what, times=(one, other))


def _counts(connection: Raw, reader: Reader, part: _Part, is_target: bool) -> dict[int, int]:
    statement = sql.SQL("SELECT h, count(*) FROM {} GROUP BY h").format(_rows(reader, part, is_target))
    return dict(connection.execute(statement).fetchall())


def _rows(reader: Reader, part: _Part, is_target: bool) -> sql.Composable:
    """Return the hashes of a part's rows, each as often as the row is there."""
    inner = sql.SQL("SELECT {} AS h FROM {}").format(
        reader.digester.row_hash(is_target), reader.digester.pair.relation(is_target)
    )
    return sql.SQL("(SELECT h FROM ({} OFFSET 0) AS r WHERE h >= {} AND h < {}::numeric) AS t").format(
        inner, sql.Literal(part.low), sql.Literal(part.high)
    )


def _show(reader: Reader, number: int, is_target: bool, connection: Raw) -> Mapping[str, str | None]:
    """Return the values of one row with this hash, shortened."""
    pair = reader.digester.pair
    columns = pair.table(is_target).columns
    statement = sql.SQL("SELECT {} FROM {} WHERE {} = {} LIMIT 1").format(
        sql.SQL(", ").join(sql.SQL("pg_catalog.left({}, 100)").format(columns[name].text) for name, _ in pair.columns),
        pair.relation(is_target),
        reader.digester.row_hash(is_target),
        sql.Literal(number),
    )
    found = connection.execute(statement).fetchone()
    assert found is not None, "the row was there a moment ago, in the same snapshot"
    return {name: brief(value) for (name, _), value in zip(pair.columns, found, strict=True)}
