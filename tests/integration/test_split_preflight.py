"""What stands in the way of a split: each finding, seen on real servers, and all of them at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.postgres import find_programs
from alembic_multidb.split.estimate import graph_memory
from alembic_multidb.split.model import Finding, SplitOptions
from alembic_multidb.split.preflight.facts import read_facts
from alembic_multidb.split.preflight.machine import is_here
from tests.acceptance.test_poolers import PGBOUNCER, _pgbouncer
from tests.conftest import NewDatabase, psql, short_folder
from tests.integration.split_cases import make, plan_of, project
from tests.integration.test_snapshot import connected
from tests.servers import Server, embedded_18, name_for

TABLES = "CREATE TABLE users (id bigint PRIMARY KEY); CREATE TABLE ai_notes (id int, user_id bigint REFERENCES users);"


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    url = new_database()
    psql(url, TABLES)
    return url


@pytest.fixture
def targets(new_database: NewDatabase) -> tuple[str, str]:
    return new_database(), new_database()


Findings = Callable[..., dict[str, Finding]]


@pytest.fixture
def findings(tmp_path: Path, source: str, targets: tuple[str, str]) -> Findings:
    """Return the findings of a plan, by their kinds."""

    def look(
        url: str = "", core: str = "", ai: str = "", options: SplitOptions | None = None, **arguments: object
    ) -> dict[str, Finding]:
        here = project(tmp_path, core or targets[0], ai or targets[1])
        return {item.kind: item for item in plan_of(here, url or source, options).findings}

    return look


@contextmanager
def login(server: Server, *urls: str, options: str = "") -> Iterator[Callable[[str], str]]:
    """Make a role that owns some databases; yields what turns a URL into one with its login."""
    role = name_for("login")
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' {options}")
    for url in urls:
        server.run(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {role}")
    try:
        yield lambda url: server.url(url.rpartition("/")[2], user=role, password="secret")
    finally:
        for url in urls:
            server.run(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO postgres")
            psql(url, f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}")
        server.run(f"DROP OWNED BY {role}")
        server.run(f"DROP ROLE {role}")


def test_nothing_stands_in_the_way(findings: Findings) -> None:
    """Of a plain database and two empty targets, nothing is said at all."""
    assert findings() == {}


def test_programs(findings: Findings, tmp_path: Path) -> None:
    """Without pg_dump, or with one that is older than the server, the plan says so, and exits with 2."""
    found = findings(options=SplitOptions(programs=str(tmp_path)))["programs"]
    assert (found.severity, found.object) == ("failed", "pg_dump")
    assert f"no pg_dump and pg_restore of version 18 or newer, which the source's server needs in {tmp_path}" in str(
        found
    )
    with pytest.raises(ConfigurationError, match=r"version 99 or newer.*; .*has version 18"):
        find_programs(99, str(embedded_18()))
    assert find_programs(18).version >= 18


def test_same_database(findings: Findings, source: str, targets: tuple[str, str]) -> None:
    """The source itself, and one database for both targets, are refused."""
    found = findings(core=source)
    assert "leads to the source itself" in found["same-database"].message
    assert found["same-database"].severity == "refused"
    found = findings(ai=targets[0].replace("127.0.0.1", "localhost"))
    assert 'leads to the same database as that of "core"' in found["same-database"].message


def test_not_empty(findings: Findings, targets: tuple[str, str]) -> None:
    """Anything but declared extensions and an empty version table is named; a stamped one is refused."""
    psql(targets[1], "CREATE EXTENSION vector; CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    assert findings() == {}
    psql(
        targets[1],
        "INSERT INTO alembic_version VALUES ('a001'); COMMENT ON TABLE alembic_version IS "
        "'alembic_multidb: database=core'",
    )
    psql(targets[0], "CREATE TYPE mood AS ENUM ('x'); CREATE EXTENSION citext")
    found = findings()
    assert (found["target-not-empty"].severity, found["target-not-empty"].database) == ("refused", "core")
    assert "extension citext; type public.mood" in found["target-not-empty"].message
    assert "a001" in found["target-stamped"].message
    assert 'marked as "core"' in found["target-marked"].message


def test_what_is_no_table_counts(findings: Findings, targets: tuple[str, str]) -> None:
    """Large objects, and rights that the source has not; what only a clone would take away is in its way alone."""
    core, ai = targets
    psql(core, "SELECT lo_from_bytea(5, 'a'); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    psql(ai, "CREATE PUBLICATION feed")
    found = findings()
    assert (found["target-not-empty"].database, found["target-not-empty"].severity) == ("core", "refused")
    assert "1 large object; default grants for role" in found["target-not-empty"].message
    assert found["target-keeps"].message == "publication feed is there, and stays"
    assert "template-target" not in found
    message = findings(options=SplitOptions(method="template"))["template-target"].message
    assert message == '"ai" has publication feed, which would go with the database that is replaced'
    psql(core, "SELECT lo_unlink(5); ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC")
    assert "target-not-empty" not in findings()
    psql(core, "COMMENT ON SCHEMA public IS 'ours'; GRANT CREATE ON SCHEMA public TO pg_monitor")
    message = findings()["target-not-empty"].message
    assert "rights to schema public (pg_monitor: CREATE); another comment on schema public" in message


def test_unreachable(findings: Findings, server: Server) -> None:
    """A target that is not there is a finding, beside all others."""
    found = findings(ai=server.url("nosuch"), options=SplitOptions(programs="/nowhere"))
    assert found["target-unreachable"].database == "ai"
    assert "programs" in found


def test_not_a_superuser(findings: Findings, server: Server, source: str, targets: tuple[str, str]) -> None:
    """What such a login loses or is refused: rows behind policies, objects, extensions, owners, settings."""
    psql(
        source,
        "CREATE EXTENSION vector; ALTER TABLE ai_notes ADD COLUMN v vector(3); "
        "CREATE FUNCTION c(text) RETURNS text LANGUAGE internal IMMUTABLE AS 'lower';"
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY;"
        f"ALTER ROLE postgres IN DATABASE {source.rpartition('/')[2]} SET work_mem = '9MB'",
    )
    with login(server, *targets) as plain:
        role = urlsplit(plain(source)).username
        assert "source-not-readable" in findings(plain(source), *map(plain, targets))
        psql(source, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        found = findings(plain(source), *map(plain, targets))
        severities = {kind: item.severity for kind, item in found.items()}
        assert severities == {
            "row-security": "failed",
            "needs-superuser": "failed",
            "extension-rights": "failed",
            "owner-rights": "failed",
            "settings-rights": "warning",
            "roles": "note",
        }
        assert "function:public.c(pg_catalog.text)" in found["needs-superuser"].message
        assert 'CREATE EXTENSION "vector" SCHEMA public' in found["extension-rights"].fix
        assert found["row-security"].rows_only
        psql(targets[1], "CREATE EXTENSION vector")
        own = (plain(source), *map(plain, targets))
        assert "extension-rights" not in findings(*own)
        rehearsed = findings(*own, options=SplitOptions(rehearses=True))["extension-rights"]
        assert "the real run needs none" in rehearsed.fix
        psql(targets[1], "DROP EXTENSION vector")
        psql(source, f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        server.run(f"ALTER DATABASE {targets[0].rpartition('/')[2]} OWNER TO postgres")
        assert findings(plain(targets[1]), *map(plain, targets))["target-rights"].severity == "failed"


def test_rights_that_others_have_granted(
    findings: Findings, server: Server, source: str, targets: tuple[str, str]
) -> None:
    """Nobody but a superuser grants in another's name; without rights, nothing is in the way."""
    role = f"grantor_{os.getpid()}"
    server.run(f"CREATE ROLE {role}")
    try:
        psql(source, f"GRANT SELECT ON users TO {role} WITH GRANT OPTION")
        psql(
            source, f"SET ROLE {role}; GRANT SELECT ON users TO PUBLIC; RESET ROLE; GRANT SELECT ON ai_notes TO PUBLIC"
        )
        assert "grantors" not in findings()
        with login(server, *targets) as plain:
            found = findings(plain(source), *map(plain, targets))["grantors"]
            assert (found.database, found.severity) == ("core", "failed")
            assert f"table public.users (by {role})" in found.message and "ai_notes" not in found.message
            options = SplitOptions(no_acl=True)
            assert "grantors" not in findings(plain(source), *map(plain, targets), options=options)
    finally:
        psql(source, f"DROP OWNED BY {role}")
        server.run(f"DROP ROLE {role}")


