"""Objects to homes: which database every object of a live schema belongs to."""

from alembic_multidb.classify.homes import Classification, classify
from alembic_multidb.classify.names import EVERYWHERE, plain_name, table_name

__all__ = ["EVERYWHERE", "Classification", "classify", "plain_name", "table_name"]
