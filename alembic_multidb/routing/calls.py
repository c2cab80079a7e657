"""What the planned statements of a revision come down to in its file: by each text that it sends, and all together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from operator import attrgetter

from alembic_multidb.routing.plan import PlannedStatement
from alembic_multidb.routing.source import Call
from alembic_multidb.statements import Statement, read


def calls_of(statements: Sequence[PlannedStatement]) -> list[Call]:
    """Return what becomes of each text, which may hold several statements; what can stay or go is left out."""
    texts: dict[int, list[PlannedStatement]] = {}
    for item in statements:
        if not item.recorded.lines:
            continue  # it comes or leaves by itself
        if item.decision.is_idle or (item.decision.statement.reads and item.decision.verdict == "runs"):
            continue
        texts.setdefault(id(item.recorded), []).append(item)
    return [_call(items) for items in texts.values()]


def moves_of(statements: Sequence[PlannedStatement]) -> tuple[list[str], list[str]]:
    """Return what comes before a function's own statements, and what leaves after them."""
    own = [number for number, item in enumerate(statements) if item.recorded.lines]
    first = own[0] if own else sum(not item.decision.statement.sql.startswith("DO $leaves$") for item in statements)
    return (
        [item.recorded.sql for item in statements[:first]],
        [item.recorded.sql for item in statements[first:] if not item.recorded.lines],
    )


def _call(items: Sequence[PlannedStatement]) -> Call:
    recorded = items[0].recorded
    verdicts = {item.decision.verdict for item in items}
    kept = tuple(item.decision.sql for item in items if item.decision.sql is not None)
    values = recorded.has_parameters, recorded.is_certain
    if verdicts == {"runs"} or verdicts == {"skips"}:
        return Call(recorded.lines, "runs" if "runs" in verdicts else "skips", kept, *values)
    return Call(recorded.lines, "part", kept, *values)


def is_same(statements: Sequence[PlannedStatement], texts: Sequence[str]) -> bool:
    """Tell whether a function that sends these texts does what is left of one that was planned."""
    kept = [item.decision.sql for item in statements if item.decision.sql is not None]
    idle = {_line(item.decision.statement) for item in statements if item.decision.is_idle}
    return _changes_of(kept, idle) == _changes_of(texts, idle)


def _changes_of(texts: Sequence[str], idle: Collection[str]) -> list[str]:
    """Return the statements that change something, with the white space of one line.

    A type counts once: a table brings its types unless they are there, which a server that is not there never says. The
    indexes of a table come in any order.
    """
    changes = (statement for text in texts for statement in read(text) if not statement.reads)
    found: list[str] = []
    for kind, group in groupby(changes, key=attrgetter("kind")):
        lines = [line for statement in group if (line := _line(statement)) not in idle]
        if kind == "create enum":
            lines = [line for line in dict.fromkeys(lines) if line not in found]
        found += sorted(lines) if kind == "index" else lines
    return found


def _line(statement: Statement) -> str:
    return " ".join(statement.sql.split())
