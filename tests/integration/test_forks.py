"""A shared history taken apart: each database's files do there what the shared ones do, or none is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from alembic_multidb.catalog.difference import difference
from alembic_multidb.errors import HistoryError
from alembic_multidb.routing.forks.fork import fork_history, write_fork
from tests.conftest import psql
from tests.integration.shared import DROPS, NAMES, TABLES, Shared, registry


@pytest.fixture
def shared(shared: Shared) -> Shared:
    shared.revise(TABLES, DROPS)
    return shared


def fork(shared: Shared) -> dict[str, dict[str, str]]:
    """Return the text of each database's files by their revisions, and write them."""
    config = shared.config("core", connected=False)
    forked = fork_history(ScriptDirectory.from_config(config), config, list(shared.databases.values()))
    write_fork(shared.folder / "forked", forked)
    return {name: {each.revision: each.text for each in files} for name, files in forked.items()}


@contextmanager
def alone(shared: Shared, name: str) -> Iterator[None]:
    """Let a database have its fork for its history, until the block ends."""
    ini = shared.folder / "alembic.ini"
    before = ini.read_text()
    shared.databases = registry(shared=False)
    ini.write_text(before.replace("%(here)s/versions", f"%(here)s/forked/{name}"))
    yield
    ini.write_text(before)
    shared.databases = registry()


def run_alone(shared: Shared) -> None:
    """Make both databases by their forks."""
    for name in NAMES:
        with alone(shared, name):
            shared.upgrade(name)


def undo_alone(shared: Shared) -> None:
    """Take back with the forks what they have made, down to nothing."""
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^alembic'"
    for name in NAMES:
        with alone(shared, name):
            shared.downgrade(name)
            assert psql(shared.urls[name], left) == []


