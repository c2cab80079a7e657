"""A split by cloning ends with what a split row by row ends with, and harms nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alembic_multidb.split.model import SplitOptions
from tests.conftest import NewDatabase
from tests.integration.moved import assert_moved, move
from tests.integration.split_cases import build, project, scripts
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server

TEMPLATE = SplitOptions(method="template")


@pytest.fixture(scope="session")
def rows_18(server: Server) -> str:
    """The mixed database with rows."""
    name = f"cloned_rows_{os.getpid()}"
    url = server.create_database(name)
    server.run("CREATE EXTENSION vector", name)
    build(url, scripts("moved"))
    return url


def test_it_ends_as_a_split_by_stream_does(rows_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """The same rows, and the same schema in every word."""
    ways = {}
    for method in ("stream", "template"):
        core, ai = new_database(), new_database()
        report = move(project(tmp_path, core, ai), rows_18, tmp_path, SplitOptions(method=method))
        assert [str(finding) for finding in report.verified.findings] == []
        assert_moved(rows_18, core, ai)
        ways[method] = [snapshot_of(url) for url in (core, ai)]
    for one, other in zip(ways["stream"], ways["template"], strict=True):
        assert [(row.key, row.attributes) for row in one.rows] == [(row.key, row.attributes) for row in other.rows]
