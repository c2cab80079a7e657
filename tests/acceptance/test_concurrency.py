"""Several runners at once, killed runners, and what an interrupted CREATE INDEX CONCURRENTLY leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import NewDatabase, Project, psql
from tests.servers import wait_until

RUNNERS = 4


def _revision(revision: str, down: str, *lines: str) -> str:
    body = "\n    ".join(lines)
    return (
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "{revision}"\ndown_revision = "{down}"\nbranch_labels = None\ndepends_on = None\n\n\n'
        f"def upgrade() -> None:\n    {body}\n\n\ndef downgrade() -> None:\n    pass\n"
    )


def _race(project: Project, url: str) -> None:
    """Start several upgrades on one empty database; all must succeed and the history must run once."""
    runners = [project.start("-n", "core", "upgrade", "head", DATABASE_URL=url) for _ in range(RUNNERS)]
    ends = [(runner.communicate(timeout=120), runner.returncode) for runner in runners]
    assert [code for _, code in ends] == [0] * RUNNERS, [streams for streams, _ in ends]
    printed = "".join(stderr for (_, stderr), _ in ends)
    assert printed.count("Running upgrade c002 -> c003") == 1
    assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
    assert psql(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_notes_created_at'::regclass") == [(True,)]


@pytest.mark.parametrize("round_", range(2))
def test_four_upgrades_at_once_run_the_history_once(notes: Project, new_database: NewDatabase, round_: int) -> None:
    """With CREATE INDEX CONCURRENTLY in the history; a short sample of the soak run."""
    _race(notes, new_database())


@pytest.mark.soak
def test_twenty_races_end_well(notes: Project, new_database: NewDatabase) -> None:
    """20 of 20 rounds."""
    for _ in range(20):
        _race(notes, new_database())


def _backends(url: str, pattern: str) -> list[tuple[object, ...]]:
    return psql(
        url,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        f"AND state = 'active' AND query LIKE '{pattern}'",
    )


def _kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


class TestWhileTheLockIsHeld:
    """A runner that sleeps inside a revision holds the lock."""

    def test_current_answers_at_once(self, notes_at_head: Project) -> None:
        """Reads do not wait for somebody's long migration."""
        notes_at_head.write("migrations/core/c004.py", _revision("c004", "c003", 'op.execute("SELECT pg_sleep(60)")'))
        url = notes_at_head.environment["DATABASE_URL"]
        runner = notes_at_head.start("-n", "core", "upgrade", "head")
        try:
            wait_until(lambda: _backends(url, "SELECT pg_sleep%"))
            start = time.monotonic()
            assert "c003" in notes_at_head.ok("-n", "core", "current")
            assert time.monotonic() - start < 10
        finally:
            _kill(runner)
            psql(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' "
                "AND datname = current_database() AND pid <> pg_backend_pid()",
            )

    def test_who_does_not_want_to_wait_is_told_who_holds_it(self, notes_at_head: Project) -> None:
        """By -x, by the ini and for a stamp; the holder is named, with its start."""
        notes_at_head.write("migrations/core/c004.py", _revision("c004", "c003", 'op.execute("SELECT pg_sleep(60)")'))
        url = notes_at_head.environment["DATABASE_URL"]
        runner = notes_at_head.start("-n", "core", "upgrade", "head")
        try:
            wait_until(lambda: _backends(url, "SELECT pg_sleep%"))
            refused = notes_at_head.refused("-x", "lock_timeout=0", "-n", "core", "stamp", "c001")
            assert f'is being changed by "multidb core pid {runner.pid} on' in refused
            assert "connected since 20" in refused
            notes_at_head.edit("alembic.ini", "[core]\n", "[core]\nmultidb_lock_timeout = 0.2\n")
            assert "waited 0 of 0.2 seconds" in notes_at_head.refused("-n", "core", "downgrade", "base")
            for seconds, expected in (
                ("0.1", "waited 0 of 0.1 seconds"),
                ("-1", '--lock-timeout: "-1.0" is not'),
            ):
                assert expected in notes_at_head.refused(
                    "upgrade", "-n", "core", "--lock-timeout", seconds, module="alembic_multidb"
                )
        finally:
            _kill(runner)
            psql(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' "
                "AND datname = current_database() AND pid <> pg_backend_pid()",
            )

    def test_after_a_kill_the_backend_ends_soon_and_the_next_one_ends_at_head(self, notes_at_head: Project) -> None:
        """The killed runner's backend holds the lock until it notices, and its statement never ends."""
        notes_at_head.write(
            "migrations/core/c004.py",
            _revision(
                "c004",
                "c003",
                "with op.get_context().autocommit_block():",
                '    op.execute("CREATE TABLE IF NOT EXISTS steps (at timestamptz DEFAULT clock_timestamp())")',
                '    op.execute("DO $$ BEGIN PERFORM pg_sleep(4); INSERT INTO steps DEFAULT VALUES; END $$")',
            ),
        )
        url = notes_at_head.environment["DATABASE_URL"]
        first = notes_at_head.start("-n", "core", "upgrade", "head")
        wait_until(lambda: _backends(url, "DO $$%pg_sleep%"))
        _kill(first)
        assert _backends(url, "DO $$%pg_sleep%"), "the killed runner's backend should still be at work"

        notes_at_head.ok("-n", "core", "upgrade", "head")

        assert psql(url, "SELECT version_num FROM alembic_version") == [("c004",)]
        assert psql(url, "SELECT count(*) FROM steps") == [(1,)]


