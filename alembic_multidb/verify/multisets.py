"""Tables without a key: the same rows, each as often. Rows are told apart by their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from psycopg import sql

from alembic_multidb.verify.digest import Digest
from alembic_multidb.verify.hashes import HashPart, Sums, search
from alembic_multidb.verify.reader import Reader
from alembic_multidb.verify.rows import RowDifference, What
from alembic_multidb.verify.side import Raw
from alembic_multidb.verify.text import brief


def differing_multiset(reader: Reader, found: tuple[Digest, Digest]) -> Iterator[RowDifference]:
    """Name the rows that one side has more often than the other.

    Args:
        reader: reads digests.
        found: the whole table's digests in source and target.
    """
    many = max(item.rows for item in found)
    return search(reader.sides, partial(_sums, reader), partial(_name, reader), many)


def _sums(reader: Reader, part: HashPart, connection: Raw, is_target: bool) -> Sums:
    statement = sql.SQL("SELECT {}, count(*), sum({}) FROM {} GROUP BY 1").format(
        part.number(sql.SQL("h")),
        sql.SQL("pg_catalog.hash_record_extended(ROW(pg_catalog.int8send(h)), 1)"),
        _rows(reader, part, is_target),
    )
    return {number: (count, int(total)) for number, count, total in connection.execute(statement)}


def _name(reader: Reader, part: HashPart) -> Iterator[RowDifference]:
    source, target = reader.sides.both(lambda connection, is_target: _counts(connection, reader, part, is_target))
    for number in sorted(source.keys() | target.keys()):
        one, other = source.get(number, 0), target.get(number, 0)
        if one != other:
            what: What = "missing" if not other else "extra" if not one else "repeated"
            side = not one
            key = reader.sides.start(side, partial(_show, reader, number, side)).result()
            yield RowDifference(key=key, what=what, times=(one, other))


def _counts(connection: Raw, reader: Reader, part: HashPart, is_target: bool) -> dict[int, int]:
    statement = sql.SQL("SELECT h, count(*) FROM {} GROUP BY h").format(_rows(reader, part, is_target))
    return dict(connection.execute(statement).fetchall())


def _rows(reader: Reader, part: HashPart, is_target: bool) -> sql.Composable:
    """Return the hashes of a part's rows, each as often as the row is there."""
    inner = sql.SQL("SELECT {} AS h FROM {}").format(
        reader.digester.row_hash(is_target), reader.digester.pair.relation(is_target)
    )
    return sql.SQL("(SELECT h FROM ({} OFFSET 0) AS r{}) AS t").format(inner, part.where(sql.SQL("h")).clause)


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
