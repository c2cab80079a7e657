"""What an empty target holds beside tables and the like: a split would mix with it, or a clone would replace it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.checks.finding import shortened
from alembic_multidb.operate.status import counted
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.preflight.target import Target, finding

# What goes with a database whose place a clone takes, and is nobody's schema.
KEEPS = "target-keeps"
_STAYS = frozenset({"event trigger", "language", "foreign server", "publication", "user mapping"})
_PUBLIC = "schema public"
_USUAL_RIGHTS = frozenset({"PUBLIC: CREATE", "PUBLIC: USAGE"})
_USUAL_COMMENT = "standard public schema"
LARGE_OBJECTS = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"


def beside_findings(target: Target, plan: Plan, options: SplitOptions) -> Iterator[Finding]:
    """Refuse an empty target with large objects, or with rights that the source has not; name what else is there."""
    if target.state(plan) != "empty":
        return
    things = [*_large_objects(target), *_default_rights(target, plan, options), *_public(target, plan, options)]
    if things:
        yield finding(
            target,
            "target-not-empty",
            "refused",
            f"it has no tables, but {shortened(things)}, which the source has not",
            "a split would mix with it: drop it, or create the database anew",
        )
    if names := [_named(row) for row in target.snapshot.rows if row.kind in _STAYS]:
        yield finding(target, KEEPS, "note", f"{shortened(names)} is there, and stays")


def _named(row: Row) -> str:
    """Name it; a publication's identity says what it is, since there are subscriptions, too."""
    return row.identity if row.identity.startswith(("publication ", "subscription ")) else f"{row.kind} {row.identity}"


def _large_objects(target: Target) -> Iterator[str]:
    number = target.connection.exec_driver_sql(LARGE_OBJECTS).scalar_one()
    target.connection.rollback()
    if number:
        yield counted(number, "large object")


def _default_rights(target: Target, plan: Plan, options: SplitOptions) -> Iterator[str]:
    there = {row.key: row.definition for row in plan.expected[target.name].rows}
    for row in target.snapshot.rows:
        if row.kind == "default grants" and row.definition != there.get(row.key) and not options.no_acl:
            yield f"{row.kind} {row.identity}"


def _public(target: Target, plan: Plan, options: SplitOptions) -> Iterator[str]:
    """Tell what the schema ``public`` has that a split does not take away."""
    here, there = (_of_public(rows) for rows in (target.snapshot.rows, plan.expected[target.name].rows))
    more = set(here.get("granted", ())) - set(there.get("granted", ())) - _USUAL_RIGHTS
    if more and not options.no_acl:
        yield f"rights to {_PUBLIC} ({', '.join(sorted(more))})"
    comment = here.get("comment")
    if comment not in (None, _USUAL_COMMENT, there.get("comment")):
        yield f"another comment on {_PUBLIC}"


def _of_public(rows: Iterable[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.kind in ("grants", "comment") and row.identity == _PUBLIC:
            found |= row.definition
    return found
