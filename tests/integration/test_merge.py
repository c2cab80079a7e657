"""Merges in this process: everything arrives, and comes into a database that is there, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alembic_multidb import Database, Databases, SoftReference
from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.errors import MultidbError
from alembic_multidb.merge import arriving, changing, moving, proof
from alembic_multidb.merge import target as merge_target
from alembic_multidb.merge.model import MergeOptions
from alembic_multidb.merge.page import page, summary
from alembic_multidb.merge.plan import exit_code, place_of, planned
from alembic_multidb.merge.rehearsal import rehearsal, rehearse
from alembic_multidb.operate import Project
from alembic_multidb.split import filling, making
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.template.maintenance import database_of
from alembic_multidb.split.template.strays import REHEARSAL, STRAYS, stray_name
from alembic_multidb.transfer import rows
from alembic_multidb.urls import resolve_url
from alembic_multidb.verify.report import Report
from alembic_multidb.verify.run import verify
from tests.conftest import NewDatabase, psql
from tests.integration.merged import bring, plan_of, stopping
from tests.integration.moved import checksums, move, stopped
from tests.integration.split_cases import PARTS, mixed, project
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server

MAIN = """
    CREATE TABLE assets (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
    INSERT INTO assets SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'asset ' || i
    FROM generate_series(1, 50) AS i;
    CREATE SEQUENCE bills; SELECT nextval('bills');
"""
VECTORS = """
    CREATE EXTENSION vector;
    CREATE TABLE asset_embeddings (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), asset_id varchar(36) NOT NULL, embedding vector(3));
    CREATE INDEX ON asset_embeddings USING hnsw (embedding vector_cosine_ops);
    INSERT INTO asset_embeddings (asset_id, embedding)
    SELECT upper('00000000-0000-0000-0000-' || lpad(i::text, 12, '0')), ARRAY[i, 1, 2]::vector
    FROM generate_series(1, 50) AS i;
"""
EVERYTHING = MergeOptions(into="vectors", restore_foreign_keys=True, cast=True)


@pytest.fixture
def assets(tmp_path: Path, new_database: NewDatabase) -> Project:
    """A main database, and the vector database that it comes into."""
    main, vectors = new_database(), new_database()
    psql(main, MAIN)
    psql(vectors, VECTORS)
    file = project(tmp_path, main, vectors).config_file
    text = file.read_text()
    for name in ("main", "vectors"):
        (tmp_path / "migrations" / name).mkdir()
        text += f"\n[{name}]\nversion_locations = %(here)s/migrations/{name}"
    file.write_text(text)
    return Project(
        file,
        Databases(
            Database("main", url=main, default=True),
            Database(
                "vectors",
                url=vectors,
                tables=["asset_embeddings"],
                extensions={"vector": "*"},
                soft_references=[
                    SoftReference("asset_embeddings.asset_id", "assets.id", ondelete="CASCADE", name="fk_asset")
                ],
            ),
        ),
    )


def url_of(given: Project, name: str) -> str:
    return str(given.databases[name].declaration.url)


@pytest.fixture(scope="session")
def apart(rows_18: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, MergeOptions]:
    """The names of two databases that the mixed one was split into, and how their foreign keys come back."""
    folder = tmp_path_factory.mktemp("apart")
    core, ai = (f"apart_{name}_{os.getpid()}" for name in ("core", "ai"))
    move(project(folder, server.create_database(core), server.create_database(ai)), rows_18, folder)
    return core, ai, MergeOptions(restore_foreign_keys=True, evidence=folder / "evidence.json")


Apart = tuple[str, str, MergeOptions]


def test_split_and_merged_every_row_is_as_it_was(
    rows_18: str, apart: Apart, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Hostile values, partitions, triggers, policies, materialized views, sequences: all as in the mixed database."""
    core, ai, target = new_database(apart[0]), new_database(apart[1]), new_database()
    before = [checksums(url) for url in (core, ai)]
    assert bring(project(tmp_path, core, ai), target, tmp_path, apart[2]).exit_code == 0
    assert_as(rows_18, target)
    assert [checksums(url) for url in (core, ai)] == before


