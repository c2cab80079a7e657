"""Where things are at home that stand on each other: the one rule for what a history makes and for what is there.

Two ways through the dependencies. Down: what stands on something may live only where that may. Up: something is at home
where its users are, within that. What nothing uses is where what it is made for is, or what its body speaks of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

T = TypeVar("T")
Homes = Mapping[T, frozenset[str]]
Uses = Mapping[T, Set[T]]
_NOWHERE: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class World(Generic[T]):
    """Things, and what stands on what.

    Attributes:
        everywhere: all databases.
        nodes: the things.
        uses: what each one cannot be without.
        bodies: what the body of each function speaks of, which is only looked for when it runs.
        fixed: where those are whose homes are known: tables.
        start: where others may be by themselves, if not everywhere.
        declared: where the registry says that something is unless it is used: what lies in a schema that it names.
        unused: where each one is that nothing speaks for.
        following: those that are where what they are made for is, if nothing uses them.
        ground: what others lie in or are written in, which they are not made for.
    """

    everywhere: frozenset[str]
    nodes: Set[T]
    uses: Uses[T]
    bodies: Uses[T] = field(default_factory=dict)
    fixed: Homes[T]
    start: Homes[T] = field(default_factory=dict)
    declared: Homes[T] = field(default_factory=dict)
    unused: Homes[T]
    following: Set[T]
    ground: Set[T]

    @cached_property
    def allowed(self) -> dict[T, frozenset[str]]:
        """Return the greatest solution: a thing may live where everything that it stands on may."""
        allowed = {**dict.fromkeys(self.nodes, self.everywhere), **self.start, **self.fixed}
        users: dict[T, set[T]] = defaultdict(set)
        for node, targets in self.uses.items():
            for target in targets:
                users[target].add(node)
        pending = list(self.nodes)
        while pending:
            node = pending.pop()
            for user in users[node]:
                narrower = allowed[user] & allowed[node]
                if user not in self.fixed and narrower != allowed[user]:
                    allowed[user] = narrower
                    pending.append(user)
        return allowed

    @cached_property
    def homes(self) -> dict[T, frozenset[str]]:
        """Return the least solution: a thing is at home where its users are, within what is allowed."""
        homes = dict.fromkeys(self.nodes, _NOWHERE)
        rooted = {node: home for node, home in self.fixed.items() if home}
        # What stands on tables, however far below, is rooted there whether or not anything uses it.
        loose = [node for node in homes if node not in self.fixed and self.allowed[node]]
        rooted |= {node: self.allowed[node] for node in loose if self.stands_on(node)}
        self._spread(homes, rooted)
        own = {node: self.declared.get(node, _NOWHERE) & self.allowed[node] for node in loose if not homes[node]}
        self._spread(homes, {node: home for node, home in own.items() if home})
        self._spread(homes, self._followed(homes))
        unused = {node for node in loose if not homes[node]}
        while unused:
            # What only other unused things use goes with them.
            used = {target for node in unused for target in self._next(node)}
            first = (unused - used) or unused
            own = {node: self.unused.get(node, _NOWHERE) & self.allowed[node] for node in first}
            self._spread(homes, {node: home or self.allowed[node] for node, home in own.items()})
            unused = {node for node in unused if not homes[node]}
        return homes

    def stands_on(self, start: T) -> frozenset[T]:
        """Return the tables that a thing cannot be without, by itself or through what it uses."""
        found: set[T] = set()
        seen, pending = {start}, [start]
        while pending:
            node = pending.pop()
            if node in self.fixed and node != start:
                found.add(node)
                continue
            new = self.uses.get(node, set()) - seen
            seen |= new
            pending.extend(new)
        return frozenset(found)

    def crossing_tables(self) -> dict[T, frozenset[T]]:
        """Return the tables that use what may not be at their home: by inheritance, a row type, a default."""
        found = {}
        for table, home in self.fixed.items():
            elsewhere = {each for each in self.uses.get(table, ()) if home and self._is_elsewhere(each, home)}
            if elsewhere:
                below = ({each} if each in self.fixed else self.stands_on(each) for each in elsewhere)
                found[table] = frozenset({table}).union(*below)
        return found

    def _is_elsewhere(self, node: T, home: frozenset[str]) -> bool:
        return bool(self.allowed[node]) and not self.allowed[node] & home

    def _next(self, node: T) -> Set[T]:
        return {*self.uses.get(node, ()), *self.bodies.get(node, ())}

    def _followed(self, homes: Homes[T]) -> dict[T, frozenset[str]]:
        """Return where those are that nothing uses and that are made for something: where that is.

        Of what is in different places: where its body can run; if it has none, in all of these places.
        """
        found = {}
        for node in self.following:
            if homes[node] or not self.allowed[node]:
                continue
            every = self._places(node, homes, self._reached(node))
            spoken = self._places(node, homes, self._spoken_of(node))
            together = _common(every) or _common(spoken)
            if not together and not spoken:
                together = _NOWHERE.union(*every)
            if together:
                found[node] = together
        return found

    def _places(self, node: T, homes: Homes[T], reached: Iterable[T]) -> list[frozenset[str]]:
        return [homes[each] & self.allowed[node] for each in reached if homes[each]]

    def _reached(self, start: T) -> set[T]:
        """Return what a thing stands on or speaks of, by itself or through what it uses."""
        seen, pending = {start}, [start]
        while pending:
            node = pending.pop()
            # Tables are where they are, whatever they use.
            new = set() if node in self.fixed else self._next(node) - self.ground - seen
            seen |= new
            pending.extend(new)
        return seen - {start}

    def _spoken_of(self, start: T) -> set[T]:
        """Return what the body of a function speaks of, or those of what it uses."""
        bodies = [self.bodies.get(node, ()) for node in (start, *self._reached(start)) if node not in self.fixed]
        return {each for body in bodies for each in body} - self.ground - {start}

    def _spread(self, homes: dict[T, frozenset[str]], start: Homes[T]) -> None:
        pending = []
        for node, home in start.items():
            homes[node] |= home
            pending.append(node)
        while pending:
            node = pending.pop()
            for used in self._next(node):
                if used in self.fixed:
                    continue
                wider = homes[used] | (homes[node] & self._may_come(used, node))
                if wider != homes[used]:
                    homes[used] = wider
                    pending.append(used)

    def _may_come(self, used: T, user: T) -> frozenset[str]:
        """Return where something may come with its user; if that only speaks of it, where it is declared at most."""
        if used in self.uses.get(user, ()) or used not in self.declared:
            return self.allowed[used]
        return self.allowed[used] & self.declared[used]


def _common(places: list[frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*places) if places else _NOWHERE
