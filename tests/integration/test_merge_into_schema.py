"""A database comes into a schema of its own: everything that PostgreSQL knows of moves, and the rest is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alembic_multidb import Database, Databases, SoftReference
from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.merge import moving, proof
from alembic_multidb.merge import target as merge_target
from alembic_multidb.merge.join import join
from alembic_multidb.merge.model import MergeOptions
from alembic_multidb.merge.page import summary
from alembic_multidb.merge.plan import place_of
from alembic_multidb.operate import Project
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.transfer import rows
from alembic_multidb.urls import resolve_url
from tests.conftest import NewDatabase, psql
from tests.integration.merged import bring, plan_of, stopping
from tests.integration.moved import checksums, stopped
from tests.integration.split_cases import build, project
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server

CORE = """
    CREATE EXTENSION vector;
    CREATE TYPE status AS ENUM ('new', 'public');
    CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
    CREATE TABLE users (
        id serial PRIMARY KEY, email email, status status DEFAULT 'public', changed timestamptz, place vector(3),
        seen text CHECK (seen IN ('public', 'private')));
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed = now(); RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE FUNCTION after(int) RETURNS bigint LANGUAGE sql STABLE SET search_path = public, pg_temp
        AS 'SELECT count(*) FROM users WHERE id > $1';
    CREATE FUNCTION known(int) RETURNS bigint LANGUAGE sql STABLE
        BEGIN ATOMIC SELECT count(*) FROM users WHERE id > $1; END;
    CREATE TABLE visits (id int GENERATED ALWAYS AS IDENTITY, at date, user_id int REFERENCES users,
        PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE visits_2020 PARTITION OF visits FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE hashed (id int PRIMARY KEY) PARTITION BY HASH (id);
    CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE VIEW names AS SELECT u.id, u.email, after(u.id) FROM users AS u;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users;
    CREATE MATERIALIZED VIEW counted_again AS SELECT * FROM counted;
    CREATE MATERIALIZED VIEW unfilled AS SELECT * FROM counted WITH NO DATA;
    CREATE INDEX ON users USING hnsw (place vector_l2_ops);
    CREATE INDEX by_email ON users (lower(email));
    CREATE SEQUENCE tickets;
    ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON users USING (id > known(0) - 100);
    CREATE SCHEMA other;
    CREATE TABLE other.notes (user_id int REFERENCES public.users, status public.status);
    INSERT INTO users (email, place) SELECT i || '@x', ARRAY[i, 2, 3]::vector FROM generate_series(1, 50) AS i;
    INSERT INTO visits (at, user_id) SELECT '2020-02-01'::date + i, i FROM generate_series(1, 50) AS i;
    INSERT INTO hashed SELECT generate_series(1, 100);
    INSERT INTO other.notes VALUES (3, 'new');
    SELECT setval('tickets', 77);
    REFRESH MATERIALIZED VIEW counted;
    REFRESH MATERIALIZED VIEW counted_again;
    COMMENT ON TABLE users IS 'what was public.users';
"""
AI = """
    CREATE EXTENSION vector;
    CREATE TYPE status AS ENUM ('other');
    CREATE TABLE users (id text PRIMARY KEY);
    CREATE TABLE ai_notes (id int PRIMARY KEY, status status, user_id int, place vector(3));
    CREATE INDEX by_email ON ai_notes (user_id);
    CREATE SEQUENCE tickets;
    INSERT INTO users VALUES ('a');
    INSERT INTO ai_notes SELECT i, 'other', i FROM generate_series(1, 50) AS i;
"""


@pytest.fixture
def clashing(tmp_path: Path, new_database: NewDatabase) -> tuple[Project, str, str]:
    """Two databases with one name for many different things, and their URLs."""
    core, ai = new_database(), new_database()
    build(core, CORE)
    build(ai, AI)
    return project_of(tmp_path, core, ai), core, ai


def project_of(folder: Path, core: str, ai: str) -> Project:
    here = project(folder, core, ai)
    (folder / "migrations" / "script.py.mako").write_text("")
    references = [SoftReference("ai_notes.user_id", "users.id", ondelete="CASCADE")]
    return Project(
        here.config_file,
        Databases(
            Database("core", url=core, default=True),
            Database("ai", url=ai, tables=["ai_*"], extensions={"vector": "*"}, soft_references=references),
        ),
    )


def options(into: str | None = None) -> MergeOptions:
    return MergeOptions(into=into, into_schema={"core": "Core data"}, restore_foreign_keys=True)


def assert_moved(core: str, target: str) -> None:
    """Every row of core is in the other schema, everything there knows it, and sequences stand where they stood."""
    before, now = checksums(core), checksums(target)
    for name, digest in before.items():
        assert now[name.replace("public.", "Core data.")] == digest
    keys = {row[0] for row in psql(target, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'")}
    assert 'FOREIGN KEY (user_id) REFERENCES "Core data".users(id) ON DELETE CASCADE' in keys
    assert len(keys) == 2
    assert psql(target, 'SELECT last_value FROM "Core data".tickets') == [(77,)]
    assert psql(target, 'SELECT * FROM "Core data".counted_again') == [(50,)]
    assert psql(target, "SELECT relname FROM pg_class WHERE relkind = 'm' AND NOT relispopulated") == [("unfilled",)]
    assert psql(target, 'SELECT after FROM "Core data".names WHERE id = 40') == [(10,)]
    assert psql(target, "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'") == [
        ("public",)
    ]
    assert psql(target, 'SELECT count(*) FROM "Core data".alembic_version') == [(0,)]


def scratch_databases(server: Server) -> list[tuple[object, ...]]:
    return server.run("SELECT datname FROM pg_database WHERE datname LIKE 'multidb%'")


@pytest.mark.parametrize("into", [None, "ai"])
def test_what_clashes_comes_into_a_schema_of_its_own(
    clashing: tuple[Project, str, str], tmp_path: Path, new_database: NewDatabase, server: Server, into: str | None
) -> None:
    """Types, tables, functions, views, partitions, indexes, policies, rows; the other database's stay as they are."""
    here, core, ai = clashing
    target = None if into else new_database()
    sources = [snapshot_of(url).to_json() for url in (core, ai)]
    own = checksums(ai)
    assert stopping(plan_of(here, target, MergeOptions(into=into))) != []
    report = bring(here, target, tmp_path, options(into))
    assert report.exit_code == 0
    assert_moved(core, target or ai)
    assert {name: digest for name, digest in checksums(target or ai).items() if name in own} == own
    assert snapshot_of(core).to_json() == sources[0]
    if target:
        assert snapshot_of(ai).to_json() == sources[1]
    assert scratch_databases(server) == []
    text = "\n".join(summary(report))
    assert 'version_table_schema="Core data"' in text and "options=-csearch_path=%22Core%20data%22%2Cpublic" in text


@pytest.mark.parametrize(("module", "name"), [(rows, "stream"), (proof, "verify"), (moving, "write_private")])
def test_stopped_it_goes_on(
    clashing: tuple[Project, str, str],
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
) -> None:
    """The schema is made anew beside the target, and is what it was."""
    here, core, ai = clashing
    with monkeypatch.context() as patched:
        stopped(patched, module, name, 0 if module is moving else 1)
        with pytest.raises(MultidbError, match="stopped at"):
            bring(here, None, tmp_path, options("ai"))
    assert bring(here, None, tmp_path, options("ai")).exit_code == 0
    assert_moved(core, ai)
    assert scratch_databases(server) == []
    found = stopping(plan_of(here, None, options("ai")))
    assert any('table "Core data".users' in item for item in found), "done, it is there"


def test_what_came_into_a_schema_is_taken_back(
    clashing: tuple[Project, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _, ai = clashing
    before, schema = checksums(ai), snapshot_of(ai).to_json()
    with monkeypatch.context() as patched:
        stopped(patched, proof, "verify")
        with pytest.raises(MultidbError, match="stopped at"):
            bring(here, None, tmp_path, options("ai"))
    assert merge_target.abort(here, place_of(here, None, "ai")).result == "taken back"
    assert (checksums(ai), snapshot_of(ai).to_json()) == (before, schema)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.users'",
            ["the body of function public.f()", "public.users", "--exclude"],
        ),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET search_path = public AS "
            "$$BEGIN PERFORM set_config('search_path', 'public', true); END$$",
            ["function public.f()", "as text: public"],
        ),
        (
            "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'",
            ["function public.f()", "users without a schema", "SET search_path = public"],
        ),
        (
            "CREATE FUNCTION f(t text) RETURNS void LANGUAGE plpgsql SET search_path = public AS "
            "$$BEGIN EXECUTE 'DELETE FROM ' || t; END$$",
            ["function public.f(pg_catalog.text)", "puts together"],
        ),
        (
            "CREATE SEQUENCE old; CREATE TABLE t (id int DEFAULT nextval(('old'::text)::regclass))",
            ["column public.t.id", "as text", "'orders_id_seq'::regclass"],
        ),
        (
            "CREATE TABLE t (id int DEFAULT nextval('public.tickets'::text::regclass))",
            ["column public.t.id", "as text (public.)"],
        ),
        ("CREATE TABLE t (what regclass)", ["column public.t.what", "regclass"]),
        ('CREATE SCHEMA "Core data"', ["schema Core data", "already"]),
        ("ALTER DATABASE {database} SET search_path = public, other", ["search_path", "'core/setting:search_path'"]),
    ],
)
def test_what_cannot_be_moved_with_certainty_is_refused(
    clashing: tuple[Project, str, str], new_database: NewDatabase, server: Server, script: str, says: list[str]
) -> None:
    """By name, before anything moves, with the way out."""
    here, core, _ = clashing
    target = new_database()
    psql(core, script.format(database=core.rpartition("/")[2]))
    found = stopping(plan_of(here, target, options()))
    assert len(found) == 1, found
    for words in says:
        assert words in found[0]
    assert psql(target, "SELECT count(*) FROM pg_class WHERE oid >= 16384") == [(0,)]
    assert scratch_databases(server) == []


