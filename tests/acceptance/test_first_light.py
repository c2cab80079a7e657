"""The notes example, with the commands that a user types."""

from __future__ import annotations

import pytest

from tests.conftest import Project, psql
from tests.servers import Server

EXTENSIONS = "SELECT extname FROM pg_extension ORDER BY 1"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def test_each_database_gets_its_own_tables_and_only_ai_gets_pgvector(notes: Project) -> None:
    """core ends without vector; ai ends with vector and a valid HNSW index."""
    notes.ok("-n", "core", "upgrade", "head")
    notes.ok("-n", "ai", "upgrade", "head")

    core, ai = notes.environment["DATABASE_URL"], notes.environment["AI_DATABASE_URL"]
    assert psql(core, EXTENSIONS) == [("plpgsql",)]
    assert psql(ai, EXTENSIONS) == [("plpgsql",), ("vector",)]
    assert psql(core, TABLES) == [("alembic_version",), ("notebooks",), ("notes",), ("tags",), ("users",)]
    assert psql(ai, TABLES) == [("ai_documents",), ("ai_memories",), ("alembic_version",)]
    assert psql(
        ai,
        "SELECT a.amname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
        "JOIN pg_am AS a ON a.oid = c.relam WHERE c.relname = 'ix_ai_documents_embedding_hnsw'",
    ) == [("hnsw", True)]


@pytest.mark.parametrize("database", ["core", "ai"])
def test_check_finds_nothing_right_after_upgrade(notes_at_head: Project, database: str) -> None:
    """Models and history agree, although both databases share one MetaData."""
    assert "No new upgrade operations detected" in notes_at_head.ok("-n", database, "check")


def test_core_runs_where_pgvector_cannot_be_installed(notes: Project, server_15: Server) -> None:
    """core's history needs no trace of pgvector on its server."""
    url = server_15.create_database("no_vector")
    try:
        notes.ok("-n", "core", "upgrade", "head", DATABASE_URL=url)
        assert "No new upgrade operations" in notes.ok("-n", "core", "check", DATABASE_URL=url)
        notes.ok("-n", "core", "downgrade", "base", DATABASE_URL=url)
        refused = notes.refused("-n", "ai", "upgrade", "head", AI_DATABASE_URL=url)
    finally:
        server_15.drop_database("no_vector")
    assert 'is marked as "core"' in refused


def test_ai_on_a_server_without_pgvector_names_what_the_administrator_does(notes: Project, server_15: Server) -> None:
    """A missing package is one message with the SQL, and nothing is left behind."""
    url = server_15.create_database("no_package")
    try:
        refused = notes.refused("-n", "ai", "upgrade", "head", AI_DATABASE_URL=url)
        assert psql(url, TABLES) == []
    finally:
        server_15.drop_database("no_package")
    assert 'extension "vector" of database "ai" is not available on its server (PostgreSQL 15' in refused
    assert "CREATE EXTENSION IF NOT EXISTS vector;" in refused


def test_both_histories_run_on_postgresql_16(notes: Project, server_16: Server) -> None:
    """The whole example, on an older server with pgvector."""
    urls = {
        "DATABASE_URL": server_16.create_database("old_core"),
        "AI_DATABASE_URL": server_16.create_database("old_ai"),
    }
    for database in ("core", "ai"):
        notes.ok("-n", database, "upgrade", "head", **urls)
        assert "No new upgrade operations" in notes.ok("-n", database, "check", **urls)
        notes.ok("-n", database, "downgrade", "base", **urls)


def test_every_line_of_alembic_says_which_database_it_is_about(notes: Project) -> None:
    """Without [loggers] in the ini the INFO lines go to stderr with the database's name."""
    done = notes.run("-n", "core", "upgrade", "head")
    assert done.stdout == ""
    assert "[core] Running upgrade  -> c001, users and notebooks" in done.stderr
    assert '[core] marked this database as "core"' in done.stderr
    assert all(line.startswith("[core] ") for line in done.stderr.splitlines())


def test_a_logging_section_in_the_ini_is_obeyed(notes: Project) -> None:
    """With [loggers] the project's own format is used, and nothing is said twice."""
    ini = (notes.folder / "alembic.ini").read_text()
    notes.write(
        "alembic.ini",
        ini
        + "\n[loggers]\nkeys = root,alembic\n[handlers]\nkeys = console\n[formatters]\nkeys = plain\n"
        + "[logger_root]\nlevel = WARNING\nhandlers = console\nqualname =\n"
        + "[logger_alembic]\nlevel = INFO\nhandlers =\nqualname = alembic\n"
        + "[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nlevel = NOTSET\nformatter = plain\n"
        + "[formatter_plain]\nformat = <%(name)s> %(message)s\n",
    )
    text = notes.ok("-n", "core", "upgrade", "c001")
    assert "<alembic.runtime.migration> Running upgrade  -> c001" in text
    assert text.count("Running upgrade") == 1


