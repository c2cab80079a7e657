"""Whether a target's schema is its part of the source's: what ``multidb verify`` compares, by the plan."""

from __future__ import annotations

from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.model import Plan
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.report import Finding
from alembic_multidb.verify.schema import compare_parts, prepare

# How a database is run: carried by nobody, and in the target whoever runs its server may have it.
_OF_THE_SERVER = frozenset({"event trigger", "publication", "user mapping", "foreign server", "settings"})


def counts(plan: Plan, database: str, row: Row) -> bool:
    """Tell whether a fact of a target is one that a split answers for."""
    # The template's own schema, where the source has dropped it.
    if row.identity in ("public", "schema public"):
        return any(each.key == ("schema", "public") for each in plan.expected[database].rows)
    # An extension's comment is compared with what belongs to the database itself.
    if row.node.catalog == "pg_extension" and row.kind in ("owner", "comment"):
        return False
    return row.kind not in _OF_THE_SERVER


def differences(plan: Plan, database: RegisteredDatabase, target: Snapshot) -> list[Finding]:
    """Return how a target's schema differs from its part of the source's, rights, owners and comments included.

    Args:
        plan: what was to be done.
        database: the target.
        target: its schema, without version tables.
    """
    options = VerifyOptions(data=False, owners="owner" not in plan.left_out, grants="grants" not in plan.left_out)
    there = target.only(lambda row: counts(plan, database.name, row))
    schemas = prepare(plan.expected[database.name], there, options)
    return [told for told in compare_parts(schemas, database) if isinstance(told, Finding)]
