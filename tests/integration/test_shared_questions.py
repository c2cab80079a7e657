"""What revisions of a shared history ask a database, and what depends on the answer."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory

from alembic_multidb.errors import UndecidableError
from alembic_multidb.routing.plan import plan_history
from tests.conftest import psql
from tests.integration.shared import TABLES, Shared, registry

# What the other home has beside its table.
OTHERS = """
op.execute("CREATE TYPE mood AS ENUM ('good')")
op.execute("ALTER TABLE ai_docs ADD mood mood, ADD CONSTRAINT uq_body UNIQUE (body), ADD author int REFERENCES users")
op.execute("CREATE VIEW ai_good AS SELECT id FROM ai_docs WHERE mood = 'good'")
op.execute("CREATE SEQUENCE ai_numbers OWNED BY ai_docs.id")
op.execute("CREATE FUNCTION ai_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
op.execute("CREATE TRIGGER touched BEFORE UPDATE ON ai_docs FOR EACH ROW EXECUTE FUNCTION ai_touch()")
op.execute("CREATE SCHEMA vec")
op.execute("CREATE TABLE vec.ai_more (id int PRIMARY KEY)")
"""
ONLY_THEN = """
bind = op.get_bind()
inspector = sa.inspect(bind)
if not ({question}):
    return
op.add_column("users", sa.Column("n", sa.Integer))
"""

TOLD = {
    "a type": "SELECT 1 FROM pg_type WHERE typname = 'mood'",
    "a type and its schema": (
        "SELECT 1 FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace "
        "WHERE t.typname = 'mood' AND n.nspname = 'public'"
    ),
    "a type by its name": "SELECT to_regtype('mood') IS NOT NULL",
    "a unique constraint": "SELECT 1 FROM pg_constraint WHERE conname = 'uq_body'",
    "a crossing key": "SELECT 1 FROM pg_constraint WHERE conname = 'ai_docs_author_fkey' AND contype = 'f'",
    "constraints of a table": (
        "SELECT 1 FROM information_schema.table_constraints "
        "WHERE table_name = 'ai_docs' AND constraint_name = 'uq_body' AND constraint_type = 'UNIQUE'"
    ),
    "a constraint and its table": (
        "SELECT 1 FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid "
        "WHERE t.relname = 'ai_docs' AND c.conname = 'uq_body'"
    ),
    "a function": "SELECT 1 FROM pg_proc WHERE proname = 'ai_touch'",
    "a routine": "SELECT 1 FROM information_schema.routines WHERE routine_name = 'ai_touch'",
    "a view": "SELECT 1 FROM information_schema.views WHERE table_name = 'ai_good'",
    "a view of the catalog's": "SELECT 1 FROM pg_views WHERE schemaname = 'public' AND viewname = 'ai_good'",
    "a sequence": "SELECT count(*) FROM information_schema.sequences WHERE sequence_name = 'ai_numbers'",
    "a schema": "SELECT EXISTS (SELECT FROM information_schema.schemata WHERE schema_name = 'vec')",
    "a table in a schema": (
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'vec' AND c.relname = 'ai_more'"
    ),
    "a column": (
        "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('ai_docs') AND attname = 'body' AND attnum > 0"
    ),
    "an index and its table": (
        "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid "
        "WHERE c.relname = 'uq_body' AND t.relname = 'ai_docs'"
    ),
    "the owner": "SELECT 1 FROM pg_tables WHERE tablename = 'ai_docs' AND tableowner = current_user",
    "this database": (
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database() AND table_name = 'ai_docs'"
    ),
}
INSPECTED = {
    "types": "'mood' in {each['name'] for each in inspector.get_enums()}",
    "one type": "bind.dialect.has_type(bind, 'mood')",
    "views": "'ai_good' in inspector.get_view_names() and inspector.has_table('ai_good')",
    "sequences": "'ai_numbers' in inspector.get_sequence_names() and inspector.has_sequence('ai_numbers')",
    "schemas": "'vec' in inspector.get_schema_names() and inspector.has_table('ai_more', schema='vec')",
    "crossing keys": "[each['referred_table'] for each in inspector.get_foreign_keys('ai_docs')] == ['users']",
}


@pytest.fixture
def shared(shared: Shared) -> Shared:
    shared.databases = registry(ai_tables=["ai_*", "vec.*"])
    shared.revise(TABLES)
    shared.revise(OTHERS)
    return shared


def sent(question: str) -> str:
    return f"bind.execute(sa.text({question!r})).scalar()"


def columns_of_users(shared: Shared) -> list[tuple[object, ...]]:
    return psql(shared.urls["core"], "SELECT attname FROM pg_attribute WHERE attname = 'n'")


@pytest.mark.parametrize("question", [*map(sent, TOLD.values()), *INSPECTED.values()], ids=[*TOLD, *INSPECTED])
def test_what_depends_on_what_is_elsewhere_is_done_where_it_belongs(shared: Shared, question: str) -> None:
    """A revision is told what the mixed database would tell it; a soft reference is a foreign key to it."""
    shared.revise(ONLY_THEN.format(question=question))
    shared.upgrade()
    assert [line for line in shared.differences() if "author" not in line] == []
    assert columns_of_users(shared) == [("n",)]


@pytest.mark.parametrize(
    "question",
    [
        "SELECT 1 FROM information_schema.columns WHERE table_name = 'ai_docs' AND data_type = 'text'",
        "SELECT 1 FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typname = 'mood' AND enumlabel = 'good'",
        "SELECT 1 FROM pg_trigger WHERE tgname = 'touched'",
        "SELECT 1 FROM pg_class WHERE relname = 'ai_docs' AND pg_table_is_visible(oid)",
        "SELECT count(*) > 0 FROM ai_docs",
    ],
)
def test_what_nobody_can_answer_here_is_undecidable(shared: Shared, question: str) -> None:
    """The plan says so as well; each way out that the error names works."""
    shared.revise(ONLY_THEN.format(question=sent(question)))
    shared.upgrade("ai")
    with pytest.raises(UndecidableError, match="what belongs here: ALTER TABLE users ADD COLUMN n INTEGER") as raised:
        shared.upgrade("core")
    config = shared.config("core", connected=False)
    planned = plan_history(ScriptDirectory.from_config(config), config, shared.databases["core"])
    assert [each.count("undecidable") for each in planned] == [0, 0, 1]
    file = shared.folder / "versions" / "r003.py"
    text = file.read_text()
    asked, added = f"    if not ({sent(question)}):\n        return\n", "    op.add_column"
    assert "before the question" in str(raised.value) and "with op.on_database(): if" in str(raised.value)
    file.write_text(text.replace(asked, "").replace(added, f"{added}"))
    shared.upgrade("core", to="r003")
    assert columns_of_users(shared) == [("n",)]


def test_what_the_database_itself_shall_answer_stands_in_a_block(shared: Shared) -> None:
    """As the error says; what is put into a block for no database is done nowhere."""
    question = "SELECT 1 FROM pg_trigger WHERE tgname = 'touched'"
    body = f"""
    with op.on_database({{where}}):
        bind = op.get_bind()
        if not {sent(question)}:
            op.add_column("users", sa.Column("{{name}}", sa.Integer))
    """
    shared.revise(body.format(where='"core"', name="n"))
    shared.revise(body.format(where="", name="o"))
    shared.upgrade("core", "ai")
    found = "SELECT attname FROM pg_attribute WHERE attname IN ('n', 'o')"
    assert psql(shared.urls["core"], found) == [("n",)] and psql(shared.urls["ai"], found) == []


def test_rows_of_another_home_are_not_lost_on_the_way(shared: Shared) -> None:
    """Rows that a revision carries from one home to the other are an error where they would arrive."""
    shared.revise(
        """
        bind = op.get_bind()
        for row in bind.execute(sa.text("SELECT name FROM users")):
            bind.execute(sa.text("INSERT INTO ai_docs (id, body) VALUES (1, :name)"), {"name": row.name})
        """
    )
    shared.upgrade("core")
    with pytest.raises(UndecidableError, match=r"it asks for users \(core\), and on the answer depends"):
        shared.upgrade("ai")


def test_a_question_about_both_homes_is_no_error_if_nothing_depends_on_the_other(shared: Shared) -> None:
    """As a loop over tables of both does it, which adds to each what it has not."""
    shared.revise(
        """
        bind = op.get_bind()
        asked = sa.text(
            "SELECT 1 FROM information_schema.columns "
            "WHERE table_name = :name AND column_name = 'at' AND data_type LIKE 'timestamp%'"
        )
        for name in ("users", "ai_docs"):
            if not bind.scalar(asked, {"name": name}):
                op.execute(f"ALTER TABLE {name} ADD at timestamptz")
        """
    )
    shared.upgrade()
    assert [line for line in shared.differences() if "author" not in line] == []


@pytest.mark.parametrize(
    "condition",
    [
        "EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector')",
        "(SELECT count(*) FROM pg_catalog.pg_extension AS e WHERE e.extname = 'vector') = 1",
        "EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'ai_docs')",
        "to_regclass('public.ai_docs') IS NOT NULL",
    ],
)
def test_do_blocks_are_told_as_well(shared: Shared, condition: str) -> None:
    """Online and in a script, as a condition and as a query."""
    shared.revise("op.execute('CREATE EXTENSION IF NOT EXISTS vector')")
    shared.revise(
        f"""
        op.execute('''DO $$ DECLARE found bool; BEGIN
            IF {condition} THEN
                ALTER TABLE users ADD n int; -- 100 %
            END IF;
            SELECT {condition} INTO found;
            IF found THEN ALTER TABLE users ADD m int; END IF;
        END $$''')
        """
    )
    shared.upgrade()
    assert [line for line in shared.differences() if "author" not in line] == []
    found = "SELECT attname::text FROM pg_attribute WHERE attname IN ('n', 'm') ORDER BY 1"
    assert psql(shared.urls["core"], found) == [("m",), ("n",)]


def test_a_do_block_that_cannot_be_told_is_undecidable(shared: Shared) -> None:
    """What it asks the catalogs for is named."""
    condition = "EXISTS (SELECT FROM pg_trigger WHERE tgname = 'touched')"
    shared.revise(f"op.execute('''DO $$ BEGIN IF {condition} THEN ALTER TABLE users ADD n int; END IF; END $$''')")
    with pytest.raises(UndecidableError, match="it asks the catalogs for touched, which is elsewhere"):
        shared.upgrade("core")


def test_a_question_follows_the_search_path(shared: Shared) -> None:
    """What it asks for is found where the revision looks for names."""
    shared.revise(
        """
        op.execute("SET LOCAL search_path TO vec, public")
        if op.get_bind().execute(sa.text("SELECT count(*) FROM ai_more")).scalar() == 0:
            op.execute("ALTER TABLE users ADD n int")
        """
    )
    with pytest.raises(UndecidableError, match=r"it asks for vec\.ai_more \(ai\), and on the answer depends"):
        shared.upgrade("core")
