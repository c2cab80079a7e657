"""A copy of a database becomes a database of its own."""

from __future__ import annotations

from alembic_multidb.config import LOCK_TIMEOUT_OPTION
from alembic_multidb.config import lock_timeout as read_lock_timeout
from alembic_multidb.env.adopt import adopt as adopt_connected
from alembic_multidb.env.marker import Mark
from alembic_multidb.operate.project import Project


def adopt(project: Project, name: str, *, lock_timeout: float | None = None) -> tuple[Mark, Mark | None]:
    """Mark a copy of a database as the one that it shall be.

    Returns:
        What it is marked as now, and what it was marked as before (None: it was not marked).

    Raises:
        MultidbError: it cannot be reached, is locked, or has no version table that this login may mark.
    """
    database = project.databases[name]
    expected = project.mark_of(database)
    config = project.config_for(name)
    config.attributes[LOCK_TIMEOUT_OPTION] = lock_timeout
    with project.connect(database) as connection:
        return expected, adopt_connected(connection, database, expected, read_lock_timeout(config, {}))
