"""Which revision a live schema is at, told by the schema itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from alembic_multidb.catalog.difference import Difference, difference, distance
from alembic_multidb.catalog.snapshot import REPORTED_KINDS, Snapshot
from alembic_multidb.stamp.build import Builder, CannotBuildError

Revisions = tuple[str, ...]

# So many states of several branches at once are looked at without coming nearer, before the search is given up.
_PATIENCE = 40


# Schema public, and extensions that were created beforehand.
_OF_NO_REVISION = REPORTED_KINDS | {"schema", "extension"}


@dataclass(frozen=True)
class Search:
    """What the search found.

    Attributes:
        equal: the revisions whose schema is the same, the oldest first; each may be several heads together.
        nearest: the revisions with the fewest differences; empty if none could be built.
        differences: of the nearest revision's schema to the live one.
        looked_at: how many revisions were built.
        unreadable: why the search could not go on, for each revision that does not run on a scratch database.
        is_base: whether nothing of any revision can be there: no table, type, function or the like is.
        is_whole: whether every state was looked at; with many branches side by side, only those that came nearer.
    """

    equal: tuple[Revisions, ...]
    nearest: Revisions
    differences: tuple[Difference, ...]
    looked_at: int
    unreadable: tuple[str, ...]
    is_base: bool = False
    is_whole: bool = True


def search(builder: Builder, schema: Snapshot) -> Search:
    """Build the history revision by revision, and compare each with a live schema.

    Where branches lie side by side a database can be at several at once: from the nearest states on, one revision more
    is looked at, as long as that comes nearer.

    Args:
        builder: of the history.
        schema: the live schema, restricted to the history's home.
    """
    state = _Searching(builder, schema)
    for script in reversed(list(builder.history.script.walk_revisions())):
        state.look((script.revision,))
    together = builder.history.without_implied(builder.history.heads)
    if len(together) > 1:
        state.look(together)
    is_whole = state.look_side_by_side()
    return state.result(is_whole)


@dataclass
class _Searching:
    """A search under way.

    Attributes:
        builder: of the history.
        schema: the live schema.
        distances: of the states that were built, in the order in which that was done.
        unreadable: why others could not be.
        nearest: the nearest state, and its schema.
        ahead: the states from which no further one was looked at yet, the nearest first.
        needed: what a database at each revision has run, that revision itself included.
    """

    builder: Builder
    schema: Snapshot
    distances: dict[Revisions, int] = field(default_factory=dict)
    unreadable: dict[Revisions, str] = field(default_factory=dict)
    nearest: tuple[Revisions, Snapshot] | None = None
    ahead: list[tuple[int, int, Revisions]] = field(default_factory=list)
    needed: dict[str, frozenset[str]] = field(default_factory=dict)

    def look(self, revisions: Revisions) -> bool:
        """Build one state, and tell whether it is nearer than all before, or as near."""
        try:
            built = self.builder.schema_at(revisions)
        except CannotBuildError as error:
            self.unreadable[revisions] = str(error)
            self.builder.forget()
            return False
        found = distance(built, self.schema)
        # Of equally near ones the later: it has more of what the live schema may have.
        is_nearest = self.nearest is None or found <= self.distances[self.nearest[0]]
        self.distances[revisions] = found
        heappush(self.ahead, (found, -len(self.distances), revisions))
        if is_nearest:
            self.nearest = revisions, built
        return is_nearest

    def look_side_by_side(self) -> bool:
        """Look at states of several branches at once, and tell whether these were all."""
        history = self.builder.history
        if len(history.heads) < 2 and not any(script.is_branch_point for script in history.revisions.values()):
            return True
        self.needed = {revision: history.applied([revision]) for revision in history.revisions}
        patience = _PATIENCE
        while self.ahead and patience > 0:
            found, _, revisions = heappop(self.ahead)
            if found and 0 in self.distances.values():
                return True  # what is equal too would be one revision from what is equal
            for following in self._following(revisions):
                before = self.nearest and self.distances[self.nearest[0]]
                self.look(following)
                is_nearer = self.nearest is not None and self.distances[self.nearest[0]] != before
                patience = _PATIENCE if is_nearer else patience - 1
        return not self.ahead

    def _following(self, revisions: Revisions) -> Iterator[Revisions]:
        """Return the states with one revision more than this one, as far as they were not looked at."""
        applied = frozenset[str]().union(*(self.needed[revision] for revision in revisions))
        for revision, needed in self.needed.items():
            if needed - applied == {revision}:
                state = self.builder.history.without_implied([*revisions, revision])
                if state not in self.distances and state not in self.unreadable:
                    yield state

    def result(self, is_whole: bool) -> Search:
        """Return what was found."""
        order = {revision: number for number, revision in enumerate(reversed(self.builder.history.revisions))}
        equal = [revisions for revisions, found in self.distances.items() if not found]
        nearest, built = self.nearest or ((), None)
        return Search(
            equal=tuple(sorted(equal, key=lambda revisions: sorted(map(order.__getitem__, revisions))[::-1])),
            nearest=nearest,
            differences=tuple(difference(built, self.schema)) if built is not None else (),
            looked_at=len(self.distances),
            unreadable=tuple(self.unreadable.values()),
            is_base=all(row.kind in _OF_NO_REVISION for row in self.schema.rows),
            is_whole=is_whole,
        )
