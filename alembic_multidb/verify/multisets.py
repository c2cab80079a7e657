"""Tables without a key: the same rows, each as often. Rows are told apart by their hashes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from psycopg import sql

from alembic_multidb.verify.digest import Digest
from alembic_multidb.verify.fetch import fetch
from alembic_multidb.verify.hashes import HashPart, Sums, search
from alembic_multidb.verify.reader import Reader
from alembic_multidb.verify.rows import RowDifference, What
from alembic_multidb.verify.statements import Raw
from alembic_multidb.verify.text import brief

# What no column is called.
_HASH = sql.Identifier("hash of alembic_multidb")


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
        part.number(_HASH),
        sql.SQL("pg_catalog.hash_record_extended(ROW(pg_catalog.int8send({})), 1)").format(_HASH),
        _rows(reader, part, is_target),
    )
    return {number: (count, int(total)) for number, count, total in fetch(connection, statement)}


def _name(reader: Reader, part: HashPart) -> Iterator[RowDifference]:
    source, target = reader.sides.both(lambda connection, is_target: _counts(connection, reader, part, is_target))
    for number in sorted(source.keys() | target.keys()):
        (one, values), (other, values_there) = (side.get(number, (0, {})) for side in (source, target))
        if one != other:
            what: What = "missing" if not other else "extra" if not one else "repeated"
            yield RowDifference(key=values or values_there, what=what, times=(one, other))


def _counts(
    connection: Raw, reader: Reader, part: HashPart, is_target: bool
) -> dict[int, tuple[int, dict[str, str | None]]]:
    """Return of each row's hash how often it is there, and the row's values, shortened."""
    pair = reader.digester.pair
    columns = pair.table(is_target).columns
    # Rows with one hash are the same.
    values = [sql.SQL(", min(pg_catalog.left({}, 100))").format(columns[name].text) for name, _ in pair.columns]
    statement = sql.SQL("SELECT {hash}, count(*){values} FROM {rows} GROUP BY 1").format(
        hash=_HASH, values=sql.Composed(values), rows=_rows(reader, part, is_target)
    )
    return {
        row[0]: (row[1], {name: brief(value) for (name, _), value in zip(pair.columns, row[2:], strict=True)})
        for row in fetch(connection, statement)
    }


def _rows(reader: Reader, part: HashPart, is_target: bool) -> sql.Composable:
    """Return a part's rows, each with its hash, which is worked out once."""
    inner = sql.SQL("SELECT {} AS {}, * FROM {}").format(
        reader.digester.row_hash(is_target), _HASH, reader.digester.pair.relation(is_target)
    )
    return sql.SQL("(SELECT * FROM ({} OFFSET 0) AS t{}) AS t").format(inner, part.where(_HASH).clause)
