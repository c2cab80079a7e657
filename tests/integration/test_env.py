"""run_migrations() called from Python: engines and connections handed in, the user's own options, other env.py."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from alembic_multidb import MultidbError
from alembic_multidb.env.lock import lock_key, migration_lock
from alembic_multidb.errors import LockTimeoutError
from alembic_multidb.registry import TableName
from tests.conftest import NewDatabase, Project, psql


@pytest.fixture
def example(notes: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The example, importable in this process; its URLs lead nowhere, as handed-in connections need none."""
    monkeypatch.syspath_prepend(str(notes.folder))
    for variable in ("DATABASE_URL", "AI_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    before = set(sys.modules)
    path = list(sys.path)
    yield notes
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "notes":
            del sys.modules[name]


def config_for(project: Project, database: str, connection: object = None) -> Config:
    config = Config(str(project.folder / "alembic.ini"), ini_section=database)
    if connection is not None:
        config.attributes["connection"] = connection
    return config


@pytest.fixture
def engine(example: Project) -> Iterator[Engine]:
    """core's database."""
    url = example.environment["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    made = create_engine(url, poolclass=NullPool)
    yield made
    made.dispose()


def heads(url: str) -> list[tuple[object, ...]]:
    return psql(url, "SELECT version_num FROM alembic_version")


class TestHandedIn:
    """config.attributes["connection"], as Alembic's cookbook and pytest-alembic use it."""

    def test_an_engine(self, example: Project, engine: Engine) -> None:
        """No URL is asked for; CREATE INDEX CONCURRENTLY works."""
        command.upgrade(config_for(example, "core", engine), "head")
        assert heads(example.environment["DATABASE_URL"]) == [("c003",)]

    def test_a_connection_is_given_back_clean(self, example: Project, engine: Engine) -> None:
        """Committed, unlocked, not in a transaction, in its isolation level."""
        with engine.connect() as connection:
            level = connection.get_isolation_level()
            connection.rollback()
            command.upgrade(config_for(example, "core", connection), "head")
            command.check(config_for(example, "core", connection))
            connection.rollback()
            assert connection.get_isolation_level() == level
            assert connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar() == 0
        assert heads(example.environment["DATABASE_URL"]) == [("c003",)]

    def test_a_connection_in_a_transaction_leaves_the_commit_to_its_owner(
        self, example: Project, engine: Engine
    ) -> None:
        """Rolled back by the caller, nothing of it stays, marker and extension included."""
        with engine.connect() as connection:
            transaction = connection.begin()
            command.upgrade(config_for(example, "ai", connection), "head")
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "a002"
            transaction.rollback()
        url = example.environment["DATABASE_URL"]
        assert psql(url, "SELECT to_regclass('alembic_version'), to_regclass('ai_documents')") == [(None, None)]
        assert psql(url, "SELECT extname FROM pg_extension") == [("plpgsql",)]

        with engine.begin() as connection:
            command.upgrade(config_for(example, "ai", connection), "head")
        assert heads(url) == [("a002",)]

    def test_anything_else_is_refused(self, example: Project) -> None:
        """A URL as text, an asynchronous engine."""
        with pytest.raises(MultidbError, match="must be a synchronous Engine or Connection, not str"):
            command.upgrade(config_for(example, "core", "postgresql://h/d"), "head")

    def test_another_dialect_is_refused(self, example: Project) -> None:
        """PostgreSQL is the only one that is promised."""
        engine = create_engine("sqlite://")
        with pytest.raises(MultidbError, match="is for sqlite; only PostgreSQL"):
            command.upgrade(config_for(example, "core", engine), "head")
        engine.dispose()

    def test_many_runs_in_one_process(self, example: Project, engine: Engine) -> None:
        """The plugin is registered once; log handlers do not pile up."""
        config = config_for(example, "core", engine)
        handlers = list(logging.getLogger("alembic").handlers)
        for _ in range(2):
            command.upgrade(config, "head")
            command.check(config)
            command.downgrade(config, "base")
        assert logging.getLogger("alembic").handlers == handlers

    def test_a_failed_change_frees_the_lock(self, example: Project, engine: Engine) -> None:
        """On a connection that lives on."""
        example.write(
            "migrations/core/c004.py",
            'revision = "c004"\ndown_revision = "c003"\n\n\n'
            "def upgrade():\n    raise ValueError('no')\n\n\ndef downgrade():\n    pass\n",
        )
        with engine.connect() as connection:
            with pytest.raises(ValueError, match="no"):
                command.upgrade(config_for(example, "core", connection), "head")
            assert not connection.in_transaction()
            locks = connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
            assert locks.scalar() == 0
        assert heads(example.environment["DATABASE_URL"]) == [("c003",)]


class TestUsersOptions:
    """What run_migrations(...) is given goes to context.configure(), composed with the registry's."""

    ENV = (
        "from alembic_multidb import run_migrations\n"
        "import json, pathlib\n"
        "seen = pathlib.Path(__file__).parent / 'seen'\n"
        "def note(what):\n"
        "    with seen.open('a') as file:\n"
        "        file.write(json.dumps(what) + '\\n')\n"
    )

    def env(self, project: Project, call: str, *lines: str) -> None:
        project.write("migrations/env.py", self.ENV + "\n".join(lines) + f"\nrun_migrations({call})\n")

    def seen(self, project: Project) -> str:
        file = project.folder / "migrations" / "seen"
        return file.read_text() if file.exists() else ""

    def test_filters_of_the_user_run_after_ours(self, notes_at_head: Project) -> None:
        """They see only what is at home here, and may leave out more."""
        self.env(
            notes_at_head,
            "include_object=include_object, include_name=include_name",
            "def include_object(object, name, type_, reflected, compare_to):",
            "    note(['object', type_, name])",
            "    return name != 'pinned'",
            "def include_name(name, type_, parent_names):",
            "    note(['name', type_, name])",
            "    return True",
        )
        notes_at_head.edit(
            "notes/models.py",
            "    body: Mapped[str] = mapped_column(Text)\n",
            "    body: Mapped[str] = mapped_column(Text)\n    pinned: Mapped[bool | None]\n",
        )
        psql(notes_at_head.environment["DATABASE_URL"], "CREATE TABLE ai_memories (id int)")
        assert "No new upgrade operations" in notes_at_head.ok("-n", "core", "check")
        seen = self.seen(notes_at_head)
        assert '["object", "column", "pinned"]' in seen
        assert '["name", "table", "users"]' in seen
        assert "ai_" not in seen

    def test_render_item_and_process_revision_directives_are_composed(self, notes_at_head: Project) -> None:
        """The user's rendering goes first, ours does the rest; the user's directives come after ours."""
        self.env(
            notes_at_head,
            "render_item=render_item, process_revision_directives=directives",
            "def render_item(type_, obj, autogen_context):",
            "    return 'sa.String(length=99)' if type_ == 'type' and type(obj).__name__ == 'String' else False",
            "def directives(context, revision, directives):",
            "    directives[0].message = 'changed by the user'",
        )
        notes_at_head.edit(
            "notes/models.py",
            "    scope: Mapped[str] = mapped_column(String(100), index=True)\n",
            "    scope: Mapped[str] = mapped_column(String(100), index=True)\n"
            "    source: Mapped[str | None]\n    small: Mapped[list[float] | None] = mapped_column(VECTOR(3))\n",
        )
        notes_at_head.ok("-n", "ai", "revision", "--autogenerate", "-m", "x")
        (file,) = (notes_at_head.folder / "migrations" / "ai").glob("*changed_by_the_user.py")
        written = file.read_text()
        assert "sa.String(length=99)" in written
        assert "pgvector.sqlalchemy.VECTOR(3)" in written
        assert "import pgvector.sqlalchemy" in written

    @pytest.mark.parametrize("several", ["on_apply", "[on_apply]"])
    def test_on_version_apply_is_called_beside_ours(self, notes: Project, several: str) -> None:
        """One callable, or several."""
        self.env(
            notes,
            f"on_version_apply={several}",
            "def on_apply(ctx, step, heads, run_args):",
            "    note(sorted(heads))",
        )
        assert 'marked this database as "core"' in notes.ok("-n", "core", "upgrade", "head")
        assert self.seen(notes).split() == ['["c001"]', '["c002"]', '["c003"]']

    def test_one_transaction_for_all_revisions_when_asked(self, notes: Project) -> None:
        """transaction_per_migration=False: a failure takes all of the run back."""
        self.env(notes, "transaction_per_migration=False")
        notes.write(
            "migrations/ai/a003.py",
            'revision = "a003"\ndown_revision = "a002"\n\n\n'
            "def upgrade():\n    raise ValueError('no')\n\n\ndef downgrade():\n    pass\n",
        )
        assert notes.run("-n", "ai", "upgrade", "head").returncode == 1
        url = notes.environment["AI_DATABASE_URL"]
        assert psql(url, "SELECT to_regclass('alembic_version'), to_regclass('ai_memories')") == [(None, None)]
        notes.ok("-n", "ai", "upgrade", "a002")
        notes.ok("-n", "ai", "downgrade", "base")

    def test_by_default_each_revision_is_kept(self, notes: Project) -> None:
        """A failure in the third leaves the first two recorded."""
        notes.write(
            "migrations/ai/a003.py",
            'revision = "a003"\ndown_revision = "a002"\n\n\n'
            "def upgrade():\n    raise ValueError('no')\n\n\ndef downgrade():\n    pass\n",
        )
        assert notes.run("-n", "ai", "upgrade", "head").returncode == 1
        assert heads(notes.environment["AI_DATABASE_URL"]) == [("a002",)]

    @pytest.mark.parametrize("option", ["target_metadata=None", "version_table='x'", "url='postgresql://h/d'"])
    def test_what_the_registry_decides_is_refused_with_its_place(self, notes: Project, option: str) -> None:
        """Two places for one fact would drift apart."""
        self.env(notes, option)
        assert f"run_migrations() takes no {option.split('=')[0]}=" in notes.refused("-n", "core", "current")

    def test_the_registry_may_be_handed_in(self, notes: Project) -> None:
        """Then the ini needs no multidb_databases."""
        notes.edit("alembic.ini", "multidb_databases = notes.databases:databases\n", "")
        self.env(notes, "databases", "from notes.databases import databases")
        notes.ok("-n", "core", "upgrade", "head")


class TestOwnEnv:
    """A project that keeps an env.py of its own takes the registry's parts as arguments."""

    ENV = (
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n"
        "import os\n"
        "from notes.databases import databases\n"
        "{extra}"
        "home = databases[context.config.config_ini_section]\n"
        "engine = create_engine(os.environ['URL'].replace('postgresql:', 'postgresql+psycopg:'))\n"
        "with engine.connect() as connection:\n"
        "    context.configure(connection=connection, target_metadata={metadata},\n"
        "        include_name=home.include_name, include_object=home.include_object,\n"
        "        process_revision_directives=home.process_revision_directives{more})\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
        "engine.dispose()\n"
    )

    @pytest.mark.parametrize("database", ["core", "ai"])
    @pytest.mark.parametrize("metadata", ["home.metadata", "Base.metadata"])
    def test_the_hooks_do_their_work_in_any_env(self, notes_at_head: Project, database: str, metadata: str) -> None:
        """check is clean and a new table with a crossing FK comes without it, even from the undivided MetaData."""
        env = self.ENV.format(extra="from notes.models import Base\n", metadata=metadata, more="")
        notes_at_head.write("migrations/env.py", env)
        variables = {"core": "DATABASE_URL", "ai": "AI_DATABASE_URL"}
        url = notes_at_head.environment[variables[database]]
        assert "No new upgrade operations" in notes_at_head.ok("-n", database, "check", URL=url)

        notes_at_head.edit(
            "notes/models.py",
            "class AiMemory(Base):",
            'class AiNote(Base):\n    __tablename__ = "ai_notes"\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    small: Mapped[list[float] | None] = mapped_column(VECTOR(3))\n"
            '    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))\n\n\nclass AiMemory(Base):',
        )
        notes_at_head.edit("notes/databases.py", '"ai_memories"],', '"ai_memories", "ai_notes"],')
        notes_at_head.edit(
            "notes/databases.py", "soft_references=[", 'soft_references=["ai_notes.note_id -> notes.id", '
        )
        if database == "core":
            assert "No new upgrade operations" in notes_at_head.ok("-n", "core", "check", URL=url)
            return
        notes_at_head.ok("-n", "ai", "revision", "--autogenerate", "-m", "x", URL=url)
        notes_at_head.ok("-n", "ai", "upgrade", "head", URL=url)
        assert "No new upgrade operations" in notes_at_head.ok("-n", "ai", "check", URL=url)

    def test_one_line_adds_the_plugin(self, notes_at_head: Project) -> None:
        """plugin.register(), then its name among autogenerate_plugins: vector indexes are compared."""
        more = ", autogenerate_plugins=['alembic.autogenerate.*', plugin.NAME]"
        env = self.ENV.format(
            extra="from alembic_multidb import plugin; plugin.register()\n",
            metadata="home.metadata",
            more=more,
        )
        notes_at_head.write("migrations/env.py", env)
        notes_at_head.edit("notes/models.py", '{"m": 16, "ef_construction": 64}', '{"m": 32}')
        done = notes_at_head.run("-n", "ai", "check", URL=notes_at_head.environment["AI_DATABASE_URL"])
        assert "ix_ai_documents_embedding_hnsw" in done.stdout + done.stderr


class TestLock:
    """One change at a time."""

    TABLE = TableName(None, "alembic_version")

    @pytest.fixture
    def connections(self, new_database: NewDatabase) -> Iterator[tuple[Connection, psycopg.Connection[Any]]]:
        url = new_database()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        with (
            engine.connect() as ours,
            psycopg.connect(url, autocommit=True, application_name="other") as other,
        ):
            yield ours, other
        engine.dispose()

    def test_it_waits_idle_and_takes_the_lock_when_it_is_free(
        self, connections: tuple[Connection, psycopg.Connection[Any]]
    ) -> None:
        """Between two tries the session is idle, not in a transaction: CREATE INDEX CONCURRENTLY can pass."""
        ours, other = connections
        key = lock_key(self.TABLE)
        pid = ours.execute(text("SELECT pg_backend_pid()")).scalar()
        ours.rollback()
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        states: list[object] = []

        def pause(seconds: float) -> None:
            row = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
            states.append(row and row[0])
            if len(states) == 3:
                other.execute("SELECT pg_advisory_unlock(%s)", [key])

        with migration_lock(ours, "core", self.TABLE, 60, pause=pause):
            assert other.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() == (False,)
        assert states == ["idle"] * 3
        assert other.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() == (True,)

    def test_the_holder_is_named(self, connections: tuple[Connection, psycopg.Connection[Any]]) -> None:
        """By application name, backend, role and since when; negative keys too."""
        ours, other = connections
        tables = [TableName(None, f"t{number}") for number in range(8)]
        assert {lock_key(table) < 0 for table in tables} == {True, False}
        for table in tables:
            other.execute("SELECT pg_advisory_lock(%s)", [lock_key(table)])
            with (
                pytest.raises(
                    LockTimeoutError, match=rf'by "other" \(backend {other.info.backend_pid}, role postgres\)'
                ),
                migration_lock(ours, "core", table, 0),
            ):
                pass

    def test_in_a_callers_transaction_it_lives_until_that_ends(
        self, connections: tuple[Connection, psycopg.Connection[Any]]
    ) -> None:
        """And the transaction is not touched."""
        ours, other = connections
        key = lock_key(self.TABLE)
        with ours.begin():
            ours.execute(text("CREATE TABLE kept (id int)"))
            with migration_lock(ours, "core", self.TABLE, 0):
                pass
            assert other.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() == (False,)
        assert other.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)
        assert other.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() == (True,)

    def test_a_lost_connection_is_no_error_of_the_lock(
        self, connections: tuple[Connection, psycopg.Connection[Any]]
    ) -> None:
        """Its own error is the one that is seen."""
        ours, other = connections
        pid = ours.execute(text("SELECT pg_backend_pid()")).scalar()
        ours.rollback()
        with pytest.raises(KeyError, match="the migration's own"), migration_lock(ours, "core", self.TABLE, 0):
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
            raise KeyError("the migration's own")


def test_the_files_of_a_project_are_found_from_any_folder(notes: Project, tmp_path: Path) -> None:
    """%(here)s does not follow the working directory."""
    elsewhere = Project(tmp_path, notes.environment)
    elsewhere.ok("-c", os.fspath(notes.folder / "alembic.ini"), "-n", "core", "upgrade", "head")