def test_roles_that_are_missing(findings: Findings, server_16: Server, server: Server, source: str) -> None:
    """An owner, a grantee and a policy's role that the target's server does not have."""
    made = [f"absent_{what}_{os.getpid()}" for what in ("owner", "reader", "policy")]
    for role in made:
        server.run(f"CREATE ROLE {role}")
    psql(source, f"ALTER TABLE users OWNER TO {made[0]}; GRANT SELECT ON users TO {made[1]}")
    psql(source, f"CREATE POLICY p ON users TO {made[2]} USING (true)")
    try:
        server_16.create_database("roles_16")
        found = findings(core=server_16.url("roles_16"))
        assert made[0] in found["owner-missing"].message and "--no-owner" in found["owner-missing"].fix
        assert made[1] in found["role-missing"].message and made[2] in found["role-missing"].message
        found = findings(core=server_16.url("roles_16"), options=SplitOptions(no_owner=True, no_acl=True))
        assert "owner-missing" not in found
        assert made[1] not in found["role-missing"].message and made[2] in found["role-missing"].message
    finally:
        server_16.drop_database("roles_16")
        server.drop_database(source.rpartition("/")[2])
        for role in made:
            server.run(f"DROP ROLE {role}")


def test_other_servers(findings: Findings, server_15: Server, server: Server, source: str) -> None:
    """An older server, one without pgvector, another encoding, another locale."""
    psql(source, "CREATE EXTENSION vector; ALTER TABLE ai_notes ADD COLUMN v vector(3)")
    server_15.create_database("older")
    server.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    server.run("CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'")
    try:
        found = findings(core=server.url("latin"), ai=server_15.url("older"))
        assert (found["encoding"].severity, found["encoding"].database) == ("refused", "core")
        assert (found["extension-missing"].severity, found["extension-missing"].database) == ("failed", "ai")
        assert found["older-server"].severity == "warning"
        assert findings(core=server.url("sorted"))["locale"].severity == "warning"
    finally:
        server_15.drop_database("older")
        server.drop_database("latin")
        server.drop_database("sorted")


