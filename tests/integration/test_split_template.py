"""A split by cloning ends with what a split row by row ends with; a rehearsal leaves nothing; nobody is harmed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from alembic_multidb.errors import MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.split.abort import abort
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.moving import split
from alembic_multidb.split.outcome import SplitReport
from alembic_multidb.split.rehearsal import rehearse
from alembic_multidb.split.run import prepared
from alembic_multidb.split.template import run
from alembic_multidb.split.template.clone import clone
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, STRAYS, stray_name
from alembic_multidb.split.template.swap import swap
from alembic_multidb.urls import resolve_url
from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, checksums, move, no_scratch
from tests.integration.split_cases import PARTS, build, mixed, plan_of, project, ready, stopping
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server, embedded_18, name_for, running_server

TEMPLATE = SplitOptions(method="template")
NEIGHBOURS = (
    "SET enable_seqscan = off; SELECT id FROM ai_documents "
    "ORDER BY embedding <-> (SELECT embedding FROM ai_documents ORDER BY id LIMIT 1) LIMIT 20"
)


@pytest.fixture
def databases(server: Server) -> Iterator[None]:
    """What one split makes on its server, and does not take away, is an error."""
    yield
    assert server.run(STRAYS) == []


def facts(url: str) -> list[object]:
    return [(row.key, row.attributes) for row in snapshot_of(url).rows]


def of_server(server: Server) -> list[object]:
    """Everything that is kept outside of the databases."""
    return [
        server.run("SELECT datname, datdba, datacl::text, datconnlimit, datallowconn FROM pg_database ORDER BY 1"),
        server.run("SELECT rolname, rolsuper, rolconnlimit FROM pg_roles ORDER BY 1"),
        server.run("SELECT * FROM pg_db_role_setting ORDER BY 1, 2"),
        server.run("SELECT * FROM pg_shdescription ORDER BY 1"),
    ]


def rehearsed(given: Project, source: str, options: SplitOptions) -> SplitReport:
    options = replace(options, rehearses=True)
    with prepared(given, resolve_url(source, {}, of="source"), options, with_rows=True) as found:
        assert found.plan.exit_code(with_rows=True) == 0, "\n".join(stopping(found.plan))
        return rehearse(given, found, options, no_scratch)


def test_it_ends_as_a_split_by_stream_does(
    databases: None, rows_18: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """The same rows, the same schema in every word; the graph of vectors is the source's, and answers the same."""
    ways = {}
    for method in ("stream", "template"):
        core, ai = new_database(), new_database()
        report = move(project(tmp_path, core, ai), rows_18, tmp_path, SplitOptions(method=method))
        assert [str(finding) for finding in report.verified.findings] == []
        assert_moved(rows_18, core, ai)
        ways[method] = [facts(core), facts(ai), [each.tables for each in report.databases]]
    assert ways["stream"] == ways["template"]
    for query in (
        NEIGHBOURS,
        "SELECT pg_relation_size('ai_documents_hnsw'), pg_relation_filenode('ai_documents_hnsw') IS NOT NULL",
    ):
        assert psql(ai, query) == psql(rows_18, query)
    assert psql(core, "SELECT last_value, is_called FROM orders_id_seq") == [(7000, False)]


def test_the_most_hostile_schema_ends_as_by_stream(tmp_path: Path) -> None:
    """Types that read themselves, event triggers, foreign tables, publications, subscriptions: equal in every word."""
    with running_server(embedded_18(), "wal_level=logical") as own:
        source = mixed(own, "hostile", *PARTS["18"])
        own.run(
            "CREATE TABLE later (id int DEFAULT 1); CREATE FUNCTION circle() RETURNS bigint BEGIN ATOMIC "
            "SELECT count(*) FROM later; END; ALTER TABLE later ALTER id SET DEFAULT circle()",
            "hostile",
        )
        same_both_ways(own, source, tmp_path)
        crossing = mixed(own, "crossing", "split", "split_crossing")
        plan = plan_of(project(tmp_path, *(own.create_database(name) for name in ("core", "ai"))), crossing)
        same_both_ways(own, crossing, tmp_path, *(item.name for item in plan.objects if item.treatment == "crossing"))
        assert own.run(STRAYS) == []