def assert_as(source: str, target: str) -> None:
    """Nothing but the version tables is otherwise."""
    found = [str(item) for item in difference(snapshot_of(source), snapshot_of(target))]
    assert [item for item in found if "alembic_version" not in item] == []
    assert checksums(target) == checksums(source)
    places = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
    assert psql(target, places) == psql(source, places)


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        *[(making.SchemaMaker, "_run_batch", 3), (rows, "stream", 9), (filling, "set_places", 1)],
        *[(arriving, "write_revisions", 1), (proof, "verify", 1), (moving, "write_private", 0)],
        *[(changing.Changer, "_add", 0), (changing.Changer, "_validate", 0), (changing.Changer, "_check", 0)],
    ],
)
def test_a_merge_that_was_stopped_goes_on(
    rows_18: str,
    apart: Apart,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    after: int,
) -> None:
    """Wherever it stopped, the same command ends as if it had not been."""
    target, options = new_database(), apart[2]
    here = project(tmp_path, new_database(apart[0]), new_database(apart[1]))
    with monkeypatch.context() as patched:
        stopped(patched, module, name, after)
        with pytest.raises(MultidbError, match="stopped at"):
            bring(here, target, tmp_path, options)
    assert bring(here, target, tmp_path, options).exit_code == 0
    assert_as(rows_18, target)
    assert psql(target, "SELECT to_regnamespace('alembic_multidb')") == [(None,)]


def test_a_database_comes_into_another(assets: Project, tmp_path: Path) -> None:
    """The column gets the other's type, a foreign key guards it, and deleting an asset deletes its embeddings."""
    vectors = url_of(assets, "vectors")
    before = checksums(vectors)
    report = bring(assets, None, tmp_path, EVERYTHING)
    assert report.exit_code == 0 and report.own == ()
    assert psql(vectors, "SELECT count(*) FROM assets") == [(50,)]
    assert psql(vectors, "SELECT data_type FROM information_schema.columns WHERE column_name = 'asset_id'") == [
        ("uuid",)
    ]
    assert psql(vectors, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'fk_asset'") == [
        ("FOREIGN KEY (asset_id) REFERENCES assets(id) ON DELETE CASCADE",)
    ]
    assert psql(vectors, "SELECT nextval('bills')") == [(2,)]
    psql(vectors, "DELETE FROM assets WHERE name = 'asset 7'")
    assert psql(vectors, "SELECT count(*) FROM asset_embeddings") == [(49,)]
    assert "hnsw" in str(psql(vectors, "SELECT indexdef FROM pg_indexes WHERE tablename = 'asset_embeddings'"))
    assert set(before) == {"public.asset_embeddings"}
    assert psql(vectors, "SELECT obj_description('alembic_version_main'::regclass)") == [
        ("alembic_multidb: database=main",)
    ] or psql(vectors, "SELECT to_regclass('alembic_version_main')") == [(None,)]


def test_without_cast_another_type_is_refused(assets: Project) -> None:
    found = stopping(plan_of(assets, None, MergeOptions(into="vectors", restore_foreign_keys=True)))
    assert len(found) == 1 and "character varying(36) -> uuid" in found[0] and "--cast" in found[0]


def test_what_cannot_be_cast_is_listed_first(assets: Project) -> None:
    psql(url_of(assets, "vectors"), "INSERT INTO asset_embeddings (asset_id) VALUES ('none'), ('no, not this')")
    found = stopping(plan_of(assets, None, EVERYTHING))
    assert any("these values are none of the new type: no, not this, none" in item for item in found), found


@pytest.mark.parametrize("rule", ["keep", "delete"])
def test_rows_that_point_at_nothing(assets: Project, tmp_path: Path, rule: str) -> None:
    """Deleted, their keys are in a file before; kept, the foreign key is not validated."""
    vectors, lost = url_of(assets, "vectors"), "00000000-0000-0000-0000-000000000099"
    psql(vectors, f"INSERT INTO asset_embeddings (id, asset_id) VALUES ('{lost}', '{lost}')")
    options = MergeOptions(into="vectors", restore_foreign_keys=True, cast=True, orphans=rule)  # type: ignore[arg-type]
    assert bring(assets, None, tmp_path, options).exit_code == 0
    count = psql(vectors, "SELECT count(*) FROM asset_embeddings")
    valid = psql(vectors, "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_asset'")
    file = tmp_path / "merge-orphans.jsonl"
    if rule == "keep":
        assert (count, valid, file.exists()) == ([(51,)], [(False,)], False)
        return
    assert (count, valid) == ([(50,)], [(True,)])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "table": "public.asset_embeddings",
            "reference": "fk_asset",
            "action": "delete",
            "key": {"id": lost},
            "values": {"asset_id": lost},
        }
    ]


