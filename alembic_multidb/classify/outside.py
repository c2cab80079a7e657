"""What belongs to how a database is run, not to what is in it: two databases that did the same would do it twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot

# Why an index stays.
INVALID = "it is not valid (nobody has finished building it): no query uses it, and no dump holds it"

_OUTSIDE = frozenset(
    {
        *("pg_event_trigger", "pg_publication", "pg_subscription"),
        *("pg_foreign_data_wrapper", "pg_foreign_server", "pg_user_mapping"),
    }
)


def outside_roots(
    snapshot: Snapshot, users: Mapping[ObjectId, set[ObjectId]], declared: frozenset[ObjectId]
) -> frozenset[ObjectId]:
    """Return event triggers, publications, subscriptions, foreign servers and tables, and extensions for them alone.

    So stay indexes that are not valid, which no query uses and no dump holds.

    Args:
        snapshot: of a whole database.
        users: who depends on each object.
        declared: extensions that some database declares, which go there whoever uses them.
    """
    found = {
        row.node
        for row in snapshot.rows
        if row.node.catalog in _OUTSIDE or (row.kind == "table" and row.definition["kind"] == "foreign table")
    }
    found |= {row.node for row in invalid_indexes(snapshot)}
    for row in snapshot.rows:
        own = users.get(row.node, set())
        if row.kind == "extension" and row.node not in declared and own and own <= found:
            found.add(row.node)
    return frozenset(found)


def invalid_indexes(snapshot: Snapshot) -> Iterator[Row]:
    """Find the indexes that CREATE INDEX CONCURRENTLY, or REINDEX, has begun and not finished.

    Those of partitioned tables hold nothing themselves: they are not valid as long as a partition has none.
    """
    whole = {row.relation for row in snapshot.rows if row.kind == "table" and "partition key" in row.definition}
    for row in snapshot.rows:
        if row.kind == "index" and row.definition.get("valid") is False and row.relation not in whole:
            yield row


def standing_on(
    roots: Iterable[ObjectId], users: Mapping[ObjectId, set[ObjectId]], tables: frozenset[ObjectId]
) -> dict[ObjectId, ObjectId]:
    """Return some objects and whatever stands on them, tables excepted, each with the first thing of them."""
    found = {node: node for node in roots}
    pending = list(found)
    while pending:
        node = pending.pop()
        for user in users.get(node, set()) - found.keys() - tables:
            found[user] = found[node]
            pending.append(user)
    return found
