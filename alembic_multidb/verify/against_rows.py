"""The rows of a live database against evidence: each table's count and digest, and the tables that are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import cast

from sqlalchemy import Connection

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.chunks import by_place
from alembic_multidb.verify.collect import Collected
from alembic_multidb.verify.digest import Digest, Digester, Where, total
from alembic_multidb.verify.evidence import Evidence
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.progress import Meter
from alembic_multidb.verify.report import Finding, TableProof, What
from alembic_multidb.verify.side import Side, Unreadable, raw
from alembic_multidb.verify.tables import Name, Pair, Table, quoted_name, roots
from alembic_multidb.verify.values import Form


def compare_rows_with_evidence(
    wanted: Wanted, side: Side, tables: Mapping[Name, Table], evidence: Evidence, meter: Meter, found: Collected
) -> Iterator[Finding]:
    """Compare every table that evidence knows, and find those that it does not."""
    by_identity = {table.identity: table for table in tables.values()}
    by_oid = {table.oid: table for table in tables.values()}
    left_out = {table.identity for table in tables.values() if wanted.without_rows(table, by_oid.get(table.root))}
    proofs = [
        proof
        for proof in evidence.tables(wanted.database.name)
        if proof.name not in left_out and not wanted.options.excludes({"table", "rows"}, proof.name)
    ]
    running = {
        proof.name: _start(
            side, _pair(by_identity[proof.name], tables, proof), evidence.is_strong, wanted.options.chunk, meter
        )
        for proof in proofs
        if proof.name in by_identity
    }
    for proof in proofs:
        if proof.name not in running:
            message = f"table {proof.name} is missing; it was there when the evidence was taken"
            yield Finding(kind="table", object=proof.name, what="missing", message=message)
            continue
        yield from _compare(proof, running[proof.name], evidence, found)
        if not wanted.options.schema:
            yield from _columns(proof, by_identity[proof.name])
    for name in _new(wanted, tables, left_out | {proof.name for proof in proofs}):
        message = f"table {name} is new since the evidence was taken"
        yield Finding(kind="table", object=name, what="extra", message=message)


def _compare(
    proof: TableProof, running: list[Future[Digest]], evidence: Evidence, found: Collected
) -> Iterator[Finding]:
    try:
        now = total([part.result() for part in running], Digest(0, (0,) * (1 + evidence.is_strong)))
    except Unreadable as error:
        message = f"rows of {proof.name} could not be compared: {first_line(error)}"
        yield Finding(kind="rows", object=proof.name, what="unknown", message=message)
        return
    rows, digests = (proof.rows[1], now.rows), (proof.digests[1], now.text)
    found.tables.append(TableProof(name=proof.name, rows=rows, digests=digests, columns=proof.columns))
    if not found.tables[-1].is_equal:
        words = f"{rows[0]} rows when the evidence was taken, {rows[1]} now"
        if rows[0] == rows[1]:
            words = f"{rows[1]} rows, but other values than when the evidence was taken"
        yield Finding(kind="rows", object=proof.name, what="different", message=f"rows of {proof.name}: {words}")


def _columns(proof: TableProof, table: Table) -> Iterator[Finding]:
    """Find columns that came or went, which else the comparison of schemas does."""
    for name in sorted({name for name, _ in proof.columns} ^ table.columns.keys()):
        what: What = "extra" if name in table.columns else "missing"
        identity = quoted_name((*table.name, name))
        words = {"extra": "new", "missing": "missing"}[what]
        message = f"column {identity} is {words} since the evidence was taken"
        yield Finding(kind="column", object=identity, what=what, message=message)


def _new(wanted: Wanted, tables: Mapping[Name, Table], known: set[str]) -> Iterator[str]:
    """Name the tables, and the partitions of known ones, of which the evidence says nothing."""
    trees = roots(tables)
    for name in sorted(wanted.tables(tables)):
        identities = {table.identity: table for table in trees[name]}
        if quoted_name(name) in known:
            continue
        if not known & identities.keys():
            yield quoted_name(name)
        else:
            yield from sorted(each for each, table in identities.items() if not table.is_tree and each not in known)


def _pair(table: Table, tables: Mapping[Name, Table], proof: TableProof) -> Pair:
    """Return the table as both sides of a pair, with the columns that were read then and are still there."""
    forms = tuple((name, cast(Form, form)) for name, form in proof.columns if name in table.columns)
    size = sum(each.size for each in tables.values() if each.root == table.oid) if table.is_tree else table.size
    return Pair(table, table, table.is_tree, (size, size), forms)


def _read(digester: Digester, where: Where, connection: Connection) -> Digest:
    return digester.read(raw(connection), True, where)


def _start(side: Side, pair: Pair, strong: bool, chunk: int, meter: Meter) -> list[Future[Digest]]:
    digester, wheres = Digester(pair, strong), by_place(pair, True, chunk)
    meter.expect(pair.sizes[1])
    running = []
    for where in wheres:
        running.append(side.run(partial(_read, digester, where)))
        running[-1].add_done_callback(lambda done: meter.add(pair.sizes[1] // len(wheres)))
    return running
