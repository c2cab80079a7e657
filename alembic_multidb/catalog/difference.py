"""How two schemas differ: set arithmetic over their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alembic_multidb.catalog.attributes import Definition
from alembic_multidb.catalog.snapshot import REPORTED_KINDS, Row, Snapshot, canonical

What = Literal["missing", "extra", "different"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in the second schema as in the first.

    Attributes:
        kind: table, column, constraint, ...
        identity: what it is about.
        what: missing in the second schema, extra there, or there with another definition.
        attributes: for another definition, attribute to its two values; None where it has none.
        is_reported: whether it is only told (comments, owners, rights, ...) and makes no schema another one.
    """

    kind: str
    identity: str
    what: What
    attributes: Mapping[str, tuple[Any, Any]]
    is_reported: bool

    def __str__(self) -> str:
        if self.what != "different":
            return f"{self.kind} {self.identity} is {self.what}"
        parts = [f"{name} {_words(before)} -> {_words(after)}" for name, (before, after) in self.attributes.items()]
        return f"{self.kind} {self.identity} differs: {'; '.join(parts)}"


def difference(first: Snapshot, second: Snapshot) -> list[Difference]:
    """Return what is not the same in the second schema, what counts first, each part sorted by kind and identity."""
    one, other = _by_key(first), _by_key(second)
    found = [_difference(one.get(key), other.get(key)) for key in sorted({*one, *other})]
    differences = _without_parts([item for item in found if item is not None], first, second)
    return sorted(differences, key=lambda item: item.is_reported)


def distance(first: Snapshot, second: Snapshot) -> int:
    """Return how many facts that count are not the same: those of a missing table count each, not as one."""
    one, other = (
        {row.key: canonical(row.attributes) for row in each.rows if row.kind not in REPORTED_KINDS}
        for each in (first, second)
    )
    return sum(one.get(key) != other.get(key) for key in {*one, *other})


def is_equal(first: Snapshot, second: Snapshot) -> bool:
    """Tell whether two schemas are the same in what counts."""
    return first.fingerprint == second.fingerprint


def _by_key(snapshot: Snapshot) -> dict[tuple[str, str], Row]:
    return {row.key: row for row in snapshot.rows}


def _difference(before: Row | None, after: Row | None) -> Difference | None:
    row = before or after
    assert row is not None
    is_reported = row.kind in REPORTED_KINDS
    if before is None or after is None:
        return Difference(row.kind, row.identity, "missing" if after is None else "extra", {}, is_reported)
    if isinstance(before.definition, Definition) and before.definition.is_written_like(after.definition):
        return None
    one, other = before.attributes, after.attributes
    if canonical(one) == canonical(other):
        return None
    attributes = {
        name: (one.get(name), other.get(name))
        for name in sorted({*one, *other})
        if canonical(one.get(name)) != canonical(other.get(name))
    }
    return Difference(row.kind, row.identity, "different", attributes, is_reported)


def _without_parts(found: Sequence[Difference], first: Snapshot, second: Snapshot) -> list[Difference]:
    """Leave out what a missing or extra object takes along: a table's columns and constraints, anybody's owner."""
    parts = {
        "missing": _part_keys(first, {(item.kind, item.identity) for item in found if item.what == "missing"}),
        "extra": _part_keys(second, {(item.kind, item.identity) for item in found if item.what == "extra"}),
        "different": set(),
    }
    return [item for item in found if (item.kind, item.identity) not in parts[item.what]]


def _part_keys(snapshot: Snapshot, gone: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the keys of rows that belong to tables and views with these keys, or tell something of such an object."""
    whole = [row for row in snapshot.rows if row.key in gone and row.kind not in REPORTED_KINDS]
    nodes = {row.node for row in whole}
    relations = {row.relation for row in whole if row.kind in ("table", "view")}
    return {
        row.key
        for row in snapshot.rows
        if (row.relation in relations and row.kind not in ("table", "view"))
        or (row.node in nodes and row.kind in REPORTED_KINDS)
    }


def _words(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value)
