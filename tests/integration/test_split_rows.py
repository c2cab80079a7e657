"""The rows of a split: all of them, as they were, whatever they are."""

from __future__ import annotations

import os
import re
import resource
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from alembic_multidb.errors import LockTimeoutError, MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.split import filling, making, moving, proof, run
from alembic_multidb.split.abort import abort
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.run import Prepared, prepared
from alembic_multidb.transfer import rows
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.target import opened
from alembic_multidb.urls import resolve_url
from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, checksums, move, no_scratch, stopped, with_rows
from tests.integration.split_cases import make_roles, project
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server, embedded_18, running_server


def test_every_row_is_as_it_was(rows_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    core, ai = new_database(), new_database()
    report = move(project(tmp_path, core, ai), rows_18, tmp_path)
    assert [str(finding) for finding in report.verified.findings] == []
    assert_moved(rows_18, core, ai)
    assert psql(core, "SELECT last_value, is_called FROM orders_id_seq") == [(7000, False)]


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        (making.SchemaMaker, "_run_batch", 1),
        *[(rows, "stream", 5), (filling, "set_places", 0), (filling, "refresh", 1)],
        *[(moving, "stamp", 1), (moving, "make_settings", 1), (moving, "prove", 0), (moving, "keep", 0)],
    ],
)
def test_what_an_unfinished_split_made_can_be_taken_back(
    rows_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    after: int,
) -> None:
    """Wherever it stopped, both targets are as they were, but for somebody else's table; then it can begin again."""
    core, ai = new_database(), new_database()
    psql(ai, "CREATE EXTENSION vector; COMMENT ON DATABASE " + ai.rpartition("/")[2] + " IS 'mine'")
    before = [state(url) for url in (core, ai)]
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, module, name, after)
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, rows_18, tmp_path)
    psql(core, "CREATE TABLE somebody_elses (id int)")
    done = abort(here, SplitOptions())
    assert [each.result for each in done] == ["taken back", "taken back"], done
    assert done[0].left == ("table public.somebody_elses",)
    psql(core, "DROP TABLE somebody_elses")
    assert [state(url) for url in (core, ai)] == before
    assert [each.result for each in abort(here, SplitOptions())] == ["nothing to do", "nothing to do"]
    move(here, rows_18, tmp_path)
    assert_moved(rows_18, core, ai)


def state(url: str) -> object:
    facts = "SELECT datacl, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    kinds = "SELECT count(*) FROM pg_largeobject_metadata"
    return snapshot_of(url).to_json(), psql(url, facts), psql(url, kinds)


def test_an_interrupted_split_goes_on(
    rows_18: str, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied is kept if the source did not change; an unlogged table is copied again all the same."""
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, filling, "refresh")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, rows_18, tmp_path)
    psql(core, "UPDATE alembic_multidb.steps SET facts = facts WHERE false; TRUNCATE volatile")
    report = move(here, rows_18, tmp_path)
    assert report.exit_code == 0, report.verified.findings
    one, other = report.databases
    assert (one.kept, other.kept) == (one.tables - 1, other.tables)
    assert_moved(rows_18, core, ai)


def test_a_source_that_was_written_to_in_between(
    server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what changed is copied again, although foreign keys, triggers and rules are there already."""
    source, core, ai = new_database(f"rows_{os.getpid()}"), new_database(), new_database()
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, filling, "analyze")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, source, tmp_path)
    psql(
        source,
        "DELETE FROM users WHERE id = 3; UPDATE by_mood SET v = 'new' WHERE id = 7; UPDATE orders SET note = 'x' "
        "WHERE id = 1; UPDATE ai_feedback SET feeling = 'sad' WHERE id = 1; SELECT nextval('used')",
    )
    report = move(here, source, tmp_path)
    assert report.exit_code == 0, report.verified.findings
    assert report.databases[0].kept == 15 and report.databases[1].kept == 1
    assert_moved(source, core, ai)


def test_other_versions(rows_16: str, server: Server, server_16: Server, tmp_path: Path) -> None:
    """From 16 to 16, and from 16 to 18, one home each."""
    core, ai = server_16.create_database("moved_core"), server.create_database(f"moved_ai_{os.getpid()}")
    report = move(project(tmp_path, core, ai), rows_16, tmp_path)
    assert [str(finding) for finding in report.verified.findings] == []
    assert_moved(rows_16, core, ai)


