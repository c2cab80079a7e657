"""Fixtures for an application's own tests: the registry, its databases at the head of their histories, a guard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from alembic_multidb.operate.project import Project
    from alembic_multidb.pytest_plugin.bench import Bench
    from alembic_multidb.pytest_plugin.project import ScratchServers
    from alembic_multidb.registry import Databases
    from alembic_multidb.urls import DatabaseURL


@pytest.fixture(scope="session")
def multidb_project(request: pytest.FixtureRequest) -> Project:
    """The project under test: its alembic.ini and its registry."""
    from alembic_multidb.pytest_plugin.project import load_project, plainly

    with plainly():
        return load_project(request.config)


@pytest.fixture(scope="session")
def databases(multidb_project: Project) -> Databases:
    """The registry."""
    return multidb_project.databases


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, multidb_project: Project) -> Iterator[ScratchServers]:
    """The servers for scratch databases, by the databases' names: embedded, or as ``--multidb-url`` says."""
    from alembic_multidb.pytest_plugin.project import open_servers, plainly

    with plainly(), open_servers(request.config, multidb_project) as servers:
        yield servers


@pytest.fixture(scope="session")
def multidb_benches(multidb_project: Project, postgres_server: ScratchServers) -> Mapping[str, Bench]:
    """Every database's history on scratch databases, which are made when they are first asked for."""
    from alembic_multidb.pytest_plugin.project import Benches

    return Benches(multidb_project, postgres_server)


@pytest.fixture
def database_urls(multidb_benches: Mapping[str, Bench]) -> Iterator[Mapping[str, DatabaseURL]]:
    """The ways to databases at the head of their histories, empty but for what revisions insert; for one test alone."""
    with ExitStack() as stack:
        yield {name: bench.url(stack.enter_context(bench.clone())) for name, bench in multidb_benches.items()}


@pytest.fixture
def database_engines(database_urls: Mapping[str, DatabaseURL]) -> Mapping[str, Engine]:
    """Engines of databases at the head of their histories, by name; without a pool."""
    from alembic_multidb.env.connect import make_engine

    return {name: make_engine(name, url) for name, url in database_urls.items()}


@pytest.fixture
def async_database_engines(database_urls: Mapping[str, DatabaseURL]) -> Mapping[str, AsyncEngine]:
    """Asynchronous engines of the same databases, by name; without a pool, so that any event loop can use them."""
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    found = {}
    for name, url in database_urls.items():
        address, arguments = url.asynchronous()
        found[name] = create_async_engine(address, poolclass=NullPool, connect_args=arguments)
    return found


@pytest.fixture
def database_environment(
    multidb_project: Project, database_urls: Mapping[str, DatabaseURL], monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, DatabaseURL]:
    """Lets the registry's environment variables lead to this test's databases, for an application that reads them."""
    from alembic_multidb.urls import variables_of

    for name, url in database_urls.items():
        declaration = multidb_project.databases[name].declaration
        for variable in variables_of(declaration.url, declaration.migration_url):
            monkeypatch.setenv(variable, url.to_text())
    return database_urls


@pytest.fixture
def database_guard(
    request: pytest.FixtureRequest, databases: Databases, database_urls: Mapping[str, DatabaseURL]
) -> Iterator[None]:
    """Fails a test in which one transaction block writes two databases, or a statement leaves its home."""
    from alembic_multidb.pytest_plugin.guard import guarded

    with guarded(request.node, databases, database_urls):
        yield
