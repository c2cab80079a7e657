"""What `alembic -n NAME revision --autogenerate` writes into which history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NewDatabase, Project, copy_example, psql

MODELS = "notes/models.py"

NEW_CORE_COLUMN = (
    "    body: Mapped[str] = mapped_column(Text)\n",
    "    body: Mapped[str] = mapped_column(Text)\n    pinned: Mapped[bool | None]\n",
)
NEW_AI_COLUMN = (
    "    scope: Mapped[str] = mapped_column(String(100), index=True)\n",
    "    scope: Mapped[str] = mapped_column(String(100), index=True)\n    source: Mapped[str | None]\n",
)
NEW_VECTOR_COLUMN = (
    "    scope: Mapped[str] = mapped_column(String(100), index=True)\n",
    "    scope: Mapped[str] = mapped_column(String(100), index=True)\n"
    "    summary: Mapped[list[float] | None] = mapped_column(VECTOR(8))\n",
)
NEW_CORE_TABLE = (
    "class AiDocument(Base):",
    "class Attachment(Base):\n"
    '    __tablename__ = "attachments"\n'
    "    id: Mapped[int] = mapped_column(primary_key=True)\n"
    '    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), index=True)\n\n\n'
    "class AiDocument(Base):",
)
NEW_INDEX = (
    'Index("ix_notes_created_at", "created_at"),',
    'Index("ix_notes_created_at", "created_at"), Index("ix_notes_recent", "notebook_id", "created_at"),',
)
NEW_FOREIGN_KEY = (
    "    label: Mapped[str] = mapped_column(String(50))\n",
    "    label: Mapped[str] = mapped_column(String(50))\n"
    '    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))\n',
)


def _generate(project: Project, database: str) -> str:
    """Run revision --autogenerate; return the text of the one new file, which must be in that history."""
    other = {"core": "ai", "ai": "core"}[database]
    before, before_other = project.revisions(database), project.revisions(other)
    project.ok("-n", database, "revision", "--autogenerate", "-m", "change")
    (new,) = project.revisions(database) - before
    assert project.revisions(other) == before_other
    return (project.folder / "migrations" / database / new).read_text()


def _upgrade_body(text: str) -> str:
    return text.partition("def upgrade")[2].partition("def downgrade")[0]


def _statements(text: str) -> list[str]:
    lines = [line.strip() for line in _upgrade_body(text).splitlines()[1:]]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("database", "change", "expected"),
    [
        pytest.param("core", NEW_CORE_COLUMN, "op.add_column('notes', sa.Column('pinned'", id="column"),
        pytest.param("ai", NEW_AI_COLUMN, "op.add_column('ai_documents', sa.Column('source'", id="ai column"),
        pytest.param("ai", NEW_VECTOR_COLUMN, "pgvector.sqlalchemy.VECTOR(8)", id="vector column"),
        pytest.param("core", NEW_CORE_TABLE, "op.create_table('attachments'", id="table"),
        pytest.param("core", NEW_INDEX, "op.create_index('ix_notes_recent'", id="index"),
        pytest.param("core", NEW_FOREIGN_KEY, "op.create_foreign_key(", id="foreign key"),
    ],
)
def test_a_change_goes_into_its_own_history_and_runs(
    notes_at_head: Project, database: str, change: tuple[str, str], expected: str
) -> None:
    """The revision holds the change and runs up, check is clean, down; the other history gets nothing."""
    notes_at_head.edit(MODELS, *change)
    other = {"core": "ai", "ai": "core"}[database]
    assert "No new upgrade operations" in notes_at_head.ok("-n", other, "check")

    text = _generate(notes_at_head, database)

    assert expected in _upgrade_body(text)
    notes_at_head.ok("-n", database, "upgrade", "head")
    assert "No new upgrade operations" in notes_at_head.ok("-n", database, "check")
    notes_at_head.ok("-n", database, "downgrade", "-1")
    assert _statements(_generate(notes_at_head, other)) == ["pass"]


def test_a_vector_column_brings_its_import(notes_at_head: Project) -> None:
    """Alembic alone renders the type without any import, and the revision dies with a NameError."""
    notes_at_head.edit(MODELS, *NEW_VECTOR_COLUMN)
    assert "\nimport pgvector.sqlalchemy\n" in _generate(notes_at_head, "ai")


def test_a_crossing_foreign_key_goes_into_neither_history(notes_at_head: Project) -> None:
    """It is declared as a soft reference already; the FK in the model must not reach either database."""
    notes_at_head.edit(
        MODELS,
        "    user_id: Mapped[UUID | None] = mapped_column(index=True)\n",
        '    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)\n',
    )
    for database in ("core", "ai"):
        assert "No new upgrade operations" in notes_at_head.ok("-n", database, "check")


def test_a_new_table_with_a_crossing_foreign_key_is_created_without_it(notes_at_head: Project) -> None:
    """Alembic asks no hook about foreign keys inside create_table."""
    notes_at_head.edit(
        MODELS,
        "class AiMemory(Base):",
        'class AiNote(Base):\n    __tablename__ = "ai_notes"\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        '    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))\n'
        '    document_id: Mapped[UUID] = mapped_column(ForeignKey("ai_documents.id"))\n\n\n'
        "class AiMemory(Base):",
    )
    notes_at_head.edit("notes/databases.py", '"ai_memories"],', '"ai_memories", "ai_notes"],')
    notes_at_head.edit("notes/databases.py", "soft_references=[", 'soft_references=["ai_notes.note_id -> notes.id", ')
    body = _upgrade_body(_generate(notes_at_head, "ai"))
    assert "['document_id'], ['ai_documents.id']" in body
    assert "notes.id'" not in body
    notes_at_head.ok("-n", "ai", "upgrade", "head")
    assert "No new upgrade operations" in notes_at_head.ok("-n", "core", "check")


def test_an_undeclared_crossing_foreign_key_prints_the_lines_to_paste(notes_at_head: Project) -> None:
    """No soft reference: the error holds it, ready to be pasted."""
    notes_at_head.edit(
        MODELS,
        "    content: Mapped[str] = mapped_column(Text)\n    tags:",
        "    content: Mapped[str] = mapped_column(Text)\n"
        '    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id", ondelete="SET NULL"))\n    tags:',
    )
    refused = notes_at_head.refused("-n", "ai", "check")
    assert 'SoftReference("ai_memories.note_id", "notes.id", ondelete="SET NULL"),' in refused
    assert 'Database("ai", soft_references=[...])' in refused


def test_a_changed_vector_index_is_seen(notes_at_head: Project) -> None:
    """hnsw's options and operator class: Alembic's own comparison generates an empty revision."""
    notes_at_head.edit(MODELS, '{"m": 16, "ef_construction": 64}', '{"m": 32}')
    notes_at_head.edit(MODELS, '"vector_cosine_ops"', '"vector_l2_ops"')
    body = _upgrade_body(_generate(notes_at_head, "ai"))
    assert "op.drop_index(op.f('ix_ai_documents_embedding_hnsw')" in body
    assert "'vector_l2_ops'" in body
    notes_at_head.ok("-n", "ai", "upgrade", "head")
    assert "No new upgrade operations" in notes_at_head.ok("-n", "ai", "check")
    notes_at_head.ok("-n", "ai", "downgrade", "-1")
    url = notes_at_head.environment["AI_DATABASE_URL"]
    ((definition,),) = psql(url, "SELECT pg_get_indexdef('ix_ai_documents_embedding_hnsw'::regclass)")
    assert "vector_cosine_ops" in str(definition)
    assert "m='16'" in str(definition)


def test_a_live_table_without_a_model_is_left_alone_and_said(notes_at_head: Project) -> None:
    """unmodelled="keep" is the default; "drop" is Alembic's way."""
    url = notes_at_head.environment["DATABASE_URL"]
    psql(url, "CREATE TABLE legacy (id int PRIMARY KEY)")
    psql(url, "CREATE INDEX ix_legacy ON legacy (id)")
    text = notes_at_head.ok("-n", "core", "check")
    assert "No new upgrade operations" in text
    assert 'left alone (unmodelled="keep"): legacy' in text

    notes_at_head.edit("notes/databases.py", '"core",', '"core", unmodelled="drop",')
    text = _generate(notes_at_head, "core")
    assert "op.drop_table('legacy')" in _upgrade_body(text)