class TestAlembicsCommands:
    """Everything that alembic can do works unchanged behind -n."""

    def test_reading_commands(self, notes_at_head: Project) -> None:
        """current, history, heads, branches and show."""
        assert "c003 (head)" in notes_at_head.ok("-n", "core", "current")
        assert "a002 (head)" in notes_at_head.ok("-n", "ai", "current", "--verbose")
        history = notes_at_head.ok("-n", "core", "history", "-i")
        assert "c002 -> c003 (head) (current)" in history
        assert "a001" not in history
        assert "a002 (head)" in notes_at_head.ok("-n", "ai", "heads")
        assert notes_at_head.ok("-n", "ai", "branches") == ""
        assert "Rev: c002" in notes_at_head.ok("-n", "core", "show", "c002")
        notes_at_head.ok("-n", "core", "current", "--check-heads")

    def test_down_and_up_again(self, notes_at_head: Project) -> None:
        """downgrade by a step and to base, and back; the marker stays."""
        notes_at_head.ok("-n", "core", "downgrade", "-1")
        assert "c002" in notes_at_head.ok("-n", "core", "current")
        notes_at_head.ok("-n", "core", "downgrade", "base")
        assert psql(notes_at_head.environment["DATABASE_URL"], TABLES) == [("alembic_version",)]
        notes_at_head.ok("-n", "core", "upgrade", "+2")
        notes_at_head.ok("-n", "core", "upgrade", "head")
        assert "No new upgrade operations" in notes_at_head.ok("-n", "core", "check")

    def test_stamp_and_ensure_version_write_what_they_say(self, notes: Project) -> None:
        """stamp, stamp base, stamp --purge and ensure_version on an empty database are committed and marked."""
        url = notes.environment["DATABASE_URL"]
        notes.ok("-n", "core", "ensure_version")
        assert psql(url, TABLES) == [("alembic_version",)]
        assert psql(url, "SELECT obj_description('alembic_version'::regclass)") == [("alembic_multidb: database=core",)]
        notes.ok("-n", "core", "stamp", "c002")
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c002",)]
        notes.ok("-n", "core", "stamp", "--purge", "head")
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
        notes.ok("-n", "core", "stamp", "base")
        assert psql(url, "SELECT version_num FROM alembic_version") == []

    def test_stamp_base_on_an_empty_database_leaves_a_version_table(self, notes: Project) -> None:
        """With a transaction per migration Alembic alone would roll it back and exit 0."""
        notes.ok("-n", "core", "stamp", "base")
        assert psql(notes.environment["DATABASE_URL"], TABLES) == [("alembic_version",)]

    def test_reading_an_empty_database_changes_nothing(self, notes: Project) -> None:
        """current, history -i and check create no version table and no extension."""
        notes.ok("-n", "ai", "current")
        notes.ok("-n", "ai", "history", "-i")
        notes.run("-n", "ai", "check")
        url = notes.environment["AI_DATABASE_URL"]
        assert psql(url, TABLES) == []
        assert psql(url, EXTENSIONS) == [("plpgsql",)]

    def test_branches_are_merged_in_the_history_that_n_names(self, notes_at_head: Project) -> None:
        """revision, revision --splice and merge write into the right folder."""
        core, ai = notes_at_head.revisions("core"), notes_at_head.revisions("ai")
        notes_at_head.ok("-n", "core", "revision", "-m", "one", "--rev-id", "x1")
        notes_at_head.ok("-n", "core", "revision", "-m", "two", "--rev-id", "x2", "--head", "c003", "--splice")
        notes_at_head.ok("-n", "core", "merge", "-m", "both", "--rev-id", "x3", "x1", "x2")
        assert notes_at_head.revisions("core") - core == {"x1_one.py", "x2_two.py", "x3_both.py"}
        assert notes_at_head.revisions("ai") == ai
        notes_at_head.ok("-n", "core", "upgrade", "head")
        assert "x3 (head) (mergepoint)" in notes_at_head.ok("-n", "core", "current")


