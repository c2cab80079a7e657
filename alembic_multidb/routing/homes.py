"""The databases in which things of a shared history are at home, by the registry and by who uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field

from alembic_multidb.registry import Databases, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import Memory
from alembic_multidb.settle import World
from alembic_multidb.statements import Thing

# They are made for nothing else that is there.
_LEADING = frozenset({"schema", "event trigger"})


@dataclass
class ItemHomes:
    """Answers for the items of one shared history.

    Attributes:
        databases: the registry.
        schemas: which items lie in each schema other than the default one.
        present: where types, functions, views and the like are at one point of the history; what is not among them is
            where it ever is.
        users: what uses something of a well-known extension at any time of the history.
        memory: all that the history makes; its downgrades add to it.
    """

    databases: Databases
    schemas: dict[str, list[Item]] = field(default_factory=dict)
    present: Mapping[Item, frozenset[str]] = field(default_factory=dict)
    users: Mapping[str, list[Item]] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)
    _known: dict[int, tuple[Item, frozenset[str]]] = field(default_factory=dict)
    _loose: dict[Item, frozenset[str]] = field(default_factory=dict)
    _ever: list[World[Item]] = field(default_factory=list)
    _late: list[Item] = field(default_factory=list)

    @property
    def everywhere(self) -> frozenset[str]:
        """Return all databases of the registry."""
        return frozenset(self.databases)

    def of(self, item: Item) -> frozenset[str]:
        """Return the homes of an item: one of a table, any number of what tables use; none if it has none."""
        item = item.whole
        if item in self.present:
            return self.present[item]
        return self.ever_of(item)

    def ever_of(self, item: Item) -> frozenset[str]:
        """Return the homes that an item has at any time of the history."""
        item = item.whole
        if id(item) not in self._known:
            if item.is_settled and item not in self._ever_world.nodes:
                # What only a downgrade makes is not known before that is read.
                self._late.append(item)
                self._ever.clear()
                self._known.clear()
            homes = self._ever_world.homes.get(item) if item.is_settled else self._fixed(item)
            self._known[id(item)] = item, self._unused(item) if homes is None else homes
        return self._known[id(item)][1]

    def ever_allowed(self, item: Item) -> frozenset[str]:
        """Return where an item may be, by all that it ever stands on."""
        return self._ever_world.allowed.get(item.whole, self.everywhere)

    def is_nowhere(self, item: Item, seen: frozenset[int] = frozenset()) -> bool:
        """Tell whether an item is in no database since a revision says so, of it or of what it stands on."""
        if item.pinned is not None or id(item) in seen:
            return item.pinned == frozenset()
        below = [item.part_of] if item.part_of is not None else item.stands_on if item.is_settled else []
        return any(self.is_nowhere(each, seen | {id(item)}) for each in below)

    def world(
        self,
        items: Iterable[Item],
        uses: Iterable[tuple[Item, Collection[Item]]],
        bodies: Iterable[tuple[Item, Collection[Item]]],
    ) -> World[Item]:
        """Return where items may be, and are at home, at some point of the history.

        Args:
            items: what there is.
            uses: what stands on what.
            bodies: what the bodies of functions speak of.
        """
        edges, spoken = _edges(uses), _edges(bodies)
        nodes = {item.whole for item in items} | edges.keys() | spoken.keys()
        nodes |= {used for found in (edges, spoken) for each in found.values() for used in each}
        settled = {item for item in nodes if item.is_settled}
        extensions = {item for item in nodes if item.role == "extension"}
        return World(
            everywhere=self.everywhere,
            nodes=nodes,
            uses=edges,
            bodies=spoken,
            fixed={item: self.ever_of(item) for item in nodes - settled - extensions},
            start={item: self.of_declared(item.names[-1].name) for item in extensions},
            declared={item: homes for item in settled if (homes := self.declared_of(item))},
            unused={item: self._unused(item) for item in settled},
            following={item for item in settled if item.names[-1].kind not in _LEADING},
            ground=extensions | {item for item in settled if item.names[-1].kind == "schema"},
        )

    @property
    def _ever_world(self) -> World[Item]:
        if not self._ever:
            items = list(dict.fromkeys([*self.memory.values(), *self._late]))
            schemas = {thing.name: item for item in items for thing in item.names if thing.kind == "schema"}
            lying = ((item, [schemas[name]]) for name in schemas for item in self.schemas.get(name, ()))
            uses = [*((item, item.stands_on) for item in items), *lying]
            self._ever.append(self.world(items, uses, ((item, item.speaks_of) for item in items)))
        return self._ever[0]

    def _fixed(self, item: Item) -> frozenset[str]:
        """Return the home of what is where it is, whoever uses it: of a table."""
        return item.pinned if item.pinned is not None else self.of_table(item.names)

    def _unused(self, item: Item) -> frozenset[str]:
        """Return where something is that nothing speaks for: the default home, unless its name or schema says more."""
        if item not in self._loose:
            if item.names[-1].kind == "publication":
                self._loose[item] = self.everywhere
            elif item.role == "view":
                self._loose[item] = self.of_table(item.names)
            else:
                self._loose[item] = self.declared_of(item) or self.default
        return self._loose[item]

    def of_table(self, names: Iterable[Thing]) -> frozenset[str]:
        """Return the home of a table through all its names: what a rule or a model says of the latest of them."""
        found = [TableName.of(thing.schema, thing.name) for thing in names]
        database = self.databases[next(iter(self.databases))]
        if any(map(database.filters.is_version_table, found)):
            return self.everywhere
        named = next(filter(None, map(self._named, reversed(found))), None)
        if named is not None:
            return frozenset({named})
        home = self.databases.homes.home(found[-1])
        return frozenset({home} if home is not None else ())

    def named_of(self, table: Thing) -> frozenset[str]:
        """Return the home that a rule or a model gives to a table; every database if none does."""
        named = self._named(TableName.of(table.schema, table.name))
        return frozenset({named}) if named is not None else self.everywhere

    def _named(self, name: TableName) -> str | None:
        explanation = self.databases.homes.explain(name)
        is_named = name in self.databases.homes.models or not _by_default(explanation)
        return explanation.home if is_named else None

    def of_schema(self, name: str) -> frozenset[str]:
        """Return the homes of a schema: where it is declared, or something of the history lies in it."""
        if name == DEFAULT_SCHEMA:
            return self.everywhere
        declared = self._declared(name)
        used = frozenset[str]().union(*(self.ever_of(item) for item in self.schemas.get(name, ())))
        return used | declared or self.default

    def declared_of(self, item: Item) -> frozenset[str]:
        """Return the databases that name an item's schema in the registry."""
        thing = item.names[-1]
        schema = thing.name if thing.kind == "schema" else thing.schema
        return self._declared(schema) if schema is not None and item.role != "view" else frozenset()

    def _declared(self, schema: str) -> frozenset[str]:
        return frozenset(each.name for each in self.databases.declarations if schema in each.schemas)

    def of_extension(self, name: str) -> frozenset[str]:
        """Return the databases that may have an extension.

        Of one that nobody declares those whose tables are seen to use it; all, if none is.
        """
        if self.is_declared(name):
            return frozenset(each.name for each in self.databases.values() if name in each.shared_extensions)
        users = frozenset[str]().union(*(self.ever_of(item) for item in self.users.get(name, ())))
        return users or self.everywhere

    def of_declared(self, extension: str) -> frozenset[str]:
        """Return the same of one that some database declares; of others all."""
        return self.of_extension(extension) if self.is_declared(extension) else self.everywhere

    def is_declared(self, extension: str) -> bool:
        """Tell whether a database declares an extension."""
        return any(extension in each.extensions for each in self.databases.declarations)

    @property
    def default(self) -> frozenset[str]:
        """Return the default home, where what nothing uses goes."""
        found = frozenset(each.name for each in self.databases.declarations if each.default)
        return found or self.everywhere

    def of_unused(self, item: Item) -> frozenset[str]:
        """Return where a function would be that nothing uses: where its tables are, or in the default home."""
        below = [each for each in (*item.stands_on, *item.speaks_of) if not each.moves and each.role != "extension"]
        homes = [self.ever_of(each) for each in below]
        return (frozenset.intersection(*homes) if homes else frozenset()) or self.default


def _edges(uses: Iterable[tuple[Item, Collection[Item]]]) -> dict[Item, Set[Item]]:
    """Return what stands on what, parts counted as what they are part of."""
    found: dict[Item, set[Item]] = defaultdict(set)
    for user, used in uses:
        if used:
            found[user.whole].update(item.whole for item in used)
    for user, those in found.items():
        those.discard(user)
    return dict(found)


def _by_default(explanation: object) -> bool:
    return getattr(explanation, "rules", ()) == ("default=True",)