def test_nobody_drops_extension_tables_partitions_or_version_tables(notes_at_head: Project) -> None:
    """Even with unmodelled="drop"."""
    url = notes_at_head.environment["DATABASE_URL"]
    psql(url, "CREATE TABLE member (id int); CREATE EXTENSION citext; ALTER EXTENSION citext ADD TABLE member")
    psql(url, "CREATE INDEX ix_member ON member (id)")
    psql(
        url,
        "CREATE TABLE other_versions (version_num text); "
        "COMMENT ON TABLE other_versions IS 'alembic_multidb: database=core'",
    )
    psql(url, "CREATE TABLE parted (id int) PARTITION BY LIST (id)")
    psql(url, "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)")
    notes_at_head.edit("notes/databases.py", '"core",', '"core", unmodelled="drop",')
    body = _upgrade_body(_generate(notes_at_head, "core"))
    assert "op.drop_table('parted')" in body
    assert body.count("drop_table") == 1
    assert "ix_member" not in body


class TestTwoDeclarativeBases:
    """The other common layout: every database has a Base of its own."""

    @pytest.fixture
    def two_bases(self, notes_at_head: Project) -> Project:
        models = (notes_at_head.folder / MODELS).read_text()
        base = models[models.index("class Base") : models.index("class User")]
        models = models.replace(
            "class AiDocument(Base)", base.replace("Base(", "AiBase(", 1) + "class AiDocument(AiBase)"
        )
        notes_at_head.write(MODELS, models.replace("AiMemory(Base)", "AiMemory(AiBase)"))
        notes_at_head.write(
            "notes/databases.py",
            "from alembic_multidb import Database, Databases\n"
            "from notes.models import AiBase, Base\n"
            "databases = Databases(\n"
            '    Database("core", metadata=Base.metadata, url="env:DATABASE_URL"),\n'
            '    Database("ai", metadata=AiBase.metadata, url="env:AI_DATABASE_URL", extensions={"vector": "*"},\n'
            '             soft_references=["ai_memories.user_id -> users.id"]),\n'
            ")\n",
        )
        return notes_at_head

    @pytest.mark.parametrize("database", ["core", "ai"])
    def test_check_finds_nothing(self, two_bases: Project, database: str) -> None:
        """Right after upgrade."""
        assert "No new upgrade operations" in two_bases.ok("-n", database, "check")

    def test_a_change_goes_into_its_own_history(self, two_bases: Project) -> None:
        """A column of each Base; a crossing FK by name into neither."""
        two_bases.edit(MODELS, *NEW_CORE_COLUMN)
        two_bases.edit(MODELS, *NEW_AI_COLUMN)
        two_bases.edit(
            MODELS,
            "    user_id: Mapped[UUID | None] = mapped_column(index=True)\n",
            '    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)\n',
        )
        assert "pinned" in _upgrade_body(_generate(two_bases, "core"))
        body = _upgrade_body(_generate(two_bases, "ai"))
        assert "source" in body
        assert "users" not in body