@pytest.mark.parametrize(
    ("encoding", "severity", "fix"),
    [("LATIN1", "note", ""), ("SQL_ASCII", "refused", "create it with ENCODING 'SQL_ASCII'")],
)
def test_a_source_in_another_encoding(
    findings: Findings, server: Server, encoding: str, severity: str, fix: str
) -> None:
    """Every text can be written in UTF-8; bytes of no encoding cannot."""
    name = f"encoded_{os.getpid()}"
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        found = findings(server.url(name))["encoding"]
        assert (found.severity, found.fix) == (severity, fix)
    finally:
        server.drop_database(name)


def test_extension_elsewhere(findings: Findings, source: str, targets: tuple[str, str]) -> None:
    """An extension that lies in another schema than the source's is refused: types are named with their schema."""
    psql(
        source, "CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext; ALTER TABLE ai_notes ADD COLUMN v ext.vector(3)"
    )
    psql(targets[1], "CREATE EXTENSION vector")
    found = findings()["extension-schema"]
    assert "lies in schema public, in the source in ext" in found.message
    psql(targets[1], "DROP EXTENSION vector")
    assert findings() == {}


def test_long_transactions(findings: Findings, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has been open on the source for long is told, with its age."""
    from alembic_multidb.split.preflight import source as module

    monkeypatch.setattr(module, "_LONG", 0)
    with psycopg.connect(source) as other:
        other.execute("SELECT 1")
        found = findings()["long-transaction"]
        assert f"backend {other.info.backend_pid}" in found.message
    assert "long-transaction" not in findings()


def test_values_that_name_objects(findings: Findings, source: str) -> None:
    """A regclass, in an array or a domain too, that names a table of the other home cannot be loaded there."""
    psql(
        source,
        "CREATE DOMAIN named AS regclass; CREATE TABLE ai_log (what regclass, fine regclass, many regtype[], d named);"
        "INSERT INTO ai_log VALUES ('ai_notes', 'pg_class', '{int4,ai_notes}', NULL), (987654, NULL, NULL, 'ai_notes')",
    )
    assert "value-names-another-home" not in findings()
    for change in ("what = 'users'", "many = '{users}'", "d = 'users'"):
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute(f"UPDATE ai_log SET {change} WHERE what = 'ai_notes'::regclass".encode())
            found = findings()["value-names-another-home"]
            assert (found.severity, found.database, found.rows_only) == ("refused", "ai", True)
            assert "holds t" in found.message and "users" in found.message
            column = change.split(" ")[0]
            assert f"public.ai_log.{column}" in found.object
            connection.execute("TRUNCATE ai_log")
            connection.execute("INSERT INTO ai_log VALUES ('ai_notes', NULL, NULL, NULL)")


def test_values_inside_others_are_told(findings: Findings, source: str) -> None:
    """An attribute of a composite type, or of an array of them, is not looked at, and that is said."""
    psql(
        source,
        "CREATE DOMAIN named AS regclass; CREATE TYPE pair AS (what named, n int); CREATE TYPE pairs AS (them pair[]);"
        "CREATE TABLE ai_log (id int, them pairs)",
    )
    found = findings()["value-not-looked-at"]
    assert (found.severity, found.database, found.object) == ("warning", "ai", "public.ai_log.them")
    assert "values of regclass inside others" in found.message


def test_partitions_with_another_rule(findings: Findings, source: str) -> None:
    """A partition that a rule gives another home than its root's is refused; the default is no such rule."""
    psql(
        source,
        "CREATE TABLE ai_log (day date) PARTITION BY RANGE (day); CREATE TABLE log_old PARTITION OF ai_log DEFAULT",
    )
    assert "partition" not in findings()
    psql(
        source,
        "CREATE TABLE log (day date) PARTITION BY RANGE (day); CREATE TABLE ai_part PARTITION OF log DEFAULT",
    )
    found = findings()["partition"]
    assert (found.severity, found.object) == ("refused", "table:public.ai_part")


def test_tables_without_a_home(tmp_path: Path, source: str, targets: tuple[str, str]) -> None:
    """Where no database is the default, a table that no rule names is refused, and what stands on it."""
    from alembic_multidb import Database, Databases
    from alembic_multidb.operate import Project

    psql(source, "CREATE VIEW v AS SELECT id FROM users")
    base = project(tmp_path, *targets)
    databases = Databases(Database("core", url=targets[0]), Database("ai", url=targets[1], tables=["ai_*"]))
    plan = plan_of(Project(base.config_file, databases), source)
    homeless = {item.object for item in plan.findings if item.kind == "homeless"}
    key = "table constraint:ai_notes_user_id_fkey on public.ai_notes"
    assert homeless == {"table:public.users", "view:public.v", key}
    assert plan.exit_code(with_rows=False) == 1


def test_too_few_locks(findings: Findings, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with more relations than its server has room for locks is told."""
    from alembic_multidb.split.preflight import run

    monkeypatch.setattr(run, "read_facts", lambda connection: replace(read_facts(connection), locks=1))
    assert "too-few-locks" in findings()


def test_memory_of_graphs(findings: Findings, server: Server, source: str, targets: tuple[str, str]) -> None:
    """What an hnsw index wants is held against maintenance_work_mem and /dev/shm; a known fault of pgvector is told."""
    psql(
        source,
        "CREATE EXTENSION vector; ALTER TABLE ai_notes ADD COLUMN v vector(1536);"
        "CREATE INDEX graph ON ai_notes USING hnsw (v vector_cosine_ops);"
        "UPDATE pg_class SET reltuples = 1000000 WHERE relname = 'ai_notes'",
    )
    found = findings()["graph-memory"]
    assert found.severity == "warning" and found.rows_only
    assert "wants 6573 MB" in found.message
    assert graph_memory(1_000_000, 1536) == pytest.approx(6.9e9, rel=0.01)
    with connected(source) as connection:
        facts = read_facts(connection)
        assert is_here(facts)
        assert not is_here(replace(facts, pid=1))


@pytest.mark.skipif(not PGBOUNCER.exists(), reason="pgbouncer is not installed")
def test_poolers(findings: Findings, server: Server, source: str, targets: tuple[str, str]) -> None:
    """A transaction pooler before the source or a target is found, with everything else."""
    with _pgbouncer(server, "transaction", 5) as port:
        pooled = [url.replace(f":{server.port}/", f":{port}/") for url in (source, *targets)]
        found = findings(pooled[0], targets[0], pooled[2])
    assert found["source-pooler"].severity == "failed"
    assert "transaction pooler" in found["target-unreachable"].message


def test_what_is_undeclared_is_made_and_said(tmp_path: Path, source: str, targets: tuple[str, str]) -> None:
    """An extension that only core's tables use is made in core although nobody declares it."""
    psql(source, "CREATE EXTENSION citext; ALTER TABLE users ADD COLUMN email citext")
    here = project(tmp_path, *targets)
    plan = plan_of(here, source)
    assert [(item.kind, item.database) for item in plan.findings] == [("extension-undeclared", "core")]
    assert [each.result for each in make(here, source)] == ["made", "made"]
    assert psql(targets[0], "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'") == [("citext",)]
    assert psql(targets[1], "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'") == [("vector",)]


def test_jobs_and_rows_of_extensions(findings: Findings, server: Server, source: str) -> None:
    """Jobs of pg_cron, and rows in tables that an extension keeps for its users, are told."""
    folder = short_folder()
    try:
        extension = folder / "extension"
        extension.mkdir(mode=0o755)
        (extension / "pg_cron.control").write_text("default_version = '1.0'\ntrusted = true\nrelocatable = false\n")
        (extension / "pg_cron--1.0.sql").write_text(
            "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid bigint, jobname text, command text);"
            "SELECT pg_extension_config_dump('cron.job', '')"
        )
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute(f"SET extension_control_path = '{folder}:$system'".encode())
            connection.execute("CREATE EXTENSION pg_cron")
            connection.execute("INSERT INTO cron.job VALUES (1, 'nightly', 'secret'), (2, NULL, 'secret')")
        found = findings()
        assert found["cron-jobs"].message == "jobs of pg_cron stay behind: nightly; job 2"
        assert "cron.job" in found["extension-rows"].message
        assert found["extension-missing"].object == "pg_cron"
    finally:
        shutil.rmtree(folder)
