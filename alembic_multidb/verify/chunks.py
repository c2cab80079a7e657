"""Parts of a table that are read one by one: by key, half open, the first and the last open-ended.

The bounds are values of the key, so that both sides have the same parts, whatever their files look like. A table
without a key is cut by place, each side for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from psycopg import sql

from alembic_multidb.verify.digest import EVERYTHING, Where
from alembic_multidb.verify.fetch import fetch, literal
from alembic_multidb.verify.statements import Raw
from alembic_multidb.verify.tables import Pair

# So many bytes of a table's main file are looked at to find bounds; of a larger one, a sample of its pages.
_LOOKED_AT = 32 * 2**20
_PAGE = 8192
# Rows with neighbouring keys of these types lie anywhere.
_SCATTERED = frozenset({"uuid", "bytea", "text", "varchar"})
# A table of many terabytes has larger parts, not more of them.
_MOST_PARTS = 2048

Bound = tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """A part of the keys: from ``low``, which is in it, to ``high``, which is not; None where it is open."""

    low: Bound | None = None
    high: Bound | None = None

    def split(self, bounds: Sequence[Bound]) -> list[Range]:
        """Cut it at bounds that lie within."""
        return [Range(low, high) for low, high in pairwise([self.low, *bounds, self.high])]


@dataclass(frozen=True)
class Key:
    """What tells the rows of a pair of tables apart, and puts them in the same order on both sides.

    Attributes:
        pair: the tables; both have the columns of the key.
    """

    pair: Pair

    @cached_property
    def _is_own(self) -> list[bool]:
        """Say of each column whether its type's own order can be used."""
        sides = self.pair.source.columns, self.pair.target.columns
        return [
            all(side[name].order == "own" for side in sides) and sides[0][name].type.oid == sides[1][name].type.oid
            for name in self.pair.key
        ]

    @cached_property
    def is_served_by_an_index(self) -> bool:
        """Tell whether a part of the keys can be read without reading all of the table.

        Both sides need an index in an order that both have. Neighbouring keys must also lie near each other, as numbers
        and times do that grow, or the rows themselves must take little room in the table's main file, as vectors do.
        """
        if not all(self._is_own) or self.pair.target.key != self.pair.key or self.pair.is_whole:
            return False
        first = self.pair.source.columns[self.pair.key[0]]
        return first.type.name not in _SCATTERED or 4 * self.pair.source.heap <= self.pair.source.size

    def hash(self, is_target: bool) -> sql.Composable:
        """Return a hash of the key's values as texts."""
        texts = [sql.SQL("pg_catalog.textsend({})").format(text) for text in self.texts(is_target)]
        return sql.SQL("pg_catalog.hash_record_extended(ROW({}), 2)").format(sql.SQL(", ").join(texts))

    def texts(self, is_target: bool) -> list[sql.Composable]:
        """Return the key's values as texts."""
        columns = self.pair.table(is_target).columns
        return [columns[name].text for name in self.pair.key]

    def orders(self, is_target: bool) -> list[sql.Composable]:
        """Return what the rows are put in order by."""
        columns = self.pair.table(is_target).columns
        return [
            columns[name].value if own else columns[name].sent("written")
            for name, own in zip(self.pair.key, self._is_own, strict=True)
        ]

    def where(self, part: Range, is_target: bool) -> Where:
        """Return the condition for a part of the keys."""
        conditions = [
            sql.SQL("{} {} {}").format(
                _record(self.orders(is_target)), sql.SQL(operator), self._bound(bound, is_target)
            )
            for operator, bound in ((">=", part.low), ("<", part.high))
            if bound is not None
        ]
        return Where(sql.SQL(" AND ").join(conditions)) if conditions else EVERYTHING

    def equals(self, bound: Bound, is_target: bool) -> Where:
        """Return the condition for one value of the key, as it is written."""
        same = zip(self.texts(is_target), bound, strict=True)
        exact = sql.SQL(" AND ").join(
            sql.SQL('{} OPERATOR(pg_catalog.=) {}::pg_catalog.text COLLATE pg_catalog."C"').format(text, literal(value))
            for text, value in same
        )
        # The first half finds it by the index.
        near = sql.SQL("{} = {}").format(_record(self.orders(is_target)), self._bound(bound, is_target))
        return Where(sql.SQL("{} AND {}").format(near, exact))

    def bounds(
        self, connection: Raw, is_target: bool, where: Where, parts: int, *, sample: bool = False
    ) -> list[Bound]:
        """Find keys that cut rows into about so many parts.

        Args:
            connection: to the side that is asked.
            is_target: which side that is.
            where: which rows to cut.
            parts: into how many.
            sample: look at some of the table's pages only, if there are many.
        """
        orders = sql.SQL(", ").join(self.orders(is_target))
        statement = sql.SQL(
            "SELECT {names} FROM (SELECT {texts}, row_number() OVER (ORDER BY {orders}) - 1 AS place, "
            "count(*) OVER () AS many FROM {relation}{sample}{where}) AS t "
            "WHERE place > 0 AND place % greatest(many / {parts}, 1) = 0 ORDER BY place"
        ).format(
            names=sql.SQL(", ").join(sql.Identifier(f"k{place}") for place in range(len(self.pair.key))),
            texts=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(text, sql.Identifier(f"k{place}"))
                for place, text in enumerate(self.texts(is_target))
            ),
            orders=orders,
            relation=self.pair.relation(is_target),
            sample=self._sample(is_target) if sample else sql.SQL(""),
            where=where.clause,
            parts=sql.Literal(parts),
        )
        return [tuple(row) for row in dict.fromkeys(fetch(connection, statement))]

    def _sample(self, is_target: bool) -> sql.Composable:
        heap = self.pair.table(is_target).heap
        if self.pair.is_whole or heap <= _LOOKED_AT:
            return sql.SQL("")
        return sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE (0)").format(sql.Literal(100 * _LOOKED_AT / heap))

    def _bound(self, bound: Bound, is_target: bool) -> sql.Composable:
        columns = self.pair.table(is_target).columns
        return _record(
            [
                sql.SQL("{}::{}").format(literal(value), columns[name].type_name)
                if own
                else sql.SQL("pg_catalog.textsend({}::pg_catalog.text)").format(literal(value))
                for value, name, own in zip(bound, self.pair.key, self._is_own, strict=True)
            ]
        )


