from alembic_multidb import run_migrations

run_migrations()
