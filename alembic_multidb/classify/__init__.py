"""Objects to homes: which database every object of a live schema belongs to."""

from alembic_multidb.classify.homes import Classification, classify
from alembic_multidb.classify.names import EVERYWHERE, plain_name, table_name
from alembic_multidb.classify.outside import INVALID, standing_on

__all__ = ["EVERYWHERE", "INVALID", "Classification", "classify", "plain_name", "standing_on", "table_name"]
