"""Stands in for an env.py that connects by itself: tests run on scratch databases only."""

from alembic_multidb import run_migrations

run_migrations()
