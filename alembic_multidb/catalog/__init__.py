"""What a live database holds, read from PostgreSQL's catalog; nothing here knows of homes or histories."""

from alembic_multidb.catalog.extensions import Extension, read_extensions
from alembic_multidb.catalog.tables import LiveTable, read_tables
from alembic_multidb.catalog.uses import Use, read_uses

__all__ = ["Extension", "LiveTable", "Use", "read_extensions", "read_tables", "read_uses"]
