"""multidb upgrade, downgrade and revision: several databases, one after the other."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_status import MULTIDB, add_databases, as_json
from tests.conftest import NewDatabase, Project, psql
from tests.servers import wait_until


def lines(project: Project, *arguments: str, code: int = 0) -> list[str]:
    """Run a command and return what it printed on stdout."""
    done = project.run(*arguments, module=MULTIDB)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


def version(project: Project, database: str) -> list[tuple[object, ...]]:
    variable = "DATABASE_URL" if database == "core" else f"{database.upper()}_DATABASE_URL"
    return psql(project.environment[variable], "SELECT version_num FROM alembic_version ORDER BY 1")


def slow_revision(project: Project) -> None:
    """Give core a revision that takes a minute."""
    project.write(
        "migrations/core/c004.py",
        'from alembic import op\n\nrevision = "c004"\ndown_revision = "c003"\n\n\n'
        'def upgrade() -> None:\n    op.execute("SELECT pg_sleep(60)")\n\n\ndef downgrade() -> None:\n    pass\n',
    )


@pytest.fixture
def four(notes: Project, new_database: NewDatabase) -> Project:
    """core; ai; events, which is declared third but which ai and reports depend on; reports."""
    add_databases(notes, "events", "reports")
    notes.edit("notes/databases.py", 'url="env:AI_DATABASE_URL",', 'url="env:AI_DATABASE_URL", depends_on="events",')
    notes.edit(
        "notes/databases.py",
        'url="env:REPORTS_DATABASE_URL"',
        'url="env:REPORTS_DATABASE_URL", depends_on=["core", "ai"]',
    )
    notes.environment |= {"EVENTS_DATABASE_URL": new_database(), "REPORTS_DATABASE_URL": new_database()}
    return notes


class TestUpgrade:
    """multidb upgrade."""

    def test_it_upgrades_all_in_the_registrys_order(self, notes: Project) -> None:
        """A line a database on stdout; Alembic's own lines on stderr; again is no error."""
        done = notes.run("upgrade", module=MULTIDB)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "core: done, ran c001, c002, c003; now at head (c003)",
            "ai: done, ran a001, a002; now at head (a002)",
        ]
        assert "[ai] " in done.stderr
        assert lines(notes, "upgrade") == [
            "core: nothing to do; now at head (c003)",
            "ai: nothing to do; now at head (a002)",
        ]

    def test_one_database_to_a_revision(self, notes: Project) -> None:
        """The others stay untouched."""
        assert lines(notes, "upgrade", "c001", "-n", "core") == ["core: done, ran c001; now behind (c001)"]
        assert psql(notes.environment["AI_DATABASE_URL"], "SELECT to_regclass('alembic_version')") == [(None,)]

    def test_a_revision_goes_to_the_history_that_has_it(self, notes: Project) -> None:
        """By its id or the beginning of one; a revision that nobody has is an error."""
        assert lines(notes, "upgrade", "a001") == [
            'core: nothing to do; its history has no revision "a001"',
            "ai: done, ran a001; now behind (a001)",
        ]
        assert 'no history has a revision "zz"' in notes.refused("upgrade", "zz", module=MULTIDB)
        assert 'several revisions of "core" begin with "c0"' in notes.refused("upgrade", "c0", module=MULTIDB)
        notes.ok("upgrade", "+1", "-n", "core", module=MULTIDB)
        assert version(notes, "core") == [("c001",)]

    def test_what_is_depended_on_comes_first(self, four: Project) -> None:
        """Then the registry's order; a downgrade goes the other way round."""
        assert [line.split(":")[0] for line in lines(four, "upgrade")] == ["core", "events", "ai", "reports"]
        data = as_json(four, "upgrade", code=0)
        assert [item["name"] for item in data["databases"]] == ["core", "ai", "events", "reports"]
        for name in ("core", "ai", "events", "reports"):
            four.write(
                f"migrations/{name}/same.py",
                f'revision = "same"\ndown_revision = "{version(four, name)[0][0]}"\n\n\n'
                "def upgrade() -> None:\n    pass\n\n\ndef downgrade() -> None:\n    pass\n",
            )
        lines(four, "upgrade")
        order = [line.split(":")[0] for line in lines(four, "downgrade", "same")]
        assert order == ["reports", "ai", "events", "core"]

    def test_a_failure_stops_what_depends_on_it_and_nothing_else(self, four: Project) -> None:
        """It is said what was done where; run again, it goes on."""
        events = four.environment["EVENTS_DATABASE_URL"]
        four.environment["EVENTS_DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        done = four.run("upgrade", module=MULTIDB)
        assert done.returncode == 2
        assert done.stdout.splitlines() == [
            "core: done, ran c001, c002, c003; now at head (c003)",
            "events: failed; now unreachable (no revision)",
            'ai: not begun; it comes after "events" (depends_on), which is not done',
            'reports: not begun; it comes after "events" (depends_on), which is not done',
        ]
        assert 'multidb: events: cannot connect to database "events" at 127.0.0.1:1/x' in done.stderr
        four.environment["EVENTS_DATABASE_URL"] = events
        assert [line.partition(";")[0] for line in lines(four, "upgrade")] == [
            "core: nothing to do",
            "events: done, ran events1",
            "ai: done, ran a001, a002",
            "reports: done, ran reports1",
        ]

    def test_a_revision_that_fails_half_way(self, notes: Project) -> None:
        """What ran before it is said, its traceback is shown, the other database goes on."""
        notes.edit("migrations/core/c002_notes.py", "def upgrade() -> None:\n", "def upgrade() -> None:\n    1 / 0\n")
        done = notes.run("upgrade", module=MULTIDB)
        assert done.returncode == 2
        assert done.stdout.splitlines() == [
            "core: failed, after c001; now behind (c001)",
            "ai: done, ran a001, a002; now at head (a002)",
        ]
        assert "ZeroDivisionError" in done.stderr
        assert "c002_notes.py" in done.stderr
        (core, ai) = as_json(notes, "upgrade", code=2)["databases"]
        assert (core["result"], core["state"], core["revisions"]) == ("failed", "behind", ["c001"])
        assert (core["before"], core["steps"], core["message"]) == (["c001"], [], "division by zero")
        assert (ai["result"], ai["steps"]) == ("nothing to do", [])

    def test_a_failure_stops_what_depends_on_it_by_way_of_one_that_is_not_asked_for(self, four: Project) -> None:
        """events, then ai, then reports; ai is left out."""
        four.environment["EVENTS_DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        text = lines(four, "upgrade", "-n", "events", "-n", "reports", code=2)
        assert text[1] == 'reports: not begun; it comes after "events" (depends_on), which is not done'

    @pytest.mark.parametrize("code", [0, 3])
    def test_a_revision_that_exits_is_a_failure(self, notes: Project, code: int) -> None:
        """Whatever it exits with; the other database goes on."""
        notes.edit(
            "migrations/core/c002_notes.py",
            "def upgrade() -> None:\n",
            f"def upgrade() -> None:\n    raise SystemExit({code})\n",
        )
        core, ai = as_json(notes, "upgrade", code=2)["databases"]
        assert (core["result"], core["revisions"]) == ("failed", ["c001"])
        assert ai["result"] == "done"

    def test_a_statement_with_a_secret_stays_out_of_the_results(self, notes: Project) -> None:
        """The database's own words are enough; the traceback on stderr is for whoever wrote the revision."""
        notes.edit(
            "migrations/core/c002_notes.py",
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n    op.execute(\"CREATE ROLE x PASSWORD 's3cret' NOSUCH\")\n",
        )
        done = notes.run("upgrade", "-n", "core", "--json", module=MULTIDB)
        assert done.returncode == 2
        assert "s3cret" not in done.stdout
        assert "unrecognized role option" in done.stdout

    def test_an_empty_revision_is_refused(self, notes: Project) -> None:
        """A shell's variable that is not set."""
        done = notes.run("downgrade", "-n", "core", "", module=MULTIDB)
        assert done.returncode == 2
        assert "The revision is empty" in done.stderr

    def test_a_dry_run_names_the_revisions_and_changes_nothing(self, notes: Project) -> None:
        """In their order, with their first lines; it fails as the run would."""
        assert lines(notes, "upgrade", "--dry-run")[:4] == [
            "core: would run c001, c002, c003; is now empty (no revision)",
            "  c001  users and notebooks",
            "  c002  notes and tags",
            "  c003  find notes by time, without locking the table",
        ]
        data = as_json(notes, "upgrade", "--dry-run", code=0)
        assert [item["steps"] for item in data["databases"]] == [["c001", "c002", "c003"], ["a001", "a002"]]
        assert psql(notes.environment["DATABASE_URL"], "SELECT to_regclass('alembic_version')") == [(None,)]
        notes.environment["AI_DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        assert "ai: failed" in lines(notes, "upgrade", "--dry-run", code=2)

    def test_sql_writes_one_file_a_database(self, notes: Project) -> None:
        """As alembic's own --sql prints it, without connecting; psql runs them."""
        urls = dict(notes.environment)
        notes.environment = dict.fromkeys(urls, "postgresql://127.0.0.1:1/x")
        assert lines(notes, "upgrade", "--sql", "out/here") == [
            "core: done",
            "  out/here/core.sql",
            "ai: done",
            "  out/here/ai.sql",
        ]
        for name in ("core", "ai"):
            script = (notes.folder / "out" / "here" / f"{name}.sql").read_text()
            assert script == notes.run("-n", name, "upgrade", "heads", "--sql").stdout
        assert sorted(path.name for path in (notes.folder / "out" / "here").iterdir()) == ["ai.sql", "core.sql"]
        psql(urls["AI_DATABASE_URL"], script)
        assert psql(urls["AI_DATABASE_URL"], "SELECT version_num FROM alembic_version") == [("a002",)]

    def test_sql_of_a_range(self, notes: Project) -> None:
        """A downgrade needs one; it goes to the history that has it."""
        text = "\n".join(lines(notes, "downgrade", "--sql", "out", "a002:a001"))
        assert "ai: done" in text
        assert 'core: nothing to do; its history has no revision "a002:a001"' in text
        assert "DROP TABLE ai_documents" in (notes.folder / "out" / "ai.sql").read_text()
        refused = notes.run("downgrade", "--sql", "out", "a001", module=MULTIDB)
        assert refused.returncode == 2
        assert "requires <fromrev>:<torev>" in refused.stderr

    def test_a_folder_that_cannot_be_made_is_said(self, notes: Project) -> None:
        """And no traceback."""
        notes.write("out", "")
        assert "out cannot be made: File exists" in notes.refused("upgrade", "--sql", "out", module=MULTIDB)

    def test_what_a_revision_prints_does_not_get_into_the_results(self, notes: Project) -> None:
        """Its own print(), and that of a program that it starts."""
        notes.edit(
            "migrations/core/c001_accounts.py",
            "def upgrade() -> None:\n",
            'def upgrade() -> None:\n    print("hello")\n    import os; os.system("echo world")\n',
        )
        done = notes.run("upgrade", "--json", module=MULTIDB)
        assert done.stdout.startswith("{")
        assert {"hello", "world"} <= set(done.stderr.splitlines())
        assert as_json(notes, "upgrade", code=0)["databases"][0]["result"] == "nothing to do"

    def test_a_failure_before_any_database_is_json_too(self, notes: Project) -> None:
        """With the error, so that a program has something to read."""
        for arguments in (("-c", "no.ini"), ("-n", "nope")):
            data = as_json(notes, "upgrade", *arguments, code=2)
            assert data["error"].startswith("there is no")


class TestDowngrade:
    """multidb downgrade."""

    @pytest.mark.parametrize("arguments", [("-n", "ai", "-1"), ("-1", "-n", "ai"), ("-n", "ai", "--", "-1")])
    def test_a_relative_one_works_as_typed(self, notes_at_head: Project, arguments: tuple[str, ...]) -> None:
        """Before or behind the options."""
        assert lines(notes_at_head, "downgrade", *arguments) == ["ai: done, ran a002; now behind (a001)"]
        assert version(notes_at_head, "core") == [("c003",)]

    def test_several_steps_and_base(self, notes_at_head: Project) -> None:
        """In their order; -12 is a number, too."""
        assert lines(notes_at_head, "downgrade", "-n", "core", "-2") == [
            "core: done, ran c003, c002; now behind (c001)"
        ]
        assert lines(notes_at_head, "downgrade", "-n", "ai", "base") == [
            "ai: done, ran a002, a001; now empty (no revision)"
        ]
        done = notes_at_head.run("downgrade", "-n", "core", "-12", module=MULTIDB)
        assert done.returncode == 2
        assert "core: failed" in done.stdout

    @pytest.mark.parametrize("revision", ["-1", "base", "+1", "core@base"])
    def test_without_a_name_only_a_revisions_id(self, notes_at_head: Project, revision: str) -> None:
        """Anything else would mean something in every database."""
        refused = notes_at_head.refused("downgrade", revision, module=MULTIDB)
        assert f"multidb downgrade -n NAME {revision} (NAME: core, ai)" in refused
        assert version(notes_at_head, "core") == [("c003",)]

    def test_an_id_is_applied_where_the_history_has_it(self, notes_at_head: Project) -> None:
        """The other database is untouched, and that is said."""
        assert lines(notes_at_head, "downgrade", "c002") == [
            'ai: nothing to do; its history has no revision "c002"',
            "core: done, ran c003; now behind (c002)",
        ]

    @pytest.mark.parametrize("option", ["--dryrun", "-x", "--nmae", "-1x"])
    def test_a_mistyped_option_is_no_revision(self, notes_at_head: Project, option: str) -> None:
        """It is an error of usage, and nothing is changed."""
        for arguments in ((option,), ("a001", option)):
            done = notes_at_head.run("downgrade", "-n", "ai", *arguments, module=MULTIDB)
            assert done.returncode == 2
            assert "Traceback" not in done.stderr
            assert version(notes_at_head, "ai") == [("a002",)]

    def test_a_dry_run(self, notes_at_head: Project) -> None:
        """What would be undone, first things first."""
        assert lines(notes_at_head, "downgrade", "-n", "core", "base", "--dry-run")[0] == (
            "core: would run c003, c002, c001; is now at head (c003)"
        )
        assert version(notes_at_head, "core") == [("c003",)]


class TestRevision:
    """multidb revision."""

    @pytest.fixture
    def changed(self, notes_at_head: Project) -> Project:
        """A column more in one of ai's models."""
        notes_at_head.edit(
            "notes/models.py", "    scope: Mapped[str]", "    summary: Mapped[str | None]\n    scope: Mapped[str]"
        )
        return notes_at_head

    def test_only_the_history_whose_models_changed_gets_a_file(self, changed: Project) -> None:
        """And it is said of the others that they did not."""
        before = changed.revisions("core")
        first, second, file = lines(changed, "revision", "-m", "add a summary", "--autogenerate")
        assert first == "core: nothing to do; its models have not changed"
        assert second == "ai: done"
        assert changed.revisions("core") == before
        path = Path(file.strip())
        assert path.name.endswith("_add_a_summary.py")
        assert "op.add_column('ai_documents', sa.Column('summary'" in path.read_text()
        lines(changed, "upgrade")
        assert all(
            "its models have not changed" in line for line in lines(changed, "revision", "-m", "x", "--autogenerate")
        )

    def test_one_that_cannot_be_compared_leaves_no_file_anywhere(self, changed: Project) -> None:
        """Not at head: which revision is missing, and what to run."""
        changed.ok("-n", "core", "downgrade", "c001")
        before = changed.revisions("ai")
        done = changed.run("revision", "-m", "x", "--autogenerate", module=MULTIDB)
        assert done.returncode == 2
        assert done.stdout.splitlines() == [
            "core: failed",
            "ai: not begun; nothing is written, since another database could not be compared",
        ]
        assert 'database "core" is at c001, not at the head of its history (c003)' in done.stderr
        assert "run first: multidb upgrade -n core" in done.stderr
        assert changed.revisions("ai") == before

    def test_without_autogenerate_a_name_is_needed(self, notes_at_head: Project) -> None:
        """With it, an empty revision is written there, and no database is asked."""
        refused = notes_at_head.refused("revision", "-m", "x", module=MULTIDB)
        assert "say in which history the revision belongs, with -n (core, ai)" in refused
        notes_at_head.environment = {}
        (first, file) = lines(notes_at_head, "revision", "-m", "by hand", "-n", "ai")
        assert first == "ai: done"
        assert Path(file.strip()).name.endswith("_by_hand.py")
        assert re.search(r"^down_revision = .a002.$", Path(file.strip()).read_text(), re.MULTILINE)

    def test_json_names_the_files(self, changed: Project) -> None:
        """And what Alembic prints about them goes elsewhere."""
        core, ai = as_json(changed, "revision", "-m", "x", "--autogenerate", code=0)["databases"]
        assert (core["result"], core["files"]) == ("nothing to do", [])
        assert ai["result"] == "done"
        assert [Path(file).parent.name for file in ai["files"]] == ["ai"]


class TestInterrupted:
    """Ctrl-C, and what a container runtime sends."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_nothing_is_left_behind(self, notes: Project, number: signal.Signals) -> None:
        """The statement ends on its server, no lock and no session stays, and it is said what was done where."""
        slow_revision(notes)
        url = notes.environment["DATABASE_URL"]
        running = notes.start("upgrade", module=MULTIDB)
        sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        wait_until(lambda: psql(url, sleeping))
        start = time.monotonic()
        os.kill(running.pid, number)
        stdout, stderr = running.communicate(timeout=30)
        assert time.monotonic() - start < 10
        assert running.returncode == 128 + number
        assert "Traceback" not in stderr
        assert stdout.splitlines() == [
            f"core: interrupted, after c001, c002, c003; interrupted by {number.name}; now behind (c003)",
            "ai: not begun; the command was interrupted",
        ]
        assert psql(url, sleeping) == []
        assert psql(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
        sessions = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: psql(url, sessions) == [(0,)])

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_json_says_so_too(self, notes: Project, number: signal.Signals) -> None:
        """One object, with the exit code of the process."""
        slow_revision(notes)
        running = notes.start("upgrade", "--json", module=MULTIDB)
        url = notes.environment["DATABASE_URL"]
        wait_until(lambda: psql(url, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"))
        os.kill(running.pid, number)
        stdout, _ = running.communicate(timeout=30)
        data: dict[str, Any] = json.loads(stdout)
        assert running.returncode == data["exit_code"] == 128 + number
        assert [item["result"] for item in data["databases"]] == ["interrupted", "not begun"]

    def test_it_does_not_wait_for_a_database_that_does_not_answer(self, notes_at_head: Project) -> None:
        """A container runtime gives ten seconds."""
        with psycopg.connect(notes_at_head.environment["DATABASE_URL"]) as holding:
            holding.execute("LOCK TABLE alembic_version")
            running = notes_at_head.start("upgrade", module=MULTIDB)
            waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            wait_until(lambda: psql(notes_at_head.environment["DATABASE_URL"], waiting) == [(True,)])
            start = time.monotonic()
            os.kill(running.pid, signal.SIGTERM)
            running.communicate(timeout=60)
            assert time.monotonic() - start < 8
            assert running.returncode == 143

    def test_a_reader_that_has_gone_is_no_traceback(self, notes_at_head: Project) -> None:
        """multidb tables | head -1."""
        done = subprocess.run(
            ["bash", "-c", 'set -o pipefail; "$PYTHON" -m alembic_multidb tables | true'],
            cwd=notes_at_head.folder,
            env=notes_at_head.variables(PYTHON=sys.executable),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "Error" not in done.stderr
