"""Types, functions, sequences and schemas come to a database with the first that uses them, and leave with the last.

So each database has at every revision what the mixed one's part at its home has. Within a revision they are wherever
they are before it, after it, or are used in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter

from psycopg.sql import SQL, Identifier, Literal

from alembic_multidb.routing.chronicle import Chapter, Chronicle
from alembic_multidb.routing.homes import ItemHomes
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.settle import World
from alembic_multidb.statements import Thing

Homes = Mapping[Item, frozenset[str]]
_NOWHERE: frozenset[str] = frozenset()
_LEAVES = """DO $leaves$ BEGIN {} EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $leaves$"""
_WORDS = {
    "type": "TYPE",
    "relation": "SEQUENCE",
    "schema": "SCHEMA",
    "collation": "COLLATION",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "event trigger": "EVENT TRIGGER",
}
# All of a name: which of them a trigger or a constraint calls is not looked into.
_LEAVES_OVERLOADED = """
DO $leaves$
DECLARE found {register};
BEGIN
    FOR found IN SELECT oid::{register} FROM {catalog} WHERE {column} = {name} AND {where} LOOP
        EXECUTE 'DROP {word} ' || found;
    END LOOP;
EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
END $leaves$
"""
_OVERLOADED = {
    "function": ("ROUTINE", "regprocedure", "pg_proc", "proname", "pronamespace", "pg_function_is_visible(oid)"),
    "operator": ("OPERATOR", "regoperator", "pg_operator", "oprname", "oprnamespace", "pg_operator_is_visible(oid)"),
}


@dataclass(frozen=True)
class Move:
    """A statement that makes something come or leave.

    Attributes:
        thing: its name, before or after the revision.
        sql: the statement.
        names: all that it is ever called; a branch beside the revision may have renamed it.
        may_be_there: whether such a branch may have made it.
    """

    thing: Thing
    sql: str
    names: tuple[Thing, ...] = ()
    may_be_there: bool = False


@dataclass
class Presence:
    """Answers for the revisions of one history.

    Attributes:
        chronicle: what the history says.
    """

    chronicle: Chronicle
    _during: dict[str, Homes] = field(default_factory=dict)
    _used: dict[str, Homes] = field(default_factory=dict)
    _beside: dict[str, frozenset[Item]] = field(default_factory=dict)
    _known: dict[int, Homes] = field(default_factory=dict)
    _worlds: dict[int, World[Item]] = field(default_factory=dict)

    @cached_property
    def _is_line(self) -> bool:
        """Tell whether each revision comes after all those before it."""
        return all(len(each.ancestors) == number for number, each in enumerate(self.chronicle.chapters.values()))

    def homes(self, revision: str) -> ItemHomes:
        """Return where everything is at home while a revision runs, in either direction."""
        return replace(self.chronicle.homes, present=self._at_any_time_of(revision))

    def comes(self, revision: str, database: str, *, is_upgrade: bool) -> list[Move]:
        """Return what must come to a database before a revision's upgrade, or downgrade, begins.

        Of what a branch beside it has brought, it is there already.
        """
        chapter = self.chronicle.chapters[revision]
        state = chapter.before if is_upgrade else chapter.after
        during, there = self._at_any_time_of(revision), self._at(state)
        beside = self._touched_beside(chapter)
        coming = {
            item: _name(item, state)
            for item in state.deeds
            if item in there and database in during[item] and database not in there[item]
        }
        # In the order of old: what has another name today had the old one for all of them.
        deeds = [
            (deed, Move(thing, deed.sql, tuple(item.names), may_be_there=item in beside))
            for item, thing in coming.items()
            for deed in state.deeds[item]
        ]
        return [move for _, move in sorted(deeds, key=itemgetter(0))]

    def leaves(self, revision: str, database: str, *, is_upgrade: bool) -> list[Move]:
        """Return what leaves a database after it, users before what they use; nothing that a branch beside it uses."""
        chapter = self.chronicle.chapters[revision]
        state = chapter.after if is_upgrade else chapter.before
        during, there = self._at_any_time_of(revision), self._at(state)
        beside = self._touched_beside(chapter)
        leaving = [
            item
            for item in reversed(state.deeds)
            if item in there and database in during[item] - there[item] and item not in beside
        ]
        names = (_name(item, state) for item in _users_first(leaving, self._world(state)))
        return [Move(name, _leaving(name)) for name in names]

    def _at_any_time_of(self, revision: str) -> Homes:
        """Return where things are while a revision runs, and where branches have left them before."""
        if revision not in self._during:
            found = dict(self._used_by(revision))
            for item, homes in self._left_behind(self.chronicle.chapters[revision]).items():
                found[item] = found.get(item, frozenset()) | homes
            self._during[revision] = found
        return self._during[revision]

    def _used_by(self, revision: str) -> Homes:
        """Return where things are before a revision, after it, or where something uses them in between."""
        if revision not in self._used:
            self._used[revision] = self._found_in(self.chronicle.chapters[revision])
        return self._used[revision]

    def _found_in(self, chapter: Chapter) -> Homes:
        found: dict[Item, frozenset[str]] = {}
        allowed: dict[Item, frozenset[str]] = {}
        for world, there in ((self._world(state), self._at(state)) for state in (chapter.before, chapter.after)):
            for item, homes in there.items():
                found[item] = found.get(item, _NOWHERE) | homes
                allowed[item] = allowed.get(item, _NOWHERE) | world.allowed[item]
        every = self.chronicle.homes
        for used, user in chapter.after.touched:
            if used.moves:
                own = found.get(user, _NOWHERE) if user.moves else found.get(user.whole) or every.of(user)
                may_be = allowed[used] if used in allowed else every.ever_allowed(used)
                found[used] = found.get(used, _NOWHERE) | (own & may_be)
        return {item: users if users or item in allowed else every.ever_of(item) for item, users in found.items()}

    def _left_behind(self, chapter: Chapter) -> Homes:
        """Return what branches have left where they were, since another might have used it.

        On the way up those that a merge joins, on the way down those that begin after a revision.
        """
        if self._is_line:
            return {}
        chapters = self.chronicle.chapters.values()
        joined = [{name} | self.chronicle.chapters[name].ancestors for name in chapter.parents]
        children = [each.revision for each in chapters if chapter.revision in each.parents]
        begun = [{name} | {each.revision for each in chapters if name in each.ancestors} for name in children]
        found: dict[Item, frozenset[str]] = defaultdict(frozenset)
        for name in _not_in_all(joined):
            self._add_left(found, name, self.chronicle.chapters[name].after)
        for name in _not_in_all(begun):
            self._add_left(found, name, self.chronicle.chapters[name].before)
        alive = {*chapter.before.names.values(), *chapter.after.names.values()}
        return {item: homes for item, homes in found.items() if item in alive}

    def _add_left(self, found: dict[Item, frozenset[str]], revision: str, state: State) -> None:
        there = self._at(state)
        for item in self._touched_beside(self.chronicle.chapters[revision]) & there.keys():
            found[item] |= self._used_by(revision)[item] - there[item]

    def _touched_beside(self, chapter: Chapter) -> frozenset[Item]:
        """Return what revisions use that come neither before nor after this one."""
        if self._is_line:
            return frozenset()
        if chapter.revision not in self._beside:
            others = [each for each in self.chronicle.chapters.values() if each is not chapter]
            beside = [each for each in others if each.revision not in chapter.ancestors]
            self._beside[chapter.revision] = frozenset(
                used for each in beside if chapter.revision not in each.ancestors for used, _ in each.after.touched
            )
        return self._beside[chapter.revision]

    def _at(self, state: State) -> Homes:
        """Return where the things are that come and go, by who uses them at one point of the history."""
        if id(state) not in self._known:
            homes, alive = self._world(state).homes, set(state.names.values())
            self._known[id(state)] = {item: homes[item] for item in homes if item.is_settled and item in alive}
        return self._known[id(state)]

    def _world(self, state: State) -> World[Item]:
        """Return what stands on what at one point of the history."""
        if id(state) not in self._worlds:
            alive = set(state.names.values())
            parts = [(user, used) for (user, _), used in state.uses.items() if user in alive]
            lying = [(item, {schema}) for item, schema in state.lying]
            bodies = [(user, used) for (user, _), used in state.bodies.items() if user in alive]
            settled = {item for item in alive if item.is_settled}
            self._worlds[id(state)] = self.chronicle.homes.world(settled, [*parts, *lying], bodies)
        return self._worlds[id(state)]


def _not_in_all(lines: Sequence[Set[str]]) -> frozenset[str]:
    """Return the revisions that stand in some of several lines, and not in all."""
    return frozenset[str]().union(*lines) - frozenset.intersection(*map(frozenset, lines)) if lines else frozenset()


def _users_first(items: Sequence[Item], world: World[Item]) -> list[Item]:
    """Return items in their order, but none before those that stand on it."""
    found: dict[Item, None] = {}

    def add(item: Item) -> None:
        pending.discard(item)
        for user in [each for each in items if each in pending and item in world.uses.get(each, ())]:
            if user in pending:
                add(user)
        found[item] = None

    pending = set(items)
    for item in items:
        if item in pending:
            add(item)
    return list(found)


def _name(item: Item, state: State) -> Thing:
    return next(thing for thing, each in state.names.items() if each is item)


def _leaving(thing: Thing) -> str:
    """Return the statement that drops something unless somebody uses it whom nobody has seen."""
    if thing.kind in _OVERLOADED:
        word, register, catalog, column, namespace, is_visible = map(SQL, _OVERLOADED[thing.kind])
        schema = Literal(Identifier(thing.schema or "").as_string(None))
        where = is_visible if thing.schema is None else SQL("{} = {}::regnamespace").format(namespace, schema)
        drop = SQL(_LEAVES_OVERLOADED).format(
            word=word, register=register, catalog=catalog, column=column, name=Literal(thing.name), where=where
        )
        return drop.as_string(None).strip()
    name = Identifier(*(part for part in (thing.schema, thing.name) if part))
    drop = SQL("DROP {} IF EXISTS {};").format(SQL(_WORDS[thing.kind]), name)
    return SQL(_LEAVES).format(drop).as_string(None)
