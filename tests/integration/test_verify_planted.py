"""Every kind of difference that is planted in a copy is found, with the right object named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import MetaData

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.urls import DatabaseURL, parse_url
from alembic_multidb.verify import Report, VerifyOptions, verify
from tests.integration.verify_cases import OTHERS, VALUES, Case
from tests.servers import Server, embedded_18, pgserver_16

SCHEMA = Path(__file__).parent / "schemas" / "verified.sql"
NAME = f"verified_{os.getpid()}"
CASES = [*VALUES, *OTHERS]


def url_of(text: str) -> DatabaseURL:
    return parse_url(text, of="the test's URL")


def project_of(url: str) -> Project:
    """Return a repository with one database, which is the home of everything."""
    return Project(Path("alembic.ini"), Databases(Database("main", metadata=MetaData(), url=url, default=True)))


def copy(server: Server, binaries: Path, source: str, target: str) -> None:
    """Dump a database into another one, in which every object has another number."""
    server.create_database(target)
    server.run("CREATE TYPE shift AS ENUM ('a', 'b', 'c'); DROP TYPE shift", target)
    done = subprocess.run(
        [binaries / "pg_dump", "-d", server.url(source)], capture_output=True, text=True, check=True, timeout=120
    )
    psql = [str(binaries / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", server.url(target)]
    subprocess.run(psql, input=done.stdout, capture_output=True, text=True, check=True, timeout=120)


def build(server: Server, binaries: Path) -> str:
    """Make the source, and a copy that is the template of every target."""
    if not server.run("SELECT 1 FROM pg_roles WHERE rolname = 'verify_reader'"):
        server.run("CREATE ROLE verify_reader LOGIN PASSWORD 'reader'")
    server.create_database(NAME)
    with psycopg.connect(server.url(NAME)) as connection:
        connection.execute(SCHEMA.read_text().encode())
    copy(server, binaries, NAME, f"{NAME}_copy")
    return server.url(NAME)


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


@contextmanager
def target_of(server: Server, plant: str = "") -> Iterator[str]:
    """A copy of the source with a difference in it."""
    name = f"{NAME}_target"
    url = server.create_database(name, f"{NAME}_copy")
    try:
        if plant:
            server.run(plant.replace("{database}", name), name)
        yield url
    finally:
        server.drop_database(name)


def compared(source: str, target: str, **options: object) -> Report:
    chosen = replace(VerifyOptions(chunk=100_000), **options)  # type: ignore[arg-type]
    return verify(project_of(target), url_of(source), chosen)


def assert_named(report: Report, case: Case) -> None:
    _, _, kind, name, words = case
    messages = [finding.message for finding in report.findings if (finding.kind, finding.object) == (kind, name)]
    text = "\n".join(messages)
    assert report.exit_code == 1, [finding.message for finding in report.findings]
    assert messages, [(finding.kind, finding.object, finding.message) for finding in report.findings]
    assert all(word in text for word in words), text


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_named_on_18(server: Server, source_18: str, case: Case) -> None:
    """On PostgreSQL 18; the half of the comparison that has nothing to do with it is left out, to save time."""
    in_rows = case[2] in ("rows", "sequence", "large object")
    with target_of(server, case[1]) as target:
        assert_named(compared(source_18, target, recall_samples=0, schema=case in OTHERS, data=in_rows), case)


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_named_on_16(server_16: Server, source_16: str, case: Case) -> None:
    """On PostgreSQL 16."""
    with target_of(server_16, case[1]) as target:
        assert_named(compared(source_16, target, recall_samples=0), case)


def test_an_untouched_copy_is_equal(server: Server, source_18: str) -> None:
    """And every table was read, with two hashes too."""
    with target_of(server) as target:
        for options in ({}, {"strong": True}, {"schema": False}, {"data": False}):
            report = compared(source_18, target, **options)
            assert (report.exit_code, report.findings) == (0, [])
        assert sum(table.rows[0] for table in compared(source_18, target).databases[0].tables) > 20_000


def test_so_many_kinds() -> None:
    """More than sixty kinds of difference, no two of them the same."""
    assert len({case[1] for case in CASES}) == len(CASES) > 60
