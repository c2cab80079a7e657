"""Where the registry says that tables and extensions are at home, and where what nothing uses is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alembic_multidb.catalog.snapshot import ObjectId, Snapshot
from alembic_multidb.classify.names import plain_name, table_name
from alembic_multidb.errors import RegistryError
from alembic_multidb.registry import Databases
from alembic_multidb.registry.names import DEFAULT_SCHEMA


def homes_of_tables(snapshot: Snapshot, databases: Databases) -> dict[ObjectId, frozenset[str]]:
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


def declared_extensions(snapshot: Snapshot, databases: Databases) -> dict[ObjectId, frozenset[str]]:
    """Return which databases declare each extension; those that none declares may be anywhere."""
    found = {
        row.node: frozenset(
            database.name for database in databases.values() if plain_name(row.identity) in database.extensions
        )
        for row in snapshot.rows
        if row.kind == "extension"
    }
    return {node: homes for node, homes in found.items() if homes}


def declared_homes(
    snapshot: Snapshot,
    databases: Databases,
    nodes: Iterable[ObjectId],
    uses: Mapping[ObjectId, set[ObjectId]],
) -> dict[ObjectId, frozenset[str]]:
    """Return where each object is at home if nothing uses it and its schema is declared."""
    schemas = {
        row.node: frozenset(
            database.name for database in databases.declarations if plain_name(row.identity) in database.schemas
        )
        for row in snapshot.rows
        if row.kind == "schema"
    }
    found = {}
    for node in nodes:
        homes = frozenset[str]().union(*(schemas.get(used, frozenset()) for used in (node, *uses.get(node, ()))))
        if homes:
            found[node] = homes
    return found


def unused_homes(databases: Databases, nodes: Iterable[ObjectId]) -> dict[ObjectId, frozenset[str]]:
    """Return where each object is at home that nothing speaks for: in the default home."""
    default = frozenset(database.name for database in databases.declarations if database.default)
    # Rights of new objects that name no schema are the whole database's.
    return {node: frozenset(databases) if node.catalog == "pg_default_acl" else default for node in nodes}
