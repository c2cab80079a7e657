"""Objects to homes: which database every object of a live schema belongs to, told by what it stands on and who uses it.

A table has the home that the registry gives it, and whatever depends on it can only live there: going down the
dependencies, the homes that are *allowed* for an object are those of everything that it depends on. Going up, an object
is *at home* wherever something that uses it is: a function that a trigger of ``core`` calls is ``core``'s, an enum that
tables of both homes use is both's. What nothing uses is where what it is made for is, a function
where the tables of its body are; else it goes to the default home. What may live nowhere crosses homes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property

from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot
from alembic_multidb.classify.bodies import bodies_of
from alembic_multidb.classify.names import EVERYWHERE
from alembic_multidb.classify.outside import outside_roots, standing_on
from alembic_multidb.classify.parts import owned_sequences, parts_of, uses_of
from alembic_multidb.classify.start import declared_extensions, declared_homes, homes_of_tables, unused_homes
from alembic_multidb.registry import Databases
from alembic_multidb.settle import World

# Nobody is seen to use these: they are where what they are made for is; so are views and types.
_FOLLOWING = frozenset(
    {
        *("pg_cast", "pg_operator", "pg_opclass", "pg_opfamily", "pg_transform", "pg_proc", "pg_type"),
        *("pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template"),
    }
)
# What lies in a schema, stands on an extension or is written in a language is not made for it.
_GROUND = frozenset({"pg_namespace", "pg_extension", "pg_language"})
_CROSSING_KINDS = frozenset(
    {"constraint", "view", "trigger", "function", "policy", "rule", "statistics", "table", "type"}
)


@dataclass(frozen=True)
class Classification:
    """Where every object of one live schema is at home.

    Attributes:
        snapshot: what was classified.
        everywhere: all databases of the registry.
        owners: what each folded object is part of: a column's default, an index, a row type, a partition.
        uses: which objects each one depends on, parts counted as what they are part of.
        bodies: which objects the body of a function speaks of.
        homes: the databases in which an object is at home; several for what several homes use, none for what crosses.
        crossing: the objects that can live in no database, each with the tables that they stand on.
        declared: the extensions that some database declares.
    """

    snapshot: Snapshot
    everywhere: frozenset[str]
    owners: Mapping[ObjectId, ObjectId]
    uses: Mapping[ObjectId, set[ObjectId]]
    bodies: Mapping[ObjectId, Set[ObjectId]]
    homes: Mapping[ObjectId, frozenset[str]]
    crossing: Mapping[ObjectId, frozenset[ObjectId]]
    declared: frozenset[ObjectId]

    def home_of(self, row: Row) -> frozenset[str]:
        """Return the homes of what a row is about."""
        if row.identity in EVERYWHERE:
            return self.everywhere
        return self.homes.get(self.owners.get(row.node, row.node), frozenset())

    @cached_property
    def users(self) -> dict[ObjectId, set[ObjectId]]:
        """Return who depends on each object."""
        found: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        for user, used in self.uses.items():
            for node in used:
                found[node].add(user)
        return found

    @cached_property
    def tables(self) -> frozenset[ObjectId]:
        """Return the tables that hold rows here."""
        return frozenset(
            row.node for row in self.snapshot.rows if row.kind == "table" and row.definition["kind"] != "foreign table"
        )

    @cached_property
    def outside_roots(self) -> frozenset[ObjectId]:
        """Return what belongs to how a database is run: event triggers, publications, foreign tables and the like."""
        return outside_roots(self.snapshot, self.users, self.declared)

    @cached_property
    def outside(self) -> dict[ObjectId, ObjectId]:
        """Return what belongs to how a database is run, and whatever stands on it."""
        return self.standing_on(self.outside_roots)

    def standing_on(self, roots: Iterable[ObjectId]) -> dict[ObjectId, ObjectId]:
        """Return some objects and whatever stands on them, tables excepted, each with the first thing of them."""
        return standing_on(roots, self.users, self.tables)

    @cached_property
    def crossing_rows(self) -> list[Row]:
        """Return the rows of what can live in no database, each object once."""
        found = [row for row in self.snapshot.rows if row.node in self.crossing and row.kind in _CROSSING_KINDS]
        return list({row.node: row for row in found}.values())

    def tables_under(self, row: Row) -> list[tuple[str, str]]:
        """Return the tables that a crossing object stands on, each with its home."""
        nodes = self.crossing.get(row.node, frozenset())
        found = {
            (each.identity, ", ".join(sorted(self.home_of(each))) or "unknown")
            for each in self.snapshot.rows
            if each.kind == "table" and each.node in nodes
        }
        return sorted(found)

    def restrict(self, databases: Iterable[str]) -> Snapshot:
        """Return the part of the snapshot that is at home in one of these databases."""
        wanted = frozenset(databases)
        part = self.snapshot.only(lambda row: bool(self.home_of(row) & wanted))
        return replace(part, rows=tuple(self._as_in(row, wanted) for row in part.rows))

    def _as_in(self, row: Row, databases: frozenset[str]) -> Row:
        """Return a row as it is where its sequence's owner, a table of another home, is not."""
        table = ObjectId("pg_class", row.relation)
        if row.kind != "sequence" or not row.relation or self.homes.get(table, databases) & databases:
            return row
        definition = {name: value for name, value in row.definition.items() if name != "owned by"}
        return replace(row, definition=definition, relation=0)


def classify(
    snapshot: Snapshot,
    databases: Databases,
    *,
    copies_sequences: bool = False,
    without: frozenset[ObjectId] = frozenset(),
) -> Classification:
    """Give every object of a snapshot its homes.

    Args:
        snapshot: of a whole database.
        databases: the registry.
        copies_sequences: whether a sequence that a table owns may be copied to other homes that use it, as a split
            does; else it is a part of that table.
        without: objects that shall not count as users of others.
    """
    tables = homes_of_tables(snapshot, databases)
    sequences = owned_sequences(snapshot) if copies_sequences else set[ObjectId]()
    owners = parts_of(snapshot, tables, sequences)
    uses = uses_of(snapshot, owners, sequences, without)
    nodes = {owners.get(row.node, row.node) for row in snapshot.rows} | uses.keys()
    nodes |= {target for targets in uses.values() for target in targets}
    # A partition has its root's home, whatever its own name says.
    fixed = {node: home for node, home in tables.items() if node not in owners}
    declared = declared_extensions(snapshot, databases)
    views = {row.node for row in snapshot.rows if row.kind == "view"}
    world = World(
        everywhere=frozenset(databases),
        nodes=nodes,
        uses=uses,
        bodies=bodies_of(snapshot, owners),
        fixed=fixed,
        start=declared,
        declared=declared_homes(snapshot, databases, nodes, uses),
        unused=unused_homes(databases, nodes) | declared,
        following={node for node in nodes if node.catalog in _FOLLOWING} | views,
        ground={node for node in nodes if node.catalog in _GROUND},
    )
    crossing = {node: world.stands_on(node) for node in nodes if not world.allowed[node] and node not in fixed}
    crossing |= world.crossing_tables()
    return Classification(
        snapshot, world.everywhere, owners, uses, world.bodies, world.homes, crossing, frozenset(declared)
    )
