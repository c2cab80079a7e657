"""The proof of a merge: each database against its part of the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from glob import escape
from itertools import chain

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.merge.arriving import Arriving
from alembic_multidb.merge.gather import large_objects
from alembic_multidb.merge.model import MergeOptions, MergePlan, Part
from alembic_multidb.split.compare import counts
from alembic_multidb.split.model import Plan
from alembic_multidb.verify import VerifyOptions, verify
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.options import Exclusion
from alembic_multidb.verify.progress import Show
from alembic_multidb.verify.report import Report
from alembic_multidb.verify.rights import Rights
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name


def prove(plan: MergePlan, options: MergeOptions, sources: Sequence[Arriving], show: Show) -> Report:
    """Compare every source with its part of the target; what is there in the target and in none of them is extra.

    Args:
        plan: what was to be done.
        options: what was asked for.
        sources: all of them, arrived.
        show: told how far it is.
    """
    compared = _compared(options)
    with Side(plan.place.name, plan.place.url, 1) as side:
        there = Rights.read(side, compared, (), with_maintain=True)
    rights = {source.part.name: Rights.read(source.side, compared, (), with_maintain=True) for source in sources}
    reports = []
    for source in sources:
        foreign = _foreign_rights(source.part.name, rights, there)
        exclude = [
            *_exclusions(plan, options, source.part),
            *(Exclusion("changed grants", escape(name)) for name in foreign),
        ]
        part_options = replace(compared, names=(source.part.name,), exclude=tuple(exclude))
        given = _given(plan, source, options)
        if source.part.moved:
            reports.append(_prove_moved(source.part, part_options, given, show))
        else:
            reports.append(verify(source.part.project, source.part.url, part_options, given=given, show=show))
    return replace(
        reports[0],
        databases=tuple(chain.from_iterable(report.databases for report in reports)),
        source="; ".join(report.source for report in reports),
        seconds=sum(report.seconds for report in reports),
    )


def _prove_moved(part: Part, options: VerifyOptions, given: Given, show: Show) -> Report:
    """Compare the rows with the database itself, and the schema with the one that was renamed."""
    rows = replace(given, schemas={part.name: part.here.plan.expected[part.name]}, moved=part.moved)
    data = verify(part.project, part.url, replace(options, schema=False), given=rows, show=show)
    with Side(part.name, part.source.url, options.jobs) as side:
        renamed = replace(given, side=side, tables={part.name: frozenset()})
        schema = verify(part.project, part.source.url, replace(options, data=False), given=renamed, show=show)
    (one,), (other,) = schema.databases, data.databases
    both = replace(
        other,
        findings=(*one.findings, *other.findings),
        expected=tuple(dict.fromkeys((*one.expected, *other.expected))),
        facts=one.facts,
        objects=one.objects,
    )
    return replace(data, databases=(both,), seconds=schema.seconds + data.seconds, options=options.compared)


def _compared(options: MergeOptions) -> VerifyOptions:
    common = options.common
    return VerifyOptions(jobs=common.jobs, owners=not common.no_owner, grants=not common.no_acl)


def _given(plan: MergePlan, source: Arriving, options: MergeOptions) -> Given:
    part, own = source.part, source.part.source.plan
    others = [other for other in plan.all_parts if other.name != part.name]
    oids = [item.node.oid for item in own.objects if item.type == "table" and item.homes == (part.name,)]
    tables = frozenset(map(part.number, oids))
    foreign = set().union(*(other.keys for other in others)) - part.keys
    return Given(
        source.side,
        {part.name: part.expected},
        {part.name: tables},
        partial(_counts, own, foreign),
        dict(source.places.values()),
        large_objects=part.name if options.large_objects else None,
        others=frozenset[Name]().union(*(other.relations for other in others)),
    )


def _counts(plan: Plan, foreign: set[tuple[str, str]], database: str, row: Row) -> bool:
    """Tell whether a fact of the target is one that this part answers for: not one that only others have."""
    return row.key not in foreign and counts(plan, database, row)


def _exclusions(plan: MergePlan, options: MergeOptions, part: Part) -> Iterator[Exclusion]:
    """Yield what the whole target need not have as this one database has it."""
    for what in ("owner", "comment", "grants", "encoding"):
        yield Exclusion("database", what)
    others = [other for other in plan.all_parts if other.name != part.name]
    names = {row.name for other in others for row in other.objects.survey.settings} | part.left_settings
    for name in sorted(names - {row.name for row in part.source.plan.settings}):
        yield Exclusion("setting", escape(name))
    if not options.large_objects:
        yield Exclusion("large object", "*")
        return
    for number in chain.from_iterable(map(large_objects, others)):
        yield Exclusion("large object", number)


def _foreign_rights(name: str, rights: Mapping[str, Rights], there: Rights) -> set[str]:
    """Return what else has rights in the target that were changed: members of extensions that a part has not."""
    own = rights[name]
    of_others = {each for other, found in rights.items() if other != name for each in found.changed}
    foreign = {each for each in there.changed if there.extension[each] not in {None, *own.extensions}}
    return (of_others & there.changed.keys() | foreign) - own.changed.keys()
