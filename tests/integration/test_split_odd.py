"""Splits of databases with objects that few databases have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
import pytest

from alembic_multidb.errors import MultidbError
from alembic_multidb.split import filling
from alembic_multidb.split.model import SplitOptions
from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, move, stopped
from tests.integration.split_cases import build, make, project
from tests.servers import Server, embedded_18, name_for, running_server, wait_until

_MATERIALIZED = """
    CREATE TABLE people (id int PRIMARY KEY, name text, team int);
    INSERT INTO people SELECT g, 'n' || g, g % 5 FROM generate_series(1, 100) AS g;
    CREATE VIEW grouped AS SELECT p.id, p.name, count(*) AS n FROM people AS p GROUP BY p.id;
    CREATE MATERIALIZED VIEW a_few AS SELECT * FROM grouped WHERE id < 50;
    CREATE MATERIALIZED VIEW teams AS SELECT id, name, team FROM people GROUP BY id;
    CREATE MATERIALIZED VIEW both_of_them AS SELECT a_few.id, teams.team FROM a_few JOIN teams USING (id);
    CREATE VIEW beside AS SELECT * FROM both_of_them;
    CREATE MATERIALIZED VIEW many AS SELECT count(*) FROM beside;
    CREATE MATERIALIZED VIEW zz AS SELECT 7 AS seven;
    CREATE FUNCTION hidden() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT seven FROM public.zz); END';
    CREATE MATERIALIZED VIEW aa AS SELECT hidden() AS seven;
"""


def test_materialized_views_on_each_other(tmp_path: Path, new_database: NewDatabase) -> None:
    """They are filled in the order in which they read each other: through views, primary keys and functions."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, _MATERIALIZED)
    assert move(project(tmp_path, core, ai), source, tmp_path).exit_code == 0
    assert psql(core, "SELECT * FROM many, aa") == [(49, 7)]


_VECTORS = """
    CREATE EXTENSION vector;
    CREATE TABLE ai_v (id int PRIMARY KEY, e vector(96));
    INSERT INTO ai_v SELECT g, (SELECT array_agg(sin(g * 100 + i)) FROM generate_series(1, 96) AS i)::vector
    FROM generate_series(1, 3000) AS g;
    CREATE INDEX lists ON ai_v USING ivfflat (e vector_ip_ops) WITH (lists = 2000);
    CREATE TABLE ai_any (id int, e vector);
    INSERT INTO ai_any VALUES (1, '[1,2,3]'), (2, '[1,2]'), (1, NULL);
    CREATE INDEX threes ON ai_any USING hnsw ((e::vector(3)) vector_l2_ops) WHERE id = 1;
"""


def test_vector_indexes_that_few_have(tmp_path: Path, new_database: NewDatabase) -> None:
    """Of many lists for few rows, which take memory all the same; and of a part of vectors of several dimensions."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, _VECTORS)
    here = project(tmp_path, core, ai)
    with pytest.raises(MultidbError, match="the same command goes on with more --memory"):
        move(here, source, tmp_path, SplitOptions(memory=2**24))
    assert move(here, source, tmp_path).exit_code == 0
    assert_moved(source, core, ai)


_UNCHECKED = """
    CREATE DOMAIN loose AS int;
    CREATE TABLE of_domain (v loose); INSERT INTO of_domain VALUES (-5);
    ALTER DOMAIN loose ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID;
    COMMENT ON CONSTRAINT pos ON DOMAIN loose IS 'of a domain';
    CREATE TABLE parent (id int, v int); INSERT INTO parent VALUES (1, NULL);
    CREATE TABLE child (z int) INHERITS (parent); INSERT INTO child VALUES (1, -1, 3);
    ALTER TABLE child ADD CONSTRAINT positive CHECK (v > 0) NOT VALID;
    ALTER TABLE parent ADD CONSTRAINT positive CHECK (v > 0) NOT VALID;
    ALTER TABLE parent ADD CONSTRAINT filled NOT NULL v NOT VALID;
    COMMENT ON CONSTRAINT filled ON parent IS 'of a column';
"""
_WRITTEN = """
    ALTER DOMAIN loose DROP CONSTRAINT pos; INSERT INTO of_domain VALUES (-6);
    ALTER DOMAIN loose ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID;
    COMMENT ON CONSTRAINT pos ON DOMAIN loose IS 'of a domain';
    INSERT INTO parent VALUES (2, 2); INSERT INTO child VALUES (3, 3, 3);
