"""What came of a split, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator

from alembic_multidb.operate.status import counted
from alembic_multidb.split.outcome import Moved, SplitReport
from alembic_multidb.verify.report import DatabaseReport


def summary(report: SplitReport) -> Iterator[str]:
    """Yield the lines."""
    for moved in report.databases:
        verified = report.verified_of(moved.name)
        yield f"{moved.name}: {_moved(moved)}; {_stamped(moved)}; {_verified(verified)}"
        yield from (f"  {note}" for note in moved.notes)
        yield from (f"  {finding}" for finding in verified.findings)
    yield from (f"disconnected from the source: {words}" for words in report.ended)
    yield f"The source was only read; {report.since}."
    if report.backup is not None:
        yield f"Backup of the source: {report.backup}"
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    yield f"Evidence: {report.evidence} ({times})" if report.evidence is not None else f"Times: {times}"
    yield from (f"Left: {words}" for words in report.left)
    yield from _end(report)


def _end(report: SplitReport) -> Iterator[str]:
    if report.needs is not None:
        yield report.needs.words("the source", "the other databases")
        proven = "Not proven: see above" if report.verified.exit_code else "Rehearsed, and proven"
        yield f"{proven}. The targets were not touched, and nothing of the rehearsal remains."
    elif report.verified.exit_code and report.plan.method == "template":
        yield "Not proven: see above. The clones were given up, the targets are as they were, the source is untouched."
    elif report.verified.exit_code:
        there = [moved.name for moved in report.databases if moved.state == "there"]
        way = (
            f"; {', '.join(there)} had its schema before this run: if that one was proven, as its evidence says, "
            "something was written since; else create it anew, and begin again"
            if there
            else ""
        )
        yield f"Not proven: see above. The source is untouched; --abort takes back what this command has made{way}."
    else:
        yield "Done, and proven: every row is in its new home."


def _moved(moved: Moved) -> str:
    if moved.state == "there":
        return "it was filled before, nothing was copied"
    if moved.state == "cloned":
        large = f", {counted(moved.large_objects, 'large object')}" if moved.large_objects else ""
        return f"cloned with {counted(moved.tables, 'table')}{large}, {counted(moved.dropped, 'object')} dropped"
    kept = f", {moved.kept} of them kept from before" if moved.kept else ""
    large = f", {counted(moved.large_objects, 'large object')}" if moved.large_objects else ""
    return f"{counted(moved.rows, 'row')} in {counted(moved.tables, 'table')}{kept}{large}"


def _stamped(moved: Moved) -> str:
    if moved.stamp is None:
        return "not stamped now"
    if moved.is_stamped:
        return f"stamped {', '.join(moved.stamp.revisions)}"
    return f"not stamped: {moved.stamp.message}"


def _verified(report: DatabaseReport) -> str:
    if report.exit_code:
        return f"{report.state}: {counted(len(report.findings), 'finding')}"
    return f"verified equal ({counted(report.facts, 'fact')} of the schema)"
