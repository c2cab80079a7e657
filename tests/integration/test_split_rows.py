"""The rows of a split: all of them, as they were, whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, move
from tests.integration.split_cases import build, project, scripts
from tests.servers import Server


@pytest.fixture(scope="session")
def rows_18(server: Server) -> str:
    """The mixed database with rows on PostgreSQL 18."""
    return _rows(server)


def _rows(server: Server) -> str:
    name = f"rows_{os.getpid()}"
    url = server.create_database(name)
    server.run("CREATE EXTENSION vector", name)
    build(url, scripts("moved"))
    return url


def test_every_row_is_as_it_was(rows_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    core, ai = new_database(), new_database()
    report = move(project(tmp_path, core, ai), rows_18, tmp_path)
    assert [str(finding) for finding in report.verified.findings] == []
    assert_moved(rows_18, core, ai)
    assert psql(core, "SELECT last_value, is_called FROM orders_id_seq") == [(7000, False)]
