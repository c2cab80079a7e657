"""The registry: which databases there are, and which of them is the home of every table."""

from alembic_multidb.registry.database import Database
from alembic_multidb.registry.databases import Databases, RegisteredDatabase
from alembic_multidb.registry.homes import Explanation
from alembic_multidb.registry.names import ColumnNames, TableName
from alembic_multidb.registry.soft_reference import SoftReference

__all__ = [
    "ColumnNames",
    "Database",
    "Databases",
    "Explanation",
    "RegisteredDatabase",
    "SoftReference",
    "TableName",
]