DROPS_BOTH = """
op.drop_index("ix_body")
op.drop_index("ix_name")
"""
# What a revision asks may be known where its history is shared, and not in a fork: each is an upgrade and a downgrade.
ANSWERED = {
    "an inspector, of a table of the other home": (
        """
        if sa.inspect(op.get_bind()).has_table("ai_docs"):
            op.create_index("ix_name", "users", ["name"])
        """,
        "op.drop_index('ix_name')",
    ),
    "an inspector, and it ends early": (
        """
        tables = sa.inspect(op.get_bind()).get_table_names()
        if "ai_docs" not in tables:
            return
        op.add_column("users", sa.Column("flag", sa.Boolean))
        op.add_column("ai_docs", sa.Column("flag", sa.Boolean))
        """,
        """
        op.drop_column("users", "flag")
        op.drop_column("ai_docs", "flag")
        """,
    ),
    "the catalogs, with a value": (
        """
        query = sa.text("SELECT 1 FROM information_schema.tables WHERE table_name = :name")
        if op.get_bind().execute(query, {"name": "ai_docs"}).scalar():
            op.create_index("ix_name", "users", ["name"])
            op.create_index("ix_body", "ai_docs", ["body"])
        """,
        DROPS_BOTH,
    ),
    "the catalogs, by a cursor of the driver and by patterns": (
        """
        cursor = op.get_bind().connection.cursor()
        cursor.execute("SELECT 1 FROM information_schema.tables WHERE table_name = %s", ("ai_docs",))
        likes = op.get_bind().scalar(sa.text("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'ai%'"))
        if cursor.fetchone() and likes:
            op.create_index("ix_name", "users", ["name"])
        """,
        "op.drop_index('ix_name')",
    ),
    "an extension of which nobody has said anything": (
        """
        if not op.get_bind().scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'citext'")):
            op.execute("COMMENT ON TABLE users IS 'plain'")
            op.execute("COMMENT ON TABLE ai_docs IS 'plain'")
        """,
        "pass",
    ),
    "to_regclass(), on the way down, too": (
        """
        op.create_index("ix_name", "users", ["name"])
        op.create_index("ix_body", "ai_docs", ["body"])
        """,
        """
        if op.get_bind().scalar(sa.text("SELECT to_regclass('public.ai_docs')")) is not None:
            op.drop_index("ix_body")
            op.drop_index("ix_name")
        """,
    ),
    "the version of the server": (
        """
        if int(op.get_bind().execute(sa.text("SHOW server_version_num")).scalar()) >= 120000:
            op.execute("COMMENT ON TABLE ai_docs IS 'new'")
            op.execute("COMMENT ON TABLE users IS 'new'")
        """,
        """
        op.execute("COMMENT ON TABLE ai_docs IS NULL")
        """,
    ),
    "rows of the other home, which has none there": (
        """
        rows = op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()
        if rows:
            return
        op.create_index("ix_body", "ai_docs", ["body"])
        op.create_index("ix_name", "users", ["name"])
        """,
        DROPS_BOTH,
    ),
    "several statements on one line": (
        """
        op.create_index("ix_name", "users", ["name"]); op.create_index("ix_body", "ai_docs", ["body"])
        for name in ("a", "b"): op.execute(f"INSERT INTO users (name) VALUES ('{name}')"); op.execute("ANALYZE ai_docs")
        """,
        "op.drop_index('ix_body'); op.drop_index('ix_name')",
    ),
    "values that are others each time": (
        """
        import datetime, uuid
        for number in range(2):
            op.execute(f"INSERT INTO ai_docs (body) VALUES ('{uuid.uuid4()}, {datetime.datetime.now()}')")
            op.execute(f"INSERT INTO users (name) VALUES ('{uuid.uuid4()}')")
        op.create_index("ix_name", "users", ["name"])
        """,
        "op.drop_index('ix_name')",
    ),
    "tables that bring the same type, one of them with a foreign key to the other home": (
        """
        if not sa.inspect(op.get_bind()).has_table("ai_notes"):
            op.create_table(
                "ai_notes", sa.Column("state", sa.Enum("new", "old", name="state")),
                sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
            )
        if not sa.inspect(op.get_bind()).has_table("ai_marks"):
            op.create_table("ai_marks", sa.Column("state", sa.Enum("new", "old", name="state")))
        """,
        """
        op.drop_table("ai_marks")
        op.drop_table("ai_notes")
        op.execute("DROP TYPE state")
        """,
    ),
    "an error that is not there without a database": (
        """
        bind = op.get_bind()
        try:
            with bind.begin_nested():
                bind.execute(sa.text("ALTER TABLE ai_docs DROP CONSTRAINT ai_docs_pkey"))
        except sa.exc.ProgrammingError:
            op.execute("COMMENT ON TABLE users IS 'no constraint'")
        """,
        "pass",
    ),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_a_fork_does_what_the_shared_history_does(shared: Shared, case: str) -> None:
    """It makes the same, and takes back all of it, though nothing of the other home is there."""
    shared.revise(*ANSWERED[case])
    fork(shared)
    shared.upgrade("mixed")
    run_alone(shared)
    assert shared.differences() == []
    undo_alone(shared)


# What no fork can do: an upgrade, for whom, what the error says, and the upgrade that goes.
REFUSED = {
    "what belongs here hangs on the other home's table, and on one's own": (
        """
        inspector = sa.inspect(op.get_bind())
        if inspector.has_table("ai_docs") and not inspector.has_table("drafts"):
            op.execute("CREATE TABLE drafts (id int)")
            if op.get_bind().scalar(sa.text("SELECT count(*) FROM drafts")) == 0:
                op.execute("CREATE INDEX ix_name ON users (name)")
        """,
        "core",
        r"r002.py, line 14: it asks about ai_docs, which is at home elsewhere, and what belongs here depends on",
        """
        if not sa.inspect(op.get_bind()).has_table("drafts"):
            op.execute("CREATE TABLE drafts (id int)")
            if op.get_bind().scalar(sa.text("SELECT count(*) FROM drafts")) == 0:
                op.execute("CREATE INDEX ix_name ON users (name)")
        """,
    ),
    "what belongs here hangs on names that nobody sees": (
        """
        if op.get_bind().execute(sa.text("SELECT FROM pg_tables WHERE tablename ~ '^ai_'")).fetchall():
            op.create_index("ix_name", "users", ["name"])
        """,
        "core",
        r"r002.py, line 13: it asks about all that is there",
        "op.create_index('ix_name', 'users', ['name'])",
    ),
    "a block of PL/pgSQL asks": (
        """
        op.execute(
            "DO $$ BEGIN IF EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'ai_docs') "
            "THEN CREATE INDEX ix_name ON users (name); END IF; END $$"
        )
        """,
        "core",
        r"r002.py, line 13: it asks about ai_docs, which is at home elsewhere",
        "op.execute('CREATE INDEX ix_name ON users (name)')",
    ),
    "rows of the other home are copied": (
        """
        for user in op.get_bind().execute(sa.text("SELECT id, name FROM users")).fetchall():
            op.execute(f"INSERT INTO ai_docs (body) VALUES ('{user.name}')")
        """,
        "ai",
        r"r002.py, line 13: it asks for rows of users \(core\), which is at home elsewhere",
        """
        with op.on_database():
            for user in op.get_bind().execute(sa.text("SELECT id, name FROM users")).fetchall():
                op.execute(f"INSERT INTO ai_docs (body) VALUES ('{user.name}')")
        """,
    ),
    "nobody sees whether it is run": (
        """
        table, least = "ai_docs", 120000
        op.execute("COMMENT ON TABLE users IS 'new'")
        if int(op.get_bind().execute(sa.text("SHOW max_connections")).scalar()) >= least:
            op.execute(f"COMMENT ON TABLE {table} IS 'new'")
        """,
        "core",
        r"r002.py, line 16: without a database nobody sees whether this is run, and it names ai_docs, which is at home "
        r'in ai; put what belongs there into a block with op.on_database\("ai"\)',
        """
        table, least = "ai_docs", 120000
        op.execute("COMMENT ON TABLE users IS 'new'")
        if int(op.get_bind().execute(sa.text("SHOW max_connections")).scalar()) >= least:
            with op.on_database("ai"):
                op.execute(f"COMMENT ON TABLE {table} IS 'new'")
        """,
    ),
    "it is another statement where there is no database": (
        """
        from alembic import context
        if context.is_offline_mode():
            op.create_table("drafts", sa.Column("id", sa.Integer))
            return
        op.execute("COMMENT ON TABLE ai_docs IS 'new'")
        """,
        "ai",
        r"r002.py, line 15: without a database nobody sees whether this is run, and it names drafts, which is at home "
        r"in core; put what belongs there into a block",
        """
        from alembic import context
        if context.is_offline_mode():
            with op.on_database("core"):
                op.create_table("drafts", sa.Column("id", sa.Integer))
            return
        op.execute("COMMENT ON TABLE ai_docs IS 'new'")
        """,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_a_way_out(shared: Shared, case: str) -> None:
    """The error names revision, line and reason; what it tells one to do is enough."""
    upgrade, name, message, instead = REFUSED[case]
    shared.revise(upgrade)
    with pytest.raises(HistoryError, match=f'cannot be taken apart for "{name}": r002 .*{message}'):
        fork(shared)
    shared.revisions.pop()
    shared.revise(instead)
    shared.upgrade(*NAMES)
    before = {each: shared.snapshot(each) for each in NAMES}
    fork(shared)
    for engine in shared.engines.values():
        engine.dispose()
    shared.engines.clear()
    run_alone(shared)
    assert [item for each in NAMES for item in difference(before[each], shared.snapshot(each))] == []


class TestFilesBeside:
    """A revision finds files by its own place."""

    def revise(self, shared: Shared, path: str) -> None:
        shared.revise(
            f"""
            from pathlib import Path
            op.execute(({path}).read_text())
            """,
            "op.drop_index('ix_body')",
        )

    @pytest.mark.parametrize("place", ["versions/body.sql", "versions/sql/body.sql", "sql/body.sql"])
    def test_they_go_along(self, shared: Shared, place: str) -> None:
        """Those in its folder, below it, and in one beside it."""
        file = shared.folder / place
        file.parent.mkdir(exist_ok=True)
        file.write_text("CREATE INDEX ix_body ON ai_docs (body)")
        near = f"Path(__file__).parent / '{place.removeprefix('versions/')}'"
        self.revise(
            shared, near if place.startswith("versions") else f"Path(__file__).resolve().parents[1] / '{place}'"
        )
        fork(shared)
        file.unlink()
        run_alone(shared)
        assert psql(shared.urls["ai"], "SELECT relname FROM pg_class WHERE relname = 'ix_body'") == [("ix_body",)]

    def test_those_elsewhere_are_named(self, shared: Shared, tmp_path: Path) -> None:
        """A fork in another folder would not find them."""
        (tmp_path / "body.sql").write_text("CREATE INDEX ix_body ON ai_docs (body)")
        self.revise(shared, "Path(__file__).parents[2] / 'body.sql'")
        with pytest.raises(HistoryError, match=r"r002.py, line 14: it finds what it needs by its own place, __file__"):
            fork(shared)
