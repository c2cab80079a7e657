"""Rows that differ in a table whose key's order no index serves: found by the hash of the key, in one pass a cut."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from psycopg import sql

from alembic_multidb.verify.chunks import Key
from alembic_multidb.verify.digest import Digest
from alembic_multidb.verify.fetch import fetch
from alembic_multidb.verify.hashes import HashPart, Sums, search
from alembic_multidb.verify.reader import Reader
from alembic_multidb.verify.rows import RowDifference, name_rows
from alembic_multidb.verify.statements import Raw


def differing_by_hash(reader: Reader, key: Key, found: tuple[Digest, Digest]) -> Iterator[RowDifference]:
    """Name the rows that differ, without what is changed in them.

    Args:
        reader: reads digests.
        key: tells rows apart.
        found: the whole table's digests in source and target.
    """
    many = max(item.rows for item in found)
    return search(reader.sides, partial(_sums, reader, key), partial(_name, reader, key), many)


def _sums(reader: Reader, key: Key, part: HashPart, connection: Raw, is_target: bool) -> Sums:
    statement = sql.SQL("SELECT {}, count(*), sum({}) FROM {}{} GROUP BY 1").format(
        part.number(key.hash(is_target)),
        reader.digester.nested_hash(is_target),
        key.pair.relation(is_target),
        part.where(key.hash(is_target)).clause,
    )
    return {number: (count, int(total)) for number, count, total in fetch(connection, statement)}


def _name(reader: Reader, key: Key, part: HashPart) -> Iterator[RowDifference]:
    return name_rows(reader, key, lambda is_target: part.where(key.hash(is_target)))