class TestInterruptedIndex:
    """Killed inside an autocommit_block(): the statement may be done but unrecorded."""

    @pytest.fixture
    def slow_index(self, notes_at_head: Project) -> Callable[[str], None]:
        """Kill an upgrade inside CREATE INDEX CONCURRENTLY, which waits for somebody's transaction."""

        def kill_inside(*lines: str, finish: bool) -> None:
            notes_at_head.write(
                "migrations/core/c004.py",
                _revision("c004", "c003", "with op.get_context().autocommit_block():", *lines),
            )
            url = notes_at_head.environment["DATABASE_URL"]
            with psycopg.connect(url) as blocker:
                blocker.execute("INSERT INTO users (email) VALUES ('blocker')")
                runner = notes_at_head.start("-n", "core", "upgrade", "head")
                wait_until(lambda: _backends(url, "CREATE INDEX CONCURRENTLY%"))
                _kill(runner)
                if not finish:
                    psql(
                        url,
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = current_database() "
                        "AND pid <> pg_backend_pid()",
                    )
            wait_until(lambda: not _backends(url, "CREATE INDEX CONCURRENTLY%"))

        return kill_inside  # type: ignore[return-value]

    @pytest.mark.parametrize("finish", [True, False], ids=["valid", "invalid"])
    def test_a_revision_that_can_be_run_again_ends_at_head(
        self, notes_at_head: Project, slow_index: Callable[..., None], finish: bool
    ) -> None:
        """It begins with DROP INDEX CONCURRENTLY IF EXISTS."""
        slow_index(
            '    op.drop_index("ix_slow", if_exists=True, postgresql_concurrently=True)',
            '    op.create_index("ix_slow", "users", ["created_at"], postgresql_concurrently=True)',
            finish=finish,
        )
        notes_at_head.ok("-n", "core", "upgrade", "head")
        url = notes_at_head.environment["DATABASE_URL"]
        assert psql(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_slow'::regclass") == [(True,)]
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c004",)]

    @pytest.mark.parametrize(("finish", "state"), [(True, "is valid"), (False, "is INVALID")])
    @pytest.mark.parametrize("name", ["ix_slow", "Ix Slow"])
    def test_any_other_fails_and_names_index_validity_and_drop(
        self, notes_at_head: Project, slow_index: Callable[..., None], finish: bool, state: str, name: str
    ) -> None:
        """The statement that the error prints is enough to go on."""
        slow_index(
            f'    op.create_index("{name}", "users", ["created_at"], postgresql_concurrently=True)',
            finish=finish,
        )
        refused = notes_at_head.refused("-n", "core", "upgrade", "head")
        assert f'index "{name}" on table users of database "core" is already there and {state}' in refused
        quoted = name if name.islower() else f'"{name}"'
        drop = f"DROP INDEX CONCURRENTLY public.{quoted};"
        assert drop in refused
        url = notes_at_head.environment["DATABASE_URL"]
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
        psql(url, drop)
        notes_at_head.ok("-n", "core", "upgrade", "head")

    def test_if_not_exists_does_not_record_an_invalid_index(
        self, notes_at_head: Project, slow_index: Callable[..., None]
    ) -> None:
        """IF NOT EXISTS passes over the invalid index; the revision must not be recorded with it."""
        slow_index(
            '    op.create_index("ix_slow", "users", ["created_at"], if_not_exists=True, postgresql_concurrently=True)',
            finish=False,
        )
        refused = notes_at_head.refused("-n", "core", "upgrade", "head")
        assert "is INVALID" in refused
        url = notes_at_head.environment["DATABASE_URL"]
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
