"""A live database against evidence: is it still what was proven?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, cast

from sqlalchemy import Connection

from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.verify.chunks import by_place
from alembic_multidb.verify.collect import Collected
from alembic_multidb.verify.digest import Digest, Digester, Where, total
from alembic_multidb.verify.evidence import Evidence
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.progress import Meter
from alembic_multidb.verify.report import DatabaseReport, Finding, TableProof, What
from alembic_multidb.verify.schema import prepare, read_target
from alembic_multidb.verify.sequences import places_of
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.tables import Name, Pair, Table, quoted_name, read_tables, roots
from alembic_multidb.verify.values import Form


def compare_with_evidence(
    project: Project,
    database: RegisteredDatabase,
    evidence: Evidence,
    options: VerifyOptions,
    meter: Meter,
    side: Side,
) -> DatabaseReport:
    """Compare a database with what evidence says of it.

    Raises:
        ConfigurationError: the evidence says nothing of it, or that it was not equal.
    """
    before = evidence.database(database.name)
    default_schema = side.lead.dialect.default_schema_name or "public"
    wanted = Wanted(project.databases, database, default_schema, options)
    found = Collected(database)
    if options.schema:
        found.take("schema", lambda: _schema(project, database, side, before, options, found))
    if options.data:
        found.take("rows", lambda: _rows(wanted, side, evidence, meter, found))
        found.take("sequence", lambda: _sequences(side, before, found))
    return found.report(side.moment)


def _schema(
    project: Project,
    database: RegisteredDatabase,
    side: Side,
    before: Mapping[str, Any],
    options: VerifyOptions,
    found: Collected,
) -> Iterator[Finding]:
    target = read_target(side, project, database, None)
    now = prepare(target, target, options).without_excluded(options).objects
    found.facts, found.objects = len(now), now
    yield from _changes("schema", before["objects"], now, "the schema's fact")


def _sequences(side: Side, before: Mapping[str, Any], found: Collected) -> Iterator[Finding]:
    found.sequences |= {name: place for name, place in places_of(side).items() if name in before["sequences"]}
    yield from _changes("sequence", before["sequences"], found.sequences, "sequence")


def _changes(kind: str, before: Mapping[str, str], now: Mapping[str, str], words: str) -> Iterator[Finding]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            what: What = "missing" if name not in now else "extra" if name not in before else "different"
            is_now = {"missing": "is missing", "extra": "is new", "different": "has changed"}[what]
            message = f"{words} {name} {is_now} since the evidence was taken"
            yield Finding(kind=kind, object=name, what=what, message=message)


def _rows(wanted: Wanted, side: Side, evidence: Evidence, meter: Meter, found: Collected) -> Iterator[Finding]:
    tables = read_tables(side)
    by_identity = {table.identity: table for table in tables.values()}
    proofs = evidence.tables(wanted.database.name)
    running = {
        proof.name: _start(
            side, _pair(by_identity[proof.name], tables, proof), evidence.is_strong, wanted.options.chunk, meter
        )
        for proof in proofs
        if proof.name in by_identity
    }
    for proof in proofs:
        if proof.name not in running:
            yield _finding(
                proof.name, "missing", f"table {proof.name} is missing; it was there when the evidence was taken"
            )
            continue
        now = total([part.result() for part in running[proof.name]], Digest(0, (0,) * (1 + evidence.is_strong)))
        found.tables.append(
            TableProof(
                name=proof.name,
                rows=(proof.rows[1], now.rows),
                digests=(proof.digests[1], now.text),
                columns=proof.columns,
            )
        )
        if not found.tables[-1].is_equal:
            words = f"{proof.rows[1]} rows when the evidence was taken, {now.rows} now"
            if proof.rows[1] == now.rows:
                words = f"{now.rows} rows, but other values than when the evidence was taken"
            yield _finding(proof.name, "different", f"rows of {proof.name}: {words}")
    for name in _new(wanted, tables, {proof.name for proof in proofs}):
        yield _finding(name, "extra", f"table {name} is new since the evidence was taken")


def _finding(name: str, what: What, message: str) -> Finding:
    return Finding(kind="rows" if what == "different" else "table", object=name, what=what, message=message)


def _new(wanted: Wanted, tables: Mapping[Name, Table], known: set[str]) -> Iterator[str]:
    trees = roots(tables)
    for name in sorted(wanted.tables(tables)):
        if not known & {table.identity for table in trees[name]}:
            yield quoted_name(name)


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
