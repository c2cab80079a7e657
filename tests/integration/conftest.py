"""Fixtures of several modules: databases that are built once for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.integration.moved import with_rows
from tests.integration.shared import Shared
from tests.integration.split_cases import PARTS, mixed
from tests.integration.verified import build
from tests.servers import Server, embedded_18, pgserver_16


@pytest.fixture(scope="session")
def source_18(server: Server) -> str:
    """A source to verify against on PostgreSQL 18."""
    return build(server, embedded_18())


@pytest.fixture(scope="session")
def source_16(server_16: Server) -> str:
    """The same on PostgreSQL 16."""
    binaries = pgserver_16()
    assert binaries is not None
    return build(server_16, binaries)


@pytest.fixture(scope="session")
def mixed_18(server: Server) -> str:
    """The hostile mixed database on PostgreSQL 18."""
    return mixed(server, f"mixed_{os.getpid()}", *PARTS["18"])


@pytest.fixture(scope="session")
def mixed_16(server_16: Server) -> str:
    """The same on PostgreSQL 16."""
    return mixed(server_16, f"mixed_{os.getpid()}", *PARTS["16"])


@pytest.fixture(scope="session")
def crossing(server: Server) -> str:
    """A mixed database with objects that cross homes."""
    return mixed(server, f"crossing_{os.getpid()}", "split", "split_crossing")


@pytest.fixture(scope="session")
def rows_18(server: Server) -> str:
    """The mixed database with rows on PostgreSQL 18."""
    return with_rows(server)


@pytest.fixture(scope="session")
def rows_16(server_16: Server) -> str:
    """The same on PostgreSQL 16."""
    return with_rows(server_16)


@pytest.fixture
def shared(tmp_path: Path, new_database: NewDatabase) -> Iterator[Shared]:
    """A history that is empty yet, for the mixed database and the two that share it."""
    made = Shared(tmp_path / "history", new_database)
    yield made
    for engine in made.engines.values():
        engine.dispose()