class TestOneMixedPhysicalDatabase:
    """Both homes in one database, each history with a version table of its own."""

    @pytest.fixture
    def mixed(self, tmp_path: Path, new_database: NewDatabase) -> Project:
        project = copy_example("notes", tmp_path)
        url = new_database()
        project.environment = {"DATABASE_URL": url, "AI_DATABASE_URL": url}
        project.edit(
            "notes/databases.py",
            '        "ai",',
            '        "ai", shared_with="core", version_table="ai_version",',
        )
        for database in ("core", "ai"):
            project.ok("-n", database, "upgrade", "head")
        psql(
            url,
            "ALTER TABLE ai_memories ADD CONSTRAINT fk_crossing FOREIGN KEY (user_id) REFERENCES users (id)",
        )
        return project

    @pytest.mark.parametrize("database", ["core", "ai"])
    @pytest.mark.parametrize("unmodelled", ["keep", "drop"])
    def test_neither_history_drops_what_is_the_others(self, mixed: Project, database: str, unmodelled: str) -> None:
        """No table, no crossing foreign key, no version table of the other."""
        mixed.edit("notes/databases.py", f'"{database}",', f'"{database}", unmodelled="{unmodelled}",')
        assert "No new upgrade operations" in mixed.ok("-n", database, "check")

    def test_dropping_a_table_renders_no_crossing_foreign_key_on_the_way_back(self, mixed: Project) -> None:
        """The downgrade's create_table comes from the live table, which has one."""
        models = (mixed.folder / MODELS).read_text()
        mixed.write(MODELS, models[: models.index("class AiMemory")])
        mixed.edit("notes/databases.py", '"ai",', '"ai", unmodelled="drop",')
        mixed.edit(
            "notes/databases.py",
            '        soft_references=[SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE")],\n',
            "",
        )
        text = _generate(mixed, "ai")
        assert "op.drop_table('ai_memories')" in _upgrade_body(text)
        downgrade = text.partition("def downgrade")[2]
        assert "op.create_table('ai_memories'" in downgrade
        assert "users" not in downgrade

    def test_down_and_up_of_one_leaves_the_other_alone(self, mixed: Project) -> None:
        """ai to base and back, beside core at head."""
        mixed.ok("-n", "ai", "downgrade", "base")
        assert "c003 (head)" in mixed.ok("-n", "core", "current")
        mixed.ok("-n", "ai", "upgrade", "head")

    def test_without_shared_with_it_is_refused(self, mixed: Project) -> None:
        """Two names that lead to one database by mistake."""
        mixed.edit("notes/databases.py", 'shared_with="core", ', "")
        assert 'is marked as "core"' in mixed.refused("-n", "ai", "upgrade", "head")
        assert 'is marked as "ai"' in mixed.refused("-n", "core", "check")


