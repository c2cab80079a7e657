"""A source with everything in it that a comparison must not overlook, and copies of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from sqlalchemy import MetaData

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.urls import DatabaseURL, parse_url
from alembic_multidb.verify import Report, VerifyOptions, verify
from tests.servers import Server

SCHEMA = Path(__file__).parent / "schemas" / "verified.sql"
NAME = f"verified_{os.getpid()}"


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