"""


def test_rows_that_constraints_would_refuse_now(
    tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A split goes on although its source was written to, and constraints that old rows do not satisfy are there."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, _UNCHECKED)
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, filling, "analyze")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, source, tmp_path)
    build(source, _WRITTEN)
    assert move(here, source, tmp_path).exit_code == 0
    assert_moved(source, core, ai)


def test_an_owner_who_may_not_write(
    server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that is no superuser, and has taken its own right to write from itself, goes on where it stopped."""
    role, password = name_for("plain"), "only for this test"
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    urls = []
    for url in (new_database(), new_database(), new_database()):
        name = url.rpartition("/")[2]
        server.run(f"ALTER DATABASE {name} OWNER TO {role}")
        urls.append(server.url(name, user=role, password=quote(password)))
    source, core, ai = urls
    psql(source, f"CREATE TABLE written (id int); INSERT INTO written VALUES (1); REVOKE ALL ON written FROM {role}")
    psql(source, f"GRANT SELECT ON written TO {role}; CREATE TABLE ai_empty (id int)")
    here = project(tmp_path, core, ai)
    server.run("CREATE EXTENSION vector", ai.rpartition("/")[2])
    with monkeypatch.context() as patched:
        stopped(patched, filling, "analyze")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, source, tmp_path)
    server.run("INSERT INTO written VALUES (2)", source.rpartition("/")[2])
    assert move(here, source, tmp_path).exit_code == 0
    assert_moved(source, core, ai)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        psql(core, "INSERT INTO written VALUES (3)")


_MARKED = """
    CREATE TABLE marked (id int NOT NULL, v text);
    INSERT INTO marked SELECT g, md5(g::text) FROM generate_series(1, 100000) AS g;
    CREATE UNIQUE INDEX replicated ON marked (id);
    CREATE INDEX ordered ON marked (id);
    ALTER TABLE marked CLUSTER ON ordered;
    ALTER TABLE marked REPLICA IDENTITY USING INDEX replicated;
    CREATE TABLE ai_empty ();
"""


