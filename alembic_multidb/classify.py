"""Objects to homes: which database every object of a live schema belongs to, told by what it stands on and who uses it.

A table has the home that the registry gives it, and whatever depends on it can only live there: going down the
dependencies, the homes that are *allowed* for an object are those of everything that it depends on. Going up, an object
is *at home* wherever something that uses it is: a function that a trigger of ``core`` calls is ``core``'s, an enum that
tables of both homes use is both's. What nothing uses goes to the default home. What may live nowhere crosses homes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot
from alembic_multidb.errors import RegistryError
from alembic_multidb.registry import Databases, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA

# These belong to their table for their life, but stand on other things as well: they may cross where it does not.
_STANDS_ALONE = ("pg_trigger", "pg_policy", "pg_rewrite", "pg_statistic_ext")
# The schema that every database has from its template; reported are its comment and the rights to it.
EVERYWHERE = ("public", "schema public")
# Made for their owner and gone with it; the first says most: a constraint's index is the constraint's, a partition's
# copy of a foreign key is the foreign key's, whatever table it lies on.
_FOLDED = ("i", "e", "P", "a", "S")
# Nobody is seen to use these: they are where what they are made for is.
_FOLLOWING = frozenset(
    {
        *("pg_cast", "pg_operator", "pg_opclass", "pg_opfamily", "pg_transform", "pg_proc"),
        *("pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template"),
    }
)
# A table or schema does not depend on the publications that it is in.
_MEMBERS = ("pg_publication_rel", "pg_publication_namespace")
# What lies in a schema, stands on an extension or is written in a language is not made for it.
_GROUND = ("pg_namespace", "pg_extension", "pg_language")


@dataclass(frozen=True)
class Classification:
    """Where every object of one live schema is at home.

    Attributes:
        snapshot: what was classified.
        everywhere: all databases of the registry.
        owners: what each folded object is part of: a column's default, an index, a row type, a partition.
        uses: which objects each one depends on, parts counted as what they are part of.
        homes: the databases in which an object is at home; several for what several homes use, none for what crosses.
        crossing: the objects that can live in no database, each with the tables that they stand on.
    """

    snapshot: Snapshot
    everywhere: frozenset[str]
    owners: Mapping[ObjectId, ObjectId]
    uses: Mapping[ObjectId, set[ObjectId]]
    homes: Mapping[ObjectId, frozenset[str]]
    crossing: Mapping[ObjectId, frozenset[ObjectId]]

    def home_of(self, row: Row) -> frozenset[str]:
        """Return the homes of what a row is about."""
        if row.identity in EVERYWHERE:
            return self.everywhere
        return self.homes.get(self.owners.get(row.node, row.node), frozenset())

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


_CROSSING_KINDS = frozenset(
    {"constraint", "view", "trigger", "function", "policy", "rule", "statistics", "table", "type"}
)


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
    tables = _tables(snapshot, databases)
    sequences = _owned_sequences(snapshot) if copies_sequences else set[ObjectId]()
    owners = _owners(snapshot, tables, sequences)
    uses = _uses(snapshot, owners, sequences, without)
    nodes = {owners.get(row.node, row.node) for row in snapshot.rows} | uses.keys()
    nodes |= {target for targets in uses.values() for target in targets}
    # A partition has its root's home, whatever its own name says.
    fixed = {node: home for node, home in tables.items() if node not in owners}
    everywhere = frozenset(databases)
    start = dict.fromkeys(nodes, everywhere)
    declared = _declared_extensions(snapshot, databases)
    start |= declared
    allowed = _allowed(nodes, uses, start, fixed)
    homes = _homes(nodes, uses, allowed, fixed, _unused_homes(snapshot, databases, nodes, uses) | declared)
    crossing = {node: _stands_on(node, uses, fixed) for node in nodes if not allowed[node] and node not in fixed}
    crossing |= _crossing_tables(uses, allowed, fixed)
    return Classification(snapshot, everywhere, owners, uses, homes, crossing)


def _uses(
    snapshot: Snapshot,
    owners: Mapping[ObjectId, ObjectId],
    sequences: set[ObjectId],
    without: frozenset[ObjectId],
) -> dict[ObjectId, set[ObjectId]]:
    """Return which objects each one depends on, parts counted as what they are part of."""
    uses: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for edge in snapshot.edges:
        source, target = owners.get(edge.source, edge.source), owners.get(edge.target, edge.target)
        if edge.source in sequences and edge.kind == "a" and target.catalog == "pg_class":
            # A table uses the sequence that it owns; others may use it, too.
            source, target = target, source
        if source != target and source not in without:
            uses[source].add(target)
    return uses


def _owned_sequences(snapshot: Snapshot) -> set[ObjectId]:
    """Return the sequences of serial columns and of OWNED BY; those of identity columns are parts of their table."""
    return {row.node for row in snapshot.rows if row.kind == "sequence" and row.definition.get("type") is not None}


def _crossing_tables(
    uses: Mapping[ObjectId, set[ObjectId]],
    allowed: Mapping[ObjectId, frozenset[str]],
    fixed: Mapping[ObjectId, frozenset[str]],
) -> dict[ObjectId, frozenset[ObjectId]]:
    """Return the tables that use what may not be at their home: by inheritance, a row type, a default, an extension."""
    found = {}
    for table, home in fixed.items():
        elsewhere = {used for used in uses.get(table, ()) if home and allowed[used] and not allowed[used] & home}
        if elsewhere:
            found[table] = frozenset({table}).union(
                *({used} if used in fixed else _stands_on(used, uses, fixed) for used in elsewhere)
            )
    return found


def _tables(snapshot: Snapshot, databases: Databases) -> dict[ObjectId, frozenset[str]]:
    """Return the homes of the tables as the registry gives them; a table without one is at home nowhere."""
    found = {}
    for row in snapshot.rows:
        # A foreign table shows rows that lie elsewhere: it is at home where it is used, like a view.
        if row.kind == "table" and row.definition.get("kind") != "foreign table":
            name = table_name(row)
            try:
                home = databases.homes.home(
                    databases.homes.resolve(name.schema or DEFAULT_SCHEMA, name.name, snapshot.default_schema)
                )
            except RegistryError:
                home = None
            found[row.node] = frozenset() if home is None else frozenset({home})
    return found


def table_name(row: Row) -> TableName:
    """Return the name of a row's table, whose identity is quoted as PostgreSQL does."""
    return TableName.parse(row.identity)


