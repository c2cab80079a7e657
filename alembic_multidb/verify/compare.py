"""One target against the source's part that belongs to it: schema, rows, sequences, settings, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO

from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.source import Source, read_source
from alembic_multidb.verify.collect import EVERYTHING, Collected, Told
from alembic_multidb.verify.data import DataOptions, compare_rows
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.large_objects import compare_large_objects, objects_of, read_objects
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.progress import Meter
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import DatabaseReport, Expected, Finding, What
from alembic_multidb.verify.schema import compare_schemas, prepare, read_target, undeclared
from alembic_multidb.verify.sequences import Sequence, compare_sequences, moved_sequences, read_sequences
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.statements import query
from alembic_multidb.verify.surroundings import compare_surroundings
from alembic_multidb.verify.tables import (
    Name,
    Pair,
    Table,
    held_tables,
    moved_tables,
    pairs,
    quoted_name,
    read_tables,
    roots,
)
from alembic_multidb.verify.vectors import compare_recall


@dataclass(frozen=True)
class Ground:
    """What was read of the source once, for all targets.

    Attributes:
        side: the source.
        default_schema: where names without a schema lie there.
        tables: its tables, by the names that the targets have for them.
        sequences: its sequences, by such names.
        schema: its schema by homes; None if it is not needed.
        has_large_objects: whether there is any.
        given: what a transfer knows of it; None if it is only looked at.
    """

    side: Side
    default_schema: str
    tables: Mapping[Name, Table]
    sequences: Mapping[Name, Sequence]
    schema: Source | None
    has_large_objects: bool
    given: Given | None = None

    @classmethod
    def read(cls, side: Side, project: Project, options: VerifyOptions, given: Given | None = None) -> Ground:
        """Read it."""
        tables = held_tables(side) if options.data else read_tables(side)
        schema, sequences = None, read_sequences(side)
        if given is not None and given.moved:
            tables = moved_tables(tables, given.moved)
            sequences = moved_sequences(sequences, given.moved)
        # Only the whole schema tells where a sequence belongs that no table uses.
        if options.schema or not all(sequence.tables for sequence in sequences.values()):
            schema = side.run(lambda connection: read_source(connection, side.url, project)).result()
        default_schema = side.lead.dialect.default_schema_name or "public"
        has_large_objects = bool(side.ask(query("has_large_objects")).result())
        return cls(side, default_schema, tables, sequences, schema, has_large_objects, given)


@dataclass(frozen=True)
class Run:
    """What all targets have in common.

    Attributes:
        project: the repository.
        options: what to compare.
        ground: what was read of the source.
        meter: adds up what is read.
        keys: where the keys of differing rows are written.
    """

    project: Project
    options: VerifyOptions
    ground: Ground
    meter: Meter
    keys: IO[str] | None


def compare(run: Run, database: RegisteredDatabase, sides: Sides) -> DatabaseReport:
    """Compare one target with the source."""
    others = run.ground.given.others if run.ground.given is not None else frozenset[Name]()
    wanted = Wanted(run.project.databases, database, run.ground.default_schema, run.options, others)
    found = Collected(database, run.options)
    tables: dict[Name, Table] = {}
    if run.options.data:
        # Before anything else is read: what is dropped meanwhile could not be compared.
        found.take("rows", lambda: _hold(sides.target, tables))
    is_held = not found.told
    if run.options.schema:
        found.take("schema", lambda: _schema(run, database, sides, found))
        compare_surroundings(wanted, sides, found)
    if run.options.data and is_held:
        found.take("rows", lambda: _data(run, wanted, sides, tables, found))
        found.take("sequence", lambda: _sequences(run, wanted, sides, found))
    if run.options.schema and run.options.data and run.options.recall_samples:
        found.take("recall", lambda: _recall(run, wanted, sides, found))
    return found.report(sides.target.moment)


def _schema(run: Run, database: RegisteredDatabase, sides: Sides, found: Collected) -> Iterator[Told]:
    source = run.ground.schema
    assert source is not None
    given = run.ground.given
    target = read_target(sides.target, run.project, database, source, is_whole=given is not None)
    if given is None:
        expected = source.schema_for(database)
    else:
        expected, target = given.schemas[database.name], target.only(partial(given.counts, database.name))
    schemas = prepare(expected, target, run.options)
    found.facts = len(schemas.expected.rows)
    found.add(schemas.without_excluded(run.options).objects)
    yield from compare_schemas(schemas, source, database, run.options, is_planned=given is not None)
    yield from undeclared(schemas, database)


def _hold(side: Side, tables: dict[Name, Table]) -> list[Told]:
    tables |= held_tables(side)
    return []


def _data(run: Run, wanted: Wanted, sides: Sides, target: Mapping[Name, Table], found: Collected) -> Iterator[Told]:
    options = run.options
    large_objects = read_objects(sides.source), read_objects(sides.target)
    names = _names(run, wanted)
    to_read, missing = pairs(run.ground.tables, target, names.__contains__)
    yield from _without_schema(run, wanted, sides.target, to_read, missing)
    if not run.options.schema:
        yield from _extra(wanted, names, target)
    yield from _excluded_tables(wanted, run.ground.tables)
    by_oid = {table.oid: table for table in run.ground.tables.values()}
    chosen = [pair for pair in to_read if not wanted.without_rows(pair.source, by_oid.get(pair.source.root))]
    is_meant = run.ground.given is not None and not names
    if not chosen and not is_meant:
        yield _nothing_to_read(wanted, are_excluded=bool(to_read))
    how = DataOptions(options.strong, options.chunk, options.max_rows, run.keys, wanted.database.name)
    proofs, findings = compare_rows(sides, chosen, how, run.meter)
    found.tables += proofs
    yield from findings
    given = run.ground.given
    has_them = wanted.database.declaration.default if given is None else given.large_objects == wanted.database.name
    yield from compare_large_objects(large_objects, options, is_default=has_them)
    if large_objects[1].exception() is None:
        found.large_objects = objects_of(large_objects[1])


def _names(run: Run, wanted: Wanted) -> set[Name]:
    """Return the names of the outermost tables that are compared."""
    given = run.ground.given
    if given is None:
        return wanted.tables(run.ground.tables)
    chosen = given.tables[wanted.database.name]
    return {name for name, table in run.ground.tables.items() if table.root == table.oid and table.oid in chosen}


def _nothing_to_read(wanted: Wanted, *, are_excluded: bool) -> Finding:
    message = f'no table of the source was found that is at home in "{wanted.database.name}" and is there'
    if are_excluded:
        message = (
            f'the rows of all tables that are at home in "{wanted.database.name}" are excluded: nothing was proven'
        )
    return Finding(kind="rows", object=EVERYTHING, what="suspicious", message=message)


def _excluded_tables(wanted: Wanted, tables: Mapping[Name, Table]) -> Iterator[Expected]:
    by_oid = {table.oid: table for table in tables.values()}
    for table in tables.values():
        without_table = wanted.options.excludes({"table"}, table.identity)
        without_rows = wanted.without_rows(table, by_oid.get(table.root))
        for kind, excluded in (("table", without_table), ("rows", without_rows)):
            if excluded is not None and wanted.is_at_home(table):
                yield Expected(kind=kind, object=table.identity, reason=f"excluded by {excluded}")


def _without_schema(
    run: Run, wanted: Wanted, target: Side, to_read: list[Pair], missing: list[Name]
) -> Iterator[Finding]:
    """Tell of missing tables, missing and extra columns where no comparison of schemas does, as in an extension."""
    for name in missing:
        extension = run.ground.tables[name].extension
        if not run.options.schema or extension in target.extensions:
            identity = quoted_name(name)
            yield Finding(kind="table", object=identity, what="missing", message=f"table {identity} is missing")
    for pair in to_read:
        if not run.options.schema or pair.source.extension is not None:
            yield from _columns(pair)


def _columns(pair: Pair) -> Iterator[Finding]:
    for column in sorted(pair.source.columns.keys() ^ pair.target.columns.keys()):
        identity = quoted_name((*pair.source.name, column))
        what: What = "missing" if column in pair.source.columns else "extra"
        yield Finding(kind="column", object=identity, what=what, message=f"column {identity} is {what}")


def _extra(wanted: Wanted, names: set[Name], target: Mapping[Name, Table]) -> Iterator[Finding]:
    for name in roots(target):
        table = target[name]
        if name not in names and wanted.is_ours(name) and wanted.is_compared(table) and table.extension is None:
            message = f"table {table.identity} is extra"
            yield Finding(kind="table", object=table.identity, what="extra", message=message)


def _sequences(run: Run, wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    known = run.ground.given.places if run.ground.given is not None else {}
    places, findings = compare_sequences(sides, run.ground.sequences, _wanted_sequences(run, wanted), known)
    found.sequences |= places
    yield from findings


def _wanted_sequences(run: Run, wanted: Wanted) -> Callable[[Sequence], bool]:
    """Tell which sequences belong to the target: by the source's schema if it was read, else by the tables alone."""
    if run.ground.schema is None:
        return wanted.sequence
    given = run.ground.given
    expected = run.ground.schema.schema_for(wanted.database) if given is None else given.schemas[wanted.database.name]
    rows = expected.rows
    at_home = {row.node.oid for row in rows if row.kind == "sequence"}
    return lambda sequence: (
        wanted.sequence(sequence)
        if sequence.extension is not None
        else sequence.oid in at_home and not run.options.excludes({"sequence"}, sequence.identity)
    )


def _recall(run: Run, wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    equal = {proof.name for proof in found.tables if proof.is_equal}
    recalls, findings = compare_recall(sides, wanted, run.options, equal)
    found.recalls += recalls
    yield from findings
