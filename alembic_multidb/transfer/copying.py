"""Rows on their way: what the source sends is what the target gets, unread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

from psycopg import sql

from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.progress import Report
from alembic_multidb.transfer.session import Raw

# Many rows go in one piece; a large one goes by itself, and is never held twice.
_PIECE = 2**17

Buffer = Union[bytes, bytearray, memoryview]  # noqa: UP007


def stream(source: Raw, target: Raw, out: sql.Composed, into: sql.Composed, report: Report) -> int:
    """Copy rows from one database into another.

    Args:
        source: in its snapshot.
        target: in a transaction.
        out: the COPY that the source runs.
        into: the COPY that the target runs.
        report: told how many bytes and rows have gone, now and then.

    Returns:
        How many rows the target has taken.

    Raises:
        psycopg.Error: one of the two has refused; nothing of it is left when the target's transaction is rolled back.
        MultidbError: the target has not kept every row.
    """
    with source.cursor() as reader, target.cursor() as writer:
        told = 0
        with reader.copy(out) as outgoing, writer.copy(into) as incoming:
            # Copy's own iterator would keep each row until it has the next one.
            for piece, rows in _pieces(iter(outgoing.read, b"")):
                incoming.write(piece)
                report(len(piece), rows)
                told += rows
                del piece
        if reader.rowcount != writer.rowcount:
            raise MultidbError(
                f"the source has sent {reader.rowcount} rows, but the target has kept {writer.rowcount} of them"
            )
        report(0, writer.rowcount - told)  # what ends a binary COPY comes like a row
        return writer.rowcount


def _pieces(rows: Iterable[Buffer]) -> Iterator[tuple[Buffer, int]]:
    """Put small rows together, and count them; a large one goes as it is."""
    kept: list[Buffer] = []
    size = 0
    for row in rows:
        if len(row) >= _PIECE:
            if kept:
                yield b"".join(kept), len(kept)
                kept, size = [], 0
            yield row, 1
            del row  # before the next one is there
        else:
            kept.append(row)
            size += len(row)
            if size >= _PIECE:
                yield b"".join(kept), len(kept)
                kept, size = [], 0
    if kept:
        yield b"".join(kept), len(kept)
