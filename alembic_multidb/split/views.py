"""Materialized views in the order in which they can be filled, which is not the one in which they are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import Edge, ObjectId

_READING = text(
    """
    SELECT name, reset_val FROM pg_catalog.pg_settings
    WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary',
                   'transform_null_equals', 'default_text_search_config')
    """
)


def in_order(views: Sequence[int], edges: Iterable[Edge]) -> list[int]:
    """Return materialized views so that each comes after those that it reads, through views and functions too.

    Args:
        views: their numbers.
        edges: of the source: what depends on what.
    """
    uses = _uses(list(edges))
    wanted = set(views)
    found: dict[ObjectId, None] = {}
    for view in views:
        found.update(dict.fromkeys(_first_what_it_uses(ObjectId("pg_class", view), uses, set(found))))
    return [node.oid for node in found if node.catalog == "pg_class" and node.oid in wanted]


def _uses(edges: Sequence[Edge]) -> dict[ObjectId, list[ObjectId]]:
    """Return what each object uses; what a view's query uses, the view does."""
    view_of = {edge.source: edge.target for edge in edges if edge.source.catalog == "pg_rewrite" and edge.kind == "i"}
    uses: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    for edge in edges:
        if edge.source.catalog != "pg_rewrite" or edge.source in view_of:
            uses[view_of.get(edge.source, edge.source)].append(edge.target)
    return uses


def _first_what_it_uses(
    start: ObjectId, uses: dict[ObjectId, list[ObjectId]], seen: set[ObjectId]
) -> Iterator[ObjectId]:
    """Yield what an object uses, however deep, and then itself; a circle is cut where it closes."""
    path: list[tuple[ObjectId, Iterator[ObjectId]]] = []
    if start not in seen:
        path.append((start, iter(uses.get(start, ()))))
    seen.add(start)
    while path:
        node, left = path[-1]
        following = next((item for item in left if item not in seen), None)
        if following is None:
            path.pop()
            yield node
        else:
            seen.add(following)
            path.append((following, iter(uses.get(following, ()))))


def reading(connection: Connection) -> dict[str, str]:
    """Return the settings of a new session of the source that what a view says may depend on."""
    return {row.name: row.reset_val for row in connection.execute(_READING)}
