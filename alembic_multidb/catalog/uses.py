"""Which tables a view, foreign key, trigger, function or the like stands on, followed through what it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from sqlalchemy import Connection, text

TABLE_KINDS = "rpf"
VIEW_KINDS = {"v": "view", "m": "materialized view"}
CONSTRAINT_KINDS = {"f": "foreign key", "c": "check constraint"}
KINDS = {"pg_trigger": "trigger", "pg_proc": "function", "pg_policy": "policy", "pg_attrdef": "default"}

_RELATIONS = text(
    """
    SELECT c.oid, c.relkind::text AS kind, c.relispartition AS is_partition,
           coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    """
)
_RULES = text("SELECT oid, ev_class FROM pg_rewrite WHERE oid >= 16384")
# What a partition inherits is its root's; the triggers behind a foreign key are that key's.
_DERIVED = text(
    """
    SELECT 'pg_trigger' AS class, oid FROM pg_trigger WHERE tgisinternal OR tgparentid <> 0
    UNION ALL SELECT 'pg_constraint', oid FROM pg_constraint WHERE conparentid <> 0
    """
)
_CONSTRAINTS = text("SELECT oid, contype::text AS kind FROM pg_constraint WHERE contype IN ('f', 'c')")
_IDENTITY = text("SELECT (pg_identify_object(CAST(:class AS regclass), :oid, 0)).identity")


class ObjectId(NamedTuple):
    """An object of the catalog: the name of its catalog table, and its oid there."""

    catalog: str
    oid: int


@dataclass(frozen=True)
class Use:
    """An object that stands on tables.

    Attributes:
        kind: view, foreign key, trigger, function, ...
        identity: its name, as PostgreSQL identifies it.
        tables: the oids of the tables that it uses, itself or through what it uses.
    """

    kind: str
    identity: str
    tables: frozenset[int]


def read_uses(connection: Connection) -> list[Use]:
    """Return the objects of this database that stand on more than one table."""
    relations = {row.oid: row for row in connection.execute(_RELATIONS)}
    edges = _read_edges(connection, {oid for oid, row in relations.items() if row.kind in VIEW_KINDS})
    tables = {oid: row.root for oid, row in relations.items() if row.kind in TABLE_KINDS}
    kinds = _carriers(connection, edges, {oid: row.kind for oid, row in relations.items() if not row.is_partition})
    found = []
    for node, kind in kinds.items():
        used = _tables_of(node, edges, tables)
        if len(used) > 1:
            identity = connection.execute(_IDENTITY, {"class": node.catalog, "oid": node.oid}).scalar_one()
            found.append(Use(kind, identity, frozenset(used)))
    return sorted(found, key=lambda use: (use.kind, use.identity))


def _read_edges(connection: Connection, views: set[int]) -> dict[ObjectId, set[ObjectId]]:
    """Return what each object uses; a view's rule is the view itself."""
    rules = {ObjectId("pg_rewrite", row.oid): row.ev_class for row in connection.execute(_RULES)}

    def node(catalog: str, oid: int) -> ObjectId:
        view = rules.get(ObjectId(catalog, oid))
        return ObjectId("pg_class", view) if view in views else ObjectId(catalog, oid)

    edges: dict[ObjectId, set[ObjectId]] = {}
    query = text(files(__package__).joinpath("uses.sql").read_text())
    for row in connection.execute(query):
        source, target = node(row[0], row.object), node(row.used_class, row.used_object)
        if source != target:
            edges.setdefault(source, set()).add(target)
    return edges


def _carriers(connection: Connection, edges: Iterable[ObjectId], relations: Mapping[int, str]) -> dict[ObjectId, str]:
    """Return the objects that are reported, each with its kind."""
    derived = {ObjectId(row[0], row.oid) for row in connection.execute(_DERIVED)}
    constraints = {row.oid: CONSTRAINT_KINDS[row.kind] for row in connection.execute(_CONSTRAINTS)}
    found: dict[ObjectId, str] = {}
    for node in edges:
        kind = KINDS.get(node.catalog)
        if node.catalog == "pg_class":
            relation = relations.get(node.oid, "")
            kind = VIEW_KINDS.get(relation) or ("table" if relation in TABLE_KINDS and relation else None)
        elif node.catalog == "pg_constraint":
            kind = constraints.get(node.oid)
        elif node.catalog == "pg_rewrite":
            kind = "rule"
        if kind is not None and node not in derived:
            found[node] = kind
    return found


def _tables_of(start: ObjectId, edges: Mapping[ObjectId, set[ObjectId]], tables: Mapping[int, int]) -> set[int]:
    """Return the root tables that can be reached, not looking behind a table for what that one uses."""
    found: set[int] = set()
    seen, pending = {start}, [start]
    while pending:
        node = pending.pop()
        is_table = node.catalog == "pg_class" and node.oid in tables
        if is_table:
            found.add(tables[node.oid])
        if not is_table or node is start:
            new = edges.get(node, set()) - seen
            seen |= new
            pending.extend(new)
    return found
