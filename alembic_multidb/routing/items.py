"""What a history has made so far: tables, indexes, types and the like by their names at one point of the history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alembic_multidb.statements import Made, Role, Statement, Thing


@dataclass(eq=False)
class Item:
    """One thing through all of its names.

    Attributes:
        role: what it is.
        names: what it was called, in order.
        part_of: the relation that it belongs to.
        users: what uses it, for a type, a function or a sequence.
        stands_on: the relations that a view, or the body of a function, reads.
        pinned: the databases that the revision itself says it is for; None if it says nothing.
    """

    role: Role
    names: list[Thing]
    part_of: Item | None = None
    users: list[Item] = field(default_factory=list)
    stands_on: list[Item] = field(default_factory=list)
    pinned: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"<{self.role} {self.names[-1]}>"


# By revision, name and how many of that name came before: what a revision made, so that a second look at it finds the
# same items.
Memory = dict[tuple[str, Thing, int], Item]

# How Alembic calls the table that takes another one's place, when a batch makes it anew.
_BATCH = "_alembic_tmp_"


@dataclass
class State:
    """What there is at one point of the history, in any of its databases.

    Attributes:
        revision: the revision whose statements come next.
        memory: what each revision made.
        learns: whether statements tell about items (as the history is read), or only what they are called now.
        fallback: names that a downgrade finds again.
        names: items by their present names.
        references: the foreign keys, by their table and name: what they point at.
        counts: how often the revision has made something of a name.
    """

    revision: str
    memory: Memory
    learns: bool = False
    fallback: Mapping[Thing, Item] = field(default_factory=dict)
    names: dict[Thing, Item] = field(default_factory=dict)
    references: dict[tuple[int, str], Item] = field(default_factory=dict)
    counts: Counter[Thing] = field(default_factory=Counter)

    def at(self, revision: str, *, learns: bool = False, fallback: Mapping[Thing, Item] | None = None) -> State:
        """Return a copy for the statements of a revision."""
        return State(revision, self.memory, learns, fallback or {}, dict(self.names), dict(self.references))

    def make(self, statement: Statement, pinned: frozenset[str] | None = None) -> None:
        """Take in what a statement makes, before it is decided where it runs."""
        for inner in statement.inner:
            self.make(inner, pinned)
        for made in statement.makes:
            self._make(made, statement, pinned)
        for table, reference in ((table, item) for table in statement.subjects[:1] for item in statement.references):
            self.references[id(self.table(table)), reference.name] = self.table(reference.target)
        if self.learns:
            self._learn(statement)

    def finish(self, statement: Statement) -> None:
        """Take in what is called otherwise, or gone, after a statement."""
        for inner in statement.inner:
            self.finish(inner)
        for before, after in statement.renames:
            item = self.names.pop(before, None)
            if item is not None:
                self.names[after] = item
                if self.learns:
                    item.names.append(after)
        if statement.drops:
            for thing in statement.subjects:
                self.names.pop(thing, None)

    def table(self, thing: Thing) -> Item:
        """Return the item of a name; a table that no revision was seen to make is one of its own."""
        found = self.names.get(thing) or self.fallback.get(thing)
        if found is None:
            found = self.memory.setdefault((self.revision, thing, -1), Item("table", [thing]))
            self.names[thing] = found
        return found

    def known(self, things: Iterable[Thing]) -> Iterator[Item]:
        """Yield the items of those names that stand for something."""
        for thing in things:
            found = self.names.get(thing) or self.fallback.get(thing)
            if found is not None:
                yield found

    def _make(self, made: Made, statement: Statement, pinned: frozenset[str] | None) -> None:
        present = self.names.get(made.thing)
        is_there = present is not None and (statement.if_exists or made.role in ("view", "other"))
        if present is None or not (is_there or statement.kind.startswith("alter")):
            key = (self.revision, made.thing, self.counts[made.thing])
            self.counts[made.thing] += 1
            present = self.fallback.get(made.thing) or self.memory.get(key) or Item(made.role, [made.thing])
            present = self.names[made.thing] = self.memory.setdefault(key, present)
            if made.thing.name.startswith(_BATCH):
                present.part_of = self.table(made.thing._replace(name=made.thing.name.removeprefix(_BATCH)))
        if pinned is not None and self.learns:
            present.pinned = (present.pinned or frozenset()) | pinned
        if made.part_of is not None:
            owner = self.table(made.part_of)
            if owner is not present:
                present.part_of = owner

    def _learn(self, statement: Statement) -> None:
        """Remember who uses what."""
        subjects = list(self.known(statement.subjects))
        for used in self.known((*statement.uses, *statement.hints)):
            if used.role in ("other", "sequence"):
                used.users += [item for item in subjects if item is not used and item not in used.users]
        for item in subjects:
            if item.role == "view" and any(made.role == "view" for made in statement.makes):
                item.stands_on += [self.table(thing) for thing in statement.mentions]
            elif item.role == "other" and statement.kind == "create function":
                item.stands_on += self.known(statement.hints)
