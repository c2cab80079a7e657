"""multidb split --plan and --schema-only, on the example whose mixed database was split."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_killed import settle
from tests.acceptance.test_portfolio import AI_TABLES, CORE_TABLES
from tests.acceptance.test_stamp_from import dump, load
from tests.acceptance.test_status import MULTIDB
from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server

SPLIT = ("split", "--source", "env:OLD_DATABASE_URL")
TABLES = "SELECT count(*) FROM pg_class WHERE oid >= 16384"


@pytest.fixture(scope="session")
def mixed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the example's mixed database, at its head."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("split"))
    name = f"split_{os.getpid()}"
    project.environment["OLD_DATABASE_URL"] = server.create_database(name)
    project.ok("-c", "mixed/alembic.ini", "upgrade", "head")
    return name


@pytest.fixture
def portfolio(tmp_path: Path, new_database: NewDatabase, mixed: str, server: Server) -> Project:
    """The example with its mixed database and two empty ones."""
    project = copy_example("portfolio", tmp_path)
    project.scratch = server.url()
    project.environment = {
        "OLD_DATABASE_URL": new_database(mixed),
        "DATABASE_URL": new_database(),
        "AI_DATABASE_URL": new_database(),
    }
    return project


def run_json(project: Project, *arguments: str, expected: int = 0) -> dict[str, Any]:
    done = project.run(*SPLIT, *arguments, "--json", module=MULTIDB)
    assert done.returncode == expected, done.stdout + done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["exit_code"] == expected
    return data


def test_the_plan_is_the_scenarios(portfolio: Project) -> None:
    """39 tables to core, 3 and pgvector to ai, the foreign key is a soft reference that the registry has already."""
    data = run_json(portfolio, "--plan")
    tables = {name: set[str]() for name in ("core", "ai")}
    for item in data["objects"]:
        if item["type"] == "table" and item["treatment"] == "home":
            tables[item["homes"][0]].add(item["identity"].removeprefix("public."))
    assert tables == {"core": CORE_TABLES, "ai": AI_TABLES}
    assert data["extensions"] == {"core": {}, "ai": {"vector": "public"}}
    assert data["soft_references"] == [
        {
            "database": "ai",
            "constraint": "fk_ai_memories_user_id_users on public.ai_memories",
            "line": 'SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE"),',
            "is_declared": True,
            "name": "fk_ai_memories_user_id_users",
            "definition": "FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE",
            "comment": None,
            "table": ["public", "ai_memories"],
            "columns": ["user_id"],
            "target": ["public", "users"],
            "target_columns": ["id"],
        }
    ]
    assert [item["identity"] for item in data["objects"] if item["treatment"] == "version table"] == [
        "public.alembic_version",
        "alembic_version_pkc on public.alembic_version",
    ]
    assert {item["treatment"] for item in data["objects"]} == {"home", "soft reference", "version table"}
    drift = [item["message"] for item in data["findings"] if item["kind"] == "drift"]
    assert drift == [
        "its part of the source is exactly what revision m012 says",
        "the source's revision is not in its history: m012",
    ]
    assert not [item for item in data["findings"] if item["severity"] in ("refused", "failed", "warning")]


def test_the_page_can_be_read(portfolio: Project) -> None:
    """Every table is on it, and what it says first is what is split into what."""
    done = portfolio.run(*SPLIT, "--plan", "--no-drift", module=MULTIDB)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Split of ")
    assert all(f"  table:public.{name}\n" in done.stdout for name in CORE_TABLES | AI_TABLES)
    assert "Sizes and estimates" in done.stdout
    assert done.stderr == ""


def test_the_schemas_are_the_mixed_ones_parts(portfolio: Project, new_database: NewDatabase) -> None:
    """As pg_dump writes them, word for word; then a stamp proves it, and the histories go on."""
    source = portfolio.environment["OLD_DATABASE_URL"]
    # PostgreSQL writes IN (...) in another way once it was dumped and read back.
    settled = new_database()
    load(settled, dump(source))
    before = snapshot_of(source).to_json()
    text = portfolio.ok(*SPLIT, "--schema-only", module=MULTIDB)
    assert text.count("schema made, equal to its part of the source") == 2
    assert snapshot_of(source).to_json() == before
    core = dump(portfolio.environment["DATABASE_URL"], "--restrict-key=x")
    expected = dump(settled, "--restrict-key=x", "-T", "ai_*", "-T", "alembic_version", "--exclude-extension=vector")
    assert core == expected
    ai = dump(portfolio.environment["AI_DATABASE_URL"], "--restrict-key=x", "-t", "ai_*")
    key = "ai_memories fk_ai_memories_user_id_users"
    parts = dump(settled, "--restrict-key=x", "-t", "ai_*").partition("\n--\n-- PostgreSQL database dump com")[0]
    own = [part for part in parts.split("\n--\n-- Name: ") if not part.startswith(key)]
    assert ai.partition("\n--\n-- PostgreSQL database dump com")[0].split("\n--\n-- Name: ") == own
    stamped = portfolio.ok("stamp-from", "--source", "env:OLD_DATABASE_URL", module=MULTIDB)
    assert "core: stamped m012" in stamped and "ai: stamped a001" in stamped
    portfolio.ok("upgrade", module=MULTIDB)
    portfolio.ok("status", module=MULTIDB)


def test_what_crosses_stops_it(portfolio: Project) -> None:
    """It is named with how to go on, both targets are as empty as before, and excluded by name it goes through."""
    psql(
        portfolio.environment["OLD_DATABASE_URL"],
        "CREATE VIEW v_cross AS SELECT u.email, m.content FROM users AS u JOIN ai_memories AS m ON m.user_id = u.id; "
        'CREATE VIEW "v\nodd" AS SELECT * FROM v_cross',
    )
    data = run_json(portfolio, "--schema-only", expected=1)
    objects = [item["object"] for item in data["findings"] if item["kind"] == "crossing"]
    assert objects == ['view:public."v\\nodd"', "view:public.v_cross"]
    done = portfolio.run(*SPLIT, "--schema-only", module=MULTIDB)
    assert done.returncode == 1
    assert (
        "view:public.v_cross crosses homes: it stands on table public.ai_memories (ai), table public.users (core)"
        in (done.stdout)
    )
    assert done.stdout.endswith("Nothing was changed.\n")
    for name in ("DATABASE_URL", "AI_DATABASE_URL"):
        assert psql(portfolio.environment[name], TABLES) == [(0,)]
    excluded = [argument for item in objects for argument in ("--exclude", item)]
    portfolio.ok(*SPLIT, "--schema-only", *excluded, module=MULTIDB)


def test_it_does_one_of_these_things(portfolio: Project) -> None:
    """Asked for two, it touches nothing."""
    for arguments in (
        ("--plan", "--schema-only"),
        ("--plan", "--abort"),
        ("--memory", "plenty"),
        ("--evidence", "/no/x"),
    ):
        refused = portfolio.refused(*SPLIT, *arguments, module=MULTIDB)
        assert "give one of them" in refused or "write 512MB" in refused or "nothing can be written into" in refused
    assert psql(portfolio.environment["DATABASE_URL"], TABLES) == [(0,)]


def test_no_password_is_told(portfolio: Project, server: Server) -> None:
    """Not by the plan, not by the programs that it starts, not when one of them fails."""
    role = f"split_secret_{os.getpid()}"
    server.run(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'hunter2@split'")
    name = portfolio.environment["OLD_DATABASE_URL"].rpartition("/")[2]
    url = server.url(name, user=role, password="hunter2%40split")
    try:
        for arguments in (("--plan", "--no-drift"), ("--schema-only",), ("--plan", "--json", "--no-drift")):
            done = portfolio.run("split", "--source", "env:OLD", *arguments, module=MULTIDB, OLD=url)
            assert "hunter2" not in done.stdout + done.stderr
            assert done.returncode in (0, 1), done.stdout + done.stderr
    finally:
        server.run(f"DROP ROLE {role}")


def start_and_kill(project: Project, seconds: float) -> None:
    """Kill a run with all that it started, some time after it began."""
    running = project.start(*SPLIT, "--schema-only", module=MULTIDB)
    try:
        running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()


def kill_and_finish(project: Project, moments: list[float]) -> None:
    for seconds in moments:
        start_and_kill(project, seconds)
    for name in ("DATABASE_URL", "AI_DATABASE_URL"):
        settle(project.environment[name])
    text = project.ok(*SPLIT, "--schema-only", module=MULTIDB)
    assert text.count("equal to its part of the source") == 2
    for name in ("DATABASE_URL", "AI_DATABASE_URL"):
        assert psql(project.environment[name], "SELECT to_regnamespace('alembic_multidb')") == [(None,)]


def test_a_killed_run_is_finished_by_the_next(portfolio: Project) -> None:
    """Whatever it had done when it was killed, the same command ends with both schemas, equal."""
    kill_and_finish(portfolio, [random.Random(7).uniform(1.0, 3.0)])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_many_killed_runs(portfolio: Project, seed: int) -> None:
    """Killed several times, at any moment."""
    chance = random.Random(seed)
    kill_and_finish(portfolio, [chance.uniform(0.8, 4.0) for _ in range(3)])
