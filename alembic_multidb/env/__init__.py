"""What a project's env.py calls."""

from alembic_multidb.env.run import run_migrations

__all__ = ["run_migrations"]
