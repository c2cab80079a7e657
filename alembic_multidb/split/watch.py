"""Whether anybody wrote to the source while it was split."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.stamp.source import connect_source
from alembic_multidb.urls import DatabaseURL

_COUNTS = text(
    """
    SELECT relid, format('%I.%I', schemaname, relname) AS name, n_tup_ins + n_tup_upd + n_tup_del AS changes
    FROM pg_catalog.pg_stat_user_tables
    """
)
_NEXT = text("SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS next")


@dataclass(frozen=True)
class Watch:
    """What the source's server had counted at the beginning.

    Attributes:
        counts: rows that were inserted, changed or deleted, by the table's number.
        next: the number of the next transaction, as the snapshot that is copied has it.
    """

    counts: dict[int, int]
    next: str

    @classmethod
    def begin(cls, connection: Connection) -> Watch:
        """Note down how things stand, in the transaction whose point in time is copied."""
        counts = {row.relid: row.changes for row in connection.execute(_COUNTS)}
        return cls(counts, str(connection.execute(_NEXT).scalar_one()))

    def end(self, url: DatabaseURL, tables: Collection[int]) -> str:
        """Say what has come in since then.

        Args:
            url: the source's.
            tables: the numbers of the tables that were copied.
        """
        with connect_source(url) as connection:
            now = str(connection.execute(_NEXT).scalar_one())
            rows = connection.execute(_COUNTS).all()
        if now == self.next:
            return "nothing was written to the source since"
        changed = [row.name for row in rows if row.relid in tables and row.changes != self.counts.get(row.relid, 0)]
        if changed:
            many = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            return (
                f"writes came in since, which the new databases do not have: to {', '.join(sorted(changed)[:3])}{many}"
            )
        return "transactions ran on the source's server since; none is known to have written to the tables"
