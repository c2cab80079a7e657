"""A live database against evidence: is it still what was proven?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.verify.against_rows import compare_rows_with_evidence
from alembic_multidb.verify.collect import Collected, Told
from alembic_multidb.verify.evidence import Evidence
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.large_objects import differing_objects, objects_of, read_objects
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.progress import Meter
from alembic_multidb.verify.report import DatabaseReport, Finding, What
from alembic_multidb.verify.schema import prepare, read_target
from alembic_multidb.verify.sequences import places_of
from alembic_multidb.verify.settings import NEW, SETTING, names_of
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.surroundings import Facts, read_surroundings
from alembic_multidb.verify.tables import held_tables
from alembic_multidb.verify.vectors import compare_recall_with_evidence


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
    found = Collected(database, options)
    tables = held_tables(side) if options.data else {}
    if options.schema:
        older = min(side.server_version, evidence.source_version)
        found.take("schema", lambda: _schema(project, wanted, side, before["objects"], older, found))
    if options.data:
        found.take("rows", lambda: compare_rows_with_evidence(wanted, side, tables, evidence, meter, found))
        found.take("sequence", lambda: _sequences(wanted, side, before["sequences"], found))
        found.take("large object", lambda: _large_objects(wanted, side, before["large_objects"], found))
    if options.schema and options.data and options.recall_samples:
        found.take("recall", lambda: _recall(wanted, side, evidence, found))
    return found.report(side.moment)


def _schema(
    project: Project, wanted: Wanted, side: Side, before: Facts, older: int, found: Collected
) -> Iterator[Finding]:
    target = read_target(side, project, wanted.database, None)
    everything = prepare(replace(target, server_version=older), target, wanted.options)
    now = everything.without_excluded(wanted.options).objects
    found.facts = sum(map(len, now.values()))
    found.add(now)
    found.add(read_surroundings(wanted, side, names_of(before.get(NEW, {})), older))
    left_out = {kind: facts.keys() - now.get(kind, {}).keys() for kind, facts in everything.objects.items()}
    changed = names_of(name for name, _ in before.get(SETTING, {}).items() ^ found.objects[SETTING].items())
    for kind in sorted(before.keys() | found.objects.keys()):
        one, other = before.get(kind, {}), found.objects.get(kind, {})
        names = (one.keys() | other.keys()) - left_out.get(kind, set())
        if kind == NEW:  # which of them there are depends on the login
            names = {name for name in one.keys() & other.keys() if not names_of([name]) & changed}
        yield from _changes(kind, one, other, names)


def _sequences(wanted: Wanted, side: Side, before: Mapping[str, str], found: Collected) -> Iterator[Finding]:
    places = places_of(side, before.keys())
    found.sequences |= places
    yield from _changes("sequence", before, places, before.keys() | places.keys())


def _large_objects(
    wanted: Wanted, side: Side, before: Mapping[str, Mapping[str, str | None]], found: Collected
) -> Iterator[Told]:
    now = objects_of(read_objects(side))
    found.large_objects = now
    yield from differing_objects(before, now, wanted.options, is_default=True)


def _recall(wanted: Wanted, side: Side, evidence: Evidence, found: Collected) -> list[Finding]:
    before = evidence.recalls(wanted.database.name)
    recalls, findings = compare_recall_with_evidence(side, wanted, wanted.options, before)
    found.recalls += recalls
    return findings


def _changes(kind: str, before: Mapping[str, str], now: Mapping[str, str], names: set[str]) -> Iterator[Finding]:
    kind_of_name = SETTING if kind == NEW else kind
    for name in sorted(names):
        if before.get(name) != now.get(name):
            what: What = "missing" if name not in now else "extra" if name not in before else "different"
            is_now = {"missing": "is missing", "extra": "is new", "different": "has changed"}[what]
            message = f"{kind_of_name} {name} {is_now} since the evidence was taken"
            yield Finding(kind=kind_of_name, object=name, what=what, message=message)
