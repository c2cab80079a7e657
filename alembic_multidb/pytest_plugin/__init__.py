"""The pytest plugin: consistency tests of every database, and fixtures for an application's own tests.

pytest imports this package whenever it starts, in any project: nothing here imports SQLAlchemy, Alembic or a driver
before it is used.
"""

from alembic_multidb.pytest_plugin.fixtures import (
    async_database_engines,
    database_engines,
    database_environment,
    database_guard,
    database_urls,
    databases,
    multidb_benches,
    multidb_project,
    postgres_server,
)
from alembic_multidb.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_generate_tests,
    pytest_load_initial_conftests,
    pytest_report_header,
    pytest_runtest_call,
)

__all__ = [
    "async_database_engines",
    "database_engines",
    "database_environment",
    "database_guard",
    "database_urls",
    "databases",
    "multidb_benches",
    "multidb_project",
    "postgres_server",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_load_initial_conftests",
    "pytest_report_header",
    "pytest_runtest_call",
]
