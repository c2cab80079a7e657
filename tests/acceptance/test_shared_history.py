"""The example's mixed history, run as it is on two databases: each has exactly its part of the mixed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.classify import classify
from alembic_multidb.registry import Database, Databases
from alembic_multidb.stamp.schema import read_schema
from tests.acceptance.test_portfolio import AI_TABLES, CORE_TABLES, ENUMS, MIXED, MIXED_HEAD, TABLES
from tests.conftest import Project, copy_example, psql
from tests.servers import Server, embedded_18

CROSSING = "fk_ai_memories_user_id_users"
VARIABLES = {"core": "DATABASE_URL", "ai": "AI_DATABASE_URL"}
HOMES = Databases(Database("core", default=True), Database("ai", tables=["ai_*"], extensions={"vector": "*"}))


def share_history(project: Project) -> None:
    """Let both databases of the example run the history that the mixed database had."""
    for name, variable in VARIABLES.items():
        url = f'url="env:{variable}"'
        project.edit("portfolio/databases.py", url, f"{url}, shared_history=True")
        project.edit("alembic.ini", f"migrations/{name}", "mixed/versions")


@pytest.fixture(scope="module")
def shared_templates(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three databases that have run the mixed history: as it was, and each taking its own."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("shared"))
    share_history(project)
    names = {name: f"shared_{name}_{os.getpid()}" for name in ("mixed", *VARIABLES)}
    urls = {name: server.create_database(database) for name, database in names.items()}
    project.environment = {"OLD_DATABASE_URL": urls["mixed"], **{VARIABLES[n]: urls[n] for n in VARIABLES}}
    project.ok(*MIXED, "upgrade", "head")
    for name in VARIABLES:
        project.ok("-n", name, "upgrade", "head")
    return names


@pytest.fixture
def shared(
    tmp_path: Path, server: Server, new_database: Callable[..., str], shared_templates: dict[str, str]
) -> Project:
    """The example with a shared history, all databases at its head."""
    project = copy_example("portfolio", tmp_path)
    share_history(project)
    project.scratch = server.url()
    project.environment = {
        "OLD_DATABASE_URL": server.url(shared_templates["mixed"]),
        **{variable: new_database(shared_templates[name]) for name, variable in VARIABLES.items()},
    }
    return project


def dump(url: str) -> list[str]:
    """Return a database's schema as pg_dump writes it, one statement after the other."""
    done = subprocess.run(
        [embedded_18() / "pg_dump", "--schema-only", "--exclude-table=alembic_version", url],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
    statements: list[str] = []
    for line in lines:
        if statements and not statements[-1].endswith(";"):
            statements[-1] += f"\n{line}"
        else:
            statements.append(line)
    return statements


def snapshot(url: str) -> Snapshot:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        return read_schema(connection, HOMES)


def is_of_ai(statement: str) -> bool:
    """Tell whether a statement of the mixed database's dump is about what is at home in ai."""
    return any(f"public.{table}" in statement for table in AI_TABLES) or "EXTENSION" in statement


class TestEquality:
    """What each database has, beside what the mixed one has."""

    def test_core_is_the_mixed_database_without_its_ai_part(self, shared: Project) -> None:
        """By pg_dump, statement by statement."""
        mixed = dump(shared.environment["OLD_DATABASE_URL"])
        assert dump(shared.environment["DATABASE_URL"]) == [line for line in mixed if not is_of_ai(line)]

    def test_ai_is_its_part_without_the_crossing_foreign_key(self, shared: Project) -> None:
        """By pg_dump; what pg_dump sets in between apart."""
        mixed = dump(shared.environment["OLD_DATABASE_URL"])
        own = [line for line in mixed if is_of_ai(line) or line.startswith("SET") or "set_config" in line]
        expected = [line for line in own if CROSSING not in line]
        assert dump(shared.environment["AI_DATABASE_URL"]) == expected

    @pytest.mark.parametrize("name", VARIABLES)
    def test_its_snapshot_is_that_of_its_home(self, shared: Project, name: str) -> None:
        """To the last comment."""
        part = classify(snapshot(shared.environment["OLD_DATABASE_URL"]), HOMES).restrict({name})
        assert difference(part, snapshot(shared.environment[VARIABLES[name]])) == []

    @pytest.mark.parametrize("name", VARIABLES)
    def test_down_to_base_and_up_again(self, shared: Project, name: str) -> None:
        """No table and no type is left in between."""
        url = shared.environment[VARIABLES[name]]
        before = dump(url)
        shared.ok("-n", name, "downgrade", "base")
        assert psql(url, TABLES) == psql(url, ENUMS) == []
        shared.ok("-n", name, "upgrade", "head")
        assert dump(url) == before

    def test_core_where_pgvector_is_not_available(self, shared: Project, server_15: Server) -> None:
        """The revisions that make vectors run there, and make none."""
        url = shared.environment["DATABASE_URL"] = server_15.create_database(f"shared_{os.getpid()}")
        shared.ok("-n", "core", "upgrade", "head")
        assert {str(name) for (name,) in psql(url, TABLES)} == CORE_TABLES
        shared.ok("-n", "core", "downgrade", "base")
        assert psql(url, ENUMS) == []


class TestCommands:
    """What else runs on a shared history."""

    def test_the_plan_needs_no_database(self, shared: Project) -> None:
        """It names the foreign key that is taken out, and nothing is undecidable."""
        done = shared.ok("history", "plan", module="alembic_multidb", DATABASE_URL="", AI_DATABASE_URL="")
        assert "separated: CREATE TABLE ai_memories" in done
        assert "foreign key (user_id) to users is a soft reference" in done
        assert "ai m008: nothing" in done
        data = json.loads(shared.run("history", "plan", "-n", "core", "--json", module="alembic_multidb").stdout)
        revisions = {each["revision"]: each for each in data["databases"][0]["plan"]}
        verdicts = {item["verdict"] for each in revisions.values() for item in each["statements"]}
        assert data["exit_code"] == 0
        assert verdicts == {"runs", "skips"}
        assert revisions["m006"]["asks"]
        assert not revisions["m012"]["asks"]

    def test_the_plan_is_for_shared_histories(self, shared: Project) -> None:
        """Of another one there is nothing to plan."""
        shared.edit("portfolio/databases.py", ", shared_history=True", "")
        refused = shared.refused("history", "plan", "-n", "ai", module="alembic_multidb")
        assert 'database "ai" has a history of its own' in refused

    def test_all_commands_know_where_the_databases_are(self, shared: Project) -> None:
        """status, current, stamp, downgrade and upgrade of all at once."""
        assert shared.ok("status", module="alembic_multidb").count("at head") == 2
        assert MIXED_HEAD in shared.ok("-n", "ai", "current")
        shared.ok("-n", "ai", "stamp", "m011")
        shared.ok("-n", "ai", "stamp", MIXED_HEAD)
        shared.ok("downgrade", "m007", module="alembic_multidb")
        assert shared.ok("upgrade", module="alembic_multidb").count("now at head") == 2
        assert dump(shared.environment["AI_DATABASE_URL"])

    def test_check_finds_no_drift(self, shared: Project) -> None:
        """Its scratch databases are built by routing, too; what the models have beyond the mixed history is told."""
        done = shared.run("check", "--json", module="alembic_multidb")
        assert {finding["code"] for finding in json.loads(done.stdout)["findings"]} == {"MDB401"}

    def test_a_copy_of_the_mixed_database_is_stamped_with_proof(
        self, shared: Project, new_database: Callable[..., str]
    ) -> None:
        """stamp-from compares with what the shared history makes of the revision."""
        for name, variable in VARIABLES.items():
            statements = dump(shared.environment[variable])
            shared.environment[variable] = url = new_database()
            psql(url, ";\n".join(statements))
            assert name
        shared.ok("stamp-from", "--source", shared.environment["OLD_DATABASE_URL"], module="alembic_multidb")
        for variable in VARIABLES.values():
            found = psql(shared.environment[variable], "SELECT version_num FROM alembic_version")
            assert found == [(MIXED_HEAD,)]

    def test_autogenerate_writes_one_revision_that_the_other_database_skips(self, shared: Project) -> None:
        """What one home's models have is added by a revision that both run."""
        shared.ok("-n", "ai", "revision", "--autogenerate", "-m", "global scope", "--rev-id", "a013")
        shared.ok("upgrade", module="alembic_multidb")
        assert "No new upgrade operations" in shared.ok("-n", "ai", "check")
        index = "SELECT to_regclass('ix_ai_kb_documents_scope_global')::text"
        assert psql(shared.environment["DATABASE_URL"], index) == [(None,)]
        assert psql(shared.environment["AI_DATABASE_URL"], index) == [("ix_ai_kb_documents_scope_global",)]

    def test_one_revision_is_written_for_all_homes_that_changed(self, shared: Project) -> None:
        """Not one for each, which would be two heads; both run it, and need no other."""
        written = shared.ok("revision", "--autogenerate", "-m", "catch up", module="alembic_multidb")
        assert 'ai: done; it is in the revision of "core"' in written
        (file,) = (shared.folder / "mixed" / "versions").glob("*_catch_up.py")
        # Alembic makes no type for a new column.
        shared.edit(
            str(file.relative_to(shared.folder)),
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n"
            "    sa.Enum('cautious', 'balanced', 'bold', name='risk_tolerance').create(op.get_bind())\n",
        )
        shared.ok("upgrade", module="alembic_multidb")
        for name in VARIABLES:
            assert "No new upgrade operations" in shared.ok("-n", name, "check")
        shared.ok("-n", "ai", "downgrade", MIXED_HEAD)
        shared.ok("revision", "-m", "nothing yet", "-n", "core", "-n", "ai", module="alembic_multidb")
        assert len(list((shared.folder / "mixed" / "versions").glob("*_nothing_yet.py"))) == 1

    def test_the_tests_of_every_database_know_it(self, shared: Project) -> None:
        """pytest --test-alembic builds by routing, too; here for one of the two, whose models are caught up with."""
        shared.write(
            "mixed/versions/c013_scope.py",
            """from alembic import op
revision, down_revision = "c013", "m012"
NAME = "ix_ai_kb_documents_scope_global"
def upgrade():
    op.execute(f"CREATE INDEX {NAME} ON ai_kb_documents (scope) WHERE scope = 'global'")
def downgrade():
    op.drop_index(NAME)
""",
        )
        done = shared.ok("--test-alembic", "-q", "-p", "no:cacheprovider", "-k", "ai", module="pytest")
        assert "14 passed" in done, done


class TestFork:
    """Two independent histories out of the shared one."""

    def test_each_goes_on_from_where_its_database_is(
        self, shared: Project, new_database: Callable[..., str], tmp_path: Path
    ) -> None:
        """The stamps are valid, and a new database is built as before; pgvector is not even imported for core."""
        told = shared.ok("history", "fork", "--into", "migrations/forked", module="alembic_multidb")
        assert "core: migrations/forked/core: 9 copied, 4 cut, 1 empty" in told
        assert "ai: migrations/forked/ai: 0 copied, 4 cut, 10 empty" in told
        shared.edit("portfolio/databases.py", ", shared_history=True", "")
        for name in VARIABLES:
            shared.edit(
                "alembic.ini",
                f"[{name}]\nversion_locations = %(here)s/mixed/versions",
                f"[{name}]\nversion_locations = %(here)s/migrations/forked/{name}",
            )
        assert shared.ok("status", module="alembic_multidb").count("at head") == 2
        for name, variable in VARIABLES.items():
            before = dump(shared.environment[variable])
            shared.ok("-n", name, "downgrade", "base")
            assert psql(shared.environment[variable], TABLES) == psql(shared.environment[variable], ENUMS) == []
            shared.environment[variable] = new_database()
            shared.ok("-n", name, "upgrade", "head")
            assert dump(shared.environment[variable]) == before
        files = list((shared.folder / "migrations" / "forked" / "core").glob("*.py"))
        assert len(files) == 14
        assert not any("pgvector" in file.read_text() for file in files)

    def test_it_writes_over_nothing(self, shared: Project) -> None:
        """A folder that holds something is refused."""
        shared.write("forked/core/mine.py", "")
        refused = shared.refused("history", "fork", "--into", "forked", module="alembic_multidb")
        assert "forked/core is not empty" in refused


def test_another_history_does_not_import_the_router(shared: Project) -> None:
    """A history that is not shared pays nothing."""
    shared.edit("portfolio/databases.py", ", shared_history=True", "")
    shared.write(
        "probe.py",
        "import sys\nfrom alembic.config import main\n"
        "main(argv=['-n', 'core', 'upgrade', 'm012'], prog='alembic')\n"
        "print(sorted(m for m in sys.modules if 'routing' in m or 'postgast' in m))\n",
    )
    done = subprocess.run(
        [sys.executable, "probe.py"],
        cwd=shared.folder,
        env=shared.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


class TestMovedTable:
    """A table whose home is changed in the registry after the history has made it."""

    def test_it_is_a_finding(self, shared: Project) -> None:
        """Named with both databases; nothing else of the history is."""
        shared.edit("portfolio/databases.py", '"ai_feedback"]', '"ai_feedback", "benchmarks_sector_weights"]')
        done = shared.run("check", "--no-drift", "--ignore", "MDB401", "--json", module="alembic_multidb")
        findings = {
            (each["code"], each["database"], each["object"]): each["message"]
            for each in json.loads(done.stdout)["findings"]
        }
        assert "MDB205" in {code for code, *_ in findings}, done.stdout
        assert 'made it in "core"' in findings["MDB205", "ai", "benchmarks_sector_weights"]

    def test_it_is_none_while_the_new_home_is_behind(self, shared: Project, new_database: Callable[..., str]) -> None:
        """A copy of the mixed database holds tables that their home has yet to make."""
        shared.environment["AI_DATABASE_URL"] = new_database()
        shared.environment["DATABASE_URL"] = new_database(shared.environment["OLD_DATABASE_URL"].rpartition("/")[2])
        done = shared.run("check", "--no-drift", "--json", module="alembic_multidb")
        codes = {each["code"] for each in json.loads(done.stdout)["findings"]}
        assert "MDB801" in codes
        assert "MDB205" not in codes
