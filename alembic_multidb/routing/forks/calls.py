"""What the planned statements of a revision come down to in its file: by each text that it sends, and all together."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby, zip_longest
from operator import attrgetter

from alembic_multidb.routing.forks.source import Call
from alembic_multidb.routing.plan import PlannedStatement
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


def difference(
    own: Sequence[str], other: Sequence[str], again: Sequence[str] | None = None, *, is_begin: bool = False
) -> tuple[str, bool] | None:
    """Return the first statement in which two functions differ, and whether it is the other that has it.

    Args:
        own: the statements of the one.
        other: those of the other.
        again: the statements of the one when it is run once more; those that are different then may be so, too, in
            their values.
        is_begin: whether the other may go on after these.
    """
    is_other = again is not None and len(again) == len(own)
    for number, (mine, its) in enumerate(zip_longest(own, other)):
        if mine is None:
            return None if is_begin else (its, True)
        varies = is_other and again is not None and again[number] != mine and its is not None
        if mine != its and not (varies and _without_values(mine) == _without_values(its)):
            return mine, False
    return None


def idle_of(statements: Sequence[PlannedStatement]) -> frozenset[str]:
    """Return the statements that can stay or go, since they drop what no revision makes."""
    return frozenset(line_of(item.decision.statement) for item in statements if item.decision.is_idle)


def changes_of(texts: Sequence[str], idle: Collection[str]) -> tuple[str, ...]:
    """Return the statements that change something, with the white space of one line.

    The indexes of a table come in any order.
    """
    changes = (statement for text in texts for statement in read(text) if not statement.reads)
    found: list[str] = []
    for kind, group in groupby(changes, key=attrgetter("kind")):
        lines = [line for statement in group if (line := line_of(statement)) not in idle]
        found += sorted(lines) if kind == "index" else lines
    return tuple(found)


def line_of(statement: Statement) -> str:
    """Return a statement with the white space of one line."""
    return " ".join(statement.sql.split())


def _without_values(line: str) -> str:
    """Return a statement without its texts and numbers."""
    return _VALUE.sub("?", line)


_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b")
