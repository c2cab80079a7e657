"""multidb status and multidb tables: where everything stands."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

import psycopg
import pytest

from tests.conftest import NewDatabase, Project, psql
from tests.servers import Server

MULTIDB = "alembic_multidb"


def as_json(project: Project, *arguments: str, code: int) -> dict[str, Any]:
    """Run a command with --json: stdout must be one JSON object and nothing else."""
    done = project.run(*arguments, "--json", module=MULTIDB)
    assert done.returncode == code, done.stdout + done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["exit_code"] == code
    assert data["command"] == arguments[0]
    return data


def add_databases(project: Project, *names: str) -> None:
    """Add databases to the notes example, each with a history of one revision."""
    for name in names:
        project.edit(
            "notes/databases.py", "\n)\n", f'\n    Database("{name}", url="env:{name.upper()}_DATABASE_URL"),\n)\n'
        )
        with (project.folder / "alembic.ini").open("a") as ini:
            ini.write(f"\n[{name}]\nversion_locations = %(here)s/migrations/{name}\n")
        project.write(
            f"migrations/{name}/{name}1.py",
            f'from alembic import op\n\nrevision = "{name}1"\ndown_revision = None\n\n\n'
            f'def upgrade() -> None:\n    op.execute("CREATE TABLE {name}_things (id int)")\n\n\n'
            f'def downgrade() -> None:\n    op.execute("DROP TABLE {name}_things")\n',
        )


class TestStatus:
    """multidb status."""

    COLUMNS = ("database", "state", "revision", "pending", "PostgreSQL", "size", "extensions")

    def rows(self, project: Project, *arguments: str, code: int) -> dict[str, list[str]]:
        done = project.run("status", *arguments, module=MULTIDB)
        assert done.returncode == code, done.stdout + done.stderr
        lines = [re.split(r"\s{2,}", line) for line in done.stdout.splitlines()]
        assert tuple(lines[0]) == self.COLUMNS
        return {line[0]: line[1:4] for line in lines[1:]}

    def test_all_at_head_is_exit_code_0(self, notes_at_head: Project) -> None:
        """One row a database, in the registry's order."""
        rows = self.rows(notes_at_head, code=0)
        assert rows == {"core": ["at head", "c003", "-"], "ai": ["at head", "a002", "-"]}
        assert list(rows) == ["core", "ai"]

    def test_each_state_has_its_word(self, notes_at_head: Project) -> None:
        """behind, ahead, empty, unstamped, wrong database, unreachable: each is exit code 1."""
        core = notes_at_head.environment["DATABASE_URL"]
        notes_at_head.ok("-n", "core", "downgrade", "c001")
        assert self.rows(notes_at_head, "-n", "core", code=1) == {"core": ["behind", "c001", "2, to c003"]}
        psql(core, "UPDATE alembic_version SET version_num = 'from_the_future'")
        assert self.rows(notes_at_head, "-n", "core", code=1) == {"core": ["ahead", "from_the_future", "-"]}
        psql(core, "DELETE FROM alembic_version")
        assert self.rows(notes_at_head, "-n", "core", code=1) == {"core": ["unstamped", "-", "3, to c003"]}
        psql(core, "DROP TABLE notebooks, users")
        assert self.rows(notes_at_head, "-n", "core", code=1) == {"core": ["empty", "-", "3, to c003"]}

        both = Project(
            notes_at_head.folder, {**notes_at_head.environment, "DATABASE_URL": "postgresql://127.0.0.1:1/x"}
        )
        rows = self.rows(both, code=1)
        assert rows["ai"] == ["at head", "a002", "-"]
        assert rows["core"] == ["unreachable", "-", "-"]
        both.environment["DATABASE_URL"] = notes_at_head.environment["AI_DATABASE_URL"]
        assert self.rows(both, code=1)["core"][:2] == ["wrong database", "a002"]

    def test_it_changes_nothing(self, notes: Project) -> None:
        """Not even a version table."""
        self.rows(notes, code=1)
        assert psql(notes.environment["DATABASE_URL"], "SELECT to_regclass('alembic_version')") == [(None,)]

    def test_facts_about_server_and_extensions(self, notes_at_head: Project) -> None:
        """Version, size in bytes, and each extension as declared, installed and available."""
        psql(notes_at_head.environment["DATABASE_URL"], "CREATE EXTENSION hstore")
        psql(notes_at_head.environment["AI_DATABASE_URL"], "DROP EXTENSION vector CASCADE")
        core, ai = as_json(notes_at_head, "status", code=0)["databases"]
        assert core["server_version"].startswith("18.")
        assert core["size"] > 5_000_000
        assert core["reachable"] is True
        (hstore,) = core["extensions"]
        assert (hstore["name"], hstore["declared"]) == ("hstore", None)
        assert hstore["installed"] == hstore["available"]
        (vector,) = ai["extensions"]
        assert (vector["name"], vector["declared"], vector["installed"]) == ("vector", ">=0.5", None)
        assert vector["available"].startswith("0.")

    def test_an_extension_that_the_server_does_not_offer(self, notes: Project, server_15: Any) -> None:
        """Its available version is null."""
        notes.environment["AI_DATABASE_URL"] = server_15.url("postgres")
        (ai,) = as_json(notes, "status", "-n", "ai", code=1)["databases"]
        (vector,) = ai["extensions"]
        assert (vector["installed"], vector["available"]) == (None, None)
        assert "vector missing (>=0.5; not available)" in notes.run("status", "-n", "ai", module=MULTIDB).stdout

    def test_five_databases_in_five_states_within_five_seconds(
        self, notes_at_head: Project, new_database: NewDatabase
    ) -> None:
        """At head, one behind, unreachable, empty, hanging: the one that hangs hides no other."""
        add_databases(notes_at_head, "third", "fourth", "fifth")
        notes_at_head.ok("-n", "ai", "downgrade", "-1")
        with socket.create_server(("127.0.0.1", 0)) as mute:  # the kernel accepts, nobody ever answers
            notes_at_head.environment |= {
                "THIRD_DATABASE_URL": "postgresql://127.0.0.1:1/x",
                "FOURTH_DATABASE_URL": new_database(),
                "FIFTH_DATABASE_URL": f"postgresql://127.0.0.1:{mute.getsockname()[1]}/x",
            }
            start = time.monotonic()
            databases = as_json(notes_at_head, "status", code=1)["databases"]
            assert time.monotonic() - start < 5
        assert [(item["name"], item["state"], item["revisions"], item["pending"]) for item in databases] == [
            ("core", "at head", ["c003"], []),
            ("ai", "behind", ["a001"], ["a002"]),
            ("third", "unreachable", [], []),
            ("fourth", "empty", [], ["fourth1"]),
            ("fifth", "unreachable", [], []),
        ]
        assert [item["reachable"] for item in databases] == [True, True, False, True, False]
        assert databases[2]["detail"].startswith('cannot connect to database "third" at 127.0.0.1:1/x')

    def test_a_locked_version_table_hangs_neither_the_command_nor_its_backend(self, notes_at_head: Project) -> None:
        """The statement's own timeout ends it on the server too."""
        core = notes_at_head.environment["DATABASE_URL"]
        with psycopg.connect(core) as holding:
            holding.execute("LOCK TABLE alembic_version")
            databases = as_json(notes_at_head, "status", "--timeout", "1", code=1)["databases"]
            assert [item["state"] for item in databases] == ["unreachable", "at head"]
            time.sleep(0.5)
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            assert psql(core, waiting) == [(0,)]

    def test_a_variable_that_is_not_set_hides_no_other_database(self, notes_at_head: Project) -> None:
        """It is that one's reason for being unreachable."""
        del notes_at_head.environment["DATABASE_URL"]
        databases = as_json(notes_at_head, "status", code=1)["databases"]
        assert [item["state"] for item in databases] == ["unreachable", "at head"]
        assert "environment variable DATABASE_URL is not set" in databases[0]["detail"]

    def test_more_databases_than_are_asked_at_a_time(self, notes_at_head: Project, new_database: NewDatabase) -> None:
        """Forty, of which half never answer: all are there, in order."""
        names = [f"d{number}" for number in range(40)]
        add_databases(notes_at_head, *names)
        url = new_database()
        with socket.create_server(("127.0.0.1", 0), backlog=128) as mute:
            silent = f"postgresql://127.0.0.1:{mute.getsockname()[1]}/x"
            for number, name in enumerate(names):
                notes_at_head.environment[f"{name.upper()}_DATABASE_URL"] = silent if number % 2 else url
            databases = as_json(notes_at_head, "status", "--timeout", "2", code=1)["databases"]
        assert [item["name"] for item in databases] == ["core", "ai", *names]
        states = [item["state"] for item in databases]
        assert states == ["at head", "at head", *["empty", "unreachable"] * 20]

    def test_a_broken_history_is_named_and_hides_no_other_database(self, notes_at_head: Project) -> None:
        """With the file; exit code 2, since it could not look."""
        notes_at_head.write("migrations/ai/x.py", "revision = 'x'\ndown_revision = 'nowhere'\n")
        core, ai = as_json(notes_at_head, "status", code=2)["databases"]
        assert (core["state"], ai["state"]) == ("at head", "broken history")
        assert 'the history of "ai" is broken: Revision nowhere referenced from' in ai["detail"]
        notes_at_head.write("migrations/ai/x.py", "def (:")
        assert 'the history of "ai" is broken: x.py, line 1' in notes_at_head.run("status", module=MULTIDB).stderr
        notes_at_head.write("migrations/ai/x.py", "raise SystemExit(0)")
        assert "x.py, line 1: SystemExit" in notes_at_head.run("status", module=MULTIDB).stderr

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc, ALTER version_num DROP NOT NULL;"
            " INSERT INTO alembic_version VALUES (NULL)",
            "TRUNCATE alembic_version; ALTER TABLE alembic_version ALTER version_num TYPE int USING 1;"
            " INSERT INTO alembic_version VALUES (7)",
            "ALTER TABLE alembic_version RENAME version_num TO v",
        ],
        ids=["null", "number", "other column"],
    )
    def test_an_odd_version_table_hides_no_other_database(self, notes_at_head: Project, statement: str) -> None:
        """It is this database's own trouble."""
        psql(notes_at_head.environment["DATABASE_URL"], statement)
        core, ai = as_json(notes_at_head, "status", code=1)["databases"]
        assert core["state"] in ("ahead", "unreachable")
        assert ai["state"] == "at head"

    def test_a_database_in_sql_ascii(self, notes_at_head: Project, server: Server) -> None:
        """What initdb makes in the C locale of an old system."""
        name = "ascii_" + notes_at_head.environment["DATABASE_URL"].rpartition("/")[2]
        server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        try:
            notes_at_head.environment["DATABASE_URL"] = server.url(name)
            assert as_json(notes_at_head, "status", code=1)["databases"][0]["state"] == "empty"
            notes_at_head.ok("upgrade", "-n", "core", module=MULTIDB)
            assert as_json(notes_at_head, "status", code=0)["databases"][0]["state"] == "at head"
        finally:
            server.drop_database(name)

    def test_a_login_that_may_not_look_into_the_schema(self, notes_at_head: Project, server: Server) -> None:
        """It is not told that a database has no revision."""
        name = notes_at_head.environment["DATABASE_URL"].rpartition("/")[2]
        server.run("REVOKE ALL ON SCHEMA public FROM public", database=name)
        server.run(f"CREATE ROLE outside_{name} LOGIN PASSWORD 'x'")
        try:
            notes_at_head.environment["DATABASE_URL"] = server.url(name, user=f"outside_{name}", password="x")
            (core,) = as_json(notes_at_head, "status", "-n", "core", code=1)["databases"]
            assert core["state"] == "unreachable"
            assert "no right to look into any schema" in core["detail"]
        finally:
            server.run(f"DROP ROLE outside_{name}")

    @pytest.mark.parametrize("seconds", ["inf", "nan", "1e12", "0", "-1"])
    def test_a_timeout_that_is_no_number_of_seconds(self, notes: Project, seconds: str) -> None:
        """It is an error of usage."""
        done = notes.run("status", f"--timeout={seconds}", module=MULTIDB)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


