"""The two ways through the dependencies: down, where an object may live; up, where it is at home."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from alembic_multidb.catalog.snapshot import ObjectId

# Nobody is seen to use these: they are where what they are made for is.
_FOLLOWING = frozenset(
    {
        *("pg_cast", "pg_operator", "pg_opclass", "pg_opfamily", "pg_transform", "pg_proc"),
        *("pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template"),
    }
)
# What lies in a schema, stands on an extension or is written in a language is not made for it.
_GROUND = ("pg_namespace", "pg_extension", "pg_language")

Homes = Mapping[ObjectId, frozenset[str]]
Uses = Mapping[ObjectId, set[ObjectId]]


def allowed_of(
    nodes: Iterable[ObjectId],
    uses: Uses,
    start: Homes,
    fixed: Homes,
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


def homes_of(
    nodes: Iterable[ObjectId],
    uses: Uses,
    allowed: Homes,
    fixed: Homes,
    unused_homes: Homes,
) -> dict[ObjectId, frozenset[str]]:
    """Return the least solution: an object is at home where its users are, within what is allowed."""
    homes: dict[ObjectId, frozenset[str]] = {node: frozenset() for node in nodes}
    rooted = {node: home for node, home in fixed.items() if home}
    # What stands on tables, however far below, is rooted there whether or not anything uses it.
    rooted |= {
        node: allowed[node] for node in homes if node not in fixed and stands_on(node, uses, fixed) and allowed[node]
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
    homes: Homes,
    uses: Uses,
    allowed: Homes,
    unused_homes: Homes,
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


def _reached(start: ObjectId, uses: Uses) -> set[ObjectId]:
    """Return what an object depends on, itself or through what it uses, schemas and extensions apart."""
    seen, pending = {start}, [start]
    while pending:
        new = {used for used in uses.get(pending.pop(), ()) if used.catalog not in _GROUND} - seen
        seen |= new
        pending.extend(new)
    return seen - {start}


def _spread(
    homes: dict[ObjectId, frozenset[str]],
    uses: Uses,
    allowed: Homes,
    fixed: Homes,
    start: Homes,
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


def stands_on(start: ObjectId, uses: Uses, fixed: Homes) -> frozenset[ObjectId]:
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


def crossing_tables(
    uses: Uses,
    allowed: Homes,
    fixed: Homes,
) -> dict[ObjectId, frozenset[ObjectId]]:
    """Return the tables that use what may not be at their home: by inheritance, a row type, a default, an extension."""
    found = {}
    for table, home in fixed.items():
        elsewhere = {used for used in uses.get(table, ()) if home and allowed[used] and not allowed[used] & home}
        if elsewhere:
            found[table] = frozenset({table}).union(
                *({used} if used in fixed else stands_on(used, uses, fixed) for used in elsewhere)
            )
    return found
