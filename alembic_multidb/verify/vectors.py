"""How well each vector index finds the ten nearest, on both sides: against an exact search, for stored vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.nearest import (
    NEAREST,
    Index,
    NotUsedError,
    find_by_index,
    find_exactly,
    take_samples,
)
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Finding, Recall
from alembic_multidb.verify.side import Side, Unreadable, raw
from alembic_multidb.verify.statements import query

# So many times the samples are taken before a recall is said to be too low.
_SURE = 5


def compare_recall(
    sides: Sides, wanted: Wanted, options: VerifyOptions, equal: Collection[str] = ()
) -> tuple[list[Recall], list[Finding]]:
    """Search for sampled vectors on both sides, by index and exactly.

    Args:
        sides: source and target.
        wanted: which tables belong to the target.
        options: how many samples, and by how much the target's recall may be lower.
        equal: tables that hold the same rows on both sides: what is nearest needs to be looked for once.

    Returns:
        What each index finds, and what was found wrong.
    """
    source, target = (_read(side, wanted) for side in (sides.source, sides.target))
    recalls: list[Recall] = []
    findings: list[Finding] = []
    for name in sorted(source.keys() & target.keys()):
        try:
            are_equal = source[name].table == target[name].table and source[name].table in equal
            found = _compare(sides, source[name], target[name], options.recall_samples, are_equal=are_equal)
            if any(_findings(found, options)):
                # No two builds of an index are the same: few samples may say so where many do not.
                many = options.recall_samples * _SURE
                found = _compare(sides, source[name], target[name], many, are_equal=are_equal)
        except (NotUsedError, *Unreadable) as error:
            findings.append(_unmeasured(name, error))
            continue
        recalls += [found] if found.samples else []
        findings += _findings(found, options)
    return recalls, findings


def compare_recall_with_evidence(
    side: Side, wanted: Wanted, options: VerifyOptions, before: Sequence[Recall]
) -> tuple[list[Recall], list[Finding]]:
    """Search for sampled vectors again, by index and exactly; an index that is gone is the schema's matter.

    Args:
        side: where.
        wanted: which tables belong to it.
        options: how many samples, and by how much a recall may be lower.
        before: what the indexes found when the evidence was taken.

    Returns:
        What each index found then and finds now, and what was found wrong.
    """
    indexes = _read(side, wanted)
    recalls: list[Recall] = []
    findings: list[Finding] = []
    for then in before:
        if then.index not in indexes:
            continue
        try:
            found = _again(side, indexes[then.index], then, options.recall_samples)
            if any(_findings(found, options)):
                found = _again(side, indexes[then.index], then, options.recall_samples * _SURE)
        except (NotUsedError, *Unreadable) as error:
            findings.append(_unmeasured(then.index, error))
            continue
        recalls.append(found)
        findings += _findings(found, options, ("now", "when the evidence was taken"))
    return recalls, findings


def _again(side: Side, index: Index, then: Recall, many: int) -> Recall:
    samples = side.run(lambda connection: take_samples(raw(connection), index, many)).result()
    found = side.run(lambda connection: find_by_index(connection, index, samples)).result()
    exact = side.run(lambda connection: find_exactly(connection, index, samples, found.bounds)).result()
    recalls, all_settings = (then.recalls[1], found.recall(exact)), (then.settings[1], found.settings)
    return Recall(index=then.index, samples=len(samples), recalls=recalls, settings=all_settings)


def _unmeasured(name: str, error: Exception) -> Finding:
    words = str(error) if isinstance(error, NotUsedError) else first_line(error)
    message = f"the recall of index {name} could not be measured: {words}"
    return Finding(kind="recall", object=name, what="unknown", message=message)


def _findings(
    found: Recall, options: VerifyOptions, places: tuple[str, str] = ("in the target", "in the source")
) -> Iterator[Finding]:
    one, other = found.recalls
    if found.samples and one - other > options.recall_tolerance:
        yield Finding(
            kind="recall",
            object=found.index,
            what="different",
            message=f"index {found.index} finds {other:.1%} of the {NEAREST} nearest {places[0]} "
            f"({found.settings[1]}), {one:.1%} {places[1]} ({found.settings[0]})",
        )


def _read(side: Side, wanted: Wanted) -> dict[str, Index]:
    found = side.ask(query("vector_indexes")).result()
    return {
        row["index"]: Index(row, frozenset(each["name"] for each in found if _table(each) == _table(row)))
        for row in found
        if wanted.home((row["root_schema"], row["root_table"])) == wanted.database.name
        and not wanted.options.excludes({"index"}, row["index"])
    }


def _table(row: dict[str, Any]) -> tuple[str, str]:
    return row["schema"], row["table"]


def _compare(sides: Sides, source: Index, target: Index, many: int, *, are_equal: bool) -> Recall:
    samples = sides.start(False, lambda connection: take_samples(connection, source, many)).result()
    one = sides.source.run(lambda connection: find_by_index(connection, source, samples))
    other = sides.target.run(lambda connection: find_by_index(connection, target, samples))
    here, there = one.result(), other.result()
    if are_equal:
        bounds = list(map(min, here.bounds, there.bounds))
        exact = exact_there = _exact_on_both(sides, source, target, samples, bounds)
    else:
        of_source = sides.source.run(lambda connection: find_exactly(connection, source, samples, here.bounds))
        of_target = sides.target.run(lambda connection: find_exactly(connection, target, samples, there.bounds))
        exact, exact_there = of_source.result(), of_target.result()
    return Recall(
        index=source.facts["index"],
        samples=len(samples),
        recalls=(here.recall(exact), there.recall(exact_there)),
        settings=(here.settings, there.settings),
    )


def _exact_on_both(
    sides: Sides, source: Index, target: Index, samples: list[str], bounds: list[float]
) -> list[list[float]]:
    """Return the nearest of each sample; where both sides hold the same rows, each looks for half of them."""
    one = sides.source.run(lambda connection: find_exactly(connection, source, samples[::2], bounds[::2]))
    other = sides.target.run(lambda connection: find_exactly(connection, target, samples[1::2], bounds[1::2]))
    found: list[list[float]] = [[] for _ in samples]
    found[::2], found[1::2] = one.result(), other.result()
    return found