def _owners(
    snapshot: Snapshot, tables: Mapping[ObjectId, object], sequences: set[ObjectId]
) -> dict[ObjectId, ObjectId]:
    """Map what is part of something else to the outermost thing that it is part of, these sequences apart."""
    parts: dict[ObjectId, ObjectId] = {}
    ranks: dict[ObjectId, int] = {}
    views = {row.node for row in snapshot.rows if row.kind == "view"}
    foreign_keys = {row.node for row in snapshot.rows if row.definition.get("kind") == "foreign key"}
    for edge in snapshot.edges:
        source, target = edge.source, edge.target
        if edge.kind not in _FOLDED or source in foreign_keys or source in sequences:
            continue
        if source.catalog in _STANDS_ALONE and not (edge.kind == "i" and target in views):
            continue
        if source in tables and edge.kind == "a" and target.catalog != "pg_class":
            continue
        if source.catalog in _MEMBERS and target.catalog != "pg_publication":
            continue
        rank = _FOLDED.index(edge.kind)
        if rank < ranks.get(source, len(_FOLDED)):
            parts[source], ranks[source] = target, rank
    return {node: _outermost(node, parts) for node in parts}


def _outermost(node: ObjectId, parts: Mapping[ObjectId, ObjectId]) -> ObjectId:
    seen = {node}
    while node in parts and parts[node] not in seen:
        node = parts[node]
        seen.add(node)
    return node


def _declared_extensions(snapshot: Snapshot, databases: Databases) -> dict[ObjectId, frozenset[str]]:
    """Return which databases declare each extension; those that none declares may be anywhere."""
    found = {
        row.node: frozenset(
            database.name for database in databases.values() if plain_name(row.identity) in database.extensions
        )
        for row in snapshot.rows
        if row.kind == "extension"
    }
    return {node: homes for node, homes in found.items() if homes}


def _allowed(
    nodes: Iterable[ObjectId],
    uses: Mapping[ObjectId, set[ObjectId]],
    start: Mapping[ObjectId, frozenset[str]],
    fixed: Mapping[ObjectId, frozenset[str]],
) -> dict[ObjectId, frozenset[str]]:
    """Return the greatest solution: an object may live where everything that it depends on may."""
    allowed = {**start, **fixed}
    users: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for node, targets in uses.items():
        for target in targets:
            users[target].add(node)
    pending = list(nodes)
    while pending:
        node = pending.pop()
        for user in users[node]:
            narrower = allowed[user] & allowed[node]
            if user not in fixed and narrower != allowed[user]:
                allowed[user] = narrower
                pending.append(user)
    return allowed


