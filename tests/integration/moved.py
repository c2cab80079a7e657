"""Mixed databases whose rows are moved, and a checksum of rows that is not the one that verify uses."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from alembic_multidb.errors import MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.moving import split
from alembic_multidb.split.outcome import SplitReport
from alembic_multidb.split.run import prepared
from alembic_multidb.stamp.scratch import ScratchServer
from alembic_multidb.urls import resolve_url
from tests.integration.split_cases import build, scripts, stopping
from tests.servers import Server

_TABLES = r"""
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
      AND c.relname NOT LIKE 'alembic\_version%'
"""
_PINS = "SET datestyle = 'ISO'; SET timezone = 'UTC'; SET extra_float_digits = 3; SET row_security = off"


def checksums(url: str, like: str = "%") -> dict[str, str]:
    """Return, of each table, the hash of its rows as texts, sorted."""
    found = {}
    with psycopg.connect(url) as connection:
        connection.execute(_PINS)
        for schema, name in connection.execute(_TABLES).fetchall():
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, name))
            ).fetchall()
            text = "\n".join(sorted(str(row[0]) for row in rows))
            found[f"{schema}.{name}"] = f"{len(rows)} {sha256(text.encode()).hexdigest()}"
    return found


def no_scratch() -> ScratchServer:
    raise AssertionError("nothing is stamped without a source's revision")


def with_rows(server: Server) -> str:
    """Build the mixed database with rows; its name is one that a template can have in this process."""
    name = f"rows_{os.getpid()}"
    url = server.create_database(name)
    server.run("CREATE EXTENSION vector", name)
    build(url, scripts("moved"))
    return url


def move(
    project: Project, source: str, folder: Path, options: SplitOptions | None = None, **arguments: object
) -> SplitReport:
    """Split; whatever stands in the way is shown."""
    options = options or SplitOptions()
    with prepared(project, resolve_url(source, {}, of="source"), options, with_rows=True) as ready:
        assert ready.plan.exit_code(with_rows=True) == 0, "\n".join(stopping(ready.plan))
        return split(project, ready, options, Files(evidence=folder / "evidence.json"), no_scratch, **arguments)  # type: ignore[arg-type]


def assert_moved(source: str, core: str, ai: str) -> None:
    """Every row of the source is in its home, and nothing else is anywhere."""
    before, now = checksums(source), {**checksums(core), **checksums(ai)}
    assert now == before
    assert set(checksums(ai)) == {name for name in before if name.startswith("public.ai_")}


def stopped(monkeypatch: pytest.MonkeyPatch, module: object, name: str, after: int = 0) -> None:
    """Let something fail, as if the process had been killed there."""
    real = getattr(module, name)
    calls = iter(range(1000))

    def fail(*arguments: object, **named: object) -> object:
        if next(calls) >= after:
            raise MultidbError(f"stopped at {name}")
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, fail)