def test_two_indexes_that_mark_their_table(tmp_path: Path, new_database: NewDatabase) -> None:
    """One as what CLUSTER follows, one as what replication knows rows by: they do not wait for each other."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, _MARKED)
    assert move(project(tmp_path, core, ai), source, tmp_path, SplitOptions(jobs=2)).exit_code == 0
    assert psql(core, "SELECT relreplident FROM pg_class WHERE relname = 'marked'") == [("i",)]


_CONTROL = "default_version = '1.0'\nrelocatable = false\nschema = held\n"
_EXTENSION = """
    CREATE TABLE held.uses (kind int, note text);
    CREATE TABLE held.kinds (id serial PRIMARY KEY, name text, is_ours boolean DEFAULT false);
    ALTER TABLE held.uses ADD FOREIGN KEY (kind) REFERENCES held.kinds;
    CREATE TABLE held.others (id int GENERATED BY DEFAULT AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE SEQUENCE held.counter;
    CREATE TABLE held.its_own (id int);
    INSERT INTO held.kinds (name, is_ours) VALUES ('one', true), ('two', true);
    INSERT INTO held.its_own VALUES (1);
    SELECT pg_catalog.pg_extension_config_dump('held.uses', '');
    SELECT pg_catalog.pg_extension_config_dump('held.others', '');
    SELECT pg_catalog.pg_extension_config_dump('held.kinds', 'WHERE NOT is_ours');
    SELECT pg_catalog.pg_extension_config_dump('held.counter', '');
"""
_HELD = """
    CREATE SCHEMA held; CREATE EXTENSION held;
    INSERT INTO held.kinds (name) SELECT 'k' || g FROM generate_series(1, 10) AS g;
    INSERT INTO held.uses SELECT 1 + g % 12, 'x' FROM generate_series(1, 100) AS g;
    INSERT INTO held.others SELECT FROM generate_series(1, 5);
    SELECT nextval('held.counter'), nextval('held.counter');
    CREATE TABLE mine (kind int REFERENCES held.kinds); INSERT INTO mine VALUES (5);
    CREATE TABLE ai_empty ();
"""


def test_rows_that_tables_of_extensions_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What users put there goes along once, with its sequences, and again after an interruption."""
    with running_server(embedded_18()) as server:
        folder = server.data.parent / "extension"
        folder.mkdir()
        (folder / "held.control").write_text(_CONTROL)
        (folder / "held--1.0.sql").write_text(_EXTENSION)
        server.run(f"ALTER SYSTEM SET extension_control_path = '$system:{folder.parent}'")
        server.run("SELECT pg_reload_conf()")
        wait_until(lambda: server.run("SHOW extension_control_path") != [("$system",)])
        source, core, ai = map(server.create_database, ("source", "core", "ai"))
        server.run("CREATE EXTENSION vector", "ai")
        build(source, _HELD)
        here, options = project(tmp_path, core, ai), SplitOptions(jobs=1)
        with monkeypatch.context() as patched:
            stopped(patched, filling, "analyze")
            with pytest.raises(MultidbError, match="stopped at"):
                move(here, source, tmp_path, options)
        psql(source, "UPDATE held.kinds SET name = 'new' WHERE id = 7; INSERT INTO held.kinds (name) VALUES ('more')")
        assert move(here, source, tmp_path, options).exit_code == 0
        assert_moved(source, core, ai)
        for name in ("kinds_id_seq", "others_id_seq", "counter"):
            question = f"SELECT last_value, is_called FROM held.{name}"
            assert psql(core, question) == psql(source, question)


_LATIN = """
    CREATE TYPE farbe AS ENUM ('grün', 'rot');
    CREATE TABLE straßen (id int PRIMARY KEY, größe text, f farbe, fs farbe[], j jsonb, b bytea, v varchar(3));
    INSERT INTO straßen VALUES (1, 'äöüß', 'grün', '{grün,rot}', '{"ä": "ö"}', '\\xe4f6fc00', 'äöü');
    CREATE TABLE names (r regclass, v text DEFAULT 'é'); INSERT INTO names (r) VALUES ('straßen');
    CREATE INDEX größer ON straßen (lower(größe)); COMMENT ON TABLE straßen IS 'Straßen';
    CREATE TABLE ai_signs (t text); INSERT INTO ai_signs VALUES (U&'\\00e9'), (U&'\\00a0');
"""


def test_a_source_of_another_encoding(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """What is in a database of LATIN1 is the same in one of UTF8, as bytes and as text."""
    source, core, ai = new_database(), new_database(), new_database()
    name = source.rpartition("/")[2]
    server.run(f"DROP DATABASE {name}")
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with psycopg.connect(source, client_encoding="utf8") as connection:
        connection.execute(_LATIN.encode())
    assert move(project(tmp_path, core, ai), source, tmp_path).exit_code == 0
    assert_moved(source, core, ai)


@pytest.mark.parametrize("method", ["stream", "template"])
def test_a_stamp_that_is_still_missing(
    tmp_path: Path, new_database: NewDatabase, method: Literal["stream", "template"]
) -> None:
    """Whoever asks for a stamp is told that there is none by the same command's second run, too."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE one (id int); CREATE TABLE ai_empty ()")
    here, options = project(tmp_path, core, ai), SplitOptions(method=method)
    first, second = (move(here, source, tmp_path, options, require_stamp=True) for _ in range(2))
    assert [each.state for each in second.databases] == ["there", "there"]
    assert (first.exit_code, second.exit_code) == (1, 1)
    psql(core, "INSERT INTO alembic_version VALUES ('r1')")
    psql(ai, "INSERT INTO alembic_version VALUES ('r2')")
    assert move(here, source, tmp_path, options, require_stamp=True).exit_code == 0


_STATES = """
    CREATE TABLE teams (id int PRIMARY KEY);
    INSERT INTO teams VALUES (1);
    CREATE TABLE people (team int REFERENCES teams, number int UNIQUE DEFERRABLE);
    INSERT INTO people VALUES (1, 1);
    ALTER TABLE people DISABLE TRIGGER ALL;
    CREATE TABLE visits (team int REFERENCES teams, day int) PARTITION BY LIST (day);
    CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1);
    CREATE TABLE visits_2 PARTITION OF visits DEFAULT;
    ALTER TABLE visits_1 DISABLE TRIGGER ALL;
    CREATE TABLE parent (a int NOT NULL, b text);
    ALTER TABLE parent ADD CONSTRAINT large CHECK (a > 100) NOT VALID;
    CREATE TABLE child (c int) INHERITS (parent);
    INSERT INTO child VALUES (101, 'x', 1);
    CREATE TABLE "odd child" (d int) INHERITS (parent);
    ALTER TABLE "odd child" ALTER b SET NOT NULL;
    CREATE TABLE doubles (a int);
    INSERT INTO doubles VALUES (1), (1);
    CREATE TABLE ai_none ();
"""


@pytest.mark.parametrize("version", ["18", "16"])
@pytest.mark.parametrize("schema_only", [False, True])
def test_states_that_no_dump_holds(
    request: pytest.FixtureRequest, version: str, tmp_path: Path, schema_only: bool
) -> None:
    """Foreign keys that are switched off, what a child has proven, what it forbids; an unfinished index stays."""
    server: Server = request.getfixturevalue("server" if version == "18" else "server_16")
    names = [name_for("states") for _ in range(3)]
    source, core, ai = (server.create_database(name) for name in names)
    try:
        build(source, _STATES)
        with (
            psycopg.connect(source, autocommit=True) as connection,
            pytest.raises(psycopg.errors.UniqueViolation),
        ):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY unfinished ON doubles (a)")
        here = project(tmp_path, core, ai)
        if schema_only:
            assert [(each.result, each.differences) for each in make(here, source)] == [("made", ())] * 2
        else:
            report = move(here, source, tmp_path)
            assert report.exit_code == 0
            assert "index:public.unfinished" in report.to_data()["outside"]
        question = """
            SELECT tgrelid::regclass::text, tgfoid::regproc::text, tgenabled::text FROM pg_trigger
            UNION ALL SELECT conrelid::regclass::text, conname, convalidated::text
                      FROM pg_constraint WHERE conrelid <> 0
            UNION ALL SELECT attrelid::regclass::text, attname, attnotnull::text FROM pg_attribute
                      WHERE attrelid::regclass::text LIKE '%child%' ORDER BY 1, 2, 3
        """
        found = [row for row in psql(core, question) if "alembic" not in str(row[0])]
        assert found == psql(source, question)
    finally:
        for name in names:
            server.drop_database(name)


def test_materialized_views_are_filled_as_the_source_would_fill_them(tmp_path: Path, new_database: NewDatabase) -> None:
    """By the source's ideas of days, of how they are written, and of the language."""
    source, core, ai = new_database(), new_database(), new_database()
    name = source.rpartition("/")[2]
    for setting in ("TimeZone = 'Asia/Kathmandu'", "DateStyle = 'SQL, DMY'", "default_text_search_config = 'english'"):
        psql(source, f"ALTER DATABASE {name} SET {setting}")
    build(source, "CREATE TABLE events (at timestamptz, what text); CREATE TABLE ai_none ()")
    build(source, "INSERT INTO events VALUES ('2024-02-03 20:00Z', 'foxes are running')")
    query = "SELECT at::date AS day, at::text AS at, to_tsvector(what) AS words FROM events"
    build(source, f"CREATE MATERIALIZED VIEW days AS {query}")
    assert move(project(tmp_path, core, ai), source, tmp_path).exit_code == 0
    question = "SELECT day::text, at, words::text FROM days"
    assert psql(core, question) == psql(source, question)
    assert "foxes" not in str(psql(core, question))


def test_names_that_are_no_text_are_said(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """Rows of a database without an encoding may be anything; what is in the way otherwise is told, with what to do."""
    source, core, ai = new_database(), new_database(), new_database()
    for url in (source, core, ai):
        name = url.rpartition("/")[2]
        server.run(f"DROP DATABASE {name}")
        server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with psycopg.connect(source) as connection:
        connection.execute(rb"CREATE TABLE bytes (t text); INSERT INTO bytes VALUES (E'\xe4')")
        connection.execute(rb"COMMENT ON TABLE bytes IS E'\xe4'")
    here = project(tmp_path, core, ai)
    with pytest.raises(MultidbError, match="a comment or a definition in the source is no UTF-8"):
        move(here, source, tmp_path)
    psql(source, "COMMENT ON TABLE bytes IS NULL")
    assert move(here, source, tmp_path).exit_code == 0
    assert psql(core, "SELECT encode(convert_to(t, 'SQL_ASCII'), 'hex') FROM bytes") == [(b"e4",)]


def test_a_key_that_rows_violate(tmp_path: Path, new_database: NewDatabase) -> None:
    """Rows that came in past a foreign key are said; when the source has lost the key, the same command goes on."""
    source, core, ai = new_database(), new_database(), new_database()
    build(source, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)")
    build(source, "SET LOCAL session_replication_role = replica; INSERT INTO b VALUES (1, 99); CREATE TABLE ai_none ()")
    here = project(tmp_path, core, ai)
    with pytest.raises(MultidbError, match=r'violates foreign key constraint "b_a_fkey".* the same command goes on'):
        move(here, source, tmp_path)
    psql(source, "ALTER TABLE b DROP CONSTRAINT b_a_fkey")
    assert move(here, source, tmp_path).exit_code == 0
