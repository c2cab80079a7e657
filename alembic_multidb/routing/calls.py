"""What the planned statements of a revision come down to in its file: by each text that it sends, and all together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from alembic_multidb.routing.plan import PlannedStatement
from alembic_multidb.routing.source import Call
from alembic_multidb.statements import read


def calls_of(statements: Sequence[PlannedStatement]) -> list[Call]:
    """Return what becomes of each text, which may hold several statements; questions that can stay are left out."""
    texts: dict[int, list[PlannedStatement]] = {}
    for item in statements:
        if not item.recorded.lines:
            continue  # it comes or leaves by itself
        if item.decision.statement.reads and item.decision.verdict == "runs":
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


def kept_of(statements: Sequence[PlannedStatement]) -> list[str]:
    """Return what is left of a function, statement by statement."""
    return changes_of([item.decision.sql for item in statements if item.decision.sql is not None])


def changes_of(texts: Sequence[str]) -> list[str]:
    """Return the statements that change something, with the white space of one line.

    A type counts once: a table brings its types unless they are there, which a server that is not there never says. The
    indexes of a table come in any order.
    """
    changes = (statement for text in texts for statement in read(text) if not statement.reads)
    found: list[str] = []
    for kind, group in groupby(changes, key=attrgetter("kind")):
        lines = [" ".join(statement.sql.split()) for statement in group]
        if kind == "create enum":
            lines = [line for line in dict.fromkeys(lines) if line not in found]
        found += sorted(lines) if kind == "index" else lines
    return found
