"""What a history has made so far: tables, indexes, types and the like by their names at one point of the history."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from alembic_multidb.routing.item import Item
from alembic_multidb.routing.members import extension_of
from alembic_multidb.statements import (
    DEFAULT_PATH,
    Kind,
    Made,
    Path,
    Reference,
    Statement,
    Thing,
    located,
    without,
)


class Deed(NamedTuple):
    """A statement that made something what it is, and when that was, among others."""

    when: int
    sql: str


_clock = itertools.count()

# By revision, name and how many of that name came before: what a revision made, so that a second look at it finds the
# same items.
Memory = dict[tuple[str, Thing, int], Item]

# The kinds of statements that make something what it is.
_DEEDS = ("create", "composite type", "define", "alter", "rename", "comment", "grant", "sec label")
_NOTHING: frozenset[Item] = frozenset()
# What a name may stand for: tables have a type for their rows.
_MEANT: dict[Kind, tuple[Kind, ...]] = {"type": ("type", "relation"), "row": ("relation", "type")}

# How Alembic calls the table that takes another one's place, when a batch makes it anew.
_BATCH = "_alembic_tmp_"


@dataclass
class State:
    """What there is at one point of the history, in any of its databases.

    Attributes:
        revision: the revision whose statements come next.
        memory: what each revision made.
        learns: whether statements tell about items (as the history is read), or only what they are called now.
        follows: whether is followed what uses what, and what was said of types, functions and the like.
        fallback: names that a downgrade finds again.
        names: items by their present names.
        references: the foreign keys, by their table and name: what they point at.
        counts: how often the revision has made something of a name.
        overloads: the functions of one name, by the types of their arguments.
        columns: the names of the columns of tables, as far as statements say them.
        uses: by an item and the name of one of its parts: the types, functions and sequences that it stands on; of
            views, types and functions the tables, too.
        bodies: by a function and the types of its arguments: what its body speaks of.
        deeds: the statements that made types, functions, sequences and schemas what they are, in order.
        touched: what the revision has used or changed of these, each with the user.
        extensions: the users of well-known extensions, at any time of the history.
        path: the schemas in which the revision looks for names.
    """

    revision: str
    memory: Memory
    learns: bool = False
    follows: bool = False
    fallback: Mapping[Thing, Item] = field(default_factory=dict)
    names: dict[Thing, Item] = field(default_factory=dict)
    references: dict[tuple[Item, str], Item] = field(default_factory=dict)
    counts: Counter[Thing] = field(default_factory=Counter)
    overloads: dict[Item, frozenset[str]] = field(default_factory=dict)
    columns: dict[Item, tuple[str, ...]] = field(default_factory=dict)
    uses: dict[tuple[Item, str], frozenset[Item]] = field(default_factory=dict)
    bodies: dict[tuple[Item, str], frozenset[Item]] = field(default_factory=dict)
    deeds: dict[Item, tuple[Deed, ...]] = field(default_factory=dict)
    touched: set[tuple[Item, Item]] = field(default_factory=set)
    extensions: dict[str, list[Item]] = field(default_factory=dict)
    path: Path = DEFAULT_PATH

    def at(self, revision: str, *, learns: bool = False, fallback: Mapping[Thing, Item] | None = None) -> State:
        """Return a copy for the statements of a revision."""
        names, references = dict(self.names), dict(self.references)
        return State(
            revision,
            self.memory,
            learns,
            learns,
            fallback or {},
            names,
            references,
            overloads=dict(self.overloads),
            columns=dict(self.columns),
            uses=dict(self.uses),
            extensions=self.extensions,
        )

    def again(self) -> State:
        """Return a copy for another look at the same statements."""
        return self.at(self.revision, fallback=self.fallback)

    def after(self, revision: str, *, learns: bool) -> State:
        """Return a copy for the statements of a revision that is read, with all that is followed."""
        state = self.at(revision, learns=learns)
        state.follows = True
        state.bodies, state.deeds = dict(self.bodies), dict(self.deeds)
        return state

    def take(self, statements: Iterable[Statement], pinned: frozenset[str] | None = None) -> None:
        """Take in what statements make, call otherwise and drop, one after the other."""
        for statement in map(self.located, statements):
            self.make(statement, pinned)
            self.finish(statement)

    def located(self, statement: Statement) -> Statement:
        """Return a statement whose names lead where ``search_path`` leads them at this point."""
        return located(statement, self.path, lambda thing: thing in self.names or thing in self.fallback)

    def make(self, statement: Statement, pinned: frozenset[str] | None = None) -> None:
        """Take in what a statement makes, before it is decided where it runs."""
        for inner in statement.inner:
            self.make(inner, pinned)
        for made in statement.makes:
            self._make(made, statement, pinned)
        for thing, signature in statement.signatures if not statement.drops else ():
            item = self.names[thing]
            self.overloads[item] = self.overloads.get(item, frozenset()) | {signature}
        if statement.index_of is not None:
            self._place(statement.subjects[0], statement.index_of)
        for table, reference in ((table, item) for table in statement.subjects[:1] for item in statement.references):
            self._refer(self.table(table), reference)
        self._meet(statement)
        if self.learns:
            self._learn(statement, pinned)
        if self.follows:
            self._follow(statement, pinned)

    def _refer(self, table: Item, reference: Reference) -> None:
        """Take in a foreign key; where one has PostgreSQL's own name already, it may be the next of that name."""
        name = reference.name
        is_next = name.endswith("_fkey") and (table, name) in self.references
        free = (f"{name}{number}" for number in itertools.count(1))
        names = (name, next(each for each in free if (table, each) not in self.references)) if is_next else (name,)
        self.references |= {(table, each): self.table(reference.target) for each in names}

    def _place(self, index: Thing, table: Thing) -> None:
        """Take in whose an index is that no revision was seen to make."""
        if index not in self.names and index not in self.fallback:
            self.names[index] = Item("index", [index], part_of=self.table(table))

    def finish(self, statement: Statement) -> None:
        """Take in what is called otherwise, or gone, after a statement."""
        for inner in statement.inner:
            self.finish(inner)
        self.path = self.path if statement.path is None else statement.path
        if statement.columns or statement.lost or statement.renamed is not None:
            self._change_columns(statement)
        for before, after in statement.renames:
            self._rename(before, after)
        if statement.drops:
            for thing in statement.subjects:
                if not self._is_left(thing, {types for name, types in statement.signatures if name == thing}):
                    self._drop(thing, statement.cascades)

    def _is_left(self, thing: Thing, signatures: Set[str]) -> bool:
        """Take in that some of the functions of a name go, and tell whether there are others."""
        item = self.names.get(thing)
        if item is None or not signatures:
            return False
        others = self.overloads.get(item, frozenset()) - signatures
        if others:
            self.overloads[item] = others
            for signature in signatures:
                self.uses.pop((item, f"({signature})"), None)
                self.bodies.pop((item, f"({signature})"), None)
        return bool(others)

    def forget_temporary(self) -> None:
        """Let go what lasts no longer than the revision that makes it."""
        self.names = {thing: item for thing, item in self.names.items() if item.role != "temporary"}

    def table(self, thing: Thing) -> Item:
        """Return the item of a name; a table that no revision was seen to make is one of its own."""
        found = self.find(thing)
        if found is None:
            found = self.memory.setdefault((self.revision, thing, -1), Item("table", [thing]))
            self.names[thing] = found
        return found

    @property
    def lying(self) -> Iterator[tuple[Item, Item]]:
        """Yield what lies in a schema that the history has made, with the schema."""
        schemas = {thing.name: item for thing, item in self.names.items() if thing.kind == "schema"}
        if schemas:
            for thing, item in self.names.items():
                if thing.schema in schemas:
                    yield item, schemas[thing.schema]

    def find(self, thing: Thing) -> Item | None:
        """Return the item of a name, a table's for the type of its rows; None if it stands for nothing."""
        for kind in _MEANT.get(thing.kind, (thing.kind,)):
            meant = thing._replace(kind=kind)
            found = self.names.get(meant) or self.fallback.get(meant)
            if found is not None:
                return found
        return None

    def _extension(self, thing: Thing) -> Item | None:
        """Return the well-known extension that brings what a name stands for, unless something else has it."""
        name = extension_of(thing.name, is_type=thing.kind == "type") if thing not in self.names else None
        if name is None:
            return None
        extension = Thing("extension", None, name)
        return self.memory.setdefault(("", extension, 0), Item("extension", [extension]))

    def known(self, things: Iterable[Thing]) -> Iterator[Item]:
        """Yield the items of those names that stand for something."""
        return (item for item in map(self.find, things) if item is not None)

    def _change_columns(self, statement: Statement) -> None:
        for item in self.known(statement.subjects[:1]):
            before, after = statement.renamed or ("", "")
            known = [name for name in self.columns.get(item, ()) if name not in statement.lost]
            known += [name for name in statement.columns if name not in known]
            self.columns[item] = tuple(after if name == before else name for name in known)
            key = item, before.removeprefix("constraint ")
            if before.startswith("constraint ") and key in self.references:
                self.references[item, after.removeprefix("constraint ")] = self.references.pop(key)

    def _rename(self, before: Thing, after: Thing) -> None:
        item = self.names.pop(before, None)
        if item is not None:
            self.names[after] = item
            self._lies(after, item)
            if self.learns:
                item.names.append(after)
        if before.kind == "schema":
            for thing in [thing for thing in self.names if thing.schema == before.name]:
                self._rename(thing, thing._replace(schema=after.name))

    def _lies(self, thing: Thing, item: Item) -> None:
        """Remember that something lies in a schema for a while."""
        schema = self.names.get(Thing("schema", None, thing.schema)) if thing.schema is not None else None
        if schema is not None:
            self.touched.add((schema, item))

    def _drop(self, thing: Thing, cascades: bool) -> None:
        item = self.names.pop(thing, None)
        if item is None:
            return
        self.overloads.pop(item, None)
        for parts in (self.uses, self.bodies):
            for key in [key for key in parts if item in (key[0], key[0].part_of)]:
                del parts[key]
        if cascades:
            gone = [name for name, each in self.names.items() if item in each.stands_on and each.role == "view"]
            gone += [name for name in self.names if thing.kind == "schema" and name.schema == thing.name]
            for name in gone:
                self._drop(name, cascades)

    def _make(self, made: Made, statement: Statement, pinned: frozenset[str] | None) -> None:
        present = self.names.get(made.thing)
        is_there = present is not None and (statement.if_exists or made.role in ("table", "view", "other"))
        if present is None or not (is_there or statement.kind.startswith("alter")):
            key = (self.revision, made.thing, self.counts[made.thing])
            self.counts[made.thing] += 1
            present = self.fallback.get(made.thing) or self.memory.get(key) or Item(made.role, [made.thing])
            present = self.names[made.thing] = self.memory.setdefault(key, present)
            if made.thing.name.startswith(_BATCH):
                present.part_of = self.table(made.thing._replace(name=made.thing.name.removeprefix(_BATCH)))
        self._lies(made.thing, present)
        if pinned is not None and self.learns:
            present.pinned = (present.pinned or frozenset()) | pinned
        if statement.kind == "create function":
            present.dynamic = next(self._put_together(statement), None)
        if made.part_of is not None:
            owner = self.table(made.part_of)
            if owner is not present:
                present.part_of = owner

    def _put_together(self, statement: Statement) -> Iterator[str]:
        """Yield what a function puts together and runs, or those that it calls."""
        own = (statement.dynamic, *(item.dynamic for item in self.known(statement.uses)))
        return (text for text in own if text is not None)

    def _meet(self, statement: Statement) -> None:
        """Remember what a temporary table is made of, and what it is used with."""
        items = list(self.known({*statement.subjects, *statement.mentions}))
        made = {made.thing for made in statement.makes}
        for item in [item for item in items if item.role == "temporary"]:
            if item.names[-1] in made:
                _add(item.stands_on, item, items)
            else:
                for each in items:
                    _add(each.stands_on, each, [item])

    def _users(self, statement: Statement, pinned: frozenset[str] | None) -> list[Item]:
        """Return what uses the types and functions of a statement: its subjects, or the tables in it, and its block."""
        users = list(self.known(statement.subjects))
        if not users:
            users = [item for item in self.known((*statement.mentions, *statement.hints)) if not item.moves]
        if pinned is not None:
            block = Thing("relation", None, f"block for {', '.join(sorted(pinned))}")
            users.append(self.memory.setdefault(("", block, 0), Item("other", [block], pinned=pinned)))
        return users

    def _follow(self, statement: Statement, pinned: frozenset[str] | None) -> None:
        """Remember which parts stand on what, and what was said of types, functions and the like."""
        subjects = list(self.known(statement.subjects))
        named = [used for used in self.known((*statement.uses, *statement.hints, *statement.body)) if used.moves]
        if named:
            self.touched |= {(item, user) for user in self._users(statement, pinned) for item in named}
        for item in subjects:
            if item.moves and not statement.drops and statement.kind.startswith(_DEEDS):
                self._remember(item, statement)
        owners = list(self.known(made.thing for made in statement.makes[:1])) if statement.kind == "index" else subjects
        for owner in owners[:1]:
            self._follow_parts(owner, statement)

    def _follow_parts(self, owner: Item, statement: Statement) -> None:
        tables = frozenset(map(self.table, statement.mentions)) if owner.is_settled else _NOTHING
        for part in statement.parts:
            self.uses[owner, part.name] = (tables | frozenset(self._used(owner, part.uses))) - {owner}
            if part.body:
                self.bodies[owner, part.name] = frozenset(self._used(owner, part.body)) - {owner}
        for name in statement.lost:
            self.uses.pop((owner, name), None)
        if statement.renamed is not None:
            before, after = statement.renamed
            self.uses[owner, after] = self.uses.pop((owner, before), _NOTHING)

    def _used(self, owner: Item, things: Iterable[Thing]) -> Iterator[Item]:
        """Yield what something stands on: of a table and its parts what comes and goes, of others all."""
        for thing in things:
            item = self.find(thing) or (self._extension(thing) if owner.is_settled else None)
            if item is not None and (owner.is_settled or item.moves):
                yield item

    def _remember(self, item: Item, statement: Statement) -> None:
        self.touched.add((item, item))
        known = self.deeds.get(item, ())
        if known and statement.makes and not statement.kind.startswith("create function"):
            return  # it was asked whether it is there, and both answers are known
        others = [thing for thing in statement.subjects if self.names.get(thing) is not item]
        text = without(statement.sql, subjects=others) if others else statement.sql
        if text is not None:
            self.deeds[item] = (*known, Deed(next(_clock), text))

    def _learn(self, statement: Statement, pinned: frozenset[str] | None) -> None:
        """Remember what stands on what, at whatever time."""
        subjects = list(self.known(statement.subjects))
        spoken = list(self.known(statement.body))
        for item in self._users(statement, pinned):
            is_made = item.is_settled and any(made.thing in statement.subjects for made in statement.makes)
            tables = [self.table(thing) for thing in statement.mentions] if is_made else []
            named = (*statement.uses, *statement.hints)
            _add(item.stands_on, item, (*self._used(item, named), *tables))
            _add(item.speaks_of, item, spoken)
        for thing in statement.uses:
            extension = extension_of(thing.name)
            if extension is not None and thing not in self.names:
                self.extensions.setdefault(extension, []).extend(subjects)


def _add(found: list[Item], item: Item, others: Iterable[Item]) -> None:
    found += [each for each in dict.fromkeys(others) if each is not item and each not in found]
