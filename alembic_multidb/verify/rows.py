"""Which rows differ: parts whose digests do are cut into smaller ones, until so few rows are left to be named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from psycopg import sql

from alembic_multidb.verify.chunks import Bound, Key, Range
from alembic_multidb.verify.digest import Digest, Where
from alembic_multidb.verify.fetch import fetch
from alembic_multidb.verify.reader import Reader
from alembic_multidb.verify.statements import Raw
from alembic_multidb.verify.text import readable, shortened

# A part with so few rows on both sides is not cut any more, and neither is one that was cut so often.
LEAF = 1000
_CUTS, _DEEPEST = 32, 8
# So many characters of a value are looked at to find where two begin to differ.
_LONGEST = 100_000
# A statement returns at most 1664 columns: three for each of so many of a table.
_AT_ONCE = 500

What = Literal["missing", "extra", "changed", "repeated"]


@dataclass(frozen=True, kw_only=True)
class ColumnDifference:
    """A column whose value is not the same on both sides.

    Attributes:
        name: the column's name.
        source: its value in the source, shortened to where the two differ; None is NULL.
        target: its value in the target.
    """

    name: str
    source: str | None
    target: str | None

    def __str__(self) -> str:
        one, other = ("NULL" if value is None else repr(value) for value in (self.source, self.target))
        return f"{self.name} {one} -> {other}"


@dataclass(frozen=True, kw_only=True)
class RowDifference:
    """A row that is not the same on both sides.

    Attributes:
        key: the columns that tell it apart, with their values; of a table without a key, all its values, shortened.
        what: missing in the target, extra there, changed, or there another number of times.
        columns: what is changed.
        times: how often it is in the source and in the target.
    """

    key: Mapping[str, str | None]
    what: What
    columns: tuple[ColumnDifference, ...] = ()
    times: tuple[int, int] = (1, 1)

    def __str__(self) -> str:
        key = ", ".join(f"{name}={'NULL' if value is None else value}" for name, value in self.key.items())
        if self.what == "repeated":
            return f"({key}) is there {self.times[0]} times in the source, {self.times[1]} times in the target"
        if self.what != "changed":
            return f"({key}) is {self.what}"
        return f"({key}) is changed: {'; '.join(map(str, self.columns))}"

    @property
    def shown(self) -> RowDifference:
        """Return it with a key that can be written anywhere."""
        return replace(self, key={name: readable(value) for name, value in self.key.items()})


def differing_rows(reader: Reader, key: Key, part: Range, found: tuple[Digest, Digest]) -> Iterator[RowDifference]:
    """Name the rows of a part that differ, in the order of their keys, without what is changed in them.

    Args:
        reader: reads digests.
        key: tells rows apart.
        part: which keys.
        found: the part's digests in source and target.
    """
    return _search(reader, key, part, found, 0)


def _search(reader: Reader, key: Key, part: Range, found: tuple[Digest, Digest], depth: int) -> Iterator[RowDifference]:
    if found[0] == found[1]:
        return
    parts = [part] if depth >= _DEEPEST or max(item.rows for item in found) <= LEAF else _cut(reader, key, part, found)
    if len(parts) == 1:
        yield from name_rows(reader, key, lambda is_target: key.where(part, is_target))
        return
    digests = reader.digests([(key.where(each, False), key.where(each, True)) for each in parts])
    for each, pair in zip(parts, digests, strict=True):
        yield from _search(reader, key, each, pair, depth + 1)


def _cut(reader: Reader, key: Key, part: Range, found: tuple[Digest, Digest]) -> list[Range]:
    """Cut a part by the keys of the side that has more of them there."""
    side = found[1].rows > found[0].rows
    running = reader.sides.start(
        side, lambda connection: key.bounds(connection, side, key.where(part, side), min(_CUTS, found[side].rows))
    )
    return part.split([bound for bound in running.result() if bound != part.low])


def name_rows(reader: Reader, key: Key, where: Callable[[bool], Where]) -> Iterator[RowDifference]:
    """Name the rows of a small part that differ.

    Args:
        reader: says where.
        key: tells rows apart.
        where: which rows, for the source and for the target.
    """
    source, target = reader.sides.both(
        lambda connection, is_target: _hashes(connection, reader, key, where(is_target), is_target)
    )
    for values in sorted(source.keys() | target.keys(), key=lambda item: [(len(text), text) for text in item]):
        one, other = source.get(values, Counter()), target.get(values, Counter())
        if one != other:
            named = dict(zip(key.pair.key, values, strict=True))
            yield RowDifference(key=named, what=_what(one, other), times=(one.total(), other.total()))


def _what(one: Counter[int], other: Counter[int]) -> What:
    if not other:
        return "missing"
    if not one:
        return "extra"
    return "changed" if one.total() == other.total() else "repeated"


def _hashes(connection: Raw, reader: Reader, key: Key, where: Where, is_target: bool) -> dict[Bound, Counter[int]]:
    statement = sql.SQL("SELECT {}, {} FROM {}{}").format(
        sql.SQL(", ").join(key.texts(is_target)),
        reader.digester.row_hash(is_target),
        key.pair.relation(is_target),
        where.clause,
    )
    found: dict[Bound, Counter[int]] = defaultdict(Counter)
    for *values, number in fetch(connection, statement):
        found[tuple(values)][number] += 1
    return found


def with_columns(reader: Reader, key: Key, row: RowDifference) -> RowDifference:
    """Return a changed row with the columns that are, and both values of each, shortened."""
    if row.what != "changed":
        return row
    bound = tuple(str(row.key[name]) for name in key.pair.key)
    source, target = reader.sides.both(
        lambda connection, is_target: _values(connection, reader, key.equals(bound, is_target), is_target)
    )
    columns = []
    for place, (name, _) in enumerate(key.pair.columns):
        one, other = source[place], target[place]
        if one[0] != other[0]:
            columns.append(_difference(name, one, other))
    return RowDifference(key=row.key, what="changed", columns=tuple(columns), times=row.times)


def _values(connection: Raw, reader: Reader, where: Where, is_target: bool) -> list[tuple[Any, ...]]:
    """Return of each column of one row: its hash, the beginning of its text, and of its bytes."""
    pair = reader.digester.pair
    columns = pair.table(is_target).columns
    values = [
        sql.SQL(
            "pg_catalog.md5({bytes}), pg_catalog.left({text}, {longest}), "
            "pg_catalog.encode(pg_catalog.substr({bytes}, 1, {longest}), 'hex')"
        ).format(bytes=columns[name].sent(form), text=columns[name].text, longest=sql.Literal(_LONGEST))
        for name, form in pair.columns
    ]
    found: list[Any] = []
    for start in range(0, len(values), _AT_ONCE):
        some = sql.SQL(", ").join(values[start : start + _AT_ONCE])
        statement = sql.SQL("SELECT {} FROM {}{} LIMIT 1").format(some, pair.relation(is_target), where.clause)
        (row,) = fetch(connection, statement)
        found += row
    return [tuple(found[place : place + 3]) for place in range(0, len(found), 3)]


def _difference(name: str, one: tuple[Any, ...], other: tuple[Any, ...]) -> ColumnDifference:
    """Show two values by their texts, or by their bytes where these read the same."""
    texts = one[1], other[1]
    if texts[0] == texts[1] and one[2] != other[2]:
        texts = f"0x{one[2]}", f"0x{other[2]}"
    source, target = shortened(*texts)
    return ColumnDifference(name=name, source=source, target=target)