def _homes(
    nodes: Iterable[ObjectId],
    uses: Mapping[ObjectId, set[ObjectId]],
    allowed: Mapping[ObjectId, frozenset[str]],
    fixed: Mapping[ObjectId, frozenset[str]],
    unused_homes: Mapping[ObjectId, frozenset[str]],
) -> dict[ObjectId, frozenset[str]]:
    """Return the least solution: an object is at home where its users are, within what is allowed."""
    homes: dict[ObjectId, frozenset[str]] = {node: frozenset() for node in nodes}
    rooted = {node: home for node, home in fixed.items() if home}
    # What stands on tables, however far below, is rooted there whether or not anything uses it.
    rooted |= {
        node: allowed[node] for node in homes if node not in fixed and _stands_on(node, uses, fixed) and allowed[node]
    }
    _spread(homes, uses, allowed, fixed, rooted)
    _spread(homes, uses, allowed, fixed, _following(homes, uses, allowed, unused_homes))
    unused = {node for node in homes if not homes[node] and node not in fixed and allowed[node]}
    while unused:
        # What only other unused objects use goes with them.
        used = {target for node in unused for target in uses.get(node, ())}
        first = (unused - used) or unused
        _spread(homes, uses, allowed, fixed, {n: (allowed[n] & unused_homes[n]) or allowed[n] for n in first})
        unused = {node for node in unused if not homes[node]}
    return homes


def _following(
    homes: Mapping[ObjectId, frozenset[str]],
    uses: Mapping[ObjectId, set[ObjectId]],
    allowed: Mapping[ObjectId, frozenset[str]],
    unused_homes: Mapping[ObjectId, frozenset[str]],
) -> dict[ObjectId, frozenset[str]]:
    """Return where those are that nothing uses and that are made for something: where that is."""
    found = {}
    for node, home in homes.items():
        if home or not allowed[node] or node.catalog not in _FOLLOWING:
            continue
        reached = [homes[used] & allowed[node] for used in _reached(node, uses) if homes[used]]
        common = frozenset.intersection(*reached) if reached else frozenset[str]()
        followed = common or frozenset[str]().union(*reached)
        if followed:
            found[node] = followed
    return found


def _reached(start: ObjectId, uses: Mapping[ObjectId, set[ObjectId]]) -> set[ObjectId]:
    """Return what an object depends on, itself or through what it uses, schemas and extensions apart."""
    seen, pending = {start}, [start]
    while pending:
        new = {used for used in uses.get(pending.pop(), ()) if used.catalog not in _GROUND} - seen
        seen |= new
        pending.extend(new)
    return seen - {start}


def _spread(
    homes: dict[ObjectId, frozenset[str]],
    uses: Mapping[ObjectId, set[ObjectId]],
    allowed: Mapping[ObjectId, frozenset[str]],
    fixed: Mapping[ObjectId, frozenset[str]],
    start: Mapping[ObjectId, frozenset[str]],
) -> None:
    pending = []
    for node, home in start.items():
        homes[node] |= home
        pending.append(node)
    while pending:
        node = pending.pop()
        for used in uses.get(node, ()):
            wider = homes[used] | (homes[node] & allowed[used])
            if used not in fixed and wider != homes[used]:
                homes[used] = wider
                pending.append(used)


def _stands_on(
    start: ObjectId, uses: Mapping[ObjectId, set[ObjectId]], fixed: Mapping[ObjectId, frozenset[str]]
) -> frozenset[ObjectId]:
    """Return the tables that an object depends on, itself or through what it uses."""
    found: set[ObjectId] = set()
    seen, pending = {start}, [start]
    while pending:
        node = pending.pop()
        if node in fixed and node != start:
            found.add(node)
            continue
        new = uses.get(node, set()) - seen
        seen |= new
        pending.extend(new)
    return frozenset(found)


def _unused_homes(
    snapshot: Snapshot,
    databases: Databases,
    nodes: Iterable[ObjectId],
    uses: Mapping[ObjectId, set[ObjectId]],
) -> dict[ObjectId, frozenset[str]]:
    """Return where each object is at home if nothing uses it: where its schema is declared, else the default."""
    schemas = {
        row.node: frozenset(
            database.name for database in databases.declarations if plain_name(row.identity) in database.schemas
        )
        for row in snapshot.rows
        if row.kind == "schema"
    }
    default = frozenset(database.name for database in databases.declarations if database.default)
    found = {}
    for node in nodes:
        of_schema = frozenset[str]().union(*(schemas.get(used, frozenset()) for used in (node, *uses.get(node, ()))))
        # Rights of new objects that name no schema are the whole database's.
        found[node] = frozenset(databases) if node.catalog == "pg_default_acl" else of_schema or default
    return found


def plain_name(identity: str) -> str:
    """Return a name as it is, which PostgreSQL has quoted where that was needed."""
    return TableName.parse(identity).name
