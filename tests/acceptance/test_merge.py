"""multidb merge, on the example: split and merged again, it is what it was, and its histories go on side by side."""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from alembic_multidb import Database, Databases
from alembic_multidb.catalog.difference import difference
from alembic_multidb.stamp.schema import without_version_tables
from tests.acceptance.test_killed import settle
from tests.acceptance.test_status import MULTIDB
from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.integration.moved import checksums
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server


@pytest.fixture(scope="session")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the example's mixed database, with rows."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("merge"))
    name = f"merge_{os.getpid()}"
    project.environment["OLD_DATABASE_URL"] = server.create_database(name)
    project.ok("-c", "mixed/alembic.ini", "upgrade", "head")
    project.ok("--rows", "800", "--documents", "40", module="portfolio.fill")
    return name


@pytest.fixture
def portfolio(tmp_path: Path, new_database: NewDatabase, filled: str, server: Server) -> Project:
    """The example with its mixed database, which is to be split, and three empty ones."""
    project = copy_example("portfolio", tmp_path)
    project.scratch = server.url()
    project.environment = {
        "OLD_DATABASE_URL": new_database(filled),
        "DATABASE_URL": new_database(),
        "AI_DATABASE_URL": new_database(),
        "TARGET_URL": new_database(),
    }
    return project


def assert_same(project: Project, source: str, target: str) -> None:
    """The second database has the first one's schema, rows and places of sequences; version tables do not count."""
    one, other = (project.environment[name] for name in (source, target))
    schemas = [without_version_tables(snapshot_of(url), registry()) for url in (one, other)]
    assert [str(item) for item in difference(*schemas)] == []
    assert checksums(other) == checksums(one)
    places = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
    assert psql(other, places) == psql(one, places)


def registry() -> Databases:
    return Databases(
        Database("core", default=True, shared_with="ai"), Database("ai", version_table="alembic_version_ai")
    )


def test_split_and_merged_it_is_what_it_was(portfolio: Project) -> None:
    """The foreign key that the split took away is back under its name; and the histories go on, side by side."""
    portfolio.ok("split", "--source", "env:OLD_DATABASE_URL", "--evidence", "split.json", module=MULTIDB)
    merge = ("merge", "--target", "env:TARGET_URL", "--restore-foreign-keys", "--evidence", "split.json")
    plan = portfolio.ok(*merge, "--plan", module=MULTIDB)
    assert "fk_ai_memories_user_id_users on public.ai_memories: FOREIGN KEY (user_id) REFERENCES" in plan
    databases = "SELECT datname FROM pg_database ORDER BY 1"
    before = psql(portfolio.environment["TARGET_URL"], databases)
    rehearsed = portfolio.ok(*merge, "--rehearse", module=MULTIDB)
    assert "The real run will need about" in rehearsed and "nothing of the rehearsal remains" in rehearsed
    assert psql(portfolio.environment["TARGET_URL"], "SELECT count(*) FROM pg_class WHERE oid >= 16384") == [(0,)]
    assert psql(portfolio.environment["TARGET_URL"], databases) == before
    assert not list(portfolio.folder.glob("multidb-merge-*"))
    text = portfolio.ok(*merge, "--proof", "merge.json", module=MULTIDB)
    assert "Done, and proven." in text and text.count("verified equal") == 2
    assert_same(portfolio, "OLD_DATABASE_URL", "TARGET_URL")
    data = json.loads((portfolio.folder / "merge.json").read_text())
    assert data["merge"]["version_tables"] == {"core": "alembic_version", "ai": "alembic_version_ai"}
    target = portfolio.environment["TARGET_URL"]
    assert psql(target, "SELECT version_num FROM alembic_version") == [("m012",)]
    assert psql(target, "SELECT version_num FROM alembic_version_ai") == [("a001",)]
    # What the command said is to be changed.
    portfolio.edit(
        "portfolio/databases.py",
        'url="env:AI_DATABASE_URL",',
        'url="env:AI_DATABASE_URL", version_table="alembic_version_ai", shared_with="core",',
    )
    portfolio.environment |= {"DATABASE_URL": target, "AI_DATABASE_URL": target}
    portfolio.ok("-n", "core", "upgrade", "head")
    portfolio.ok("-n", "ai", "upgrade", "head")
    assert portfolio.ok("status", module=MULTIDB).count("at head") == 2
    portfolio.ok("check", module=MULTIDB)


TYPES = "SELECT data_type FROM information_schema.columns WHERE column_name = 'asset_id'"