def test_rows_that_point_at_nothing_are_nulled(tmp_path: Path, new_database: NewDatabase) -> None:
    """Their former values are in the file."""
    core, ai, target = new_database(), new_database(), new_database()
    psql(core, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    psql(ai, "CREATE TABLE ai_notes (user_id int); INSERT INTO ai_notes VALUES (1), (2), (NULL)")
    here = project(tmp_path, core, ai)
    references = [SoftReference("ai_notes.user_id", "users.id", deferrable=True)]
    here = Project(
        here.config_file,
        Databases(
            Database("core", url=core, default=True),
            Database("ai", url=ai, tables=["ai_*"], soft_references=references),
        ),
    )
    bring(here, target, tmp_path, MergeOptions(restore_foreign_keys=True, orphans="null"))
    assert psql(target, "SELECT user_id FROM ai_notes ORDER BY 1") == [(1,), (None,), (None,)]
    assert psql(target, "SELECT conname, condeferred FROM pg_constraint WHERE contype = 'f'") == [
        ("ai_notes_user_id_fkey", True)
    ]
    (line,) = (tmp_path / "merge-orphans.jsonl").read_text().splitlines()
    assert json.loads(line)["values"] == {"user_id": "2"}


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        *[(rows, "stream", 0), (proof, "verify", 0), (merge_target, "own_digests", 1)],
        *[(changing.Changer, "_add", 0), (changing.Changer, "_validate", 0), (moving, "write_private", 0)],
    ],
)
def test_a_merge_into_a_database_goes_on(
    assets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, after: int
) -> None:
    """What is there of its own is told from what the merge has made, before and after."""
    with monkeypatch.context() as patched:
        stopped(patched, module, name, after)
        with pytest.raises(MultidbError, match="stopped at"):
            bring(assets, None, tmp_path, EVERYTHING)
    assert bring(assets, None, tmp_path, EVERYTHING).exit_code == 0
    vectors = url_of(assets, "vectors")
    assert psql(vectors, "SELECT count(*) FROM assets JOIN asset_embeddings ON asset_id = assets.id") == [(50,)]
    assert psql(vectors, "SELECT to_regnamespace('alembic_multidb')") == [(None,)]


