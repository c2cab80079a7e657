"""Odd targets, logins and moments: a split by cloning says so before it begins, or leaves everything as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Literal

import psycopg
import pytest

from alembic_multidb import Database, Databases
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.split import moving
from alembic_multidb.split.abort import abort
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.rehearsal import rehearse
from alembic_multidb.split.run import prepared
from alembic_multidb.split.summary import summary
from alembic_multidb.split.template import run
from alembic_multidb.split.template.sessions import connected, staying
from alembic_multidb.split.template.strays import CLONE, OLD, STRAYS, stray_name
from alembic_multidb.split.template.swap import swap
from alembic_multidb.urls import resolve_url
from tests.conftest import NewDatabase, psql
from tests.integration.moved import move, no_scratch, stopped
from tests.integration.split_cases import build, make_roles, plan_of, project, stopping
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server, crash, embedded_18, name_for, running_server, wait_until

TEMPLATE = SplitOptions(method="template")
USERS = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1); CREATE TABLE ai_x ();"
# Whole, of a schema, more than usual, less than usual, and of a role of its own.
DEFAULT_RIGHTS = """
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO split_reader;
    ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM CURRENT_USER;
    ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO split_reader WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO split_reader;
    ALTER DEFAULT PRIVILEGES FOR ROLE split_reader REVOKE ALL ON SEQUENCES FROM split_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO split_reader;
"""


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def facts(url: str) -> list[object]:
    return [(row.key, row.attributes) for row in snapshot_of(url).rows]


def login(server: Server, *urls: str) -> tuple[str, list[str]]:
    """Make a role that may clone and owns these databases; return it, and its URLs."""
    role = name_for("cloner")
    server.run(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x'")
    for url in urls:
        server.run(f"ALTER DATABASE {name_of(url)} OWNER TO {role}")
    return role, [server.url(name_of(url), user=role, password="x") for url in urls]


def without_vectors(folder: Path, core: str, ai: str) -> Project:
    """Return a project that needs no extension, which only a superuser could create."""
    databases = Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["ai_*"]))
    return replace(project(folder, core, ai), databases=databases)


def forget(server: Server, role: str, *urls: str) -> None:
    for url in urls:
        server.drop_database(name_of(url))
    server.run(f"DROP ROLE {role}")


@pytest.mark.parametrize("excluded", [False, True])
def test_default_rights_go_or_stay_as_by_stream(
    server: Server, tmp_path: Path, new_database: NewDatabase, excluded: bool
) -> None:
    """What holds in every schema can be left out, too."""
    make_roles(server)
    source = new_database()
    build(source, USERS + DEFAULT_RIGHTS)
    ways = []
    for method in ("stream", "template"):
        core, ai = new_database(), new_database()
        here = without_vectors(tmp_path, core, ai)
        names = [item.name for item in plan_of(here, source).objects if item.type == "default acl"]
        assert len(names) == 6
        options = SplitOptions(method=method, exclude=tuple(names) if excluded else ())
        report = move(here, source, tmp_path, options)
        assert [str(finding) for finding in report.verified.findings] == []
        ways.append([facts(core), facts(ai)])
        assert psql(core, "SELECT count(*) FROM pg_default_acl") == [(0 if excluded else 6,)]
    assert ways[0] == ways[1]


def test_an_extension_that_the_source_has_not_gets_no_default_rights_of_the_source(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """A fresh database has none while its extensions are made; a clone would have them."""
    make_roles(server)
    source, here = new_database(), project(tmp_path, new_database(), new_database())
    build(source, USERS + DEFAULT_RIGHTS)
    assert "extension vector would be made" in "\n".join(stopping(plan_of(here, source, TEMPLATE)))
    assert plan_of(here, source, SplitOptions(method="auto")).method == "stream"
    assert move(here, source, tmp_path, SplitOptions(method="auto")).exit_code == 0


def test_an_extension_that_is_too_old_in_the_source_is_named_before(tmp_path: Path, new_database: NewDatabase) -> None:
    """A clone has its version; a split by stream makes the newest."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, f"CREATE EXTENSION hstore VERSION '1.4'; {USERS} CREATE TABLE ai_h (h hstore)")
    declared = Databases(
        Database("core", url=core, default=True),
        Database("ai", url=ai, tables=["ai_*"], extensions={"hstore": ">=1.8"}),
    )
    here = replace(project(tmp_path, core, ai), databases=declared)
    words = "\n".join(stopping(plan_of(here, source, TEMPLATE)))
    assert 'is 1.4; "ai" declares >=1.8' in words and "ALTER EXTENSION hstore UPDATE" in words
    assert plan_of(here, source, SplitOptions(method="auto")).method == "stream"