@pytest.mark.parametrize("given", [{"none": "a"}, {"core": "public"}, {"core": "pg_mine"}, {"core": ""}])
def test_a_schema_that_makes_no_sense_is_refused(clashing: tuple[Project, str, str], given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="--into-schema"):
        plan_of(clashing[0], None, MergeOptions(into="ai", into_schema=given))


def test_a_history_that_names_the_schema_is_told_of(clashing: tuple[Project, str, str]) -> None:
    """Its revisions would mean another schema than the one that its tables are in."""
    here, *_ = clashing
    text = "revision = 'a1'\ndown_revision = None\ndef upgrade():\n    op.drop_table('x', schema='public')\n"
    (here.config_file.parent / "migrations" / "core" / "a1.py").write_text(text)
    findings = [str(item) for item in plan_of(here, None, options("ai")).findings if item.kind == "into-schema-history"]
    assert len(findings) == 1 and "its history names public in a1.py" in findings[0]


def test_rows_that_point_at_nothing_are_found_in_another_schema(
    clashing: tuple[Project, str, str], tmp_path: Path, new_database: NewDatabase
) -> None:
    """They are counted in the databases themselves, where nothing has another name."""
    here, core, ai = clashing
    psql(ai, "INSERT INTO ai_notes VALUES (99, 'other', 99)")
    target = new_database()
    (found,) = stopping(plan_of(here, target, options()))
    assert "1 row of public.ai_notes" in found and "99" in found
    psql(core, "INSERT INTO users (id) VALUES (99)")
    assert bring(here, target, tmp_path, options()).exit_code == 0
    assert resolve_url(target, {}, of="target").url.database


