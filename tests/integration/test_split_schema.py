"""The schemas of a split: nothing is lost, nothing stands on the wrong side, and what was begun can be finished."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from alembic_multidb import Database, Databases
from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.split import making
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.urls import resolve_url
from alembic_multidb.verify import VerifyOptions, verify
from tests.conftest import NewDatabase, psql
from tests.integration.split_cases import (
    build,
    expected,
    found,
    make,
    make_roles,
    mixed,
    plan_of,
    project,
    scripts,
    stopping,
)
from tests.integration.test_snapshot import build as rich_database
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server, embedded_18, name_for

NewDatabase16 = Callable[[], str]


@pytest.fixture
def new_database_16(server_16: Server) -> Iterator[NewDatabase16]:
    made: list[str] = []

    def create() -> str:
        made.append(f"t16_{os.getpid()}_{len(made)}")
        return server_16.create_database(made[-1])

    yield create
    for name in made:
        server_16.drop_database(name)


def blocks(url: str) -> set[str]:
    """Return what pg_dump writes of a schema, object by object."""
    done = subprocess.run(
        [embedded_18() / "pg_dump", "--schema-only", "--restrict-key=x", "-d", url],
        capture_output=True,
        text=True,
        check=True,
    )
    # These lines say what has changed since the entry before.
    text = re.sub(
        r"^SET default_\w+ = .*;\n+",
        "",
        done.stdout.partition("\n--\n-- PostgreSQL database dump complete")[0],
        flags=re.MULTILINE,
    )
    return {block.strip("\n") for block in text.split("\n--\n-- Name: ")[1:]}


# What pg_dump writes of the mixed databases and no target has: it is outside, or a foreign key that crosses.
STAYING = re.compile(
    r".* Type: (EVENT TRIGGER|PUBLICATION( TABLES? IN SCHEMA| TABLE)?|SUBSCRIPTION|FOREIGN DATA WRAPPER|SERVER"
    r"|USER MAPPING|FOREIGN TABLE);"
    r"|split_ddl|v_far;|!<#>;|(heir_there|measured_there)\b|FUNCTION split_own"
    r"|(EXTENSION|EVENT TRIGGER|FOREIGN TABLE|COLUMN far|TABLE far)\b.* Type: COMMENT;"
    r"|(postgres_fdw|EXTENSION postgres_fdw);|FUNCTION postgres_fdw_|CONSTRAINT ai_memories_user_id_fkey"
    r"|usage usage_user_id_fkey"
    r"|\S+ (ai_memories_user_id_fkey|runs_order_fkey|usage_user_id_fkey);|far; Type: (TABLE|ACL)"
)


@pytest.mark.parametrize("version", ["18", "16"])
def test_each_target_is_its_part(request: pytest.FixtureRequest, version: str, tmp_path: Path) -> None:
    """As snapshots and multidb verify say, and as pg_dump does: what it writes of the source, a target has."""
    source = request.getfixturevalue(f"mixed_{version}")
    new = request.getfixturevalue("new_database" if version == "18" else "new_database_16")
    core, ai = new(), new()
    here = project(tmp_path, core, ai)
    done = make(here, source)
    assert [(each.name, each.result, each.notes) for each in done] == [("core", "made", ()), ("ai", "made", ())]
    report = verify(here, resolve_url(source, {}, of="source"), VerifyOptions(data=False))
    assert [str(item) for item in report.findings] == []
    before, of_core, of_ai = blocks(source), blocks(core), blocks(ai)
    # An operator that only its negator names as such names that one, too, once it was dumped.
    assert {block.split("\n")[0] for block in (of_core | of_ai) - before} == {
        "!<#>; Type: OPERATOR; Schema: crm; Owner: postgres"
    }
    left = {block.split("\n")[0] for block in before - of_core - of_ai}
    assert [line for line in sorted(left) if not STAYING.match(line)] == []
    assert not any("ai_" in line.split(";")[0].split(" ")[0] for line in of_core)
    assert "vector" not in {str(row[0]) for row in psql(core, "SELECT extname FROM pg_extension")}


@pytest.mark.parametrize("version", ["18", "16"])
def test_a_plain_owner_can_split(request: pytest.FixtureRequest, version: str, tmp_path: Path) -> None:
    """Whoever owns the databases, and is no superuser, splits what such a role can have."""
    server: Server = request.getfixturevalue("server" if version == "18" else "server_16")
    role = name_for("plain")
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'plain-secret'")
    names = [f"{role}_{part}" for part in ("mixed", "core", "ai")]
    for name in names:
        server.run(f"CREATE DATABASE {name} OWNER {role} TEMPLATE template0")
        if not name.endswith("core"):
            server.run("CREATE EXTENSION vector", name)
    source, core, ai = (server.url(name, user=role, password="plain-secret") for name in names)
    try:
        make_roles(server)
        build(source, scripts("split"))
        server.run(f"ALTER DATABASE {names[0]} SET hnsw.ef_search = 77", names[0])
        server.run("COMMENT ON EXTENSION vector IS 'Not of the target''s owner'", names[0])
        here = project(tmp_path, core, ai)
        assert found(plan_of(here, source)) == expected(scripts("split"), role) | {f"role:{role}": "outside"}
        assert [(item.database, item.kind) for item in plan_of(here, source).findings if item.severity == "warning"][
            -1:
        ] == [("ai", "extension-comment")]
        notes = ("comment on extension vector could not be made: InsufficientPrivilege",)
        assert [(each.result, each.notes) for each in make(here, source)] == [("made", ()), ("made", notes)]
        assert psql(ai, "SELECT current_setting('hnsw.ef_search', true)") == [("77",)]
        assert psql(core, "SELECT current_setting('hnsw.ef_search', true)") == [(None,)]
    finally:
        for name in names:
            server.drop_database(name)
        server.run(f"DROP ROLE {role}")


def test_nothing_is_made_while_something_crosses(
    crossing: str,
    tmp_path: Path,
    new_database: NewDatabase,
) -> None:
    """And with all of it excluded by name, everything else is made, and equal."""
    here = project(tmp_path, new_database(), new_database())
    plan = plan_of(here, crossing)
    assert plan.exit_code(with_rows=False) == 1
    names = tuple(item.object for item in plan.findings if item.kind == "crossing")
    done = make(here, crossing, SplitOptions(exclude=names))
    assert [(each.result, each.notes) for each in done] == [("made", ()), ("made", ())]


PARTS_OF_TABLES = """
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY, name text CONSTRAINT named CHECK (name <> ''),
    CONSTRAINT key PRIMARY KEY (id));
