"""The databases in which things of a shared history are at home, by the registry and by who uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alembic_multidb.registry import Databases, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.routing.items import Item
from alembic_multidb.statements import Thing


@dataclass
class ItemHomes:
    """Answers for the items of one shared history.

    Attributes:
        databases: the registry.
        schemas: which items lie in each schema other than the default one.
        present: where types, functions and the like are that come and go, at one point of the history; what is not
            among them is where it ever is.
        users: what uses something of a well-known extension at any time of the history.
    """

    databases: Databases
    schemas: dict[str, list[Item]] = field(default_factory=dict)
    present: Mapping[Item, frozenset[str]] = field(default_factory=dict)
    users: Mapping[str, list[Item]] = field(default_factory=dict)
    _known: dict[int, tuple[Item, frozenset[str]]] = field(default_factory=dict)

    @property
    def everywhere(self) -> frozenset[str]:
        """Return all databases of the registry."""
        return frozenset(self.databases)

    def of(self, item: Item) -> frozenset[str]:
        """Return the homes of an item: one of a table, any number of what tables use; none if it has none."""
        if item in self.present:
            return self.present[item]
        return self.ever_of(item)

    def ever_of(self, item: Item) -> frozenset[str]:
        """Return the homes that an item has at any time of the history."""
        if id(item) not in self._known:
            self._known[id(item)] = item, self._work_out(item, frozenset())
        return self._known[id(item)][1]

    def is_nowhere(self, item: Item, seen: frozenset[int] = frozenset()) -> bool:
        """Tell whether an item is in no database since a revision says so, of it or of what it stands on."""
        if item.pinned is not None or id(item) in seen:
            return item.pinned == frozenset()
        stands_on = item.stands_on if item.role in ("view", "temporary") else []
        below = [item.part_of] if item.part_of is not None else stands_on
        return any(self.is_nowhere(each, seen | {id(item)}) for each in below)

    def of_table(self, names: Iterable[Thing]) -> frozenset[str]:
        """Return the home of a table through all its names: what a rule or a model says of the latest of them."""
        found = [TableName.of(thing.schema, thing.name) for thing in names]
        database = self.databases[next(iter(self.databases))]
        if any(map(database.filters.is_version_table, found)):
            return self.everywhere
        for name in reversed(found):
            explanation = self.databases.homes.explain(name)
            if explanation.home is not None and (name in self.databases.homes.models or not _by_default(explanation)):
                return frozenset({explanation.home})
        home = self.databases.homes.home(found[-1])
        return frozenset({home} if home is not None else ())

    def of_schema(self, name: str) -> frozenset[str]:
        """Return the homes of a schema: where it is declared, or something of the history lies in it."""
        if name == DEFAULT_SCHEMA:
            return self.everywhere
        declared = self._declared(name)
        used = frozenset[str]().union(*(self.ever_of(item) for item in self.schemas.get(name, ())))
        return used | declared or self.default

    def declared_of(self, item: Item) -> frozenset[str]:
        """Return the databases that name an item in the registry, as they may do with a schema."""
        return self._declared(item.names[-1].name) if item.names[-1].kind == "schema" else frozenset()

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

    def is_declared(self, extension: str) -> bool:
        """Tell whether a database declares an extension."""
        return any(extension in each.extensions for each in self.databases.declarations)

    @property
    def default(self) -> frozenset[str]:
        """Return the default home, where what nothing uses goes."""
        found = frozenset(each.name for each in self.databases.declarations if each.default)
        return found or self.everywhere

    def _work_out(self, item: Item, seen: frozenset[int]) -> frozenset[str]:
        if id(item) in seen:
            return frozenset()
        seen |= {id(item)}
        if item.pinned is not None:
            return item.pinned
        if item.part_of is not None:
            return self._work_out(item.part_of, seen)
        if item.role in ("table", "index"):
            return self.of_table(item.names)
        if item.role == "view" or (item.role == "temporary" and item.stands_on):
            return self._of_view(item, seen)
        users = frozenset[str]().union(*(self._work_out(user, seen) for user in item.users))
        return users or self.of_unused(item, seen)

    def _of_view(self, item: Item, seen: frozenset[int]) -> frozenset[str]:
        """Return where everything is that a view stands on."""
        if not item.stands_on:
            return self.of_table(item.names)
        return frozenset.intersection(*(self._work_out(each, seen) for each in item.stands_on))

    def of_unused(self, item: Item, seen: frozenset[int] = frozenset()) -> frozenset[str]:
        """Return where something is that nothing uses: where all tables of a function's body are, or in the default."""
        bodies = [self._work_out(each, seen) for each in item.stands_on]
        return (frozenset.intersection(*bodies) if bodies else frozenset()) or self.default


def _by_default(explanation: object) -> bool:
    return getattr(explanation, "rules", ()) == ("default=True",)