class TestTables:
    """multidb tables."""

    def test_home_rule_and_place_of_every_table(self, notes_at_head: Project) -> None:
        """Soft references with their target; nothing is missing and nothing lies elsewhere."""
        data = as_json(notes_at_head, "tables", code=0)
        tables = {table["name"]: table for table in data["tables"]}
        assert list(tables) == ["notebooks", "notes", "tags", "users", "ai_documents", "ai_memories"]
        assert tables["users"] == {
            "name": "users",
            "home": "core",
            "rules": ["default=True"],
            "modelled": True,
            "found_in": ["core"],
            "missing_in": None,
            "legacy_copies": [],
            "soft_references": [],
        }
        assert tables["ai_memories"]["rules"] == ['tables= of "ai" ("ai_memories")']
        assert tables["ai_memories"]["soft_references"] == [
            {"column": "ai_memories.user_id", "target": "users.id", "target_home": "core", "ondelete": "CASCADE"}
        ]

    def test_what_no_model_declares_and_what_lies_elsewhere(self, notes_at_head: Project) -> None:
        """An unmodelled table, a legacy copy, a missing one; partitions and version tables are left out."""
        core, ai = notes_at_head.environment["DATABASE_URL"], notes_at_head.environment["AI_DATABASE_URL"]
        psql(core, "CREATE TABLE ai_memories (id uuid); CREATE TABLE audit (id int, at date) PARTITION BY RANGE (at)")
        psql(core, "CREATE TABLE audit_2026 PARTITION OF audit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
        psql(ai, "DROP TABLE ai_documents")
        tables = {table["name"]: table for table in as_json(notes_at_head, "tables", code=0)["tables"]}
        assert tables["audit"]["modelled"] is False
        assert tables["audit"]["home"] == "core"
        assert tables["ai_memories"]["found_in"] == ["core", "ai"]
        assert tables["ai_memories"]["legacy_copies"] == ["core"]
        assert tables["ai_documents"]["missing_in"] == "ai"
        assert not {"audit_2026", "alembic_version"} & tables.keys()
        text = notes_at_head.run("tables", module=MULTIDB).stdout
        assert "legacy copy in core" in text
        assert "missing in ai" in text
        assert "no model" in text

    def test_one_that_cannot_be_reached_is_exit_code_2(self, notes_at_head: Project) -> None:
        """The models and the other databases are still shown."""
        notes_at_head.environment["AI_DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        data = as_json(notes_at_head, "tables", code=2)
        tables = {table["name"]: table for table in data["tables"]}
        assert tables["users"]["found_in"] == ["core"]
        assert tables["ai_memories"]["found_in"] == []
        assert tables["ai_memories"]["missing_in"] is None
        assert [item["state"] for item in data["databases"]] == ["at head", "unreachable"]

    def test_a_table_in_another_schema_and_a_search_path(self, notes_at_head: Project) -> None:
        """A table counts as the model's if it lies in the connection's default schema."""
        core = notes_at_head.environment["DATABASE_URL"]
        psql(core, "CREATE SCHEMA app; ALTER TABLE users SET SCHEMA app; CREATE TABLE app.extra (id int)")
        tables = {table["name"]: table for table in as_json(notes_at_head, "tables", code=0)["tables"]}
        assert tables["users"]["missing_in"] == "core"
        assert tables["app.users"]["modelled"] is False
        notes_at_head.environment["DATABASE_URL"] += "?options=-csearch_path%3Dapp"
        tables = {table["name"]: table for table in as_json(notes_at_head, "tables", code=0)["tables"]}
        assert tables["users"]["found_in"] == ["core"]