def test_without_a_superuser_extensions_stay_where_they_are(
    tmp_path: Path, new_database: NewDatabase, server: Server
) -> None:
    """What is refused says why; a database without any in its schema comes into another one."""
    login = f"merge_own_{os.getpid()}"
    server.run(f"CREATE ROLE {login} LOGIN CREATEDB PASSWORD 'word'")
    core, ai, target = new_database(), new_database(), new_database()
    try:
        psql(core, "CREATE EXTENSION citext; CREATE TABLE users (name citext); INSERT INTO users VALUES ('A')")
        psql(ai, "CREATE TABLE ai_notes (id int); INSERT INTO ai_notes VALUES (1)")
        for url in (core, ai):
            psql(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {login}")
        psql(target, f"ALTER DATABASE {target.rpartition('/')[2]} OWNER TO {login}")
        urls = [server.url(url.rpartition("/")[2], user=login, password="word") for url in (core, ai, target)]
        here = project_of(tmp_path, urls[0], urls[1])
        registry = Databases(Database("core", url=urls[0], default=True), Database("ai", url=urls[1], tables=["ai_*"]))
        here = Project(here.config_file, registry)
        left = SplitOptions(no_owner=True, no_acl=True)
        with pytest.raises(MultidbError, match='extension "citext" lies in the same schema, and only a superuser'):
            plan_of(here, urls[2], MergeOptions(into_schema={"core": "moved"}, common=left))
        assert bring(here, urls[2], tmp_path, MergeOptions(into_schema={"ai": "moved"}, common=left)).exit_code == 0
        assert psql(target, "SELECT id FROM moved.ai_notes") == [(1,)]
        assert scratch_databases(server) == []
    finally:
        for url in (core, ai, target):
            psql(url, f"REASSIGN OWNED BY {login} TO postgres; DROP OWNED BY {login}")
        server.run(f"DROP ROLE {login}")


def test_histories_in_two_schemas_are_not_joined(tmp_path: Path) -> None:
    """Their revisions, which name no schema, would mean one of them alone."""
    here = project(tmp_path, "postgresql:///one", "postgresql:///one")
    one = Database("core", url="postgresql:///one", default=True, version_table_schema="moved", shared_with="ai")
    registry = Databases(one, Database("ai", url="postgresql:///one", tables=["ai_*"]))
    with pytest.raises(MultidbError, match='"core" is in schema moved, and "ai" in public'):
        join(Project(here.config_file, registry), "ai", ["core"], "one history")