CREATE DOMAIN short AS text CONSTRAINT few CHECK (length(VALUE) < 9);
CREATE TABLE days (day int) PARTITION BY LIST (day);
CREATE TABLE first PARTITION OF days FOR VALUES IN (1);
CREATE INDEX days_day ON days (day);
CREATE TABLE ai_notes (id int, title short);
"""


def test_parts_can_be_left_out_alone(tmp_path: Path, new_database: NewDatabase) -> None:
    """A key, a partition, an index with those of the partitions; not what is made in one statement with its whole."""
    source = new_database()
    psql(source, PARTS_OF_TABLES)
    for name in ("table constraint:key on public.users", "table:public.first", "index:public.days_day"):
        here = project(tmp_path, new_database(), new_database())
        done = make(here, source, SplitOptions(exclude=(name,)))
        assert [each.result for each in done] == ["made", "made"], [each.message for each in done]
    for name in (
        "table constraint:named on public.users",
        "domain constraint:few on public.short",
        "sequence:public.users_id_seq",
    ):
        with pytest.raises(ConfigurationError, match="cannot be excluded alone"):
            plan_of(here, source, SplitOptions(exclude=(name,)))


def test_settings_are_replayed(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Of the database and of roles in it, where they mean something; a new session has them; no value is told."""
    source, core, ai = new_database(), new_database(), new_database()
    name = source.rpartition("/")[2]
    role = f"setting_{os.getpid()}"
    psql(source, "CREATE EXTENSION vector; CREATE TABLE users (id int); CREATE TABLE ai_docs (v vector(3))")
    psql(source, f"CREATE ROLE {role}")
    psql(
        source,
        f"GRANT CREATE ON DATABASE {name} TO {role} WITH GRANT OPTION; REVOKE TEMP ON DATABASE {name} FROM PUBLIC",
    )
    psql(source, f"COMMENT ON DATABASE {name} IS 'It''s 100%s mixed'")
    for what in (f"DATABASE {name}", f"ROLE {role} IN DATABASE {name}"):
        for setting in (
            "hnsw.ef_search = 100",
            'search_path = "$user", "Odd, ""schema""", public',
            "work_mem = '64MB'",
            "my.token = 'it''s %secret'",
            "statement_timeout = '1ms'" if what.startswith("ROLE") else "random_page_cost = 1.1",
        ):
            with psycopg.connect(source, autocommit=True) as connection:
                connection.execute("LOAD 'vector'")
                connection.execute(f"ALTER {what} SET {setting}".encode())
    try:
        here = project(tmp_path, core, ai)
        plan = plan_of(here, source)
        assert "%secret" not in str(plan.to_data()) + repr(plan)
        done = make(here, source)
        assert [(each.result, each.notes) for each in done] == [("made", ()), ("made", ())]
        statement = (
            "SELECT setrole::regrole::text, unnest(setconfig) FROM pg_db_role_setting AS s JOIN pg_database AS d "
            "ON d.oid = s.setdatabase WHERE d.datname = current_database() ORDER BY 1, 2"
        )
        everything = psql(source, statement)
        assert psql(ai, statement) == everything
        assert psql(core, statement) == [row for row in everything if "hnsw" not in str(row[1])]
        assert len(everything) == 10
        statement = "SELECT datacl::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = "
        facts = [psql(url, f"{statement} '{url.rpartition('/')[2]}'") for url in (source, core, ai)]
        assert facts[0] == facts[1] == facts[2] != [(None, None)]
    finally:
        for url in (source, core, ai):
            server.drop_database(url.rpartition("/")[2])
        server.run(f"DROP ROLE {role}")