def test_default_rights_are_taken_back(
    server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --abort, of every schema and of one."""
    make_roles(server)
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS + DEFAULT_RIGHTS)
    here, before = project(tmp_path, core, ai), [facts(core), facts(ai)]
    with monkeypatch.context() as patched:
        stopped(patched, moving, "prove")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, source, tmp_path)
    assert [(each.result, each.left) for each in abort(here, SplitOptions())] == [("taken back", ())] * 2
    assert [facts(core), facts(ai)] == before


def test_a_target_that_is_more_than_a_database_is_not_replaced(tmp_path: Path) -> None:
    """A template, one with a replication slot, one where the source has files: refused; auto takes the other way."""
    with running_server(embedded_18(), "wal_level=logical") as own, tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, own.data.owner())
        Path(folder).chmod(0o700)
        Path(folder).parent.chmod(Path(folder).parent.stat().st_mode | 0o011)
        own.run(f"CREATE TABLESPACE beside LOCATION '{folder}'")
        source = own.create_database("mixed")
        build(source, f"{USERS} CREATE TABLE elsewhere (id int) TABLESPACE beside")
        core, ai = own.create_database("core"), own.create_database("ai")
        here = project(tmp_path, core, ai)
        for change, words, back in (
            ("ALTER DATABASE core IS_TEMPLATE true", "marked as a template", "ALTER DATABASE core IS_TEMPLATE false"),
            (
                "SELECT pg_create_logical_replication_slot('keep', 'pgoutput')",
                "has replication slot keep",
                "SELECT pg_drop_replication_slot('keep')",
            ),
            ("ALTER DATABASE core SET TABLESPACE beside", "where some of the source's tables are", "SELECT 1"),
        ):
            own.run(change, "core" if "slot" in change else "postgres")
            assert words in "\n".join(stopping(plan_of(here, source, TEMPLATE)))
            plan = plan_of(here, source, SplitOptions(method="auto"))
            assert plan.method == "stream" and words in plan.why and not stopping(plan)
            own.run(back)
        assert move(here, source, tmp_path, SplitOptions(method="auto")).exit_code == 0
        # The database goes before the folder.
        own.drop_database("core")
        own.drop_database("mixed")
        own.run("DROP TABLESPACE beside")


def test_prepared_transactions_and_workers_are_named(tmp_path: Path) -> None:
    """A worker of the server has no name of its own; out of a prepared transaction no disconnecting leads."""
    with running_server(embedded_18(), "max_prepared_transactions=1", "wal_level=logical") as own:
        source = own.create_database("mixed")
        build(source, USERS)
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO users VALUES (2)")
            connection.execute("PREPARE TRANSACTION 'later'")
        here = project(tmp_path, own.create_database("core"), own.create_database("ai"))
        words = "\n".join(stopping(plan_of(here, source, replace(TEMPLATE, terminates=True))))
        assert 'prepared transaction "later"' in words and "ROLLBACK PREPARED" in words
        assert "--terminate-source-connections" not in words
        own.run("ROLLBACK PREPARED 'later'", "mixed")
        own.create_database("publisher")
        own.run("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')", "publisher")
        own.run("CREATE PUBLICATION feed", "publisher")
        own.run(
            f"CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port={own.port} user=postgres dbname=publisher' "
            "PUBLICATION feed WITH (create_slot = false, slot_name = 'feed')",
            "mixed",
        )
        workers = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'mixed' AND backend_type <> 'client backend'"
        wait_until(lambda: own.run(workers) == [(1,)])
        assert '"logical replication apply worker"' in "\n".join(stopping(plan_of(here, source, TEMPLATE)))


@pytest.mark.parametrize(
    "thing",
    [
        "SELECT lo_create(0)",
        "CREATE PUBLICATION everything FOR ALL TABLES",
        "CREATE CONVERSION odd FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    ],
)
def test_a_login_that_does_not_own_everything_is_told_before(
    server: Server, tmp_path: Path, new_database: NewDatabase, thing: str
) -> None:
    """What has no owner in the snapshot has one all the same."""
    databases = [new_database() for _ in range(3)]
    role, urls = login(server, *databases)
    build(urls[2], USERS)
    psql(databases[2], thing)
    here = project(tmp_path, *urls[:2])
    assert "may not drop what belongs to postgres" in "\n".join(stopping(plan_of(here, urls[2], TEMPLATE)))
    assert plan_of(here, urls[2], SplitOptions(method="auto")).method == "stream"
    forget(server, role, *databases)


def test_a_login_that_may_not_make_a_database_for_its_owner_is_told_before(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Having the rights of a role is one thing, to become it another."""
    databases = [new_database() for _ in range(3)]
    role, urls = login(server, *databases)
    build(urls[2], USERS)
    group = name_for("group")
    server.run(f"CREATE ROLE {group}; GRANT {group} TO {role} WITH INHERIT TRUE, SET FALSE")
    server.run(f"ALTER DATABASE {name_of(urls[0])} OWNER TO {group}")
    here = without_vectors(tmp_path, *urls[:2])
    assert f"may not SET ROLE {group}" in "\n".join(stopping(plan_of(here, urls[2], TEMPLATE)))
    server.run(f"GRANT {group} TO {role} WITH SET TRUE")
    assert move(here, urls[2], tmp_path, TEMPLATE).exit_code == 0
    forget(server, role, *databases)
    server.run(f"DROP ROLE {group}")


def test_autovacuum_is_not_in_the_way(tmp_path: Path) -> None:
    """It ends for a clone by itself; a login without rights sees of it no more than that it is nobody's."""
    busy = "autovacuum_naptime=1s", "autovacuum_vacuum_cost_delay=100ms", "autovacuum_vacuum_cost_limit=1"
    with running_server(embedded_18(), *busy) as own:
        databases = [own.create_database(name) for name in ("core", "ai", "mixed")]
        role, urls = login(own, *databases)
        build(urls[2], USERS)
        own.run("CREATE TABLE ai_written AS SELECT g FROM generate_series(1, 100000) AS g", "mixed")
        own.run("UPDATE ai_written SET g = g + 1", "mixed")
        psql(databases[2], f"ALTER TABLE ai_written OWNER TO {role}")
        workers = "SELECT 1 FROM pg_stat_activity WHERE datname = 'mixed' AND backend_type = 'autovacuum worker'"
        wait_until(lambda: own.run(workers) == [(1,)])
        here = without_vectors(tmp_path, *urls[:2])
        assert plan_of(here, urls[2], TEMPLATE).exit_code(with_rows=True) == 0
        assert own.run(workers) == [(1,)]
        assert move(here, urls[2], tmp_path, TEMPLATE).exit_code == 0


def test_whoever_is_just_leaving_is_waited_for(new_database: NewDatabase) -> None:
    """A script's last session may be there for a moment after it was closed; one that stays is named."""
    url, other = new_database(), new_database()
    with psycopg.connect(url, application_name="script") as leaving, psycopg.connect(other, autocommit=True) as looking:
        assert len(connected(looking, name_of(url))) == 1
        closing = Timer(0.2, leaving.close)
        closing.start()
        assert staying(looking, name_of(url)) == []
        closing.join()
        with psycopg.connect(url, application_name="another"):
            (found,) = staying(looking, name_of(url))
            assert found.startswith('"another"')


def test_a_login_that_could_not_read_its_own_clone_is_told_before(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Each target has a login of its own, and one of them owns everything."""
    databases = [new_database() for _ in range(3)]
    role, (core, source) = login(server, databases[0], databases[2])
    other, (ai,) = login(server, databases[1])
    build(source, USERS)
    server.run(f"GRANT {other} TO {role}")
    here = without_vectors(tmp_path, core, ai)
    assert f'"{other}" may not read public.ai_x' in "\n".join(stopping(plan_of(here, source, TEMPLATE)))
    psql(source, f"GRANT SELECT ON ai_x TO {other}")
    assert move(here, source, tmp_path, TEMPLATE).exit_code == 0
    forget(server, role, *databases)
    server.run(f"DROP ROLE {other}")


def test_what_the_target_is_and_could_not_be_again_is_not_lost(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """A setting that only a superuser makes keeps a clone from the target's place."""
    databases = [new_database() for _ in range(3)]
    role, urls = login(server, *databases)
    build(urls[2], USERS)
    server.run(f"ALTER DATABASE {name_of(urls[0])} SET log_min_duration_statement = '77s'")
    here, before = without_vectors(tmp_path, *urls[:2]), server.run("SELECT * FROM pg_db_role_setting ORDER BY 1, 2")
    with pytest.raises(MultidbError, match=r"log_min_duration_statement could not be set.*It is as it was"):
        move(here, urls[2], tmp_path, TEMPLATE)
    assert server.run("SELECT * FROM pg_db_role_setting ORDER BY 1, 2") == before
    assert server.run(STRAYS) == [] and psql(databases[0], "SELECT count(*) FROM pg_class WHERE oid > 16383") == [(0,)]
    assert move(without_vectors(tmp_path, *databases[:2]), databases[2], tmp_path, TEMPLATE).exit_code == 0
    assert ["log_min_duration_statement=77s"] in [row[2] for row in server.run("SELECT * FROM pg_db_role_setting")]
    forget(server, role, *databases)


def test_a_database_that_is_half_dropped_is_dropped(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Nobody can look into one whose server was stopped meanwhile."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    here, old = project(tmp_path, core, ai), stray_name(OLD, name_of(core))
    for by_abort in (True, False):
        server.create_database(old)
        server.run(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{old}'")
        if by_abort:
            assert abort(here, SplitOptions())[0].result == "taken back"
        else:
            assert move(here, source, tmp_path, TEMPLATE).exit_code == 0
        assert server.run(STRAYS) == []


def test_what_is_told_of_writes_is_about_those_that_are_missing(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """What came before the clone is in it; what was taken back with its session was never anywhere."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    connection = psycopg.connect(source, application_name="an open transaction")
    connection.execute("INSERT INTO users VALUES (2)")
    report = move(project(tmp_path, core, ai), source, tmp_path, replace(TEMPLATE, terminates=True))
    connection.close()
    assert report.exit_code == 0 and "an open transaction" in report.ended[0]
    assert "public.users" not in report.since, report.since
    assert psql(core, "SELECT * FROM users") == psql(source, "SELECT * FROM users") == [(1,)]


def test_a_backup_is_made_before_the_source_is_cloned(tmp_path: Path, new_database: NewDatabase) -> None:
    """It holds the whole source; one that fails stops everything."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    here, url = project(tmp_path, core, ai), resolve_url(source, {}, of="source")
    with prepared(here, url, TEMPLATE, with_rows=True) as ready:
        report = moving.split(here, ready, TEMPLATE, Files(evidence=tmp_path / "e.json", backup=tmp_path), no_scratch)
    assert report.exit_code == 0 and report.backup is not None and report.backup.stat().st_mode & 0o777 == 0o600
    restored = new_database()
    command = [str(embedded_18() / "pg_restore"), "-d", restored, str(report.backup)]
    subprocess.run(command, check=True, env={**os.environ, "LC_ALL": "C"})
    assert facts(restored) == facts(source)
    assert list(tmp_path.glob("*.partial")) == [] and "backup" in report.seconds


@pytest.mark.parametrize(
    ("path", "there"), [("app, public", ["app", "app"]), ("only_ai", [None, "only_ai"]), ("public", ["public"] * 2)]
)
def test_the_version_table_is_where_later_sessions_look(
    server: Server, tmp_path: Path, new_database: NewDatabase, path: str, there: list[str | None]
) -> None:
    """The source's search_path decides, by either method; where it leads nowhere, that is told."""
    source = new_database()
    build(
        source,
        "CREATE SCHEMA app; CREATE TABLE app.users (id int); CREATE TABLE app.ai_x (); "
        "CREATE SCHEMA only_ai; CREATE TABLE only_ai.ai_y ()",
    )
    server.run(f"ALTER DATABASE {name_of(source)} SET search_path = {path}")
    ways = []
    for method in ("stream", "template"):
        urls = [new_database(), new_database()]
        options = SplitOptions(method=method)
        report = move(without_vectors(tmp_path, *urls), source, tmp_path, options)
        assert report.exit_code == 0
        query = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'alembic_version'"
        assert [psql(url, query) for url in urls] == [[(name,)] if name else [] for name in there]
        assert [psql(url, "SELECT count(*) FROM alembic_version") for url in urls if psql(url, query)]
        told = [each.stamp.message for each in report.databases if each.stamp is not None]
        assert ("no place for its version table" in told[0]) == (there[0] is None)
        ways.append([facts(url) for url in urls])
    assert ways[0] == ways[1]


def test_the_sequence_of_an_excluded_table_is_nobody_s(tmp_path: Path, new_database: NewDatabase) -> None:
    """It stays, since others may use it, by either method; named as well, it goes."""
    source = new_database()
    build(source, "CREATE TABLE users (id serial); CREATE TABLE gone (id serial, n int GENERATED ALWAYS AS IDENTITY)")
    for exclude, left in ((("table:public.gone",), 1), (("table:public.gone", "sequence:public.gone_id_seq"), 0)):
        ways = []
        for method in ("stream", "template"):
            urls = [new_database(), new_database()]
            options = SplitOptions(method=method, exclude=exclude)
            report = move(without_vectors(tmp_path, *urls), source, tmp_path, options)
            assert [str(finding) for finding in report.verified.findings] == []
            query = "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname LIKE 'gone%'"
            assert psql(urls[0], query) == [(left,)]
            ways.append([facts(url) for url in urls])
        assert ways[0] == ways[1]


def test_what_a_clone_of_the_source_would_have_is_told_before(tmp_path: Path) -> None:
    """Tables that are noted as subscribed, or written to at every login: refused; auto takes the other way."""
    with running_server(embedded_18(), "wal_level=logical") as own:
        source, publisher = own.create_database("mixed"), own.create_database("publisher")
        build(publisher, USERS)
        build(source, USERS + "CREATE TABLE logins (who text)")
        own.run("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')", "publisher")
        own.run("CREATE PUBLICATION feed FOR TABLE users", "publisher")
        own.run(
            f"CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port={own.port} user=postgres dbname=publisher' "
            "PUBLICATION feed WITH (create_slot = false, slot_name = 'feed', enabled = false)",
            "mixed",
        )
        here = project(tmp_path, own.create_database("core"), own.create_database("ai"))
        only_core = replace(TEMPLATE, names=("core",))
        assert "subscriptions fill public.users of the source" in "\n".join(stopping(plan_of(here, source, only_core)))
        report = move(here, source, tmp_path, replace(only_core, method="auto"))
        assert report.plan.method == "stream" and "subscriptions fill public.users" in report.plan.why
        assert own.run("SELECT * FROM pg_subscription_rel", "core") == [] and report.exit_code == 0
        own.run("ALTER SUBSCRIPTION feed SET (slot_name = NONE)", "mixed")
        own.run("DROP SUBSCRIPTION feed", "mixed")
        own.drop_database("core")
        own.create_database("core")
        assert stopping(plan_of(here, source, TEMPLATE)) == []
        own.run(
            "CREATE FUNCTION write_login() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS "
            "'BEGIN INSERT INTO public.logins VALUES (session_user); END'",
            "mixed",
        )
        own.run("CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION write_login()", "mixed")
        words = "\n".join(stopping(plan_of(here, source, TEMPLATE)))
        assert "event trigger at_login runs at every login" in words and "disable it" in words
        assert plan_of(here, source, SplitOptions(method="auto")).method == "stream"
        own.run("ALTER EVENT TRIGGER at_login DISABLE", "mixed")
        assert stopping(plan_of(here, source, TEMPLATE)) == []


def test_what_a_crash_has_left_of_sessions_is_not_in_the_way(tmp_path: Path) -> None:
    """Temporary objects stay in the source as they are; who may not drop them from a clone is told before."""
    with running_server(embedded_18()) as own:
        databases = [own.create_database(name) for name in ("core", "ai", "mixed")]
        source = databases[2]
        build(source, f"{USERS} CREATE TYPE kind AS ENUM ('a'); CREATE TABLE ai_y (k kind)")
        lost = psycopg.connect(source, autocommit=True)
        lost.execute("CREATE TEMP VIEW tv AS SELECT * FROM ai_x, ai_y; CREATE TEMP TABLE tt (k kind, u users)")
        lost.execute("CREATE FUNCTION pg_temp.f() RETURNS kind LANGUAGE sql AS 'SELECT NULL::kind'")
        crash(own, embedded_18())
        lost.close()
        left = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text ~ '^pg_temp'"
        assert own.run(left, "mixed") == [(2,)]
        urls = login(own, *databases)[1]
        here = without_vectors(tmp_path, *urls[:2])
        words = "\n".join(stopping(plan_of(here, urls[2], TEMPLATE)))
        assert "temporary objects are left in pg_temp_" in words and "DROP SCHEMA pg_temp_" in words
        plan = plan_of(here, urls[2], SplitOptions(method="auto"))
        assert plan.method == "stream" and "temporary objects" in plan.why
        assert move(without_vectors(tmp_path, *databases[:2]), source, tmp_path, TEMPLATE).exit_code == 0
        assert own.run(left, "mixed") == [(2,)] and own.run(left, "core") == own.run(left, "ai") == [(0,)]


HELD = {
    "function pg_catalog.mine()": "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "changed rights to pg_sleep(double precision)": "REVOKE EXECUTE ON FUNCTION pg_sleep(float) FROM PUBLIC",
    "changed rights to information_schema.tables": "REVOKE SELECT ON information_schema.tables FROM PUBLIC",
    "rights to public.alembic_version": "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)); GRANT SELECT ON alembic_version TO split_reader",
    "owner split_reader of schema public": "ALTER SCHEMA public OWNER TO split_reader",
}


def test_what_an_empty_target_holds_all_the_same_is_not_lost(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Odd objects and rights that no schema shows: refused; auto takes the other way, by which they stay."""
    make_roles(server)
    source = new_database()
    build(source, USERS)
    for words, statement in HELD.items():
        core, ai = new_database(), new_database()
        here = without_vectors(tmp_path, core, ai)
        psql(core, statement)
        for options in (TEMPLATE, replace(TEMPLATE, rehearses=True)):
            assert f'"core" has {words}, which would go with' in "\n".join(stopping(plan_of(here, source, options)))
        plan = plan_of(here, source, SplitOptions(method="auto"))
        assert plan.method == "stream" and words in plan.why and not stopping(plan)
    psql(source, HELD["changed rights to pg_sleep(double precision)"])
    psql(ai, HELD["changed rights to pg_sleep(double precision)"])
    assert "pg_sleep" not in "\n".join(stopping(plan_of(here, source, TEMPLATE)))


def test_the_comment_of_a_target_on_its_extension_stays(tmp_path: Path, new_database: NewDatabase) -> None:
    """As by stream."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    psql(core, "COMMENT ON EXTENSION plpgsql IS 'ours'")
    assert move(without_vectors(tmp_path, core, ai), source, tmp_path, TEMPLATE).exit_code == 0
    assert psql(core, "SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'plpgsql'") == [
        ("ours",)
    ]


def test_what_cannot_be_cleared_away_loses_neither_report_nor_evidence(
    server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody fills one target at the last moment: it is kept and named, the other one is dropped, and all goes on."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    here, old = without_vectors(tmp_path, core, ai), stray_name(OLD, name_of(core))

    def after_somebody(*arguments: object) -> None:
        psql(core, "CREATE TABLE mine (id int)")
        swap(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(run, "swap", after_somebody)
        report = move(here, source, tmp_path, TEMPLATE)
    assert report.exit_code == 2 and report.verified.exit_code == 0
    assert [f'"{old}"' in words and "table public.mine" in words for words in report.left] == [True]
    assert f"Left: {report.left[0]}" in list(summary(report))
    assert report.evidence is not None and report.evidence.is_file()
    assert server.run(STRAYS) == [(old,)]
    assert [each.result for each in abort(here, SplitOptions())] == ["failed", "nothing to do"]
    again = move(here, source, tmp_path, TEMPLATE)
    assert {each.state for each in again.databases} == {"there"} and len(again.left) == 1
    server.run("DROP TABLE mine", old)
    assert move(here, source, tmp_path, TEMPLATE).exit_code == 0 and server.run(STRAYS) == []


def test_what_others_have_left_is_named_once_and_not_promised_to_go(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """A database that stands for a target is told with it, also at the end of a split by stream."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    here = without_vectors(tmp_path, core, ai)
    own, foreign = stray_name(CLONE, name_of(core)), stray_name(OLD, "somebody's")
    for name in (own, foreign):
        server.create_database(name)
    found = {item.object: item for item in plan_of(here, source).findings if item.kind == "stray-database"}
    assert len(found) == 2
    assert found[own].database == "core" and found[own].fix.startswith("--abort takes it away, and so does")
    assert found[foreign].database is None and "where that target is declared" in found[foreign].fix
    report = move(here, source, tmp_path)
    assert [[own in note for note in each.notes] for each in report.databases] == [[True], []]
    assert [each.result for each in abort(here, SplitOptions())] == ["taken back", "nothing to do"]
    assert server.run(STRAYS) == [(foreign,)]
    server.drop_database(foreign)


@pytest.mark.parametrize("method", ["stream", "template"])
def test_the_connections_that_a_rehearsal_names_are_enough(
    server: Server, tmp_path: Path, new_database: NewDatabase, method: Literal["stream", "template"]
) -> None:
    """A login that may have no more of them can do the real run."""
    databases = [new_database() for _ in range(3)]
    role, urls = login(server, *databases)
    build(urls[2], USERS + "".join(f"CREATE TABLE ai_{n} (id int PRIMARY KEY);" for n in range(20)))
    here, options = without_vectors(tmp_path, *urls[:2]), SplitOptions(method=method)
    with prepared(here, resolve_url(urls[2], {}, of="source"), options, with_rows=True) as ready:
        needs = rehearse(here, ready, options, no_scratch).needs
    assert needs is not None
    server.run(f"ALTER ROLE {role} CONNECTION LIMIT {needs.source_connections + needs.target_connections}")
    assert move(here, urls[2], tmp_path, options).exit_code == 0
    forget(server, role, *databases)


def test_the_rights_to_a_target_are_given_back_as_they_were(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Chains of who has granted what, what the owner has not, and none at all; what cannot be is told before."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, USERS)
    owner, odd, guest = (name_for(f'{what} "of" ') for what in ("owner", "odd", "guest"))
    name, roles = name_of(core), ['"' + role.replace('"', '""') + '"' for role in (owner, odd, guest)]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for statement in (
            *(f"CREATE ROLE {role}" for role in roles),
            f"ALTER DATABASE {name} OWNER TO {roles[0]}",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"REVOKE TEMPORARY ON DATABASE {name} FROM {roles[0]}",
            f"SET ROLE {roles[0]}",
            f"GRANT CONNECT, CREATE ON DATABASE {name} TO {roles[1]} WITH GRANT OPTION",
            f"SET ROLE {roles[1]}",
            f"GRANT CONNECT ON DATABASE {name} TO {roles[2]} WITH GRANT OPTION",
            f"GRANT CREATE ON DATABASE {name} TO PUBLIC",
            f"SET ROLE {roles[2]}",
            f"GRANT CONNECT ON DATABASE {name} TO PUBLIC",
            "RESET ROLE",
            f"REVOKE ALL ON DATABASE {name_of(ai)} FROM PUBLIC, postgres",
        ):
            connection.execute(statement.encode())
    query = (
        'SELECT datname, datacl IS NULL, ARRAY(SELECT a::text FROM unnest(datacl) AS a ORDER BY a::text COLLATE "C") '
        f"FROM pg_database WHERE datname IN ('{name}', '{name_of(ai)}') ORDER BY 1"
    )
    before, here = server.run(query), without_vectors(tmp_path, core, ai)
    assert move(here, source, tmp_path, TEMPLATE).exit_code == 0
    assert psql(core, "SELECT count(*) FROM users") == [(1,)] and server.run(query) == before
    core = new_database()
    here = without_vectors(tmp_path, core, new_database())
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for statement in (
            f"GRANT CREATE ON DATABASE {name_of(core)} TO {roles[1]} WITH GRANT OPTION",
            f"SET ROLE {roles[1]}",
            f"GRANT CREATE ON DATABASE {name_of(core)} TO {roles[2]}",
            "RESET ROLE",
            f"ALTER ROLE {roles[1]} SUPERUSER",
        ):
            connection.execute(statement.encode())
    assert f"were granted by {odd}, in whose name" in "\n".join(stopping(plan_of(here, source, TEMPLATE)))
    assert plan_of(here, source, SplitOptions(method="auto")).method == "stream"
    for each in (name, name_of(core)):
        server.drop_database(each)
    server.run(f"DROP ROLE {', '.join(roles)}")


def test_an_extension_of_somebody_else_that_stays_is_not_in_the_way(
    server: Server, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Nothing of it is dropped where every target has it; where one has not, its owner is needed."""
    databases = [new_database() for _ in range(3)]
    role, urls = login(server, *databases)
    for each in databases[1:]:
        psql(each, "CREATE EXTENSION vector")
    build(urls[2], f"{USERS} CREATE TABLE ai_v (v vector(2)); INSERT INTO ai_v VALUES ('[1,2]')")
    here = project(tmp_path, *urls[:2])
    assert "may not drop what belongs to postgres" in "\n".join(stopping(plan_of(here, urls[2], TEMPLATE)))
    report = move(here, urls[2], tmp_path, replace(TEMPLATE, names=("ai",)))
    assert report.exit_code == 0 and psql(databases[1], "SELECT v::text FROM ai_v") == [("[1,2]",)]
    forget(server, role, *databases)
