"""Whether the roles that own objects, or have rights to them, are on a target's server, and what this login may do."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.checks.finding import shortened
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.preflight.target import Target, finding

_ROLES = text(
    """
    SELECT n.name, r.oid IS NOT NULL AS is_there,
           CASE WHEN r.oid IS NOT NULL THEN pg_has_role(current_user, r.oid, :right) ELSE false END AS may_become
    FROM unnest(CAST(:names AS text[])) AS n (name) LEFT JOIN pg_roles AS r ON r.rolname = n.name
    ORDER BY 1
    """
)


def role_findings(target: Target, plan: Plan, options: SplitOptions) -> Iterator[Finding]:
    """Look at the roles that a target needs.

    Args:
        target: what was read of it.
        plan: what will be done.
        options: what was asked for.
    """
    yield from owners(target, plan)
    yield from grantees(target, plan.expected[target.name], options)
    yield from settings_rights(target, plan)


def owners(target: Target, plan: Plan) -> Iterator[Finding]:
    """Look whether the owners, and the roles that have rights, are there, and whether this login may give to them."""
    expected = plan.expected[target.name]
    names = {str(row.definition["owner"]) for row in expected.rows if row.kind == "owner"}
    right = "SET" if target.facts.major >= 16 else "MEMBER"
    found = target.connection.execute(_ROLES, {"names": sorted(names), "right": right}).all()
    target.connection.rollback()
    missing = [row.name for row in found if not row.is_there]
    if missing:
        yield finding(
            target,
            "owner-missing",
            "failed",
            f"its server has no role {', '.join(missing)}, which owns objects of the source",
            "create it there, or leave owners out with --no-owner",
        )
    foreign = [row.name for row in found if row.is_there and not row.may_become]
    if foreign and not target.facts.is_superuser:
        yield finding(
            target,
            "owner-rights",
            "failed",
            f'role "{target.facts.login}" may not give objects to {", ".join(foreign)}',
            f"GRANT {foreign[0]} TO {target.facts.login}, or leave owners out with --no-owner",
        )


def grantees(target: Target, expected: Snapshot, options: SplitOptions) -> Iterator[Finding]:
    """Look whether the roles that rights, policies and settings name are there."""
    names: set[str] = set()
    for row in expected.rows:
        if row.kind in ("grants", "default grants"):
            for rights_ in ("granted", "revoked"):
                names |= {text_.rpartition(": ")[0] for text_ in row.definition.get(rights_) or ()}
        if row.kind == "policy":
            names |= set(row.definition.get("roles") or ())
    names -= {"PUBLIC", "public"}
    found = target.connection.execute(_ROLES, {"names": sorted(names), "right": "USAGE"}).all()
    target.connection.rollback()
    if missing := [row.name for row in found if not row.is_there]:
        yield finding(
            target,
            "role-missing",
            "failed",
            f"its server has no role {', '.join(missing)}, which has rights or policies in the source",
            "create it there" + (", or leave rights out with --no-acl" if not options.no_acl else ""),
        )


def settings_rights(target: Target, plan: Plan) -> Iterator[Finding]:
    """Tell which settings this login may not make."""
    settings = [item for item in plan.settings if target.name in item.homes]
    if target.facts.is_superuser or not settings:
        return
    names = [item.name for item in settings if item.role and item.role != target.facts.login]
    if not target.facts.is_owner:
        names = [item.name for item in settings]
    if names:
        yield finding(
            target,
            "settings-rights",
            "warning",
            f'role "{target.facts.login}" may not set {shortened(names)}: they are not carried over',
            "a superuser sets them afterwards",
        )
