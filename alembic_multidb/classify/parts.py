"""What is part of what, and which objects each one depends on, parts counted as what they are part of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from alembic_multidb.catalog.snapshot import ObjectId, Snapshot

# These belong to their table for their life, but stand on other things as well: they may cross where it does not.
_STANDS_ALONE = ("pg_trigger", "pg_policy", "pg_rewrite", "pg_statistic_ext")
# Made for their owner and gone with it; the first says most: a constraint's index is the constraint's, a partition's
# copy of a foreign key is the foreign key's, whatever table it lies on.
_FOLDED = ("i", "e", "P", "a", "S")
# A table or schema does not depend on the publications that it is in.
_MEMBERS = ("pg_publication_rel", "pg_publication_namespace")


def parts_of(
    snapshot: Snapshot, tables: Mapping[ObjectId, object], sequences: set[ObjectId]
) -> dict[ObjectId, ObjectId]:
    """Map what is part of something else to the outermost thing that it is part of, these sequences apart."""
    parts: dict[ObjectId, ObjectId] = {}
    ranks: dict[ObjectId, int] = {}
    views = {row.node for row in snapshot.rows if row.kind == "view"}
    foreign_keys = _of_kind(snapshot, "foreign key")
    foreign_tables = _of_kind(snapshot, "foreign table")
    for edge in snapshot.edges:
        source, target = edge.source, edge.target
        if edge.kind not in _FOLDED or source in foreign_keys or source in sequences:
            continue
        if source.catalog in _STANDS_ALONE and not (edge.kind == "i" and target in views):
            continue
        if source in tables and edge.kind == "a" and target.catalog != "pg_class":
            continue
        # A foreign table that is a partition: it stays behind, and its root goes.
        if source in foreign_tables and edge.kind != "e":
            continue
        if source.catalog in _MEMBERS and target.catalog != "pg_publication":
            continue
        rank = _FOLDED.index(edge.kind)
        if rank < ranks.get(source, len(_FOLDED)):
            parts[source], ranks[source] = target, rank
    return {node: _outermost(node, parts) for node in parts}


def _of_kind(snapshot: Snapshot, kind: str) -> set[ObjectId]:
    return {row.node for row in snapshot.rows if row.definition.get("kind") == kind}


def _outermost(node: ObjectId, parts: Mapping[ObjectId, ObjectId]) -> ObjectId:
    seen = {node}
    while node in parts and parts[node] not in seen:
        node = parts[node]
        seen.add(node)
    return node


def uses_of(
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


def owned_sequences(snapshot: Snapshot) -> set[ObjectId]:
    """Return the sequences of serial columns and of OWNED BY; those of identity columns are parts of their table."""
    return {row.node for row in snapshot.rows if row.kind == "sequence" and row.definition.get("type") is not None}
