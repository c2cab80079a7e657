"""One schema as the making of DDL needs it: its rows by key, what depends on what, and texts as they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import REPORTED_KINDS, ObjectId, Row, Snapshot
from alembic_multidb.stamp.ddl.text import plain

Key = tuple[str, str]

# Rows hold a function's attributes, and definitions in one form for all versions, which may have lost their quotes.
_TEXTS = text(
    """
    SELECT 'pg_proc' AS catalog, p.oid, pg_get_functiondef(p.oid) AS definition
    FROM pg_proc AS p WHERE p.prokind <> 'a' AND p.oid >= 16384
    UNION ALL
    SELECT 'pg_class', c.oid, pg_get_viewdef(c.oid)
    FROM pg_class AS c WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_class', c.oid, pg_get_partkeydef(c.oid)
    FROM pg_class AS c WHERE c.relkind = 'p'
    UNION ALL
    SELECT 'pg_class', i.indexrelid, pg_get_indexdef(i.indexrelid)
    FROM pg_index AS i WHERE i.indexrelid >= 16384
    UNION ALL
    SELECT 'pg_constraint', k.oid, pg_get_constraintdef(k.oid)
    FROM pg_constraint AS k WHERE k.oid >= 16384
    UNION ALL
    SELECT 'pg_trigger', t.oid, pg_get_triggerdef(t.oid)
    FROM pg_trigger AS t WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite', r.oid, pg_get_ruledef(r.oid)
    FROM pg_rewrite AS r WHERE r.rulename <> '_RETURN' AND r.oid >= 16384
    """
)
# Which column an object uses; edges only tell the table.
_USED_COLUMNS = text(
    """
    SELECT DISTINCT c.relname AS catalog, d.objid AS oid, d.refobjid AS relation, a.attname AS name
    FROM pg_depend AS d
    JOIN pg_class AS c ON c.oid = d.classid
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.objid >= 16384
    """
)
_EMPTY_PATH = text("SELECT set_config('search_path', '', true)")
# What is part of something else.
_FOLDED = "PieaS"
# What comes first where nothing depends on the other.
_RANK = {
    kind: number
    for number, kind in enumerate(
        (
            *("schema", "extension", "collation", "type", "sequence", "function", "operator", "cast", "operator class"),
            *("text search", "foreign server", "table", "column", "constraint", "index", "statistics", "view", "rule"),
            *("trigger", "policy", "event trigger"),
        )
    )
}


@dataclass(frozen=True)
class Schema:
    """A schema to start from, or to arrive at.

    Attributes:
        snapshot: its rows and edges.
        texts: what functions, views, indexes and others are made with, as this server writes it, by their node.
        used_columns: what uses a column, by the table's oid and the column's name without quotes.
    """

    snapshot: Snapshot
    texts: Mapping[ObjectId, str] = field(default_factory=dict)
    used_columns: Mapping[tuple[int, str], Collection[ObjectId]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection, snapshot: Snapshot) -> Schema:
        """Read what a snapshot does not hold; sets the ``search_path`` for the rest of the transaction."""
        connection.execute(_EMPTY_PATH)
        texts = {ObjectId(row.catalog, row.oid): row.definition for row in connection.execute(_TEXTS)}
        used: dict[tuple[int, str], set[ObjectId]] = defaultdict(set)
        for row in connection.execute(_USED_COLUMNS):
            used[row.relation, row.name].add(ObjectId(row.catalog, row.oid))
        return cls(snapshot, texts, used)

    @cached_property
    def rows(self) -> dict[Key, Row]:
        """Return what is compared, by key."""
        return {row.key: row for row in self.snapshot.rows if row.kind not in REPORTED_KINDS}

    @cached_property
    def relations(self) -> dict[int, Row]:
        """Return tables and views by their oid."""
        return {row.relation: row for row in self.rows.values() if row.kind in ("table", "view")}

    @cached_property
    def columns(self) -> dict[str, list[Row]]:
        """Return the columns of each table, in their order."""
        orders = {
            row.identity: {name: number for number, name in enumerate(row.definition["columns"])}
            for row in self.snapshot.rows
            if row.kind == "column order"
        }
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows.values():
            if row.kind == "column":
                found[self.relations[row.relation].identity].append(row)
        for table, columns in found.items():
            order = orders.get(table, {})
            columns.sort(key=lambda row: order.get(plain(self.column_name(row)), 0))
        return found

    @cached_property
    def identity_sequences(self) -> dict[str, Row]:
        """Return the sequences of identity columns by the column's identity."""
        return {
            row.definition["owned by"]: row
            for row in self.rows.values()
            if row.kind == "sequence" and is_identity_sequence(row)
        }

    @cached_property
    def uses(self) -> dict[Key, set[Key]]:
        """Return what each object stands on directly; a column stands for its table."""
        found: dict[Key, set[Key]] = defaultdict(set)
        for edge in self.snapshot.edges:
            source, target = self._key_of(edge.source), self._key_of(edge.target)
            # A sequence is there before the column that owns it.
            if source and target and source != target and source[0] != "sequence":
                found[source].add(target)
        return found

    @cached_property
    def users(self) -> dict[Key, set[Key]]:
        """Return what stands on each object directly."""
        found: dict[Key, set[Key]] = defaultdict(set)
        for source, targets in self.uses.items():
            for target in targets:
                found[target].add(source)
        return found

    def table_of(self, row: Row) -> str:
        """Return the identity of the table or view that a row belongs to; empty if to none."""
        relation = self.relations.get(row.relation)
        return relation.identity if relation else ""

    def name_in(self, row: Row) -> str:
        """Return the name of a constraint, trigger, rule or policy without the table that it is on."""
        if row.relation:
            return row.identity.removesuffix(f" on {self.table_of(row)}")
        return row.identity.partition(" on domain ")[0]

    def column_name(self, row: Row) -> str:
        """Return a column's name without its table."""
        return row.identity.removeprefix(self.table_of(row) + ".")

    def text_of(self, row: Row) -> str:
        """Return an object's definition as SQL."""
        return self.texts.get(row.node, str(row.definition["definition"])).strip().removesuffix(";")

    def quoted_column(self, row: Row) -> str:
        """Return a column's name as SQL takes it: rows have none of the quotes that only some versions write."""
        name = self.column_name(row)
        return f'"{name}"' if name == "system_user" else name

    def users_of_column(self, row: Row) -> set[Key]:
        """Return what uses a column; its own table among them, for a default."""
        nodes = self.used_columns.get((row.relation, plain(self.column_name(row))), ())
        return {key for key in map(self._key_of, nodes) if key}

    def parents(self, table: str) -> list[str]:
        """Return the tables that a table is a partition of, or inherits from; none for a view."""
        row = self.rows.get(("table", table))
        definition = row.definition if row else {}
        return [definition["partition of"]] if definition.get("partition of") else definition.get("inherits") or []

    def copied_trigger(self, name: str, table: str) -> Row | None:
        """Return the trigger of a partition's parent with this name, of which the partition has a copy."""
        found = (self.rows.get(("trigger", f"{name} on {parent}")) for parent in self.parents(table))
        is_partition = ("table", table) in self.rows and "partition of" in self.rows["table", table].definition
        return next((row for row in found if row), None) if is_partition else None

    def is_copied_trigger(self, row: Row) -> bool:
        """Tell whether a trigger is there because a partition's parent has it."""
        return self.copied_trigger(self.name_in(row), self.table_of(row)) is not None

    def in_order(self) -> Iterator[Key]:
        """Return every object after what it stands on; circles are cut somewhere."""
        seen: set[Key] = set()
        for start in sorted(self.rows, key=_rank):
            pending = [(start, False)]
            while pending:
                key, is_ready = pending.pop()
                if is_ready:
                    yield key
                elif key not in seen:
                    seen.add(key)
                    pending.append((key, True))
                    used = sorted(self.uses.get(key, ()), key=_rank, reverse=True)
                    pending += [(other, False) for other in used if other not in seen]

    @cached_property
    def _by_node(self) -> dict[ObjectId, Key]:
        return {row.node: row.key for row in self.rows.values() if row.kind != "column"}

    @cached_property
    def _folded(self) -> dict[ObjectId, list[ObjectId]]:
        found: dict[ObjectId, list[ObjectId]] = defaultdict(list)
        for edge in sorted(self.snapshot.edges, key=lambda item: _FOLDED.find(item.kind)):
            if edge.kind in _FOLDED:
                found[edge.source].append(edge.target)
        return found

    def _key_of(self, node: ObjectId) -> Key | None:
        """Return the object that a node is, or is part of."""
        pending, seen = [node], set()
        while pending:
            current = pending.pop(0)
            if current in self._by_node:
                return self._by_node[current]
            if current not in seen:
                seen.add(current)
                pending = [*self._folded.get(current, ()), *pending]
        return None


def is_identity_sequence(row: Row) -> bool:
    """Tell whether a sequence comes and goes with an identity column."""
    return "type" not in row.definition


def _rank(key: Key) -> tuple[int, bool, str]:
    # A domain that a column's array or composite type holds takes no constraint any more.
    kind = "type" if key[0] == "constraint" and " on domain " in key[1] else key[0]
    return _RANK.get(kind, len(_RANK)), key[0] == "constraint", key[1]
