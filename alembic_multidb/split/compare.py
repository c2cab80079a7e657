"""Whether a target's schema is its part of the source's."""

from __future__ import annotations

from dataclasses import replace

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.classify import plain_name
from alembic_multidb.split.model import Plan

# How a database is run: carried by nobody, and never compared.
_MAINTAIN = 170000
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


def differences(plan: Plan, database: str, target: Snapshot) -> list[Difference]:
    """Return how a target's schema differs from its part of the source's, rights, owners and comments included.

    Args:
        plan: what was to be done.
        database: the target's name.
        target: its schema, without version tables.
    """
    expected = plan.expected[database]
    declared = plan.extensions[database].keys() - {
        plain_name(row.identity) for row in expected.rows if row.kind == "extension"
    }

    def is_compared(row: Row) -> bool:
        # Declared, and made although the source does not have it.
        if row.kind == "extension" and plain_name(row.identity) in declared:
            return False
        return counts(plan, database, row) and row.kind not in plan.left_out

    versions = (expected.server_version, target.server_version)
    one, other = expected.only(lambda row: row.kind not in _OF_THE_SERVER), target.only(is_compared)
    if min(versions) < _MAINTAIN <= max(versions):
        one, other = _without_maintain(one), _without_maintain(other)
    return [item for item in difference(one, other) if item.kind != "extension version"]


def _without_maintain(snapshot: Snapshot) -> Snapshot:
    """Leave out the right that PostgreSQL 17 brought, and that nobody can have before."""
    return replace(snapshot, rows=tuple(_without_right(row) for row in snapshot.rows))


def _without_right(row: Row) -> Row:
    if row.kind not in ("grants", "default grants"):
        return row
    definition = {
        name: [right for right in rights if ": MAINTAIN" not in right] or None
        for name, rights in row.definition.items()
    }
    return replace(row, definition=definition)