def test_a_main_database_comes_into_the_vector_database(
    tmp_path: Path, new_database: NewDatabase, server: Server
) -> None:
    """Its key gets the other type, deleting an asset deletes its embeddings, and one history goes on."""
    project = copy_example("assets", tmp_path)
    project.scratch = server.url()
    main, vectors = new_database(), new_database()
    project.environment = {"DATABASE_URL": main, "VECTOR_DATABASE_URL": vectors}
    project.ok("upgrade", module=MULTIDB)
    psql(main, "INSERT INTO assets (name) SELECT 'asset ' || i FROM generate_series(1, 20) AS i")
    for (identity,) in psql(main, "SELECT id::text FROM assets"):
        psql(vectors, f"INSERT INTO asset_embeddings (asset_id, source_text) VALUES ('{identity}', 'text')")
    merge = ("merge", "--into", "vectors", "--restore-foreign-keys")
    done = project.run(*merge, "--plan", module=MULTIDB)
    assert done.returncode == 1 and "--cast gives the column the other type" in done.stdout
    assert "nothing of the rehearsal remains" in project.ok(*merge, "--cast", "--rehearse", module=MULTIDB)
    assert "character varying" in str(psql(vectors, TYPES))
    text = project.ok(*merge, "--cast", "--write-revision", module=MULTIDB)
    (revision,) = project.revisions("vectors") - {"v001_embeddings.py"}
    assert revision in text
    written = (project.folder / "migrations" / "vectors" / revision).read_text()
    assert "TYPE uuid USING" in written and "ON DELETE CASCADE" in written and "DROP CONSTRAINT" in written
    assert psql(vectors, "SELECT version_num FROM alembic_version") == [(revision.partition("_")[0],)]
    assert "its own rows are what they were before" in text and "validated" in text
    assert "alembic_version_main" in text
    assert "public.asset_embeddings.asset_id is uuid now" in text
    assert "multidb history join --into vectors -n main" in text
    assert psql(main, "SELECT count(*) FROM assets") == [(20,)]
    psql(vectors, "DELETE FROM assets WHERE name IN ('asset 1', 'asset 2')")
    assert psql(vectors, "SELECT count(*) FROM asset_embeddings") == [(18,)]
    one_history(project, vectors)


def one_history(project: Project, vectors: str) -> None:
    """Change what the commands say, and go on."""
    old = 'Database("main", metadata=Base.metadata, url="env:DATABASE_URL", default=True)'
    project.edit(
        "assets/databases.py",
        old,
        old.replace("default=True", 'default=True, version_table="alembic_version_main", shared_with="vectors"'),
    )
    project.environment["DATABASE_URL"] = vectors
    text = project.ok("history", "join", "--into", "vectors", module=MULTIDB)
    both = "%(here)s/migrations/main" + os.pathsep + "%(here)s/migrations/vectors"
    assert f"version_locations = {both}" in text and "labels: main, vectors" in text
    project.write(
        "assets/databases.py",
        "from alembic_multidb import Database, Databases\nfrom assets.models import Base\n\n"
        'databases = Databases(Database("vectors", metadata=Base.metadata, url="env:VECTOR_DATABASE_URL", '
        'default=True, extensions={"vector": ">=0.5"}))\n',
    )
    project.edit("alembic.ini", "[main]\nversion_locations = %(here)s/migrations/main\n", "")
    project.edit("alembic.ini", "version_locations = %(here)s/migrations/vectors", f"version_locations = {both}")
    project.edit(
        "assets/models.py",
        "asset_id: Mapped[str] = mapped_column(String(36), index=True)",
        'asset_id: Mapped[UUID] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), index=True)',
    )
    project.edit("assets/models.py", "DateTime, Index", "DateTime, ForeignKey, Index")
    project.ok("-n", "vectors", "upgrade", "head")
    project.ok("-n", "vectors", "check")
    assert len(psql(vectors, "SELECT version_num FROM alembic_version")) == 1
    assert psql(vectors, "SELECT to_regclass('alembic_version_main')") == [(None,)]
    project.ok("-n", "vectors", "history", "-r", "main@base:main@head")


@pytest.fixture
def apart(notes_at_head: Project, new_database: NewDatabase) -> Project:
    """The notes example with rows in both databases, and an empty one."""
    core, ai = (notes_at_head.environment[name] for name in ("DATABASE_URL", "AI_DATABASE_URL"))
    psql(
        core,
        "INSERT INTO users (email) SELECT i || '@example.org' FROM generate_series(1, 500) AS i; "
        "INSERT INTO notebooks (user_id, title) SELECT id, email FROM users; "
        "INSERT INTO notes (notebook_id, body) SELECT id, repeat(title, 50) FROM notebooks",
    )
    for (identity,) in psql(core, "SELECT id::text FROM users ORDER BY email LIMIT 5"):
        psql(ai, f"INSERT INTO ai_memories (user_id, content) VALUES ('{identity}', 'a memory')")
    psql(
        ai, "INSERT INTO ai_documents (scope, content) SELECT 'global', 'text ' || i FROM generate_series(1, 500) AS i"
    )
    notes_at_head.environment["TARGET_URL"] = new_database()
    return notes_at_head


