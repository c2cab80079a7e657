"""multidb upgrade, killed at any moment: no lock is left, nothing is half-done, and the next run ends at head."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from tests.acceptance.test_status import MULTIDB
from tests.conftest import NewDatabase, Project, psql
from tests.servers import wait_until

# What is there once a revision is recorded, and not before; an index that is built concurrently may come earlier.
OBJECTS = {
    "DATABASE_URL": {"c001": ["users", "notebooks"], "c002": ["notes", "tags"], "c003": ["ix_notes_created_at"]},
    "AI_DATABASE_URL": {"a001": ["ai_memories"], "a002": ["ai_documents", "ix_ai_documents_embedding_hnsw"]},
}
EARLY = {"ix_notes_created_at"}


def settle(url: str) -> None:
    """Wait until the killed client's backend has ended too; what it holds is gone with it."""
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    wait_until(lambda: psql(url, f"SELECT count(*) FROM pg_stat_activity WHERE {others}") == [(0,)])
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
    assert psql(url, f"{locks} WHERE datname = current_database())") == [(0,)]


def consistent(url: str, objects: dict[str, list[str]]) -> None:
    """The recorded revision's objects are there, whole, and those of later revisions are not."""
    recorded: list[tuple[object, ...]] = []
    if psql(url, "SELECT to_regclass('alembic_version') IS NOT NULL") == [(True,)]:
        recorded = psql(url, "SELECT version_num FROM alembic_version")
    assert len(recorded) <= 1
    order = list(objects)
    done = order[: order.index(str(recorded[0][0])) + 1] if recorded else []
    for revision, names in objects.items():
        for name in names:
            there = psql(url, f"SELECT to_regclass('{name}') IS NOT NULL") == [(True,)]
            assert there == (revision in done) or (there and name in EARLY), (recorded, name, there)
    if recorded and done[-1] == "c003":
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_notes_created_at'::regclass"
        assert psql(url, valid) == [(True,)]


def kill_at_random(project: Project, chance: random.Random) -> None:
    """Kill one upgrade somewhere on its way, look at what it left, and run it again."""
    running = subprocess.Popen(
        [sys.executable, "-m", MULTIDB, "upgrade"],
        cwd=project.folder,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(chance.uniform(0.5, 1.7))
    os.kill(running.pid, signal.SIGKILL)
    running.wait(timeout=30)
    for variable, objects in OBJECTS.items():
        settle(project.environment[variable])
        consistent(project.environment[variable], objects)
    done = project.run("upgrade", module=MULTIDB)
    assert done.returncode == 0, done.stderr
    assert project.run("check", module=MULTIDB).returncode == 0


def campaign(project: Project, new_database: NewDatabase, rounds: int) -> None:
    """Kill one upgrade of two empty databases in each round; which of them were at work at that time varies."""
    chance = random.Random(20261122)
    for _ in range(rounds):
        project.environment = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}
        kill_at_random(project, chance)


def test_five_kills(notes: Project, new_database: NewDatabase) -> None:
    """A short sample of the soak run."""
    campaign(notes, new_database, 5)


@pytest.mark.soak
def test_fifty_kills(notes: Project, new_database: NewDatabase) -> None:
    """50 of 50 rounds."""
    campaign(notes, new_database, 50)


def test_a_killed_run_that_waits_in_create_index_concurrently_leaves_no_lock(notes: Project) -> None:
    """Its backend looks every two seconds whether anybody is still there, although the statement only waits."""
    notes.ok("upgrade", "c002", "-n", "core", module=MULTIDB)
    url = notes.environment["DATABASE_URL"]
    with psycopg.connect(url) as holding:
        holding.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holding.execute("SELECT count(*) FROM notes")
        holding.execute("LOCK TABLE notes IN ROW EXCLUSIVE MODE")
        running = notes.start("upgrade", "-n", "core", module=MULTIDB)
        building = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND state = 'active'"
        )
        wait_until(lambda: psql(url, building) == [(1,)])
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=30)
        wait_until(lambda: psql(url, building) == [(0,)], seconds=10)
    notes.ok("upgrade", "-n", "core", "--lock-timeout", "5", module=MULTIDB)
