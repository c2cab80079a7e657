"""Which revision a live schema is at, told by the schema itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.operate.history import History
from alembic_multidb.stamp.build import Builder, CannotBuildError

Revisions = tuple[str, ...]

_MOST_PAIRS = 60


@dataclass(frozen=True)
class Search:
    """What the search found.

    Attributes:
        equal: the revisions whose schema is the same, the oldest first; each may be several heads together.
        nearest: the revisions with the fewest differences; empty if none could be built.
        differences: of the nearest revision's schema to the live one.
        looked_at: how many revisions were built.
        unreadable: why the search could not go on, for each revision that does not run on a scratch database.
    """

    equal: tuple[Revisions, ...]
    nearest: Revisions
    differences: tuple[Difference, ...]
    looked_at: int
    unreadable: tuple[str, ...]


def search(builder: Builder, schema: Snapshot) -> Search:
    """Build the history revision by revision, and compare each with a live schema.

    Args:
        builder: of the history.
        schema: the live schema, restricted to the history's home.
    """
    equal: list[Revisions] = []
    best: tuple[int, Revisions, tuple[Difference, ...]] | None = None
    unreadable: list[str] = []
    looked_at = 0
    for revisions in candidates(builder.history):
        try:
            built = builder.schema_at(revisions)
        except CannotBuildError as error:
            unreadable.append(str(error))
            builder.forget()
            continue
        looked_at += 1
        found = tuple(difference(built, schema))
        counted = sum(not item.is_reported for item in found)
        if not counted:
            equal.append(revisions)
        # Of equally near ones the later: it has more of what the live schema may have.
        if best is None or counted <= best[0]:
            best = counted, revisions, found
    nearest = best or (0, (), ())
    return Search(tuple(equal), nearest[1], nearest[2], looked_at, tuple(unreadable))


def candidates(history: History) -> Iterator[Revisions]:
    """Return the states that a database can be in, parents first: every revision, and all heads together."""
    for script in reversed(list(history.script.walk_revisions())):
        yield (script.revision,)
    pairs = list(_side_by_side(history))
    together = history.without_implied(history.heads)
    if len(together) > 1 and together not in pairs:
        pairs.append(together)
    yield from pairs


def _side_by_side(history: History) -> Iterator[Revisions]:
    """Return the pairs of revisions of two branches at which a database can be at once, as many as are looked at."""
    if len(history.heads) < 2 and not any(script.is_branch_point for script in history.revisions.values()):
        return
    order = list(reversed(history.revisions))
    applied = {revision: history.applied([revision]) for revision in order}
    pairs = (
        tuple(sorted((first, second)))
        for first, second in combinations(order, 2)
        if first not in applied[second] and second not in applied[first]
    )
    yield from islice(pairs, _MOST_PAIRS)