def test_other_settings(rows_18: str, server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Whatever the databases say of dates, arrays and encodings, and although they are read-only by default."""
    source, core, ai = new_database(f"rows_{os.getpid()}"), new_database(), new_database()
    odd = "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kolkata'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'"
    more = "array_nulls = off", "extra_float_digits = 0", "client_encoding = 'LATIN1'", "search_path = ''"
    for url in (core, ai):
        for setting in (*odd, *more, "default_transaction_read_only = on"):
            psql(server.url(), f"ALTER DATABASE {url.rpartition('/')[2]} SET {setting}")
    psql(source, f"ALTER DATABASE {source.rpartition('/')[2]} SET DateStyle = 'German'")
    psql(source, f"ALTER DATABASE {source.rpartition('/')[2]} SET default_transaction_read_only = on")
    move(project(tmp_path, core, ai), source, tmp_path)
    for url in (core, ai):
        psql(server.url(), f"ALTER DATABASE {url.rpartition('/')[2]} RESET ALL")
    assert_moved(source, core, ai)


def test_the_source_is_only_read(tmp_path: Path) -> None:
    """Every statement that its server sees of ours is one that changes nothing, and its rows are what they were."""
    with running_server(embedded_18(), "log_statement=all", "log_line_prefix=%d=") as watched:
        source = with_rows(watched)
        before = checksums(source)
        core, ai = watched.create_database("core"), watched.create_database("ai")
        log = watched.data.parent / "log"
        seen = len(log.read_text())
        move(project(tmp_path, core, ai), source, tmp_path)
        name = source.rpartition("/")[2]
        pattern = re.compile(rf"^{name}=LOG:  (?:statement|execute [^:]*): (.*)$", re.MULTILINE)
        statements = pattern.findall(log.read_text()[seen:])
        assert len(statements) > 100
        harmless = (
            "SELECT",
            "WITH",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SHOW",
            "LOCK TABLE",
            "SET ",
            "SAVEPOINT",
            "--",
        )
        others = [line for line in statements if not line.strip().upper().startswith(harmless)]
        allowed = re.compile(r"\s*(COPY \(SELECT |RELEASE|DECLARE|FETCH|CLOSE|EXPLAIN|EXECUTE|PREPARE|$)")
        assert [line for line in others if not allowed.match(line)] == []
        assert checksums(source) == before


def test_writers_on_the_source(tmp_path: Path, new_database: NewDatabase) -> None:
    """The result is one moment of the source, references intact, and the summary says that writes came in since."""
    source, core, ai = new_database(f"rows_{os.getpid()}"), new_database(), new_database()
    here, over = project(tmp_path, core, ai), threading.Event()

    def write() -> None:
        with psycopg.connect(source, autocommit=True) as connection:
            while not over.is_set():
                connection.execute("INSERT INTO orders (user_id, note) VALUES (1, 'during')")
                connection.execute("DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)")
                connection.execute("UPDATE orders SET note = note || '.' WHERE id = (SELECT max(id) FROM orders)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        report = move(here, source, tmp_path)
    finally:
        over.set()
        writer.join()
    assert report.exit_code == 0, report.verified.findings
    assert report.since.startswith("writes came in since") and "public.orders" in report.since
    # Each INSERT is followed by a DELETE.
    assert psql(core, "SELECT count(*) IN (5000, 5001) FROM orders") == [(True,)]


def test_one_operator_at_a_time(rows_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Another one is refused, and told who is at work."""
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    with opened(here, here.databases["core"], Journal()), pytest.raises(LockTimeoutError, match="is being changed by"):
        move(here, rows_18, tmp_path, SplitOptions(lock_timeout=0.2))
    assert psql(ai, "SELECT to_regnamespace('alembic_multidb')") == [(None,)]


def test_whoever_holds_a_table_of_the_source_is_waited_for(
    tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said who it is; and who it was, if that takes too long."""
    source, core, ai = new_database(), new_database(), new_database()
    psql(source, "CREATE TABLE held (id int)")
    monkeypatch.setattr(run, "_PATIENT", run._PATIENT.replace("'10s'", "'100ms'"))
    here, url = project(tmp_path, core, ai), resolve_url(source, {}, of="source")
    said: list[str] = []
    with psycopg.connect(source, application_name="nightly") as other:
        other.execute("LOCK TABLE held")

        def tell(line: str) -> None:
            said.append(line)
            if len(said) == 2:
                other.rollback()

        with prepared(here, url, SplitOptions(), with_rows=True, tell=tell) as ready:
            assert ready.plan.exit_code(with_rows=True) == 0
        assert len(said) == 2 and "(nightly) has it for itself since" in said[0]
        other.execute("LOCK TABLE held")
        with (
            pytest.raises(MultidbError, match=r"held cannot be read: .* \(nightly\) .* run this again when it is done"),
            prepared(here, url, SplitOptions(), with_rows=True),
        ):
            pass


def test_a_connection_that_is_cut_after_the_proof(
    tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No journal is gone before all can be: with writes in between, both databases are of the new moment."""
    source, core, ai = new_database(), new_database(), new_database()
    psql(source, "CREATE TABLE users (id int); INSERT INTO users VALUES (1); CREATE TABLE ai_empty (id int)")
    here = project(tmp_path, core, ai)

    def cut(*arguments: object, **named: object) -> object:
        report = proof.prove(*arguments, **named)  # type: ignore[arg-type]
        psql(ai, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
             "AND pid <> pg_backend_pid()")  # fmt: skip
        return report

    with monkeypatch.context() as patched:
        patched.setattr(moving, "prove", cut)
        with pytest.raises(MultidbError, match=r"the split was interrupted: .*the same command goes on"):
            move(here, source, tmp_path)
    psql(source, "INSERT INTO users VALUES (2)")
    assert move(here, source, tmp_path).exit_code == 0
    assert_moved(source, core, ai)


def test_large_objects_and_a_backup(tmp_path: Path, new_database: NewDatabase, server: Server) -> None:
    """Large objects go where they are asked for, with owner, rights and comment; the backup is of the same moment."""
    source, core, ai = new_database(), new_database(), new_database()
    make_roles(server)
    psql(
        source,
        "CREATE TABLE users (id int, picture oid); SELECT lo_from_bytea(4711, 'hello'), lo_from_bytea(4712, ''); "
        "SELECT lo_from_bytea(4713, decode(repeat('ab', 3000001), 'hex')); INSERT INTO users VALUES (1, 4711); "
        "COMMENT ON LARGE OBJECT 4711 IS 'a \"picture\"'; GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC; "
        "ALTER LARGE OBJECT 4712 OWNER TO split_reader",
    )
    with prepared_for(tmp_path, core, ai, source, SplitOptions(large_objects="core")) as (here, ready, options):
        files = Files(evidence=tmp_path / "proof.json", backup=tmp_path)
        report = moving.split(here, ready, options, files, no_scratch)
    assert report.exit_code == 0, report.verified.findings
    facts = (
        "SELECT m.oid, m.lomowner::regrole, m.lomacl::text, md5(lo_get(m.oid)), "
        "obj_description(m.oid, 'pg_largeobject') FROM pg_largeobject_metadata AS m ORDER BY 1"
    )
    assert psql(core, facts) == psql(source, facts) != []
    assert psql(ai, "SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]
    assert report.backup is not None and stat.S_IMODE(report.backup.stat().st_mode) == 0o600
    assert report.evidence is not None and stat.S_IMODE(report.evidence.stat().st_mode) == 0o600
    listed = subprocess.run([embedded_18() / "pg_restore", "-l", report.backup], capture_output=True, check=True)
    assert b"TABLE DATA public users" in listed.stdout
    assert sorted(path.name for path in tmp_path.glob("*.partial")) == []


def test_a_backup_that_fails_stops_before_the_stamp(tmp_path: Path, new_database: NewDatabase) -> None:
    """Here for a limit of the size of files; what was copied is kept."""
    source, core, ai = new_database(), new_database(), new_database()
    psql(source, "CREATE TABLE users AS SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with prepared_for(tmp_path, core, ai, source, SplitOptions()) as (here, ready, options):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(MultidbError, match=r"backup could not be made: pg_dump failed: .*\. Nothing"):
                moving.split(here, ready, options, Files(backup=tmp_path), no_scratch)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("*.dump*")) == []
    assert move(here, source, tmp_path).databases[0].kept == 1


@contextmanager
def prepared_for(
    folder: Path, core: str, ai: str, source: str, options: SplitOptions
) -> Iterator[tuple[Project, Prepared, SplitOptions]]:
    here = project(folder, core, ai)
    with prepared(here, resolve_url(source, {}, of="source"), options, with_rows=True) as ready:
        yield here, ready, options


PARTS = "SELECT key, xmin::text FROM alembic_multidb.steps WHERE key LIKE 'rows:%'"


def test_parts_of_a_large_table(rows_16: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Each row is copied once; if nothing was written on the source's server, parts that were copied are kept."""
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filling, "copy_rows", partial(rows.copy_rows, chunk=50_000))
        with pytest.MonkeyPatch.context() as inner:
            stopped(inner, rows, "stream", 12)
            with pytest.raises(MultidbError, match="stopped at"):
                move(here, rows_16, tmp_path)
        copied = set(psql(ai, PARTS))
        assert len(copied) >= 5
        with pytest.MonkeyPatch.context() as inner:
            stopped(inner, filling, "set_places")
            with pytest.raises(MultidbError, match="stopped at"):
                move(here, rows_16, tmp_path)
        assert copied < set(psql(ai, PARTS))
        assert move(here, rows_16, tmp_path).exit_code == 0
    assert_moved(rows_16, core, ai)
