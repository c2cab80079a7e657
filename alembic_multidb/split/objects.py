"""What becomes of every object of the source: where it goes, or why it cannot go anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from alembic_multidb.catalog.objects import LiveObject
from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot
from alembic_multidb.classify import INVALID, Classification, classify, standing_on, table_name
from alembic_multidb.errors import RegistryError
from alembic_multidb.registry import Databases
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.exclude import check_exclude, excluded_nodes, matches_any
from alembic_multidb.split.model import PlannedObject, SplitOptions, Treatment, shown
from alembic_multidb.split.survey import Survey
from alembic_multidb.stamp.schema import without_version_tables

_MANY = 4
# A superuser can make objects there, and pg_dump takes them for PostgreSQL's own.
_POSTGRESQLS = frozenset({"pg_catalog", "information_schema"})


@dataclass(frozen=True)
class Objects:
    """Every object of the source with its home.

    Attributes:
        survey: what was read.
        databases: the registry.
        options: what was asked for.
        version_nodes: the version tables, and schemas that hold nothing else.
        excluded: what was excluded by name, with what belongs to it.
        classification: the schema without the version tables, by homes.
        shared: what a target has from somebody else, defined alike, and so need not be made.
        adopted: sequences of these that a table of this source owns.
    """

    survey: Survey
    databases: Databases
    options: SplitOptions
    version_nodes: frozenset[ObjectId]
    excluded: frozenset[ObjectId]
    classification: Classification
    shared: frozenset[ObjectId] = frozenset()
    adopted: frozenset[ObjectId] = frozenset()

    @classmethod
    def of(cls, survey: Survey, databases: Databases, options: SplitOptions) -> Objects:
        """Work out the homes.

        Args:
            survey: what was read of the source.
            databases: the registry.
            options: what was asked for.

        Raises:
            ConfigurationError: an object that is to be excluded is not there, or is not named as ``KIND:NAME``.
        """
        check_exclude(options.exclude)
        schema = without_version_tables(survey.snapshot, databases, *survey.revisions)
        kept = {row.node for row in schema.rows}
        version_nodes = frozenset(row.node for row in survey.snapshot.rows) - kept
        excluded = excluded_nodes(survey, options.exclude)
        classification = classify(schema, databases, copies_sequences=True, without=excluded)
        return cls(survey, databases, options, version_nodes, excluded, classification)

    @cached_property
    def planned(self) -> tuple[PlannedObject, ...]:
        """Return what becomes of each object, by type and identity."""
        return tuple(self._plan(item) for item in self.survey.objects) + tuple(
            self._beside(item) for item in self.survey.outside
        )

    @cached_property
    def treatments(self) -> dict[ObjectId, Treatment]:
        """Return what becomes of each object, by where it stands in the catalog."""
        return {item.node: item.treatment for item in self.planned}

    @cached_property
    def names(self) -> dict[ObjectId, str]:
        """Return what each object is called, kind and identity."""
        return {item.node: f"{item.type} {shown(item.identity)}" for item in self.survey.objects}

    def homes_of(self, node: ObjectId) -> frozenset[str]:
        """Return where an object is at home."""
        if node.catalog == "pg_namespace" and self.names.get(node) == f"schema {DEFAULT_SCHEMA}":
            return frozenset(self.databases)
        return self.classification.homes.get(self.owner(node), frozenset())

    def owner(self, node: ObjectId) -> ObjectId:
        """Return what an object is part of, or itself."""
        return self.classification.owners.get(node, node)

    def is_carried(self, node: ObjectId) -> bool:
        """Tell whether what a fact of the snapshot is about goes anywhere."""
        owner = self.owner(node)
        if {node, owner} & self.excluded or {node, owner} & self.staying.keys():
            return False
        return all(self.treatments.get(item, "home") == "home" for item in (node, owner))

    def is_made(self, node: ObjectId) -> bool:
        """Tell whether what a fact of the snapshot is about has to be made somewhere."""
        # Rights of what comes later in a schema are not the schema's: each database brings its own.
        parts = {node} if node.catalog == "pg_default_acl" else {node, self.owner(node)}
        return self.is_carried(node) and not parts & self.shared

    @cached_property
    def staying(self) -> dict[ObjectId, ObjectId]:
        """Return what stays behind, and whatever stands on it, each with the first thing of it that stays."""
        return self.classification.standing_on({*self.classification.outside_roots, *self.version_nodes})

    @cached_property
    def _of_postgresql(self) -> set[ObjectId]:
        return {item.node for item in self.survey.objects if item.schema in _POSTGRESQLS}

    @cached_property
    def _unmade(self) -> dict[ObjectId, ObjectId]:
        """Return what is not carried, and whatever needs it, itself or through what it needs."""
        classification = self.classification
        gone = {*self.excluded, *self.staying, *self._of_postgresql, *classification.crossing}
        return standing_on(gone, classification.users, frozenset())

    def _plan(self, item: LiveObject) -> PlannedObject:
        treatment, why = self._treatment(item)
        homes = self.homes_of(item.node) if treatment == "home" else frozenset[str]()
        return PlannedObject(
            type=item.type,
            identity=item.identity,
            homes=tuple(name for name in self.databases if name in homes),
            treatment=treatment,
            why=why or self._why_here(item, homes),
            node=item.node,
        )

    def _beside(self, item: LiveObject) -> PlannedObject:
        """Plan what stands beside the objects of a database: large objects go where they are asked for."""
        wanted = self.options.large_objects if item.type == "large object" else None
        return PlannedObject(
            type=item.type,
            identity=item.identity,
            homes=() if wanted is None else (wanted,),
            treatment="outside" if wanted is None else "home",
            node=item.node,
        )

    def _treatment(self, item: LiveObject) -> tuple[Treatment, str]:
        owner = self.owner(item.node)
        if item.node in self.excluded or owner in self.excluded:
            return "excluded", "" if matches_any(self.options.exclude, item) else "it belongs to what is excluded"
        if item.node in self.version_nodes or owner in self.version_nodes:
            return "version table", "each database gets a version table of its own: multidb stamp-from"
        if item.node in self.classification.outside_roots:
            return "outside", INVALID if item.type == "index" else ""
        if item.node in self._of_postgresql:
            return "outside", "it lies in a schema of PostgreSQL's own, which no dump holds"
        if owner in self.classification.crossing:
            return self._crossing(item, owner)
        if owner in self.staying or item.node in self.staying:
            return "outside", self._why_outside(item.node if item.node in self.staying else owner)
        return self._needed(item, owner)

    def _crossing(self, item: LiveObject, owner: ObjectId) -> tuple[Treatment, str]:
        why = self._part_of(item, owner) or self._stands_on(owner)
        if any(not self.homes_of(table) for table in self.classification.crossing[owner]):
            return "homeless", why
        return ("soft reference" if item.node in self.survey.foreign_keys else "crossing"), why

    def _needed(self, item: LiveObject, owner: ObjectId) -> tuple[Treatment, str]:
        """Look at what an object needs: all of it must be carried, too."""
        needed = self.classification.uses.get(owner, set()) & self._unmade.keys()
        for missing, why in (
            (needed & self.excluded, "is excluded"),
            (needed & (self.staying.keys() | self._of_postgresql), "stays behind"),
            (needed & self.classification.crossing.keys(), "crosses homes"),
            (needed, "cannot be made either"),
        ):
            if missing:
                return "crossing", self._part_of(item, owner) or f"it needs {self._listed(missing)}, which {why}"
        if not self.homes_of(item.node):
            return "homeless", self._part_of(item, owner) or self._why_homeless(item, owner)
        return "home", ""

    def _part_of(self, item: LiveObject, owner: ObjectId) -> str:
        return "" if owner == item.node else f"it is part of {self.names.get(owner, 'something unnamed')}"

    def is_part(self, item: PlannedObject) -> bool:
        """Tell whether an object has its home, and whatever is wrong with it, from what it is part of."""
        return self.owner(item.node) != item.node

    def _why_here(self, item: LiveObject, homes: frozenset[str]) -> str:
        if item.type == "sequence" and len(homes) > 1:
            return "tables of several homes use it: each gets it, with its value; from then on they count apart"
        if (
            item.node.catalog in ("pg_proc", "pg_type", "pg_extension")
            and homes
            and not self.classification.users[item.node]
        ):
            spoken = self.classification.bodies.get(item.node, set()) & self.classification.tables
            read = {table for table in spoken if homes <= self.homes_of(table)}
            body = f", and its body reads {self._listed(read)}" if read else ""
            return f"nothing in the database uses it{body}" if not self._under(item.node) else ""
        return ""

    def _why_outside(self, node: ObjectId) -> str:
        first = self.staying[node]
        return "" if first == node else f"it stands on {self.names.get(first, 'a version table')}, which stays"

    def _why_homeless(self, item: LiveObject, owner: ObjectId) -> str:
        for row in self.classification.snapshot.rows:
            if row.node == owner and row.kind == "table":
                return _no_home(row, self.databases, self.classification.snapshot)
        return f"it stands on {self._listed(self._under(owner)) or 'nothing that has a home'}, which has no home"

    def _under(self, node: ObjectId) -> set[ObjectId]:
        seen, pending = {node}, [node]
        while pending:
            new = self.classification.uses.get(pending.pop(), set()) - seen
            seen |= new
            pending.extend(new - self.classification.tables)
        return seen & self.classification.tables - {node}

    def _stands_on(self, node: ObjectId) -> str:
        tables = self.classification.crossing[node]
        used = {item for item in self.classification.uses.get(node, ()) if item not in tables and item in self.names}
        bound = {item for item in used if item.catalog != "pg_namespace" and self._is_elsewhere(item, tables)}
        return f"it stands on {self._listed(tables | bound, with_homes=True)}"

    def _is_elsewhere(self, node: ObjectId, tables: Iterable[ObjectId]) -> bool:
        homes = self.homes_of(node)
        return bool(homes) and any(not homes & self.homes_of(table) for table in tables)

    def _listed(self, nodes: Iterable[ObjectId], *, with_homes: bool = False) -> str:
        names = []
        for node in nodes:
            homes = f" ({', '.join(sorted(self.homes_of(node))) or 'no home'})" if with_homes else ""
            names.append(self.names.get(node, "something unnamed") + homes)
        names.sort()
        return ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")


def _no_home(row: Row, databases: Databases, snapshot: Snapshot) -> str:
    name = table_name(row)
    try:
        known = databases.homes.resolve(name.schema or DEFAULT_SCHEMA, name.name, snapshot.default_schema)
        return str(databases.homes.explain(known))
    except RegistryError as error:
        return str(error)


def misplaced_partitions(objects: Objects) -> Mapping[str, str]:
    """Return the partitions that a rule gives another home than their root's, each with what is wrong."""
    found = {}
    for row in objects.classification.snapshot.rows:
        if row.kind != "table" or "partition of" not in row.attributes:
            continue
        name = table_name(row)
        try:
            said = objects.databases.homes.explain(
                objects.databases.homes.resolve(
                    name.schema or DEFAULT_SCHEMA, name.name, objects.classification.snapshot.default_schema
                )
            )
        except RegistryError as error:
            found[row.identity] = str(error)
            continue
        if said.home not in {None, *objects.homes_of(row.node)} and said.rules != ("default=True",):
            found[row.identity] = f"{said}, but it is a partition of a table of another home"
    return found
