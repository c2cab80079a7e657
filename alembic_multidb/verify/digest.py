"""The digest of rows: a sum over a hash of a hash of each row's bytes, which no exchange of values leaves as it was.

One level would not do: hash_record_extended is linear in its columns and a sum is linear in its rows, so that values
which change places between two rows would go unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from alembic_multidb.verify.fetch import fetch
from alembic_multidb.verify.statements import Raw
from alembic_multidb.verify.tables import Pair

# How a digest is made; one that was made otherwise cannot be compared.
RULE = "nested-1"
_SEEDS = (0x6D756C7469646201, 0x3C6EF372FE94F82B)


@dataclass(frozen=True)
class Digest:
    """What a number of rows add up to.

    Attributes:
        rows: how many.
        sums: the sum of their hashes for each seed.
    """

    rows: int
    sums: tuple[int, ...]

    def __add__(self, other: Digest) -> Digest:
        return Digest(self.rows + other.rows, tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)))

    @property
    def text(self) -> str:
        """Return the sums as one text."""
        return " ".join(format(number % 2**128, "032x") for number in self.sums)


@dataclass(frozen=True)
class Where:
    """A part of a table's rows.

    Values stand in it as literals: a statement with parameters would take a percent sign in a name for one.

    Attributes:
        condition: what holds for them; None for all rows.
    """

    condition: sql.Composable | None = None

    @property
    def clause(self) -> sql.Composable:
        """Return the WHERE clause."""
        return sql.SQL("") if self.condition is None else sql.SQL(" WHERE {}").format(self.condition)


EVERYTHING = Where()


@dataclass(frozen=True)
class Digester:
    """Makes the statements that read one pair of tables.

    Attributes:
        pair: the tables.
        strong: whether a second hash of each row is taken, with another seed.
    """

    pair: Pair
    strong: bool = False

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds."""
        return _SEEDS if self.strong else _SEEDS[:1]

    def empty(self) -> Digest:
        """Return the digest of no rows."""
        return Digest(0, (0,) * len(self.seeds))

    @cached_property
    def _records(self) -> tuple[sql.Composable, sql.Composable]:
        source, target = (self._record(is_target) for is_target in (False, True))
        return source, target

    def _record(self, is_target: bool) -> sql.Composable:
        columns = self.pair.table(is_target).columns
        return sql.SQL("ROW({})").format(
            sql.SQL(", ").join(columns[name].sent(form) for name, form in self.pair.columns)
        )

    def row_hash(self, is_target: bool) -> sql.Composable:
        """Return the hash of one row: the inner of the two, with the first seed."""
        return _hash(self._records[is_target], _SEEDS[0])

    def nested_hash(self, is_target: bool) -> sql.Composable:
        """Return the hash of one row's hash, with the first seed."""
        return _outer_hash(self._records[is_target], _SEEDS[0])

    def read(self, connection: Raw, is_target: bool, where: Where = EVERYTHING) -> Digest:
        """Read the digest of a part of a table, in one pass."""
        relation = self.pair.relation(is_target)
        record = self._records[is_target]
        if self.strong:
            # Else each value would be fetched once for each seed.
            rows = sql.SQL("(SELECT {} AS r FROM {}{} OFFSET 0) AS t").format(record, relation, where.clause)
            record = sql.SQL("t.r")
        else:
            rows = sql.SQL("{}{}").format(relation, where.clause)
        sums = sql.SQL(", ").join(
            sql.SQL("coalesce(sum({}), 0)").format(_outer_hash(record, seed)) for seed in self.seeds
        )
        ((count, *found),) = fetch(connection, sql.SQL("SELECT count(*), {} FROM {}").format(sums, rows))
        return Digest(count, tuple(int(number) for number in found))


def _outer_hash(record: sql.Composable, seed: int) -> sql.Composable:
    """Return the hash of a row's hash."""
    return sql.SQL("pg_catalog.hash_record_extended(ROW(pg_catalog.int8send({})), {})").format(
        _hash(record, seed), sql.Literal(seed)
    )


def _hash(record: sql.Composable, seed: int) -> sql.Composable:
    return sql.SQL("pg_catalog.hash_record_extended({}, {})").format(record, sql.Literal(seed))


def total(parts: Sequence[Digest], empty: Digest) -> Digest:
    """Return the digest of all parts together."""
    return sum(parts, empty)
