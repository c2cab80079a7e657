"""Fixtures of several modules: databases that are built once for all of them."""

from __future__ import annotations

import pytest

from tests.integration.verified import build
from tests.servers import Server, embedded_18, pgserver_16


@pytest.fixture(scope="session")
def source_18(server: Server) -> str:
    """The source on PostgreSQL 18."""
    return build(server, embedded_18())


@pytest.fixture(scope="session")
def source_16(server_16: Server) -> str:
    """The source on PostgreSQL 16."""
    binaries = pgserver_16()
    assert binaries is not None
    return build(server_16, binaries)
