"""multidb stamp-from and which-revision: a stamp that proves itself, on the example that was split."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_status import MULTIDB, as_json
from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.servers import Server, embedded_18, name_for

# How pg_dump leaves out what is not core's.
CORE = ("-T", "ai_*", "-T", "alembic_version", "--exclude-extension=vector")


def dump(url: str, *arguments: str) -> str:
    """Return what pg_dump writes of a schema, as a user would call it."""
    done = subprocess.run(
        [str(embedded_18() / "pg_dump"), "--schema-only", *arguments, "--dbname", url],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def load(url: str, script: str) -> None:
    """Feed a script to psql, which goes on after an error, as it does unless told otherwise."""
    subprocess.run(
        [str(embedded_18() / "psql"), "-X", "-q", url],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.fixture(scope="session")
def templates(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The mixed database at its head, and core's and ai's parts of it, imported by pg_dump."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("mixed"))
    # Another module's tests use this fixture, too, and then it is made once more.
    names = {part: f"imported_{part}_{secrets.token_hex(4)}" for part in ("mixed", "core", "ai")}
    urls = {part: server.create_database(name) for part, name in names.items()}
    project.environment["OLD_DATABASE_URL"] = urls["mixed"]
    project.ok("-c", "mixed/alembic.ini", "upgrade", "head")
    load(urls["core"], dump(urls["mixed"], *CORE))
    psql(urls["ai"], "CREATE EXTENSION vector")
    load(urls["ai"], dump(urls["mixed"], "-t", "ai_*"))
    return names


@pytest.fixture
def imported(tmp_path: Path, new_database: NewDatabase, templates: dict[str, str], server: Server) -> Project:
    """The portfolio example, with the old database and two imported ones, not stamped."""
    project = copy_example("portfolio", tmp_path)
    project.scratch = server.url()
    project.environment = {
        "OLD_DATABASE_URL": new_database(templates["mixed"]),
        "DATABASE_URL": new_database(templates["core"]),
        "AI_DATABASE_URL": new_database(templates["ai"]),
    }
    return project


def stamps(project: Project, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """Run stamp-from with --json, and return what it says of each database."""
    data = as_json(project, "stamp-from", "--source", "env:OLD_DATABASE_URL", *arguments, code=code)
    return {item["name"]: item for item in data["databases"]}


def version(project: Project, variable: str) -> list[tuple[object, ...]]:
    url = project.environment[variable]
    if psql(url, "SELECT to_regclass('alembic_version') IS NULL") == [(True,)]:
        return []
    return psql(url, "SELECT version_num FROM alembic_version ORDER BY 1")


class TestTheWholeMove:
    """What a hand-written plan typed into psql."""

    def test_one_command_stamps_both_and_upgrade_runs_only_what_is_newer(self, imported: Project) -> None:
        """core by the source's revision, ai by the revision that has its schema."""
        found = stamps(imported)
        assert (found["core"]["result"], found["core"]["revisions"]) == ("stamped", ["m012"])
        assert found["core"]["source_revisions"] == ["m012"]
        assert found["core"]["drift"] == []
        assert (found["ai"]["result"], found["ai"]["revisions"]) == ("stamped", ["a001"])
        assert (version(imported, "DATABASE_URL"), version(imported, "AI_DATABASE_URL")) == ([("m012",)], [("a001",)])
        text = imported.ok("-n", "core", "upgrade", "head")
        assert text.count("Running upgrade") == 2
        assert "m012 -> c013" in text
        assert imported.ok("-n", "ai", "upgrade", "head").count("Running upgrade") == 1
        assert imported.run("check", module=MULTIDB).returncode == 0

    def test_again_there_is_nothing_to_do(self, imported: Project) -> None:
        """The proof is made again, nothing is written."""
        stamps(imported)
        assert {name: item["result"] for name, item in stamps(imported).items()} == {
            "core": "nothing to do",
            "ai": "nothing to do",
        }

    def test_a_dry_run_changes_nothing(self, imported: Project) -> None:
        """It says what would be stamped."""
        assert {item["result"] for item in stamps(imported, "--dry-run").values()} == {"would stamp"}
        assert version(imported, "DATABASE_URL") == []

    def test_the_source_is_only_read_and_nothing_stays_on_the_scratch_server(self, imported: Project) -> None:
        """Not even a table for a moment."""
        old = imported.environment["OLD_DATABASE_URL"]
        activity = "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables"
        scratch = "SELECT datname FROM pg_database WHERE datname LIKE 'multidb_scratch_%' ORDER BY 1"
        before = psql(old, activity), psql(old, scratch)
        stamps(imported)
        assert (psql(old, activity), psql(old, scratch)) == before

    def test_words_for_people(self, imported: Project) -> None:
        """A line a database: what was stamped, and on which proof."""
        done = imported.run("stamp-from", "--source", "env:OLD_DATABASE_URL", module=MULTIDB)
        core, ai = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
        assert "left out, since it crosses homes: foreign key fk_ai_memories_user_id_users" in done.stdout
        assert core == "core: stamped m012: equal to the source, which says m012 and is exactly that"
        assert ai == "ai: stamped a001: equal to the source; of 2 revisions, a001 has this schema"

    def test_the_embedded_server_needs_no_other(self, imported: Project) -> None:
        """Without --scratch-url; it is gone afterwards."""
        imported.scratch = ""
        done = imported.run("stamp-from", "--source", "env:OLD_DATABASE_URL", module=MULTIDB)
        assert done.returncode == 0, done.stderr
        assert "starting an embedded PostgreSQL server" in done.stderr

    @pytest.mark.parametrize("prefix", ["postgresql+asyncpg", "postgres", "postgresql+psycopg"])
    def test_urls_of_the_application(self, imported: Project, prefix: str) -> None:
        """Whatever driver they name."""
        url = imported.environment["OLD_DATABASE_URL"].replace("postgresql", prefix, 1)
        imported.environment["OLD_DATABASE_URL"] = url
        assert stamps(imported, "-n", "core")["core"]["result"] == "stamped"

    def test_a_core_on_a_server_without_pgvector(self, imported: Project, server_15: Server) -> None:
        """PostgreSQL 15 on the one side, 18 on the other."""
        name = f"core15_{os.getpid()}"
        url = server_15.create_database(name)
        try:
            psql(url, "SELECT 1")
            script = dump(
                imported.environment["OLD_DATABASE_URL"],
                "-T",
                "ai_*",
                "-T",
                "alembic_version",
                "--exclude-extension=vector",
            )
            load(url, script)
            imported.environment["DATABASE_URL"] = url
            assert stamps(imported, "-n", "core")["core"]["result"] == "stamped"
        finally:
            server_15.drop_database(name)