def test_what_is_its_own_is_watched(assets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes to the target's own tables meanwhile is found out."""

    def writing(*arguments: Any, **named: Any) -> Report:
        psql(url_of(assets, "vectors"), "UPDATE asset_embeddings SET embedding = NULL WHERE embedding = '[7,1,2]'")
        return verify(*arguments, **named)

    monkeypatch.setattr(proof, "verify", writing)
    report = bring(assets, None, tmp_path, EVERYTHING)
    assert report.exit_code == 1 and report.own == ("public.asset_embeddings",)


def test_a_copy_is_left_behind_by_name(tmp_path: Path, new_database: NewDatabase) -> None:
    """The home's one is what the merged database has."""
    core, ai, target = new_database(), new_database(), new_database()
    psql(core, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    psql(ai, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (2); CREATE TABLE ai_notes (id int)")
    here = project(tmp_path, core, ai)
    here = Project(
        here.config_file,
        Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["ai_*"])),
    )
    (found,) = stopping(plan_of(here, target))
    assert "--exclude 'ai/table:public.users'" in found
    bring(here, target, tmp_path, MergeOptions(exclude=("ai/table:public.users",), common=SplitOptions(jobs=1)))
    assert psql(target, "SELECT id FROM users") == [(1,)]


@pytest.mark.parametrize(("module", "name", "after"), [(rows, "stream", 9), (changing.Changer, "_validate", 0)])
def test_an_unfinished_merge_can_be_taken_back(
    apart: Apart,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    after: int,
) -> None:
    """The target is as empty as before; then it can begin again."""
    target = new_database()
    here = project(tmp_path, new_database(apart[0]), new_database(apart[1]))
    with monkeypatch.context() as patched:
        stopped(patched, module, name, after)
        with pytest.raises(MultidbError, match="stopped at"):
            bring(here, target, tmp_path, apart[2])
    place = place_of(here, resolve_url(target, {}, of="target"), None)
    assert merge_target.abort(here, place).result == "taken back"
    assert snapshot_of(target).to_json() == snapshot_of(new_database()).to_json()
    assert merge_target.abort(here, place).result == "nothing to do"


def test_what_was_there_stays_when_a_merge_is_taken_back(
    assets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own tables, its own version table; keys of its own tables and types of its columns as well."""
    vectors = url_of(assets, "vectors")
    psql(
        vectors,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); "
        "INSERT INTO alembic_version VALUES ('v1'); "
        "UPDATE asset_embeddings SET asset_id = lower(asset_id); "
        "ALTER TABLE asset_embeddings ALTER asset_id SET DEFAULT '00000000-0000-0000-0000-000000000001'",
    )
    before, schema = checksums(vectors), snapshot_of(vectors).to_json()
    place = place_of(assets, None, "vectors")
    for module, name in ((proof, "verify"), (changing.Changer, "_add"), (moving, "write_private")):
        with monkeypatch.context() as patched:
            stopped(patched, module, name)
            with pytest.raises(MultidbError, match="stopped at"):
                bring(assets, None, tmp_path, EVERYTHING)
        assert merge_target.abort(assets, place).result == "taken back"
        assert difference(Snapshot.from_json(schema), snapshot_of(vectors)) == []
        assert checksums(vectors) == before
        assert psql(vectors, "SELECT version_num FROM alembic_version") == [("v1",)]


@pytest.mark.parametrize(("lost", "says"), [(False, "would be written as it was"), (True, "1 rows of public.asset_em")])
def test_what_is_lost_cannot_be_taken_back(
    assets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool, says: str
) -> None:
    """A text that the new type writes otherwise, rows that were deleted: nothing is touched, and the way is told."""
    vectors = url_of(assets, "vectors")
    if not lost:
        psql(vectors, "UPDATE asset_embeddings SET asset_id = replace(asset_id, '-', '')")
    else:
        nowhere = "'00000000-0000-0000-0000-000000000099'"
        psql(vectors, "UPDATE asset_embeddings SET asset_id = lower(asset_id)")
        psql(vectors, f"INSERT INTO asset_embeddings (asset_id) VALUES ({nowhere})")
    options = MergeOptions(into="vectors", restore_foreign_keys=True, cast=True, orphans="delete")
    with monkeypatch.context() as patched:
        stopped(patched, changing.Changer, "_add")
        with pytest.raises(MultidbError, match="stopped at"):
            bring(assets, None, tmp_path, options)
    with pytest.raises(MultidbError, match=says) as caught:
        merge_target.abort(assets, place_of(assets, None, "vectors"))
    assert "the same command without --abort goes on" in str(caught.value) and "a backup" in str(caught.value)
    assert bring(assets, None, tmp_path, options).exit_code == 0


def test_large_objects_are_brought_along(tmp_path: Path, new_database: NewDatabase) -> None:
    """If they are asked for, and no number is there twice."""
    core, ai, target = new_database(), new_database(), new_database()
    for url, number in ((core, 91001), (ai, 91002)):
        psql(url, f"SELECT lo_from_bytea({number}, 'object {number}'); CREATE TABLE t_{number} (id int)")
    here = project(tmp_path, core, ai)
    here = Project(
        here.config_file,
        Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["ai_*"])),
    )
    options = MergeOptions(large_objects=True)
    assert bring(here, target, tmp_path, options).exit_code == 0
    assert psql(target, "SELECT convert_from(lo_get(91001), 'UTF8'), convert_from(lo_get(91002), 'UTF8')") == [
        ("object 91001", "object 91002")
    ]
    psql(ai, "SELECT lo_create(91001)")
    (found,) = stopping(plan_of(here, new_database(), options))
    assert "have the same numbers: 91001" in found


def test_the_hostile_schema_is_merged_again(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Rights, default privileges, types, functions, policies: all but what the split left behind."""
    name = f"merge_hostile_{os.getpid()}"
    source = mixed(server, name, *PARTS["18"])
    try:
        here = project(tmp_path, new_database(), new_database())
        report = move(here, source, tmp_path)
        outside = [item.node for item in report.plan.objects if item.treatment == "outside"]
        expected = snapshot_of(source).only(lambda row: row.node not in outside)
        target = new_database()
        options = MergeOptions(restore_foreign_keys=True, evidence=tmp_path / "evidence.json")
        assert bring(here, target, tmp_path, options).exit_code == 0
        found = [str(item) for item in difference(expected, snapshot_of(target))]
        assert [item for item in found if "alembic_version" not in item] == []
    finally:
        server.run("ALTER SUBSCRIPTION split_subscription DISABLE", name)
        server.run("ALTER SUBSCRIPTION split_subscription SET (slot_name = NONE)", name)
        server.run("DROP SUBSCRIPTION split_subscription", name)
        server.drop_database(name)


def test_a_merge_into_a_database_is_rehearsed(assets: Project, server: Server, tmp_path: Path) -> None:
    """In a copy of it, of which nothing remains; the database itself is only read."""
    vectors = url_of(assets, "vectors")
    psql(vectors, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO PUBLIC; SELECT lo_from_bytea(91009, 'text')")
    options = MergeOptions(into="vectors", restore_foreign_keys=True, cast=True, common=SplitOptions(no_acl=True))
    before, schema = checksums(vectors), snapshot_of(vectors).to_json()
    databases = server.run("SELECT datname FROM pg_database ORDER BY 1")
    with rehearsal(assets, place_of(assets, None, "vectors"), options) as stage:
        with planned(stage.project, stage.place, options, with_rows=True) as plan:
            assert exit_code(plan) == 0, stopping(plan)
            report = rehearse(stage, plan, options)
        assert report.exit_code == 0 and report.own == ()
        assert report.needs is not None and report.needs.source_connections > 1 < report.needs.target_connections
        # What was copied for the rehearsal alone is left out.
        assert 0 < report.needs.bytes < 4 * 2**20 and report.needs.seconds > 0 < report.needs.locks
        assert "The real run will need about" in "\n".join(summary(report, is_rehearsal=True))
        name = stage.place.url.url.database
        assert name is not None
        assert server.run("SELECT count(*) FROM asset_embeddings JOIN assets ON asset_id = assets.id", name) == [(50,)]
    assert (checksums(vectors), snapshot_of(vectors).to_json()) == (before, schema)
    assert server.run("SELECT datname FROM pg_database ORDER BY 1") == databases


def test_what_a_killed_rehearsal_left_is_named_and_taken_away(assets: Project, server: Server, tmp_path: Path) -> None:
    """The plan names it, --abort drops it; a merge leaves it, and says so."""
    place = place_of(assets, None, "vectors")
    left = stray_name(REHEARSAL, database_of(place.url))
    server.create_database(left)
    assert f'beside it, database "{left}" was left' in "\n".join(
        page(plan_of(assets, None, EVERYTHING), assets.databases)
    )
    aborted = merge_target.abort(assets, place)
    assert aborted.result == "taken back" and f"database {left}," in aborted.message
    assert server.run(STRAYS) == []
    server.create_database(left)
    report = bring(assets, None, tmp_path, EVERYTHING)
    assert report.exit_code == 0 and f'database "{left}"' in "\n".join(summary(report))
    assert merge_target.abort(assets, place).result == "taken back" and server.run(STRAYS) == []


def pointing(folder: Path, core: str, ai: str, reference: SoftReference) -> Project:
    here = project(folder, core, ai)
    own = Database("ai", url=ai, tables=["ai_*"], soft_references=[reference])
    return Project(here.config_file, Databases(Database("core", url=core, default=True), own))


def test_what_goes_along_with_a_deleted_row_is_written_down(tmp_path: Path, new_database: NewDatabase) -> None:
    """Whatever foreign keys delete, null or set to its default with it, a tree that points at itself included."""
    core, ai, target = new_database(), new_database(), new_database()
    psql(core, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    psql(
        ai,
        """
        CREATE TABLE ai_notes (id int PRIMARY KEY, user_id int);
        CREATE TABLE ai_parts (id int, note int REFERENCES ai_notes ON DELETE CASCADE, up int,
            PRIMARY KEY (id));
        ALTER TABLE ai_parts ADD CONSTRAINT tree FOREIGN KEY (up) REFERENCES ai_parts ON DELETE CASCADE;
        CREATE TABLE ai_marks (part int CONSTRAINT marked REFERENCES ai_parts ON DELETE SET NULL)
            PARTITION BY LIST (part);
        CREATE TABLE ai_marks_rest PARTITION OF ai_marks DEFAULT;
        INSERT INTO ai_notes VALUES (1, 1), (2, 99);
        INSERT INTO ai_parts VALUES (1, 1, NULL), (2, 2, NULL), (3, NULL, 2), (4, NULL, 3), (5, 1, 5);
        INSERT INTO ai_marks VALUES (1), (4), (4)
        """,
    )
    here = pointing(tmp_path, core, ai, SoftReference("ai_notes.user_id", "users.id"))
    report = bring(here, target, tmp_path, MergeOptions(restore_foreign_keys=True, orphans="delete"))
    assert report.exit_code == 0
    lines = [json.loads(line) for line in (tmp_path / "merge-orphans.jsonl").read_text().splitlines()]
    found = sorted((line["table"], line["action"], line["reference"], line["key"].get("id", "")) for line in lines)
    assert found == [
        *[("public.ai_marks", "null", "marked", "")] * 2,
        ("public.ai_notes", "delete", "ai_notes_user_id_fkey", "2"),
        ("public.ai_parts", "delete", "ai_parts_note_fkey", "2"),
        *[("public.ai_parts", "delete", "tree", each) for each in "34"],
    ]
    assert all(line["values"] == {"part": "4"} for line in lines if line["reference"] == "marked")
    assert psql(target, "SELECT id FROM ai_parts ORDER BY 1") == [(1,), (5,)]
    assert psql(target, "SELECT part FROM ai_marks ORDER BY 1") == [(1,), (None,), (None,)]
    assert any("3 rows of public.ai_parts went along (delete)" in line for line in report.done)
    assert any("2 rows of public.ai_marks went along (null)" in line for line in report.done)


@pytest.mark.parametrize("rule", ["refuse", "delete", "null"])
def test_a_key_that_is_full_or_not_at_all(tmp_path: Path, new_database: NewDatabase, rule: str) -> None:
    """Rows with only a part of a MATCH FULL key point at nothing, too."""
    core, ai, target = new_database(), new_database(), new_database()
    psql(core, "CREATE TABLE users (a int, b int, PRIMARY KEY (a, b)); INSERT INTO users VALUES (1, 1)")
    values = "(1, 1), (1, NULL), (NULL, NULL), (2, 2)"
    psql(ai, f"CREATE TABLE ai_notes (a int, b int); INSERT INTO ai_notes VALUES {values}")
    here = pointing(tmp_path, core, ai, SoftReference("ai_notes(a, b)", "users(a, b)"))
    evidence = tmp_path / "evidence.json"
    key = {"name": "full_key", "definition": "FOREIGN KEY (a, b) REFERENCES users(a, b) MATCH FULL", "comment": None}
    ends = {"table": ["public", "ai_notes"], "columns": ["a", "b"], "target": ["public", "users"]}
    evidence.write_text(json.dumps({"split": {"foreign_keys": [{**key, **ends, "target_columns": ["a", "b"]}]}}))
    options = MergeOptions(restore_foreign_keys=True, evidence=evidence, orphans=rule)  # type: ignore[arg-type]
    if rule == "refuse":
        (found,) = stopping(plan_of(here, target, options))
        assert "2 rows of public.ai_notes" in found and "1, NULL" in found and "2, 2" in found
        return
    assert bring(here, target, tmp_path, options).exit_code == 0
    left = [(1, 1), (None, None)] if rule == "delete" else [(1, 1), *[(None, None)] * 3]
    assert psql(target, "SELECT a, b FROM ai_notes ORDER BY 1") == left
    assert len((tmp_path / "merge-orphans.jsonl").read_text().splitlines()) == 2


def partitioned_orphans(folder: Path, create: Callable[[], str]) -> tuple[Project, str, MergeOptions]:
    core, ai, target = create(), create(), create()
    psql(core, "CREATE TABLE users (id int PRIMARY KEY)")
    psql(
        ai,
        "CREATE TABLE ai_notes (user_id int) PARTITION BY LIST (user_id); "
        "CREATE TABLE ai_notes_rest PARTITION OF ai_notes DEFAULT; INSERT INTO ai_notes VALUES (7)",
    )
    here = pointing(folder, core, ai, SoftReference("ai_notes.user_id", "users.id", name="fk_user"))
    return here, target, MergeOptions(restore_foreign_keys=True, orphans="keep")


def test_orphans_of_a_partitioned_table_are_kept(tmp_path: Path, new_database: NewDatabase) -> None:
    """From PostgreSQL 18 on its key need not be validated."""
    here, target, options = partitioned_orphans(tmp_path, new_database)
    assert bring(here, target, tmp_path, options).exit_code == 0
    assert psql(target, "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_user' AND conparentid = 0") == [
        (False,)
    ]


def test_orphans_of_a_partitioned_table_cannot_be_kept_before_18(tmp_path: Path, server_16: Server) -> None:
    """Which is said before anything moves."""
    names = iter(f"{name}_{os.getpid()}" for name in ("kept_core", "kept_ai", "kept_target"))
    here, target, options = partitioned_orphans(tmp_path, lambda: server_16.create_database(next(names)))
    (found,) = stopping(plan_of(here, target, options))
    assert "before PostgreSQL 18" in found and "--orphans delete or null" in found


@pytest.mark.parametrize("owner", ["users", "ai_notes"])
def test_a_sequence_of_both_belongs_to_the_table_that_it_belonged_to(
    tmp_path: Path, new_database: NewDatabase, owner: str
) -> None:
    """Whichever of the databases comes first; and one that has gone on since stands in the way, with what to do."""
    source, core, ai, target = (new_database() for _ in range(4))
    psql(
        source,
        "CREATE SEQUENCE numbers; CREATE TABLE users (id int DEFAULT nextval('numbers')); "
        "CREATE TABLE ai_notes (id int DEFAULT nextval('numbers')); INSERT INTO users DEFAULT VALUES; "
        f"INSERT INTO ai_notes DEFAULT VALUES; ALTER SEQUENCE numbers OWNED BY {owner}.id",
    )
    here = project(tmp_path, core, ai)
    here = Project(
        here.config_file,
        Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["ai_*"])),
    )
    move(here, source, tmp_path)
    psql(ai, "INSERT INTO ai_notes DEFAULT VALUES")
    (found,) = stopping(plan_of(here, target))
    assert "in \"core\", SELECT setval('public.numbers', 3)" in found
    psql(core, "SELECT setval('public.numbers', 3)")
    assert bring(here, target, tmp_path).exit_code == 0
    owned = f"SELECT pg_get_serial_sequence('{owner}', 'id'), nextval('numbers')"
    assert psql(target, owned) == [("public.numbers", 4)]


def test_rights_and_settings_of_several_databases_go_side_by_side(
    tmp_path: Path, server: Server, new_database: NewDatabase
) -> None:
    """Default privileges of each, whatever the others have; what is left behind of the database itself is told."""
    role = f"merge_reader_{os.getpid()}"
    server.run(f"CREATE ROLE {role}")
    core, ai, target = new_database(), new_database(), new_database()
    try:
        name = core.rpartition("/")[2]
        psql(
            core,
            f"CREATE TABLE users (id int); COMMENT ON DATABASE {name} IS 'main'; ALTER DATABASE {name} SET jit = off",
        )
        rights = f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}"
        psql(ai, f"CREATE TABLE ai_notes (id int); {rights}")
        here = project(tmp_path, core, ai)
        registry = Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["ai_*"]))
        here = Project(here.config_file, registry)
        plan = plan_of(here, target)
        assert "  core: setting jit" in list(page(plan, registry))
        report = bring(here, target, tmp_path)
        assert report.exit_code == 0
        notes = report.databases[0].notes
        assert notes == ("the comment on the database stays behind", "brought along to the whole target: setting jit")
        psql(target, "CREATE TABLE later (id int)")
        allowed = "SELECT array_agg(has_table_privilege(%s, t, 'SELECT')) FROM unnest('{later,users}'::text[]) AS t"
        assert psql(target, allowed.replace("%s", f"'{role}'")) == [([True, False],)]
        (found,) = stopping(plan_of(here, None, MergeOptions(into="ai")))
        assert "would give rights to what comes in" in found
        psql(ai, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM {role}")
        psql(ai, f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO PUBLIC")
        assert stopping(plan_of(here, None, MergeOptions(into="ai"))) == [], "of another role, they do nothing here"
    finally:
        for url in (core, ai, target):
            psql(url, f"DROP OWNED BY {role}")
        server.run(f"DROP ROLE {role}")
