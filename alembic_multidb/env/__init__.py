"""What a project's env.py calls."""

from alembic_multidb.env.run import run_migrations
from alembic_multidb.env.shared import route_shared_history

__all__ = ["route_shared_history", "run_migrations"]
