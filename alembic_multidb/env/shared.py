"""A shared history is routed; any other costs nothing, not even the import of the router."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

from alembic_multidb.garbage import without_collection
from alembic_multidb.registry import RegisteredDatabase


def route_shared_history(context: MigrationContext, database: RegisteredDatabase) -> None:
    """Let each revision of a shared history take only what is at home in the database.

    Args:
        context: configured, not yet run.
        database: where it will run.
    """
    if database.shares_history:
        # The parser's classes are many; nothing of them is garbage.
        with without_collection():
            from alembic_multidb.routing.run import route

        route(context, database)
