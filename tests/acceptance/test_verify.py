"""multidb verify, as it is typed: exit codes, words, JSON, evidence, progress, and what it leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import psycopg
import pytest

from tests.acceptance.test_stamp_from import CORE, imported, load, templates
from tests.acceptance.test_status import MULTIDB, as_json
from tests.conftest import Project, psql
from tests.servers import Server, embedded_18, wait_until

__all__ = ["imported", "templates"]  # fixtures

SOURCE = ("verify", "--source", "env:OLD_DATABASE_URL")


@pytest.fixture
def moved(imported: Project) -> Project:
    """The example whose rows were imported, too."""
    command = [str(embedded_18() / "pg_dump"), "--data-only", *CORE, "-d", imported.environment["OLD_DATABASE_URL"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    load(imported.environment["DATABASE_URL"], done.stdout)
    return imported


def sessions(server: Server) -> int:
    (found,) = server.run("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'multidb verify%'")
    assert isinstance(found[0], int)
    return found[0]


class TestTheMove:
    """The database that was split by pg_dump."""

    def test_equal(self, moved: Project) -> None:
        """A line a database, then what may differ with its reason; exit code 0."""
        done = moved.run(*SOURCE, module=MULTIDB)
        assert done.returncode == 0, done.stdout + done.stderr
        core, ai = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
        assert core.startswith("core: equal: ") and core.endswith("rows of 39 tables, no difference")
        assert ai.startswith("ai: equal: ")
        assert "as expected, differs: foreign key fk_ai_memories_user_id_users" in done.stdout
        assert "Traceback" not in done.stderr

    def test_different(self, imported: Project) -> None:
        """Rows that were not imported: the tables are named, with the keys; exit code 1."""
        done = imported.run(*SOURCE, "-n", "core", "--max-rows", "1", module=MULTIDB)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "core: different: " in done.stdout
        assert " rows in the source, 0 in the target; (id=" in done.stdout and "is missing" in done.stdout

    def test_could_not_tell(self, moved: Project) -> None:
        """A target that is not there; the other is compared; exit code 2."""
        moved.environment["AI_DATABASE_URL"] += "_nowhere"
        done = moved.run(*SOURCE, module=MULTIDB)
        assert done.returncode == 2
        assert "core: equal: " in done.stdout and "ai: unknown: " in done.stdout
        assert "not told: cannot connect to database" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("verify",), "give --source URL"),
            ((*SOURCE, "--schema-only", "--data-only"), "nothing is left to compare"),
            ((*SOURCE, "--exclude", "users"), "KIND:NAME"),
            (("verify", "--against", "nowhere.json"), "is no evidence"),
            (("verify", "--source", "env:NOBODY"), "environment variable NOBODY is not set"),
            ((*SOURCE, "-n", "nobody"), 'no database "nobody"'),
        ],
    )
    def test_usage(self, imported: Project, arguments: tuple[str, ...], words: str) -> None:
        """One message, exit code 2."""
        assert words in imported.refused(*arguments, module=MULTIDB)

    def test_json(self, imported: Project) -> None:
        """One object: the databases with their tables, and the findings."""
        data = as_json(imported, *SOURCE, "--data-only", code=1)
        assert [database["name"] for database in data["databases"]] == ["core", "ai"]
        assert [database["state"] for database in data["databases"]] == ["different", "equal"]
        assert {finding["kind"] for finding in data["findings"]} == {"rows", "sequence"}
        assert all(finding["database"] == "core" for finding in data["findings"])

    def test_evidence_and_later(self, moved: Project) -> None:
        """It is written; the databases are still equal to it; then one changes."""
        proof = moved.folder / "proof.json"
        assert "evidence: proof.json" in moved.ok(*SOURCE, "--evidence", "proof.json", "--orphans", module=MULTIDB)
        assert json.loads(proof.read_text())["exit_code"] == 0
        moved.environment["OLD_DATABASE_URL"] = "postgresql://127.0.0.1:1/gone"
        moved.ok("verify", "--against", "proof.json", module=MULTIDB)
        psql(moved.environment["AI_DATABASE_URL"], "INSERT INTO ai_memories (scope, content) VALUES ('x', 'y')")
        done = moved.run("verify", "--against", "proof.json", module=MULTIDB)
        assert done.returncode == 1
        assert "rows of public.ai_memories: 0 rows when the evidence was taken, 1 now" in done.stdout
        assert "--max-age" in moved.refused("verify", "--against", "proof.json", "--max-age", "0", module=MULTIDB)

    def test_no_password_is_seen(self, moved: Project, server: Server) -> None:
        """Neither in the evidence nor on the screen, whatever goes wrong."""
        role = f"secretive_{os.getpid()}"
        server.run(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'hunter2'")
        try:
            for name in ("OLD_DATABASE_URL", "DATABASE_URL", "AI_DATABASE_URL"):
                moved.environment[name] = moved.environment[name].replace("postgres@", f"{role}:hunter2@")
            text = moved.ok(*SOURCE, "--evidence", "proof.json", "--json", module=MULTIDB)
            assert "hunter2" not in text + (moved.folder / "proof.json").read_text()
            server.run(f"ALTER ROLE {role} NOLOGIN")
            assert "hunter2" not in moved.refused(*SOURCE, module=MULTIDB)
        finally:
            server.run(f"DROP ROLE {role}")

    def test_the_source_is_only_read(self, moved: Project) -> None:
        """Nothing is written there, nor to the targets."""
        counted = "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables"
        urls = [moved.environment[name] for name in ("OLD_DATABASE_URL", "DATABASE_URL", "AI_DATABASE_URL")]
        # Whoever filled them tells what was written when its session ends.
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        wait_until(lambda: not any(psql(url, others) for url in urls))
        before = [psql(url, counted) for url in urls]
        moved.ok(*SOURCE, "--orphans", module=MULTIDB)
        assert [psql(url, counted) for url in urls] == before


class TestInterrupted:
    """Killed at any moment it leaves nothing behind."""

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
    def test_while_it_waits_for_a_lock(self, moved: Project, server: Server, number: signal.Signals) -> None:
        """Its sessions end, and no file is there."""
        before = sorted(path.name for path in moved.folder.iterdir())
        with psycopg.connect(moved.environment["DATABASE_URL"]) as other:
            other.execute("LOCK TABLE users")
            running = moved.start(*SOURCE, "--evidence", "proof.json", "--keys", "keys.jsonl", module=MULTIDB)
            wait_until(lambda: server.run("SELECT 1 FROM pg_locks WHERE NOT granted") != [])
            running.send_signal(number)
            running.communicate(timeout=20)
            assert running.returncode == (-number if number == signal.SIGKILL else 128 + number)
            wait_until(lambda: sessions(server) == 0, seconds=10)
        assert sorted(path.name for path in moved.folder.iterdir()) == before

    @pytest.mark.soak
    def test_at_random_moments(self, moved: Project, server: Server) -> None:
        """Thirty times."""
        chance = random.Random(7)
        before = sorted(path.name for path in moved.folder.iterdir())
        for _ in range(30):
            running = moved.start(*SOURCE, "--evidence", "proof.json", "--orphans", module=MULTIDB)
            time.sleep(chance.uniform(0.1, 2.5))
            running.kill()
            running.communicate(timeout=20)
            wait_until(lambda: sessions(server) == 0, seconds=10)
            left = {path.name for path in moved.folder.iterdir()} - set(before)
            assert left <= {"proof.json"}
            if left:
                assert json.loads((moved.folder / "proof.json").read_text())["exit_code"] == 0


def test_progress_on_stderr(moved: Project, server: Server) -> None:
    """A comparison that takes long says how far it is: bytes, and how long the rest may take."""
    with psycopg.connect(moved.environment["DATABASE_URL"]) as other:
        other.execute("LOCK TABLE tags")
        running = moved.start(*SOURCE, "--data-only", "--jobs", "1", module=MULTIDB)
        wait_until(lambda: server.run("SELECT 1 FROM pg_locks WHERE NOT granted") != [])
        time.sleep(1.5)
        other.rollback()
        output, errors = running.communicate(timeout=30)
    assert running.returncode == 0, errors
    assert "MiB" in errors and " of " in errors
    assert "MiB" not in output