class TestRefusals:
    """What is not proven is not stamped."""

    @pytest.mark.parametrize(
        ("statement", "named"),
        [
            ("ALTER TABLE users ALTER email TYPE text", "type character varying(320) -> text"),
            ("ALTER TABLE portfolios DROP COLUMN name CASCADE", "column public.portfolios.name is missing"),
            ("CREATE TABLE stray (id int)", "table public.stray is extra"),
            ("DROP TABLE cash_flows", "table public.cash_flows is missing"),
            ("CREATE EXTENSION vector", "extension vector is extra"),
            ("ALTER TYPE message_role ADD VALUE 'robot'", "type public.message_role differs: labels"),
            ("DROP INDEX ix_users_email_lower", "index public.ix_users_email_lower is missing"),
            ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", "row security (none) -> true"),
        ],
    )
    def test_a_target_that_is_not_the_source(self, imported: Project, statement: str, named: str) -> None:
        """The difference is named, nothing is stamped, exit code 1; the other database is."""
        psql(imported.environment["DATABASE_URL"], statement)
        found = stamps(imported, code=1)
        assert found["core"]["result"] == "refused"
        assert any(named in item["message"] for item in found["core"]["differences"]), found["core"]["differences"]
        assert version(imported, "DATABASE_URL") == []
        assert found["ai"]["result"] == "stamped"

    def test_what_is_only_told(self, imported: Project) -> None:
        """Comments, owners, rights, settings, the order of columns."""
        core = imported.environment["DATABASE_URL"]
        psql(core, "COMMENT ON TABLE users IS 'x'; GRANT SELECT ON users TO public")
        psql(core, "ALTER TABLE users ADD x int; ALTER TABLE users DROP x")
        found = stamps(imported, "-n", "core")["core"]
        assert found["result"] == "stamped"
        assert {item["kind"] for item in found["differences"]} >= {"comment", "grants"}
        assert all(item["reported_only"] for item in found["differences"])

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE portfolios DISABLE TRIGGER ALL",
            "ALTER TABLE users ADD CHECK (email <> '\"json\"')",
        ],
    )
    def test_what_is_easily_overlooked(self, imported: Project, statement: str) -> None:
        """A foreign key that is switched off; quotes inside a literal."""
        psql(imported.environment["OLD_DATABASE_URL"], "ALTER TABLE users ADD CHECK (email <> 'json')")
        psql(imported.environment["DATABASE_URL"], statement)
        if "CHECK" not in statement:
            psql(imported.environment["DATABASE_URL"], "ALTER TABLE users ADD CHECK (email <> 'json')")
        assert stamps(imported, "-n", "core", code=1)["core"]["result"] == "refused"

    def test_what_pg_dump_cannot_leave_out(self, imported: Project) -> None:
        """A type and a sequence of the other home are told, and no reason to refuse."""
        for variable in ("OLD_DATABASE_URL", "DATABASE_URL"):
            psql(imported.environment[variable], "CREATE TYPE ai_mood AS ENUM ('good')")
        for variable in ("OLD_DATABASE_URL", "AI_DATABASE_URL"):
            if variable != "OLD_DATABASE_URL":
                psql(imported.environment[variable], "CREATE TYPE ai_mood AS ENUM ('good')")
            psql(imported.environment[variable], "ALTER TABLE ai_feedback ADD mood ai_mood")
        found = stamps(imported, "-n", "core")["core"]
        assert found["result"] == "stamped"
        assert found["drift"] == []
        assert "type public.ai_mood is extra" in [item["message"] for item in found["differences"]]
        psql(imported.environment["DATABASE_URL"], "ALTER TYPE ai_mood ADD VALUE 'bad'")
        found = stamps(imported, "-n", "core", code=1)["core"]
        assert [item["message"] for item in found["differences"]] == ["type public.ai_mood is extra"]

    def test_what_came_along_hides_no_revision(self, imported: Project) -> None:
        """A function of core's that the dump of ai brought is no part of any revision that is searched."""
        function = "CREATE FUNCTION label(u users) RETURNS text LANGUAGE sql RETURN u.email"
        psql(imported.environment["OLD_DATABASE_URL"], f"CREATE SEQUENCE of_users OWNED BY users.id; {function}")
        psql(imported.environment["AI_DATABASE_URL"], "CREATE SEQUENCE of_users")
        found = stamps(imported, "-n", "ai", "--strict")["ai"]
        assert (found["result"], found["revisions"]) == ("stamped", ["a001"])
        assert [item["message"] for item in found["differences"]] == ["sequence public.of_users is extra"]

    def test_a_version_table_that_another_role_owns_is_stamped_and_not_marked(
        self, imported: Project, server: Server
    ) -> None:
        """It is said what its owner has to run."""
        core = imported.environment["DATABASE_URL"]
        role = f"stamper_{os.getpid()}"
        psql(core, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        psql(core, f"CREATE ROLE {role} LOGIN PASSWORD 'pw'; GRANT ALL ON alembic_version TO {role}")
        try:
            name = core.rpartition("/")[2]
            imported.environment["DATABASE_URL"] = server.url(name, user=role, password="pw")
            done = imported.run("stamp-from", "--source", "env:OLD_DATABASE_URL", "-n", "core", module=MULTIDB)
            assert done.returncode == 0, done.stderr
            assert "core: stamped m012" in done.stdout
            assert "as the owner, run: COMMENT ON TABLE alembic_version IS" in done.stderr
        finally:
            psql(core, f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_a_marker_of_another_database_is_not_rewritten(self, imported: Project) -> None:
        """Not even where the recorded revision is the same."""
        stamps(imported, "-n", "core")
        core = imported.environment["DATABASE_URL"]
        psql(core, "COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=billing'")
        found = stamps(imported, "-n", "core", code=2)["core"]
        assert 'is marked as "billing", not "core"' in found["message"]
        assert psql(core, "SELECT obj_description('alembic_version'::regclass)") == [
            ("alembic_multidb: database=billing",)
        ]

    def test_a_revision_that_cannot_be_built_may_have_the_schema_too(self, imported: Project) -> None:
        """It is refused, until it is said which one is meant."""
        imported.write(
            "migrations/ai/a001b.py",
            'revision = "a001b"\ndown_revision = "a001"\n\n\ndef upgrade() -> None:\n    raise SystemExit(1)\n\n\n'
            "def downgrade() -> None:\n    pass\n",
        )
        imported.edit("migrations/ai/a002_global_scope.py", 'down_revision = "a001"', 'down_revision = "a001b"')
        found = stamps(imported, "-n", "ai", code=1)["ai"]
        assert "but not every revision could be built" in found["message"]
        assert stamps(imported, "-n", "ai", "--revision", "a001")["ai"]["result"] == "stamped"

    def test_the_source_is_not_held(self, imported: Project) -> None:
        """Its transaction ends before a history is built: a site that ends idle ones is no hindrance."""
        for variable in ("OLD_DATABASE_URL", "DATABASE_URL", "AI_DATABASE_URL"):
            name = imported.environment[variable].rpartition("/")[2]
            psql(
                imported.environment[variable],
                f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '100ms'",
            )
        assert {item["result"] for item in stamps(imported).values()} == {"stamped"}

    def test_drift_of_the_source_is_named_and_strict_refuses_it(self, imported: Project) -> None:
        """Production differs from its history more often than not."""
        for variable in ("OLD_DATABASE_URL", "DATABASE_URL"):
            psql(imported.environment[variable], "CREATE INDEX by_hand ON users (created_at)")
        refused = stamps(imported, "-n", "core", "--strict", code=1)["core"]
        assert refused["result"] == "refused"
        assert version(imported, "DATABASE_URL") == []
        found = stamps(imported, "-n", "core")["core"]
        assert found["result"] == "stamped"
        assert [item["message"] for item in found["drift"]] == ["index public.by_hand is extra"]

    def test_a_history_that_does_not_run_on_a_scratch_database(self, imported: Project) -> None:
        """The stamp then rests on the source alone, which is said; --strict refuses."""
        imported.edit(
            "migrations/core/m001_portfolios.py", "def upgrade() -> None:\n", "def upgrade() -> None:\n    1 / 0\n"
        )
        assert stamps(imported, "-n", "core", "--strict", code=1)["core"]["result"] == "refused"
        found = stamps(imported, "-n", "core")["core"]
        assert (found["result"], found["drift"]) == ("stamped", None)
        assert "cannot be run on an empty scratch database" in found["message"]

    def test_none_has_the_schema(self, imported: Project) -> None:
        """The nearest revision and its differences are named."""
        for variable in ("OLD_DATABASE_URL", "AI_DATABASE_URL"):
            psql(imported.environment[variable], "ALTER TABLE ai_feedback ADD reason text")
        found = stamps(imported, "-n", "ai", code=1)["ai"]
        assert found["result"] == "refused"
        assert 'no revision of "ai" has this schema; the nearest is a001' in found["message"]
        assert [item["message"] for item in found["differences"]] == ["column public.ai_feedback.reason is extra"]

    def test_two_revisions_with_one_schema(self, imported: Project) -> None:
        """Both are named; --latest takes the last, --revision any of them."""
        imported.write(
            "migrations/ai/a001b.py",
            'revision = "a001b"\ndown_revision = "a001"\n\n\ndef upgrade() -> None:\n    pass\n\n\n'
            "def downgrade() -> None:\n    pass\n",
        )
        imported.edit("migrations/ai/a002_global_scope.py", 'down_revision = "a001"', 'down_revision = "a001b"')
        found = stamps(imported, "-n", "ai", code=1)["ai"]
        assert "a001 and a001b have this very schema" in found["message"]
        assert version(imported, "AI_DATABASE_URL") == []
        assert stamps(imported, "-n", "ai", "--latest", "--dry-run")["ai"]["revisions"] == ["a001b"]
        assert stamps(imported, "-n", "ai", "--revision", "a001")["ai"]["revisions"] == ["a001"]

    def test_a_named_revision_is_proven_too(self, imported: Project) -> None:
        """Another one's schema is refused."""
        found = stamps(imported, "-n", "ai", "--revision", "a002", code=1)["ai"]
        assert "the schema is not that of a002" in found["message"]
        assert stamps(imported, "-n", "ai", "--revision", "nosuch", code=2)["ai"]["result"] == "failed"

    def test_force_stamps_without_proof_and_the_marker_says_so(self, imported: Project) -> None:
        """For whoever knows better."""
        core = imported.environment["DATABASE_URL"]
        psql(core, "DROP TABLE cash_flows")
        found = stamps(imported, "-n", "core", "--force")["core"]
        assert (found["result"], found["revisions"]) == ("stamped", ["m012"])
        comment = psql(core, "SELECT obj_description('alembic_version'::regclass)")
        assert comment == [("alembic_multidb: database=core stamped=unproven",)]
        psql(imported.environment["OLD_DATABASE_URL"], "DROP TABLE cash_flows")
        assert stamps(imported, "-n", "core")["core"]["result"] == "nothing to do"
        comment = psql(core, "SELECT obj_description('alembic_version'::regclass)")
        assert comment == [("alembic_multidb: database=core",)]

    @pytest.mark.parametrize("other", ["--strict", "--write-revision"])
    def test_force_with_what_asks_for_proof_is_refused(self, imported: Project, other: str) -> None:
        """Which of the two was meant cannot be known."""
        arguments = ("stamp-from", "--source", "env:OLD_DATABASE_URL", "--force", other)
        assert f"--force asks for no proof, {other} for one" in imported.refused(*arguments, module=MULTIDB)

    def test_force_on_what_is_stamped_so_already(self, imported: Project) -> None:
        """There is nothing to do, and the proof that was made stays."""
        stamps(imported, "-n", "core")
        assert stamps(imported, "-n", "core", "--force")["core"]["result"] == "nothing to do"
        comment = psql(imported.environment["DATABASE_URL"], "SELECT obj_description('alembic_version'::regclass)")
        assert comment == [("alembic_multidb: database=core",)]

    def test_a_copied_version_table(self, imported: Project) -> None:
        """Another revision is refused, --purge replaces it, and the marker is this database's."""
        ai = imported.environment["AI_DATABASE_URL"]
        psql(ai, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        psql(ai, "INSERT INTO alembic_version VALUES ('m012'); COMMENT ON TABLE alembic_version IS 'old words'")
        found = stamps(imported, "-n", "ai", code=1)["ai"]
        assert '"ai" is stamped already, as m012' in found["message"]
        assert version(imported, "AI_DATABASE_URL") == [("m012",)]
        assert stamps(imported, "-n", "ai", "--purge")["ai"]["result"] == "stamped"
        assert version(imported, "AI_DATABASE_URL") == [("a001",)]
        comment = psql(ai, "SELECT obj_description('alembic_version'::regclass)")
        assert comment == [("old words\nalembic_multidb: database=ai",)]

    def test_a_target_that_is_the_source(self, imported: Project) -> None:
        """It is never written to."""
        imported.environment["DATABASE_URL"] = imported.environment["OLD_DATABASE_URL"].replace(
            "127.0.0.1", "localhost"
        )
        found = stamps(imported, "-n", "core", code=2)["core"]
        assert "leads to the source itself" in found["message"]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("postgresql://127.0.0.1:1/x", 'cannot connect to database "source" at 127.0.0.1:1/x'),
            ("mysql://localhost/x", "it is not for PostgreSQL"),
            ("env:NO_SUCH_VARIABLE", "environment variable NO_SUCH_VARIABLE is not set"),
            ("nonsense", "it is not a URL"),
        ],
    )
    def test_a_source_that_cannot_be_had(self, imported: Project, source: str, message: str) -> None:
        """One message, exit code 2."""
        assert message in imported.refused("stamp-from", "--source", source, module=MULTIDB)


class TestSourcesRevision:
    """Where the source says what it is at."""

    def test_a_source_without_a_version_table_or_a_revision(self, imported: Project) -> None:
        """It is an error; --revision says what it is at, and is proven."""
        old = imported.environment["OLD_DATABASE_URL"]
        psql(old, "DELETE FROM alembic_version")
        assert "is at no revision" in stamps(imported, "-n", "core", code=2)["core"]["message"]
        psql(old, "DROP TABLE alembic_version")
        assert "has no version table" in stamps(imported, "-n", "core", code=2)["core"]["message"]
        assert stamps(imported, "-n", "core", "--revision", "m012")["core"]["revisions"] == ["m012"]

    def test_a_version_table_of_another_name_and_schema(self, imported: Project) -> None:
        """Found if it is the only one; else named with --version-table."""
        old = imported.environment["OLD_DATABASE_URL"]
        psql(
            old,
            "CREATE SCHEMA meta; ALTER TABLE alembic_version RENAME TO versions; ALTER TABLE versions SET SCHEMA meta",
        )
        assert stamps(imported, "-n", "core", "--dry-run")["core"]["revisions"] == ["m012"]
        psql(old, "CREATE TABLE other_version (version_num varchar(32) CONSTRAINT other_version_pkc PRIMARY KEY)")
        found = stamps(imported, "-n", "core", code=2)["core"]
        assert "it has meta.versions, other_version" in found["message"]
        assert stamps(imported, "-n", "core", "--version-table", "meta.versions")["core"]["result"] == "stamped"

    def test_a_table_that_only_looks_like_a_version_table(self, imported: Project) -> None:
        """It is a table like others, and is missed."""
        psql(imported.environment["OLD_DATABASE_URL"], "CREATE TABLE api (version_num text PRIMARY KEY)")
        found = stamps(imported, "-n", "core", code=1)["core"]
        assert [item["message"] for item in found["differences"]] == ["table public.api is missing"]

    def test_a_source_that_has_a_revision_beside_its_ancestor(self, imported: Project) -> None:
        """What is written is what Alembic takes."""
        psql(imported.environment["OLD_DATABASE_URL"], "INSERT INTO alembic_version VALUES ('m011')")
        assert stamps(imported, "-n", "core")["core"]["revisions"] == ["m012"]
        assert imported.ok("-n", "core", "upgrade", "head").count("Running upgrade") == 2

    def test_a_login_that_may_not_read_the_version_table(self, imported: Project, server: Server) -> None:
        """One message, and with --revision no need to; other tools' tables are no matter."""
        old = imported.environment["OLD_DATABASE_URL"]
        role = name_for("reader")
        psql(old, "CREATE TABLE tool_version (version_num varchar(32) CONSTRAINT tool_version_pkc PRIMARY KEY)")
        psql(imported.environment["DATABASE_URL"], "CREATE TABLE tool_version (version_num varchar(32))")
        psql(old, f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
        imported.environment["OLD_DATABASE_URL"] = server.url(old.rpartition("/")[2], user=role, password="pw")
        try:
            found = stamps(imported, "-n", "core", code=2)["core"]
            assert 'may not read its version table "alembic_version": GRANT SELECT' in found["message"]
            assert stamps(imported, "-n", "core", "--revision", "m012", "--dry-run")["core"]["result"] == "would stamp"
            psql(old, f"GRANT SELECT ON alembic_version TO {role}")
            assert stamps(imported, "-n", "core")["core"]["result"] == "stamped"
        finally:
            psql(old, f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_a_database_whose_transactions_are_short(self, imported: Project) -> None:
        """Settings of the target that would end the proof do not hold for it."""
        name = imported.environment["DATABASE_URL"].rpartition("/")[2]
        for setting in ("transaction_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            psql(imported.environment["DATABASE_URL"], f"ALTER DATABASE {name} SET {setting} = '300ms'")
        assert stamps(imported, "-n", "core")["core"]["result"] == "stamped"

    def test_several_heads_of_which_one_is_known(self, imported: Project) -> None:
        """That one is stamped, after the same comparison."""
        old = imported.environment["OLD_DATABASE_URL"]
        psql(old, "INSERT INTO alembic_version VALUES ('elsewhere')")
        found = stamps(imported, "-n", "core")["core"]
        assert found["revisions"] == ["m012"]
        assert "elsewhere of the source belongs to another history" in found["message"]

    def test_two_heads(self, notes_at_head: Project, new_database: NewDatabase) -> None:
        """Both are stamped, in one transaction."""
        project = notes_at_head
        project.write(
            "migrations/core/side.py",
            'from alembic import op\n\nrevision = "side"\ndown_revision = "c001"\n\n\n'
            'def upgrade() -> None:\n    op.execute("CREATE VIEW mails AS SELECT email FROM users")\n\n\n'
            'def downgrade() -> None:\n    op.execute("DROP VIEW mails")\n',
        )
        project.ok("-n", "core", "upgrade", "heads")
        project.environment["OLD_DATABASE_URL"] = project.environment["DATABASE_URL"]
        project.environment["DATABASE_URL"] = new_database()
        load(
            project.environment["DATABASE_URL"], dump(project.environment["OLD_DATABASE_URL"], "-T", "alembic_version")
        )
        found = stamps(project, "-n", "core")["core"]
        assert (found["result"], found["revisions"]) == ("stamped", ["c003", "side"])
        assert version(project, "DATABASE_URL") == [("c003",), ("side",)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Project:
    """The portfolio example, for databases built to each of its revisions."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("built"))
    project.scratch = server.url()
    return project


class TestWhichRevision:
    """multidb which-revision: the search alone."""

    def which(self, project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
        (found,) = as_json(project, "which-revision", *arguments, code=code)["databases"]
        return dict(found)

    # Both branches, their merge, rows only, and the last.
    SAMPLE = ("m005", "b002", "m008", "m010", "c014")
    OTHERS = ("m001", "m002", "m003", "m004", "m006", "m007", "m009", "m011", "m012", "b001", "c013")
    REVISIONS = (*SAMPLE, *(pytest.param(revision, marks=pytest.mark.soak) for revision in OTHERS))

    @pytest.mark.parametrize("revision", REVISIONS)
    def test_each_revision_of_the_larger_example(
        self, built: Project, new_database: NewDatabase, revision: str
    ) -> None:
        """Branches and merges too; revisions of rows only share a schema, and --latest takes the later."""
        project = Project(built.folder, {"DATABASE_URL": new_database()}, built.scratch)
        project.ok("-n", "core", "upgrade", revision)
        done = project.run("which-revision", "-n", "core", "--json", module=MULTIDB)
        (found,) = json.loads(done.stdout)["databases"]
        assert [revision] in found["equal"], found
        assert (done.returncode == 0) == (len(found["equal"]) == 1)
        assert found["heads"]

    def test_a_database_at_two_branches_at_once(self, built: Project, new_database: NewDatabase) -> None:
        """Before they are merged."""
        project = Project(built.folder, {"DATABASE_URL": new_database()}, built.scratch)
        project.ok("-n", "core", "upgrade", "m005")
        project.ok("-n", "core", "upgrade", "m006")
        assert ["m005", "m006"] in self.which(project, "-n", "core")["equal"]

    def test_a_database_at_three_branches_at_once(self, notes_at_head: Project) -> None:
        """Of more branches than one could try in all combinations; they can be named, too."""
        project, core = notes_at_head, notes_at_head.environment["DATABASE_URL"]
        revision = (
            'from alembic import op\n\nrevision = "{0}"\ndown_revision = "{1}"\n\n\ndef upgrade() -> None:\n'
            '    op.execute("CREATE TABLE t_{0} (id int)")\n\n\ndef downgrade() -> None:\n    pass\n'
        )
        for branch in "hij":
            for number, parent in ((1, "c003"), (2, f"{branch}1"), (3, f"{branch}2"), (4, f"{branch}3")):
                name = f"{branch}{number}"
                project.write(f"migrations/core/{name}.py", revision.format(name, parent))
        for name in ("h3", "i1", "j2"):
            project.ok("-n", "core", "upgrade", name)
        assert self.which(project, "-n", "core")["revisions"] == ["h3", "i1", "j2"]
        psql(core, "ALTER TABLE t_h3 ADD note text")
        assert self.which(project, "-n", "core", code=1)["nearest"] == ["h3", "i1", "j2"]
        psql(core, "ALTER TABLE t_h3 DROP note; DELETE FROM alembic_version")
        project.environment["OLD_DATABASE_URL"] = project.environment["DATABASE_URL"]
        name = core.rpartition("/")[2]
        project.environment["DATABASE_URL"] = f"{core.rpartition('/')[0]}/{name}_copy"
        psql(core.rpartition("/")[0] + "/postgres", f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        try:
            found = stamps(project, "-n", "core", "--revision", "h3, i1,j2")["core"]
            assert (found["result"], found["revisions"]) == ("stamped", ["h3", "i1", "j2"])
        finally:
            psql(core.rpartition("/")[0] + "/postgres", f"DROP DATABASE {name}_copy WITH (FORCE)")

    def test_several_changes_by_hand(self, notes_at_head: Project) -> None:
        """They make a revision without the whole table no nearer."""
        ai = notes_at_head.environment["AI_DATABASE_URL"]
        psql(ai, "ALTER TABLE ai_documents ALTER scope TYPE varchar(120); ALTER TABLE ai_documents ADD note text")
        found = self.which(notes_at_head, "-n", "ai", code=1)
        assert found["nearest"] == ["a002"]
        assert [item["object"] for item in found["differences"] if not item["reported_only"]] == [
            "public.ai_documents.note",
            "public.ai_documents.scope",
        ]

    def test_an_extension_in_a_schema_of_its_own(self, notes: Project, new_database: NewDatabase) -> None:
        """As hosted services have them: no difference to the history, and no drift."""
        url = new_database()
        notes.environment, notes.scratch = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": url}, url
        psql(url, "CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
        psql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET search_path = public, extensions")
        notes.ok("upgrade", module=MULTIDB)
        assert self.which(notes, "-n", "ai")["revisions"] == ["a002"]
        assert as_json(notes, "check", code=0)["findings"] == []

    def test_an_empty_database(self, notes: Project, new_database: NewDatabase) -> None:
        """It is at base, whether or not its extensions are there."""
        notes.environment = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}
        notes.scratch = notes.environment["DATABASE_URL"]
        psql(notes.environment["AI_DATABASE_URL"], "CREATE EXTENSION vector")
        assert "ai: base: nothing of the history is there" in notes.ok("which-revision", module=MULTIDB)

    def test_a_change_by_hand(self, notes_at_head: Project) -> None:
        """The nearest revision, and the change."""
        psql(notes_at_head.environment["DATABASE_URL"], "ALTER TABLE tags ALTER label TYPE varchar(60)")
        found = self.which(notes_at_head, "-n", "core", code=1)
        assert (found["equal"], found["nearest"]) == ([], ["c003"])
        (difference,) = [item for item in found["differences"] if not item["reported_only"]]
        assert difference["attributes"] == {"type": ["character varying(50)", "character varying(60)"]}

    def test_two_revisions_with_one_schema(self, notes_at_head: Project) -> None:
        """It says so, and takes the later only with --latest."""
        notes_at_head.write(
            "migrations/core/c004.py",
            'revision = "c004"\ndown_revision = "c003"\n\n\ndef upgrade() -> None:\n    pass\n\n\n'
            "def downgrade() -> None:\n    pass\n",
        )
        found = self.which(notes_at_head, "-n", "core", code=1)
        assert found["equal"] == [["c003"], ["c004"]]
        assert found["revisions"] == []
        assert self.which(notes_at_head, "-n", "core", "--latest")["revisions"] == ["c004"]

    def test_a_stamp_that_lies_is_found_out(self, notes_at_head: Project) -> None:
        """The schema is asked, not the version table."""
        psql(notes_at_head.environment["DATABASE_URL"], "UPDATE alembic_version SET version_num = 'c001'")
        assert self.which(notes_at_head, "-n", "core")["revisions"] == ["c003"]

    def test_an_env_of_ones_own_is_not_run(self, notes_at_head: Project) -> None:
        """It would connect to the real database."""
        notes_at_head.write(
            "migrations/env.py",
            "raise SystemExit('this env.py must not be run')\n",
        )
        assert self.which(notes_at_head, "-n", "core")["revisions"] == ["c003"]


class TestSnapshotAndDiff:
    """Schemas as data."""

    def test_a_file_and_its_database_do_not_differ(self, notes_at_head: Project) -> None:
        """Names, URLs and files are the same to diff."""
        notes_at_head.ok("snapshot", "core", "--output", "core.json", module=MULTIDB)
        url = notes_at_head.environment["DATABASE_URL"]
        for first, second in (("core", "core.json"), ("core.json", url), ("env:DATABASE_URL", "core")):
            assert as_json(notes_at_head, "diff", first, second, code=0)["findings"] == []

    def test_a_difference_is_exit_code_1(self, notes_at_head: Project) -> None:
        """With what was there before and after."""
        notes_at_head.ok("snapshot", "core", "-o", "core.json", module=MULTIDB)
        psql(notes_at_head.environment["DATABASE_URL"], "ALTER TABLE notes ALTER body DROP NOT NULL")
        (found,) = as_json(notes_at_head, "diff", "core.json", "core", code=1)["findings"]
        assert found["message"] == "column public.notes.body differs: not null true -> false"

    def test_the_part_of_one_home(self, imported: Project) -> None:
        """The mixed database holds both."""
        data = as_json(imported, "diff", "env:OLD_DATABASE_URL", "core", "--home", "core", code=0)
        assert [item for item in data["findings"] if not item["reported_only"]] == []
        assert as_json(imported, "diff", "env:OLD_DATABASE_URL", "core", code=1)["findings"]

    def test_readable_words(self, notes_at_head: Project) -> None:
        """A line an object."""
        text = notes_at_head.ok("snapshot", "core", module=MULTIDB)
        assert 'column public.users.email: type "character varying(320)"; not null true' in text
        assert "fingerprint" in text

    @pytest.mark.parametrize("what", ["nosuch", "alembic.ini", "env:NOSUCH"])
    def test_what_is_no_schema(self, notes_at_head: Project, what: str) -> None:
        """One message."""
        refused = notes_at_head.refused("snapshot", what, module=MULTIDB)
        assert any(words in refused for words in ("is neither", "is no snapshot", "is not set"))