def same_both_ways(server: Server, source: str, folder: Path, *exclude: str) -> None:
    """Split by both methods, and compare what they made; the source is as before."""
    before = facts(source)
    ways = {}
    for method in ("template", "stream"):
        core, ai = (server.create_database(f"{source.rpartition('/')[2]}_{name}_{method}") for name in ("core", "ai"))
        options = SplitOptions(method=method, large_objects="core", exclude=exclude)
        report = move(project(folder, core, ai), source, folder, options)
        assert [str(finding) for finding in report.verified.findings] == []
        # A table that the extension has taken is cloned with it, and made by nobody else.
        rows = [checksums(url) for url in (core, ai)]
        rows[1].pop("public.taken", None)
        ways[method] = [facts(core), facts(ai), *rows]
    assert ways["stream"] == ways["template"]
    assert facts(source) == before


def test_the_target_keeps_what_it_is(
    databases: None, server: Server, rows_18: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Owner, rights, settings, comment and room of the empty database are those of what takes its place."""
    core, ai = new_database(), new_database()
    name = core.rpartition("/")[2]
    roles = f"owner_{name}", f"guest_{name}"
    for role in roles:
        server.run(f"CREATE ROLE {role}")
    server.run(f"ALTER DATABASE {name} OWNER TO {roles[0]}")
    server.run(f"ALTER DATABASE {name} CONNECTION LIMIT 77")
    server.run(f"ALTER DATABASE {name} SET work_mem = '7MB'")
    server.run(f'ALTER ROLE {roles[1]} IN DATABASE {name} SET search_path = a, "B c"')
    server.run(
        f"GRANT TEMPORARY ON DATABASE {name} TO {roles[1]} WITH GRANT OPTION; "
        f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"
    )
    server.run(f"COMMENT ON DATABASE {name} IS 'it''s % kept'")
    query = (
        "SELECT pg_get_userbyid(datdba), datconnlimit, "
        "(SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a), "
        "shobj_description(oid, 'pg_database'), (SELECT array_agg((setrole, setconfig)::text ORDER BY setrole) "
        f"FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database AS d WHERE datname = '{name}'"
    )
    before = server.run(query)
    report = move(project(tmp_path, core, ai), rows_18, tmp_path, TEMPLATE)
    assert report.exit_code == 0 and psql(core, "SELECT count(*) FROM users") == [(3,)]
    assert server.run(query) == before


def test_a_used_source_is_named_and_left_alone_until_it_is_asked_for(
    databases: None, server: Server, rows_18: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Who is connected is told; auto takes the other way and says why; asked for it, they are ended and told."""
    core, ai = new_database(), new_database()
    given = project(tmp_path, core, ai)
    with psycopg.connect(rows_18, application_name="the shop", autocommit=True) as busy:
        busy.execute("SELECT 1")
        assert '"the shop"' in "\n".join(stopping(plan_of(given, rows_18, TEMPLATE)))
        plan = plan_of(given, rows_18, SplitOptions(method="auto"))
        assert plan.method == "stream" and '"the shop"' in plan.why and not stopping(plan)
        assert {way.method for way in plan.ways} == {"stream", "template"}
        report = move(given, rows_18, tmp_path, replace(TEMPLATE, terminates=True))
        assert report.exit_code == 0 and '"the shop"' in report.ended[0]
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
    assert psql(rows_18, "SELECT datallowconn, datconnlimit FROM pg_database WHERE datname = current_database()") == [
        (True, -1)
    ]
    assert_moved(rows_18, core, ai)


def test_auto_clones_what_can_be_cloned(
    databases: None, rows_18: str, tmp_path: Path, new_database: NewDatabase, server_16: Server
) -> None:
    """On one server it does, and says why; from another server it does not, and says why."""
    given = project(tmp_path, new_database(), new_database())
    plan = plan_of(given, rows_18, SplitOptions(method="auto"))
    assert plan.method == "template" and "one server" in plan.why
    name = f"elsewhere_{os.getpid()}"
    elsewhere = project(tmp_path, new_database(), server_16.create_database(name))
    plan = plan_of(elsewhere, rows_18, SplitOptions(method="auto"))
    assert plan.method == "stream" and '"ai" is on another server than the source' in plan.why
    server_16.drop_database(name)


def test_a_login_that_may_not_clone_is_told_what_it_lacks(
    databases: None, server: Server, rows_18: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """CREATEDB, the databases, and the owners of what would be dropped."""
    urls = [new_database(), new_database()]
    role = f"weak_{os.getpid()}"
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    weak = [server.url(url.rpartition("/")[2], user=role, password="x") for url in urls]
    words = "\n".join(stopping(plan_of(project(tmp_path, *weak), rows_18, TEMPLATE)))
    assert "may not create databases" in words and "does not own database" in words
    assert "may not drop what belongs to postgres" in words
    server.run("CREATE EXTENSION vector", urls[1].rpartition("/")[2])
    words = "\n".join(stopping(plan_of(project(tmp_path, *weak), new_database(), TEMPLATE)))
    assert "may not create extension vector, which no clone has from the source" in words
    server.run(f"DROP ROLE {role}")


def test_large_objects_go_where_they_are_told(databases: None, tmp_path: Path, new_database: NewDatabase) -> None:
    """A clone has all of them; they stay in one database, or in none."""
    source = new_database()
    build(source, "CREATE TABLE users (id int); SELECT lo_from_bytea(n, 'x') FROM generate_series(1, 2500) AS n")
    for home, counts in ((None, [0, 0]), ("ai", [0, 2500])):
        urls = [new_database(), new_database()]
        report = move(project(tmp_path, *urls), source, tmp_path, replace(TEMPLATE, large_objects=home))
        assert report.exit_code == 0
        assert [psql(url, "SELECT count(*) FROM pg_largeobject_metadata")[0][0] for url in urls] == counts
    assert psql(source, "SELECT count(*) FROM pg_largeobject_metadata") == [(2500,)]


def test_whoever_writes_to_the_source_meanwhile_is_not_lost(
    databases: None, server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that came between the clone and the proof keeps the clones from their places, and is named."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    before = of_server(server)

    def then_write(*arguments: object, **more: object) -> list[str]:
        ended = clone(*arguments, **more)  # type: ignore[arg-type]
        psql(source, "INSERT INTO users SELECT max(id) + 1 FROM users")
        return ended

    monkeypatch.setattr(run, "clone", then_write)
    report = move(project(tmp_path, core, ai), source, tmp_path, TEMPLATE)
    assert report.exit_code == 1 and "users" in str(report.verified.findings[0])
    assert "public.users" in report.since
    assert of_server(server) == before and checksums(core) == {}


def test_a_schema_that_changes_after_the_plan_is_seen(
    databases: None, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Nothing is dropped that the plan does not know."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE users (id int)")
    given = project(tmp_path, core, ai)
    with ready(given, source, TEMPLATE) as found:
        found.connection.rollback()
        psql(source, "CREATE TABLE late (id int); DROP TABLE users")
        with pytest.raises(
            MultidbError, match=r"changed after the plan was made: table public.late; table:public.users"
        ):
            split(given, found, TEMPLATE, Files(evidence=tmp_path / "evidence.json"), no_scratch)
    assert checksums(core) == {}


def test_a_target_that_is_used_is_not_taken_away(
    databases: None, server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever connects to it at the last moment is named, and it is as it was."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE users (id int)")
    given = project(tmp_path, core, ai)
    before = of_server(server)

    def with_a_guest(*arguments: object) -> None:
        with psycopg.connect(ai, application_name="a guest"):
            swap(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "swap", with_a_guest)
    with pytest.raises(MultidbError, match='is used by "a guest"'):
        move(given, source, tmp_path, TEMPLATE)
    assert of_server(server) == before
    with psycopg.connect(core, application_name="an early guest"):
        assert '"core" is used by "an early guest"' in "\n".join(stopping(plan_of(given, source, TEMPLATE)))


@pytest.mark.parametrize("method", ["stream", "template"])
def test_a_rehearsal_leaves_nothing_behind(
    databases: None, server: Server, rows_18: str, tmp_path: Path, new_database: NewDatabase, method: str
) -> None:
    """No database, role, setting or file, also after one that was killed; it ends with proof, times and needs."""
    core, ai = new_database(), new_database()
    given = project(tmp_path, core, ai)
    before, files = of_server(server), sorted(tmp_path.rglob("*"))
    # What a killed one has left.
    for url in (core, ai):
        left = stray_name(REHEARSAL, url.rpartition("/")[2])
        server.create_database(left)
        server.run("CREATE TABLE half (id int)", left)
    found = plan_of(given, rows_18)
    assert [item.kind for item in found.findings].count("stray-database") == 2
    report = rehearsed(given, rows_18, SplitOptions(method=method))  # type: ignore[arg-type]
    assert report.exit_code == 0 and report.evidence is None
    assert report.needs is not None and report.needs.seconds > 0 and report.needs.bytes > 2**20
    assert report.needs.source_connections > 0 and report.needs.target_connections > 0
    assert of_server(server) == before
    assert sorted(tmp_path.rglob("*")) == files
    assert checksums(core) == checksums(ai) == {}


def test_what_a_killed_run_leaves_is_named_and_taken_back(
    server: Server, rows_18: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """By --abort and by the next run; an old database that somebody has filled is kept, and named."""
    core, ai = new_database(), new_database()
    given = project(tmp_path, core, ai)
    before = of_server(server)
    names = {kind: stray_name(kind, core.rpartition("/")[2]) for kind in (CLONE, OLD)}
    for name in names.values():
        server.create_database(name)
    taken = abort(given, SplitOptions())
    assert {item.name: item.result for item in taken} == {"core": "taken back", "ai": "nothing to do"}
    assert of_server(server) == before
    server.create_database(names[OLD])
    server.run("CREATE TABLE mine (id int)", names[OLD])
    with pytest.raises(MultidbError, match=r"is not empty: table public.mine.*nothing was changed"):
        move(given, rows_18, tmp_path, TEMPLATE)
    assert abort(given, SplitOptions())[0].result == "failed"
    server.run("DROP TABLE mine", names[OLD])
    assert move(given, rows_18, tmp_path, TEMPLATE).exit_code == 0
    assert server.run(STRAYS) == []


@pytest.mark.parametrize(("name", "after", "is_done"), [("prove", 0, False), ("swap", 0, False), ("clear", 1, True)])
def test_a_run_that_stops_is_followed_by_one_that_ends(
    server: Server,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    after: int,
    is_done: bool,
) -> None:
    """Before the clones have their places the targets are as they were; after that, only the old databases are left."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1); CREATE TABLE ai_x ()")
    given = project(tmp_path, core, ai)
    before = of_server(server)
    real, calls = getattr(run, name), iter(range(10))

    def stop(*arguments: object) -> object:
        if next(calls) >= after:
            raise MultidbError("stopped")
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(run, name, stop)
        with pytest.raises(MultidbError, match="stopped"):
            move(given, source, tmp_path, TEMPLATE)
    assert len(server.run(STRAYS)) == (2 if is_done else 0)
    assert is_done or of_server(server) == before
    report = move(given, source, tmp_path, TEMPLATE)
    assert report.exit_code == 0 and {each.state for each in report.databases} == {"there" if is_done else "cloned"}
    assert server.run(STRAYS) == [] and psql(core, "SELECT * FROM users") == [(1,)]


def test_two_at_once_do_not_meet(
    databases: None, rows_18: str, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is told who works there."""
    core, ai = new_database(), new_database()
    given = project(tmp_path, core, ai)
    is_in, may_go = Event(), Event()

    def wait(*arguments: object, **more: object) -> list[str]:
        is_in.set()
        assert may_go.wait(60)
        return clone(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "clone", wait)
    reports: list[SplitReport] = []
    first = Thread(target=lambda: reports.append(move(given, rows_18, tmp_path, TEMPLATE)))
    first.start()
    assert is_in.wait(60)
    with pytest.raises(MultidbError, match="is being changed by"):
        move(given, rows_18, tmp_path, replace(TEMPLATE, lock_timeout=0))
    may_go.set()
    first.join()
    assert reports[0].exit_code == 0


def test_a_target_on_another_device(databases: None, server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Files cannot be cloned from one device to another: they are copied."""
    elsewhere = Path("/tmp" if server.data.is_relative_to("/dev/shm") else "/dev/shm")
    if not os.access(elsewhere, os.W_OK) or elsewhere.stat().st_dev == server.data.stat().st_dev:
        pytest.skip("there is one device")
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE users (id int); INSERT INTO users VALUES (7); CREATE TABLE ai_none ()")
    with tempfile.TemporaryDirectory(dir=elsewhere) as folder:
        shutil.chown(folder, server.data.owner())
        space, name = name_for("space"), core.rpartition("/")[2]
        server.run(f"CREATE TABLESPACE {space} LOCATION '{folder}'")
        try:
            server.run(f"ALTER DATABASE {name} SET TABLESPACE {space}")
            assert move(project(tmp_path, core, ai), source, tmp_path, SplitOptions(method="template")).exit_code == 0
            assert psql(core, "SELECT id FROM users") == [(7,)]
        finally:
            server.drop_database(name)
            server.run(f"DROP TABLESPACE {space}")