def test_tables_in_schemas_of_their_own_are_compared_there(notes: Project) -> None:
    """A home by schema: created, found again by check, and the version table in the schema too."""
    notes.write(
        "notes/databases.py",
        "from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table\n"
        "from alembic_multidb import Database, Databases\n"
        "meta = MetaData()\n"
        'Table("people", meta, Column("id", Integer, primary_key=True))\n'
        'Table("invoices", meta, Column("id", Integer, primary_key=True), '
        'Column("person_id", Integer, ForeignKey("people.id")), schema="billing")\n'
        "databases = Databases(\n"
        '    Database("core", metadata=meta, url="env:DATABASE_URL", default=True),\n'
        '    Database("ai", metadata=meta, url="env:AI_DATABASE_URL", schemas=["billing"],\n'
        '             version_table_schema="billing",\n'
        '             soft_references=["billing.invoices.person_id -> people.id"]),\n'
        ")\n",
    )
    for file in (notes.folder / "migrations").glob("*/[ac]0*.py"):
        file.unlink()
    for database, table in (("core", "people"), ("ai", "invoices")):
        body = _upgrade_body(_generate(notes, database))
        assert f"op.create_table('{table}'" in body
        assert body.count("create_table") == 1
        notes.ok("-n", database, "upgrade", "head")
        assert "No new upgrade operations" in notes.ok("-n", database, "check")
    assert psql(notes.environment["AI_DATABASE_URL"], "SELECT count(*) FROM billing.alembic_version") == [(1,)]
