"""pytest-alembic's fixtures, of every database: its runner with the right section, models and a scratch engine.

Registered only where a project has several databases; elsewhere they are pytest-alembic's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alembic_multidb.pytest_plugin.bench import Bench
    from alembic_multidb.registry import Databases, RegisteredDatabase


@pytest.fixture
def alembic_database(request: pytest.FixtureRequest, databases: Databases) -> RegisteredDatabase:
    """One database after the other: a test that asks for this fixture is run for each of them."""
    return databases[request.param]


@pytest.fixture
def alembic_bench(alembic_database: RegisteredDatabase, multidb_benches: Mapping[str, Bench]) -> Bench:
    """The database's history on scratch databases."""
    from alembic_multidb.pytest_plugin.project import plainly

    with plainly():
        return multidb_benches[alembic_database.name]


@pytest.fixture
def alembic_config() -> dict[str, Any]:
    """Options for pytest-alembic's runner; a project may have its own fixture, which may ask for alembic_database."""
    return {}


def _alembic_engine(alembic_bench: Bench) -> Iterator[Engine]:
    """An empty scratch database, for this test alone."""
    with alembic_bench.scratch() as name, alembic_bench.alone(name):
        yield alembic_bench.engine(name)


def _alembic_runner(alembic_bench: Bench, alembic_engine: Engine, alembic_config: Any) -> Iterator[Any]:
    """pytest-alembic's runner for the database, on an empty scratch database."""
    if find_spec("pytest_alembic") is None:
        pytest.fail('alembic_runner needs pytest-alembic: pip install "alembic-multidb[pytest]"', pytrace=False)
    import pytest_alembic
    from pytest_alembic.config import Config

    from alembic_multidb.errors import MultidbError

    with ExitStack() as stack:
        try:
            config = Config.from_raw_config(alembic_config)
            config.alembic_config = alembic_bench.config()
            runner = stack.enter_context(pytest_alembic.runner(config=config, engine=alembic_engine))
        except MultidbError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield runner


alembic_engine = pytest.fixture(_alembic_engine, name="alembic_engine")
alembic_runner = pytest.fixture(_alembic_runner, name="alembic_runner")


def fixtures_of(database: str) -> dict[str, Callable[..., Any]]:
    """Return the fixtures for the tests of one database; a project's own of these names do not reach them."""

    @pytest.fixture
    def alembic_database(databases: Databases) -> RegisteredDatabase:
        return databases[database]

    return {
        "alembic_database": alembic_database,
        "alembic_engine": pytest.fixture(_alembic_engine, name="alembic_engine"),
        "alembic_runner": pytest.fixture(_alembic_runner, name="alembic_runner"),
    }
