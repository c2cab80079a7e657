"""A merge's plan, and what came of it, as lines to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from alembic_multidb.merge.gather import settings_words
from alembic_multidb.merge.histories import changes
from alembic_multidb.merge.model import KEYS, MergePlan, Part
from alembic_multidb.merge.outcome import MergeReport
from alembic_multidb.operate.status import counted
from alembic_multidb.registry import Databases
from alembic_multidb.split.page import findings


def page(plan: MergePlan, databases: Databases) -> Iterator[str]:
    """Yield the lines of the plan's page."""
    names = ", ".join(part.name for part in plan.parts)
    yield f"Merge of {names} into {_place(plan)}"
    yield ""
    if plan.there is not None:
        yield f"{plan.there.name}: it is there, and stays as it is: {_contents(plan.there)}"
    for part in plan.parts:
        yield f"{part.name}: {_contents(part)}"
    yield from _listed("Defined alike in several databases, and made once", plan.shared)
    yield from _listed("Foreign keys", [f"{reference}: {reference.definition}" for reference in plan.references])
    yield from _listed("Columns that get another type", plan.casts)
    settings = [f"{part.name}: {', '.join(words)}" for part in plan.parts if (words := settings_words(part))]
    yield from _listed("Settings that come to the whole target", settings)
    yield from _listed("Version tables", [f"{name}: {table}" for name, table in plan.version_tables.items()])
    yield from _listed("Afterwards", changes(plan, databases))
    yield from findings(plan.findings)


def _listed(heading: str, items: Iterable[object]) -> Iterator[str]:
    lines = [f"  {item}" for item in items]
    if lines:
        yield ""
        yield heading
        yield from lines


def _place(plan: MergePlan) -> str:
    return f"{plan.place.name} ({plan.place.url})" if plan.place.into is not None else str(plan.place.url)


def _contents(part: Part) -> str:
    if part.ready is None:
        kinds = Counter(row.kind for row in part.expected.rows if row.kind in ("table", "view", "function", "type"))
    else:
        kinds = Counter(item.type for item in part.source.plan.objects if item.treatment == "home")
    words = [_many(number, kind) for kind, number in sorted(kinds.items())]
    return ", ".join(words) or "nothing"


def _many(number: int, kind: str) -> str:
    ending = "es" if kind.endswith("x") else "s"
    return f"{number} {kind}{'' if number == 1 else ending}"


def summary(report: MergeReport, *, is_rehearsal: bool = False) -> Iterator[str]:
    """Yield what came of a merge, or of its rehearsal."""
    proofs = {each["name"]: each for each in report.proof["databases"]}
    moved = {each.name: each for each in report.databases}
    for name, proof in proofs.items():
        each = moved.get(name)
        rows = (
            f"{counted(each.rows, 'row')} in {counted(each.tables, 'table')}" if each is not None else "copied before"
        )
        yield f"{name}: {rows}; {_proven(proof)}"
        yield from (f"  {note}" for note in (each.notes if each is not None else ()))
        yield from (f"  {finding['message']}" for finding in proof["findings"])
    if report.plan.there is not None:
        yield from _own(report)
    # The file of a rehearsal is gone with it.
    yield from (line.partition(KEYS)[0] if is_rehearsal else line for line in report.done)
    for name, words in report.since.items():
        yield f"{name}: it was only read; {words}."
    yield from (f"{report.plan.place.name}: {words}" for words in report.left)
    yield from (f"Backup: {path}" for path in report.backups)
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    yield f"Times: {times}" if is_rehearsal else f"Evidence: {report.evidence} ({times})"
    yield from _end_of_rehearsal(report) if is_rehearsal else _end(report)


def _end_of_rehearsal(report: MergeReport) -> Iterator[str]:
    if report.needs is not None:
        yield report.needs.words("the sources", "other databases")
    proven = "Not proven: see above" if report.exit_code else "Rehearsed, and proven"
    yield f"{proven}. The target was not touched, and nothing of the rehearsal remains."


def _end(report: MergeReport) -> Iterator[str]:
    if report.exit_code:
        yield "Not proven: see above. The sources are untouched; --abort takes back what was made."
        return
    yield "Done, and proven."
    yield from report.changes
    yield from _back(report)


def _back(report: MergeReport) -> Iterator[str]:
    yield (
        "To go back: leave registry and URLs as they are, or set them back. The sources were only read, and have "
        "everything but what was written since."
    )
    if report.plan.place.into is not None:
        words = ", and its own columns that have another type now come back from a backup" if report.plan.casts else ""
        yield f'What came into "{report.plan.place.name}" stays there until it is dropped{words}.'


def _proven(proof: dict[str, object]) -> str:
    if proof["state"] != "equal":
        return f"{proof['state']}, see below"
    return f"verified equal ({counted(int(str(proof['facts'])), 'fact')} of the schema)"


def _own(report: MergeReport) -> Iterator[str]:
    assert report.plan.there is not None
    if report.own:
        yield f"{report.plan.there.name}: rows of its own are not what they were: {', '.join(report.own)}"
    elif report.databases:
        yield f"{report.plan.there.name}: its own rows are what they were before"
