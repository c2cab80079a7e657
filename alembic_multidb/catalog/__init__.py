"""What a live database holds, read from PostgreSQL's catalog; nothing here knows of homes or histories."""

from alembic_multidb.catalog.extensions import Extension, read_extensions
from alembic_multidb.catalog.tables import LiveTable, read_tables

__all__ = ["Extension", "LiveTable", "read_extensions", "read_tables"]
