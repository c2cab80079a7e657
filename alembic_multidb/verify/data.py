"""The rows of every table, on both sides: counts and digests of all parts, and the rows that differ by their keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TypeVar

from psycopg.errors import InsufficientPrivilege

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.chunks import Key, Range, by_place, first_parts
from alembic_multidb.verify.digest import Digest, Digester, Where, total
from alembic_multidb.verify.keyed import differing_by_hash
from alembic_multidb.verify.multisets import differing_multiset
from alembic_multidb.verify.progress import Meter
from alembic_multidb.verify.reader import Reader, Sides
from alembic_multidb.verify.report import Finding, TableProof
from alembic_multidb.verify.rows import RowDifference, differing_rows, with_columns
from alembic_multidb.verify.side import Unreadable
from alembic_multidb.verify.tables import Pair

T = TypeVar("T")


@dataclass(frozen=True)
class DataOptions:
    """How rows are compared.

    Attributes:
        strong: whether two hashes are taken of each row.
        chunk: bytes that one statement reads.
        max_rows: how many rows of a table are named.
        keys: where the keys of all differing rows are written, a line each.
        database: the database's name, for these lines.
    """

    strong: bool
    chunk: int
    max_rows: int
    keys: IO[str] | None
    database: str


@dataclass
class _Reading:
    """A pair of tables that is being read."""

    reader: Reader
    key: Key | None
    parts: list[Range] = field(default_factory=list)
    running: tuple[list[Future[Digest]], list[Future[Digest]]] = field(default_factory=lambda: ([], []))


def compare_rows(
    sides: Sides, pairs: Sequence[Pair], options: DataOptions, meter: Meter
) -> tuple[list[TableProof], list[Finding]]:
    """Compare all pairs of tables.

    Returns:
        What was read of each table, and what was found.
    """
    proofs: list[TableProof] = []
    findings: list[Finding] = []
    cuts = [(pair, _cut(sides, pair, options.chunk)) for pair in pairs]
    begun = [(pair, _guarded(partial(_begin, sides, pair, cut, options, meter))) for pair, cut in cuts]
    for pair, reading in begun:
        found = reading if isinstance(reading, str) else _guarded(partial(_finish, reading, options))
        if isinstance(found, str):
            findings.append(_unreadable(pair, found))
        else:
            proofs.append(found)
            findings += _findings(found)
    return proofs, findings


def _cut(sides: Sides, pair: Pair, chunk: int) -> Future[list[Range]] | None:
    """Begin to look for the parts of a pair of tables, if they are cut by key."""
    if not pair.key or not Key(pair).is_served_by_an_index:
        return None
    return sides.start(False, lambda connection: first_parts(connection, Key(pair), chunk))


def _begin(sides: Sides, pair: Pair, cut: Future[list[Range]] | None, options: DataOptions, meter: Meter) -> _Reading:
    reading = _Reading(Reader(sides, Digester(pair, options.strong)), Key(pair) if pair.key else None)
    if cut is not None:
        reading.parts = cut.result()
    for is_target, running in enumerate(reading.running):
        wheres = _wheres(reading, pair, bool(is_target), options.chunk)
        meter.expect(pair.sizes[is_target])
        for where in wheres:
            running.append(reading.reader.start(bool(is_target), where))
            running[-1].add_done_callback(_counted(meter, pair.sizes[is_target] // len(wheres)))
    return reading


def _counted(meter: Meter, size: int) -> Callable[[Future[Digest]], None]:
    return lambda done: meter.add(size)


def _wheres(reading: _Reading, pair: Pair, is_target: bool, chunk: int) -> list[Where]:
    if reading.key is None or not reading.parts:
        return by_place(pair, is_target, chunk)
    return [reading.key.where(part, is_target) for part in reading.parts]


def _finish(reading: _Reading, options: DataOptions) -> TableProof:
    source, target = ([part.result() for part in running] for running in reading.running)
    reader = reading.reader
    pair = reader.digester.pair
    sums = total(source, reader.digester.empty()), total(target, reader.digester.empty())
    rows: list[RowDifference] = []
    is_complete, note = True, ""
    if sums[0] != sums[1]:
        try:
            rows, is_complete = _take(_differing(reading, source, target, sums), reading, options)
        except Unreadable as error:  # that they differ is known all the same
            is_complete, note = False, f"the rows could not be named: {first_line(error)}"
    return TableProof(
        name=pair.target.identity,
        rows=(sums[0].rows, sums[1].rows),
        digests=(sums[0].text, sums[1].text),
        columns=tuple(pair.columns),
        differences=tuple(rows),
        is_complete=is_complete,
        note=note,
    )


def _differing(
    reading: _Reading, source: Sequence[Digest], target: Sequence[Digest], sums: tuple[Digest, Digest]
) -> Iterator[RowDifference]:
    if reading.key is None:
        yield from differing_multiset(reading.reader, sums)
    elif not reading.parts:
        yield from differing_by_hash(reading.reader, reading.key, sums)
    else:
        for part, one, other in zip(reading.parts, source, target, strict=True):
            yield from differing_rows(reading.reader, reading.key, part, (one, other))


def _take(
    differing: Iterator[RowDifference], reading: _Reading, options: DataOptions
) -> tuple[list[RowDifference], bool]:
    """Keep the first rows, and write the keys of all of them if there is a file for it."""
    kept: list[RowDifference] = []
    is_complete = True
    for row in differing:
        is_complete = len(kept) < options.max_rows
        if not is_complete and options.keys is None:
            break
        if len(kept) < options.max_rows:
            named = row if reading.key is None else with_columns(reading.reader, reading.key, row)
            kept.append(named.shown)
        if options.keys is not None:
            name = reading.reader.digester.pair.source.identity
            line = {"database": options.database, "table": name, "what": row.what, "key": row.shown.key}
            options.keys.write(json.dumps(line) + "\n")
    return kept, is_complete


def _findings(proof: TableProof) -> Iterator[Finding]:
    if proof.is_equal:
        return
    one, other = proof.rows
    count = f"{one} rows in the source, {other} in the target" if one != other else f"{one} rows, but other values"
    more = "" if proof.is_complete else f"; {proof.note or 'there may be more'}"
    named = "".join(f"; {row}" for row in proof.differences)
    yield Finding(
        kind="rows", object=proof.name, what="different", message=f"rows of {proof.name}: {count}{named}{more}"
    )


def _guarded(work: Callable[[], T]) -> T | str:
    """Return what came of it, or the words of the server that could not do it."""
    try:
        return work()
    except InsufficientPrivilege as error:
        return f"{first_line(error)}; use a login that may read all of its rows, past row security"
    except Unreadable as error:
        return first_line(error)


def _unreadable(pair: Pair, words: str) -> Finding:
    name = pair.source.identity
    return Finding(kind="rows", object=name, what="unknown", message=f"rows of {name} could not be compared: {words}")
