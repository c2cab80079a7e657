"""Plain Alembic for the one database that held everything, as it was before the split."""

import os

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL, create_engine, make_url, pool


def database_url() -> URL:
    """Return OLD_DATABASE_URL with the driver that is installed, whichever one it names."""
    if "OLD_DATABASE_URL" not in os.environ:
        raise CommandError("OLD_DATABASE_URL is not set: it names the database that holds every table")
    url = os.environ["OLD_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    return make_url(url).set(drivername="postgresql+psycopg")


def run_migrations() -> None:
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        # The models have moved on since: this history ends with the split, and nothing is generated for it.
        context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