def first_parts(connection: Raw, key: Key, chunk: int) -> list[Range]:
    """Cut a pair of tables by the source's keys into parts of about so many bytes."""
    parts = min(-(-max(key.pair.sizes) // chunk), _MOST_PARTS)
    if parts <= 1:
        return [Range()]
    return Range().split(key.bounds(connection, False, EVERYTHING, parts, sample=True))


def by_place(pair: Pair, is_target: bool, chunk: int) -> list[Where]:
    """Cut one side's table into parts of its file, of about so many bytes; the last one is open-ended."""
    table = pair.table(is_target)
    parts, pages = min(-(-pair.sizes[is_target] // chunk), _MOST_PARTS), table.heap // _PAGE
    if parts <= 1 or pair.is_whole or pages <= 1:
        return [EVERYTHING]
    step = -(-pages // parts)
    places = [None, *range(step, pages, step), None]
    return [Where(_between(low, high)) for low, high in pairwise(places)]


def _between(low: int | None, high: int | None) -> sql.Composable:
    conditions = [
        sql.SQL("ctid {} {}::pg_catalog.tid").format(sql.SQL(operator), sql.Literal(f"({page},0)"))
        for operator, page in ((">=", low), ("<", high))
        if page is not None
    ]
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _record(parts: Sequence[sql.Composable]) -> sql.Composable:
    inside = sql.SQL(", ").join(parts)
    return inside if len(parts) == 1 else sql.SQL("({})").format(inside)