class TestOffline:
    """upgrade --sql."""

    def test_extensions_come_before_the_tables_and_the_marker_is_in_it(self, notes: Project) -> None:
        """The script runs by itself and leaves what an online upgrade leaves; no URL is needed to print it."""
        done = notes.run("-n", "ai", "upgrade", "head", "--sql", DATABASE_URL="", AI_DATABASE_URL="")
        assert done.returncode == 0, done.stderr
        script = done.stdout
        assert 0 <= script.index("CREATE EXTENSION IF NOT EXISTS vector;") < script.index("CREATE TABLE")
        url = notes.environment["AI_DATABASE_URL"]
        psql(url, script)
        assert "No new upgrade operations" in notes.ok("-n", "ai", "check")
        assert psql(url, "SELECT obj_description('alembic_version'::regclass)") == [("alembic_multidb: database=ai",)]

    def test_a_range_and_a_downgrade_are_printed_without_extensions_to_create(self, notes: Project) -> None:
        """downgrade --sql creates nothing."""
        script = notes.run("-n", "ai", "downgrade", "a002:a001", "--sql").stdout
        assert "DROP TABLE ai_documents" in script
        assert "CREATE EXTENSION" not in script

    @pytest.mark.parametrize(
        "statement",
        ["CREATE EXTENSION vector", "DO $$ BEGIN EXECUTE 'create extension if not exists vector'; END $$"],
    )
    def test_a_foreign_extension_is_refused_before_it_is_printed(self, notes: Project, statement: str) -> None:
        """Offline there is no pg_extension to compare with: the statements themselves are looked at."""
        _add_revision(notes, f'op.execute("{statement}")')
        done = notes.run("-n", "core", "upgrade", "head", "--sql")
        assert done.returncode != 0
        assert "extension" not in done.stdout.split("FAILED")[0].lower()
        assert 'only "ai" declares it' in done.stdout


def _add_revision(project: Project, *lines: str) -> None:
    body = "\n    ".join(lines)
    project.write(
        "migrations/core/c004_more.py",
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "from sqlalchemy.orm import Session\n\n"
        'revision = "c004"\ndown_revision = "c003"\nbranch_labels = None\ndepends_on = None\n\n\n'
        f"def upgrade() -> None:\n    {body}\n\n\ndef downgrade() -> None:\n    pass\n",
    )


class TestExtensionRefusal:
    """An extension that only ai declares never gets into core."""

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(['op.execute("CREATE EXTENSION vector")'], id="op.execute"),
            pytest.param(['op.execute("/* so */ create -- odd\\n extension /* if */ vector")'], id="comments"),
            pytest.param(
                ["op.execute(\"DO $$ BEGIN EXECUTE 'CREATE EXTEN' || 'SION vector'; END $$\")"],
                id="DO with EXECUTE",
            ),
            pytest.param(
                [
                    "session = Session(op.get_bind())",
                    'session.execute(sa.text("CREATE EXTENSION vector"))',
                    "session.commit()",
                ],
                id="ORM session",
            ),
            pytest.param(
                ["cursor = op.get_bind().connection.cursor()", 'cursor.execute("CREATE EXTENSION vector")'],
                id="driver's cursor",
            ),
            pytest.param(
                ["with op.get_context().autocommit_block():", '    op.execute("CREATE EXTENSION vector")'],
                id="autocommit block",
            ),
        ],
    )
    def test_it_is_refused_and_rolled_back(self, notes_at_head: Project, lines: list[str]) -> None:
        """Whatever statement creates it: the revision fails, with nothing of it kept."""
        _add_revision(notes_at_head, 'op.execute("CREATE TABLE before_it (id int)")', *lines)
        refused = notes_at_head.refused("-n", "core", "upgrade", "head")
        assert 'creates extension "vector" in database "core", but only "ai" declares it' in refused
        url = notes_at_head.environment["DATABASE_URL"]
        assert psql(url, EXTENSIONS) == [("plpgsql",)]
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
        if "autocommit" not in lines[0]:  # which commits what precedes it: that is what Alembic documents
            assert psql(url, "SELECT to_regclass('before_it')") == [(None,)]

    def test_dynamic_sql_in_an_autocommit_block_is_detected_and_not_recorded(self, notes_at_head: Project) -> None:
        """There nothing can roll it back: the error says so and gives the DROP."""
        _add_revision(
            notes_at_head,
            "with op.get_context().autocommit_block():",
            "    op.execute(\"DO $$ BEGIN EXECUTE 'CREATE EXTEN' || 'SION vector'; END $$\")",
        )
        refused = notes_at_head.refused("-n", "core", "upgrade", "head")
        assert 'DROP EXTENSION IF EXISTS "vector"' in refused
        url = notes_at_head.environment["DATABASE_URL"]
        assert psql(url, "SELECT version_num FROM alembic_version") == [("c003",)]
        psql(url, "DROP EXTENSION vector")

    def test_the_words_in_a_string_are_no_statement(self, notes_at_head: Project) -> None:
        """A note about CREATE EXTENSION vector may be inserted; an undeclared extension of nobody's is let be."""
        _add_revision(
            notes_at_head,
            "op.execute(\"INSERT INTO users (email) VALUES ('CREATE EXTENSION vector')\")",
            'op.execute("CREATE EXTENSION citext")',
        )
        notes_at_head.ok("-n", "core", "upgrade", "head")


