"""Whether a target's schema is its part of the source's."""

from __future__ import annotations

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.split.model import Plan

# How a database is run: carried by nobody, and never compared.
_OF_THE_SERVER = frozenset({"event trigger", "publication", "user mapping", "foreign server", "settings"})


def differences(plan: Plan, database: str, target: Snapshot) -> list[Difference]:
    """Return how a target's schema differs from its part of the source's, rights, owners and comments included.

    Args:
        plan: what was to be done.
        database: the target's name.
        target: its schema, without version tables.
    """
    expected = plan.expected[database]
    kinds = {row.kind for row in expected.rows}
    has_public = any(row.key == ("schema", "public") for row in expected.rows)

    def counts(row: Row) -> bool:
        # The template's own schema, where the source has dropped it; and what was left out by option.
        if row.identity in ("public", "schema public") and not has_public:
            return False
        if row.node.catalog == "pg_extension" and row.kind in ("owner", "comment"):
            return False
        left_out = row.kind in ("owner", "grants", "default grants") and row.kind not in kinds
        return row.kind not in _OF_THE_SERVER and not left_out

    found = difference(expected.only(lambda row: row.kind not in _OF_THE_SERVER), target.only(counts))
    return [item for item in found if item.kind != "extension version"]