NO_VIEWS = """
CREATE FUNCTION pg_catalog.no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no views today'; END $$;
CREATE EVENT TRIGGER no_views ON ddl_command_start WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION pg_catalog.no();
"""


def test_what_was_begun_is_finished(
    mixed_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that stops half-way names the object; the same command goes on, and makes nothing twice."""
    monkeypatch.setattr(making, "BATCH", 20)
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    psql(ai, NO_VIEWS)
    first, second = make(here, mixed_18)
    assert (first.result, second.result) == ("made", "failed")
    assert "could not be made at VIEW public v_near postgres: no views today" in second.message
    tables = "SELECT oid FROM pg_class WHERE relname = 'ai_documents'"
    before = psql(ai, tables)
    assert "target-begun" in {item.kind for item in plan_of(here, mixed_18).findings}
    psql(ai, "DROP EVENT TRIGGER no_views")
    assert [each.result for each in make(here, mixed_18)] == ["unchanged", "made"]
    assert psql(ai, tables) == before != []
    assert psql(ai, "SELECT to_regnamespace('alembic_multidb')") == [(None,)]


def test_a_source_that_changes_in_between(
    tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun cannot go on with another schema: it is said, and nothing more is made."""
    monkeypatch.setattr(making, "BATCH", 2)
    source, ai = new_database(), new_database()
    psql(
        source,
        "CREATE TABLE ai_a (id int PRIMARY KEY); CREATE TABLE ai_b (id int); CREATE VIEW ai_v AS SELECT id FROM ai_b",
    )
    psql(ai, "CREATE EXTENSION vector;" + NO_VIEWS)
    here = project(tmp_path, new_database(), ai)
    assert make(here, source)[1].result == "failed"
    psql(source, "ALTER TABLE ai_a ADD COLUMN more int")
    psql(ai, "DROP EVENT TRIGGER no_views")
    failed = make(here, source)[1]
    assert failed.result == "failed" and "are not what they were; take it back" in failed.message


def test_a_finished_one_is_left_alone(
    mixed_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
) -> None:
    """The same command again finds the schemas there; a target that somebody has changed since is refused."""
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    make(here, mixed_18)
    before = [snapshot_of(url).to_json() for url in (core, ai)]
    assert [each.result for each in make(here, mixed_18)] == ["unchanged", "unchanged"]
    assert [snapshot_of(url).to_json() for url in (core, ai)] == before
    psql(ai, "CREATE TABLE more (id int)")
    assert [item for item in stopping(plan_of(here, mixed_18)) if item.startswith("ai: it is not empty")]


def test_the_source_is_the_same_afterwards(
    mixed_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
) -> None:
    """A split only reads it."""
    before = snapshot_of(mixed_18).to_json()
    make(project(tmp_path, new_database(), new_database()), mixed_18)
    assert snapshot_of(mixed_18).to_json() == before


def test_owners_and_rights_can_be_left_out(
    mixed_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
) -> None:
    """With --no-owner, everything belongs to the login; with --no-acl, nobody else has rights."""
    core, ai = new_database(), new_database()
    done = make(project(tmp_path, core, ai), mixed_18, SplitOptions(no_owner=True, no_acl=True))
    assert [(each.result, each.notes) for each in done] == [("made", ()), ("made", ())]
    statement = "SELECT relowner::regrole::text, relacl FROM pg_class WHERE relname = 'runs'"
    assert psql(ai, statement) == [("postgres", None)]
    assert psql(core, "SELECT count(*) FROM pg_default_acl") == [(0,)]


def test_a_target_on_an_older_server(
    tmp_path: Path, new_database_16: NewDatabase16, server: Server, server_16: Server
) -> None:
    """A source on PostgreSQL 18 fills targets on 16, which do not know all of pg_restore's settings."""
    make_roles(server_16)
    source = mixed(server, f"older_{os.getpid()}", "split")
    try:
        done = make(project(tmp_path, new_database_16(), new_database_16()), source)
        assert [each.result for each in done] == ["made", "made"]
    finally:
        server.drop_database(source.rpartition("/")[2])


def test_a_damaged_program_is_said(
    mixed_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
) -> None:
    """A pg_dump that fails ends the command before anything is made."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, script in (
        ("pg_dump", 'if [ "$1" = --version ]; then echo "x 18.1"; else echo no >&2; exit 3; fi'),
        ("pg_restore", "true"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    core = new_database()
    with pytest.raises(MultidbError, match="pg_dump failed: no"):
        make(project(tmp_path, core, new_database()), mixed_18, SplitOptions(programs=str(folder)))
    assert psql(core, "SELECT count(*) FROM pg_class WHERE oid >= 16384") == [(0,)]


def split_at_random(server: Server, folder: Path, url: str, targets: tuple[str, str], seed: int) -> None:
    """Give a third of the rich schema's tables to ai, leave out what crosses, and split."""
    relations = (
        "SELECT format('%s.%s', n.nspname, c.relname) "
        "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('app', 'audit', 'new') ORDER BY 1"
    )
    tables = [str(row[0]) for row in psql(url, relations)]
    own = random.Random(seed).sample(tables, len(tables) // 3)
    base = project(folder, *targets)
    databases = Databases(Database("core", url=targets[0], default=True), Database("ai", url=targets[1], tables=own))
    here = Project(base.config_file, databases)
    excluded: list[str] = []
    while named := [item.object for item in plan_of(here, url, left_out(excluded)).findings if item.kind == "crossing"]:
        excluded += named
    done = make(here, url, left_out(excluded))
    assert [each.result for each in done] == ["made", "made"], [each.differences for each in done]


def left_out(names: list[str]) -> SplitOptions:
    return SplitOptions(exclude=tuple(names))


@pytest.fixture(scope="session")
def rich(server: Server) -> str:
    """The schema that snapshots are tried on."""
    name = f"rich_split_{os.getpid()}"
    rich_database(server, name, "rich", "rich_vector", "rich_18")
    return server.url(name)


def test_a_split_at_random(server: Server, rich: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Wherever the border runs through a rich schema, what can go goes, and is equal."""
    split_at_random(server, tmp_path, rich, (new_database(), new_database()), 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 42))
def test_many_splits_at_random(server: Server, rich: str, tmp_path: Path, new_database: NewDatabase, seed: int) -> None:
    """Forty other borders."""
    split_at_random(server, tmp_path, rich, (new_database(), new_database()), seed)