class TestWrongDatabase:
    """The marker on the version table guards against a URL that leads elsewhere."""

    @pytest.mark.parametrize(
        "command",
        [
            ("upgrade", "head"),
            ("downgrade", "base"),
            ("stamp", "head"),
            ("ensure_version",),
            ("check",),
            ("revision", "--autogenerate", "-m", "x"),
        ],
    )
    def test_changes_and_comparisons_are_refused_before_anything_happens(
        self, notes_at_head: Project, command: tuple[str, ...]
    ) -> None:
        """core's commands with ai's URL."""
        ai = notes_at_head.environment["AI_DATABASE_URL"]
        before = psql(ai, TABLES), notes_at_head.revisions("core")
        refused = notes_at_head.refused("-n", "core", *command, DATABASE_URL=ai)
        assert 'is marked as "ai"' in refused
        assert "env:DATABASE_URL" in refused
        assert (psql(ai, TABLES), notes_at_head.revisions("core")) == before
        assert psql(ai, "SELECT version_num FROM alembic_version") == [("a002",)]

    def test_a_read_warns(self, notes_at_head: Project) -> None:
        """current answers, and says that it is the wrong database."""
        done = notes_at_head.run(
            "-n", "core", "history", "-i", DATABASE_URL=notes_at_head.environment["AI_DATABASE_URL"]
        )
        assert "[core] WARNING: wrong database: " in done.stderr
        assert "c003" in done.stdout

    def test_the_marker_is_found_on_a_version_table_of_another_name(self, notes_at_head: Project) -> None:
        """core with its own version table's name still sees that ai lives there."""
        notes_at_head.edit("notes/databases.py", '"core",', '"core", version_table="core_versions",')
        ai = notes_at_head.environment["AI_DATABASE_URL"]
        assert 'is marked as "ai"' in notes_at_head.refused("-n", "core", "upgrade", "head", DATABASE_URL=ai)
        assert psql(ai, "SELECT to_regclass('core_versions')") == [(None,)]

    def test_a_database_without_a_marker_is_adopted_and_said(self, notes_at_head: Project) -> None:
        """A database from before: a change with nothing to do marks it, and keeps the owner's own comment."""
        url = notes_at_head.environment["DATABASE_URL"]
        psql(url, "COMMENT ON TABLE alembic_version IS 'ask Ops before you touch it, 100%'")
        assert 'marked this database as "core"' in notes_at_head.ok("-n", "core", "upgrade", "head")
        assert psql(url, "SELECT obj_description('alembic_version'::regclass)") == [
            ("ask Ops before you touch it, 100%\nalembic_multidb: database=core",)
        ]
        assert "marked" not in notes_at_head.ok("-n", "core", "upgrade", "head")

    def test_who_does_not_own_the_version_table_gets_a_warning(self, notes_at_head: Project, server: Server) -> None:
        """A missing right to comment does not keep a history from running."""
        url = notes_at_head.environment["DATABASE_URL"]
        role = f"app_{url.rpartition('/')[2]}"
        psql(url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        psql(url, f"GRANT ALL ON alembic_version TO {role}")
        psql(url, "COMMENT ON TABLE alembic_version IS NULL")
        app = server.url(url.rpartition("/")[2], user=role, password="secret")
        try:
            text = notes_at_head.ok("-n", "core", "upgrade", "head", DATABASE_URL=app)
        finally:
            psql(url, f"DROP OWNED BY {role}")
            psql(url, f"DROP ROLE {role}")
        assert "[core] WARNING: only the owner" in text
        assert "COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=core';" in text
        assert "secret" not in text
