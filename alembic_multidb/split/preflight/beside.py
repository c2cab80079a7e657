"""What an empty target holds beside tables and the like: a split would mix with it, or a clone would replace it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.checks.finding import shortened
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.preflight.holds import large_objects_in, objects_in, rights_in
from alembic_multidb.split.preflight.target import Target, finding

# What goes with a database whose place a clone takes, and is nobody's schema.
KEEPS = "target-keeps"
_STAYS = frozenset({"event trigger", "language", "foreign server", "publication", "user mapping"})
_PUBLIC = "schema public"
_USUAL_RIGHTS = frozenset({"PUBLIC: CREATE", "PUBLIC: USAGE"})
_USUAL_COMMENT = "standard public schema"
_USUAL_OWNER = "pg_database_owner"


def beside_findings(
    target: Target, plan: Plan, options: SplitOptions, changed: Mapping[str, str | None] | None
) -> Iterator[Finding]:
    """Refuse an empty target with large objects, or with rights that the source has not; name what else is there.

    Args:
        target: what was read of it.
        plan: what will be done.
        options: what was asked for.
        changed: the rights to PostgreSQL's own things that were changed in the source; None if nothing is cloned.
    """
    if target.state(plan) != "empty":
        return
    with target.connection.begin():
        target.connection.exec_driver_sql("SET LOCAL search_path = ''")
        large, objects = large_objects_in(target.connection), objects_in(target.connection, target.database)
        rights = [] if changed is None else list(rights_in(target.connection, target.database, changed))
    things = [*large, *_default_rights(target, plan, options), *_public(target, plan, options)]
    if things:
        yield finding(
            target,
            "target-not-empty",
            "refused",
            f"it has no tables, but {shortened(things)}, which the source has not",
            "a split would mix with it: drop it, or create the database anew",
        )
    names = [_named(row) for row in target.snapshot.rows if row.kind in _STAYS]
    if names := [*names, *objects, *rights, *_owner_of_public(target, plan)]:
        yield finding(target, KEEPS, "note", f"{shortened(names)} is there, and stays")


def _named(row: Row) -> str:
    """Name it; a publication's identity says what it is, since there are subscriptions, too."""
    return row.identity if row.identity.startswith(("publication ", "subscription ")) else f"{row.kind} {row.identity}"


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


def _owner_of_public(target: Target, plan: Plan) -> Iterator[str]:
    here, there = (_of_public(rows).get("owner") for rows in (target.snapshot.rows, plan.expected[target.name].rows))
    if here not in (None, there, _USUAL_OWNER):
        yield f"owner {here} of {_PUBLIC}"


def _of_public(rows: Iterable[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.kind in ("grants", "comment", "owner") and row.identity == _PUBLIC:
            found |= row.definition
    return found