def test_a_history_goes_on_in_a_schema_of_its_own(apart: Project) -> None:
    """With what the command says is to be changed, revisions run there, and nothing has drifted."""
    ai = apart.environment["AI_DATABASE_URL"]
    psql(ai, "CREATE TABLE users (mine int)")
    merge = ("merge", "--into", "ai", "--restore-foreign-keys", "--orphans", "delete")
    text = apart.ok(*merge, "--into-schema", "core=core_data", module=MULTIDB)
    assert 'Database("core", version_table_schema="core_data", shared_with="ai", ...)' in text
    assert psql(ai, "SELECT count(*) FROM core_data.users") == [(500,)]
    psql(ai, "DROP TABLE users")
    apart.edit(
        "notes/databases.py", 'Database("core",', 'Database("core", version_table_schema="core_data", shared_with="ai",'
    )
    apart.environment["DATABASE_URL"] = f"{ai}?options=-csearch_path=core_data,public"
    more = apart.write(
        "migrations/core/c004.py",
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'c004'\ndown_revision = 'c003'\n"
        "def upgrade():\n    op.add_column('users', sa.Column('more', sa.Integer()))\n"
        "def downgrade():\n    op.drop_column('users', 'more')\n",
    )
    apart.ok("-n", "core", "upgrade", "head")
    assert psql(ai, "SELECT table_schema FROM information_schema.columns WHERE column_name = 'more'") == [
        ("core_data",)
    ]
    apart.ok("-n", "core", "downgrade", "-1")
    more.unlink()
    assert apart.ok("status", module=MULTIDB).count("at head") == 2
    apart.ok("check", module=MULTIDB)


@dataclass(frozen=True)
class Merging:
    """A merge that is killed: how it is asked for, where it goes, and what tells that it is done."""

    command: tuple[str, ...]
    target: str
    done: str


FRESH = Merging(("--target", "env:TARGET_URL"), "TARGET_URL", "alembic_version_ai")
INTO = Merging(("--into", "ai"), "AI_DATABASE_URL", "alembic_version_core")
SCHEMA = Merging(("--into", "ai", "--into-schema", "core=moved"), "AI_DATABASE_URL", "moved.alembic_version")


def kill_and_finish(project: Project, moments: list[float], how: Merging) -> None:
    """Kill runs with all that they started; the same command ends as if nobody had."""
    merge = ("merge", *how.command, "--restore-foreign-keys")
    core, ai, target = (project.environment[name] for name in ("DATABASE_URL", "AI_DATABASE_URL", how.target))
    before, own = checksums(core), checksums(ai)
    for seconds in moments:
        running = project.start(*merge, module=MULTIDB)
        try:
            running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
        found = checksums(ai)
        assert {name: found[name] for name in own} == own
        state = f"SELECT to_regclass('{how.done}') IS NOT NULL AND to_regnamespace('alembic_multidb') IS NULL"
        if psql(target, state) == [(True,)]:
            break  # it was faster
    else:
        settle(target)
        assert "Done, and proven." in project.ok(*merge, module=MULTIDB)
    where = "moved." if how is SCHEMA else "public."
    moved = {name.replace("public.", where): digest for name, digest in before.items()}
    assert checksums(target) == {**moved, **own}
    assert checksums(core) == before
    assert psql(target, "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_ai_memories_user_id_users'") == [
        (True,)
    ]
    assert psql(target, "SELECT to_regnamespace('alembic_multidb')") == [(None,)]
    assert psql(target, "SELECT datname FROM pg_database WHERE datname LIKE 'multidb%'") == []


@pytest.mark.parametrize(("how", "moments"), [(FRESH, [2.1]), (INTO, [2.4, 1.9, 3.1])], ids=["fresh", "into"])
def test_a_killed_merge_is_finished_by_the_next(apart: Project, how: Merging, moments: list[float]) -> None:
    kill_and_finish(apart, moments, how)


@pytest.mark.soak
@pytest.mark.parametrize("how", [FRESH, INTO, SCHEMA], ids=["fresh", "into", "schema"])
@pytest.mark.parametrize("seed", range(17))
def test_many_killed_merges(apart: Project, seed: int, how: Merging) -> None:
    """Killed three times, at any moment."""
    chance = random.Random(seed)
    kill_and_finish(apart, [chance.uniform(1.0, 7.0) for _ in range(3)], how)
