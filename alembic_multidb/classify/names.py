"""Names of objects as a snapshot writes them, and as they are."""

from __future__ import annotations

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.registry import TableName

# The schema that every database has from its template; reported are its comment and the rights to it.
EVERYWHERE = ("public", "schema public")


def table_name(row: Row) -> TableName:
    """Return the name of a row's table, whose identity is quoted as PostgreSQL does."""
    return TableName.parse(row.identity)


def plain_name(identity: str) -> str:
    """Return a name as it is, which PostgreSQL has quoted where that was needed."""
    return TableName.parse(identity).name
