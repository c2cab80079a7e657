"""The script directory of a forgotten or mistyped ``-n``: it runs nothing and names the databases."""

from alembic import context

from alembic_multidb.config import choose_error

raise choose_error(context.config)
