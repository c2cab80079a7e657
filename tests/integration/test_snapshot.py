"""The schema of a live database as data: complete, the same after a dump and on every version, told apart by plants."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from alembic_multidb.catalog.difference import Difference, difference, is_equal
from alembic_multidb.catalog.snapshot import COMPARED, REPORTED_KINDS, Snapshot, read_snapshot
from alembic_multidb.errors import ConfigurationError
from tests.conftest import NewDatabase, psql
from tests.integration.snapshot_cases import COUNTED, REPORTED
from tests.servers import Server, debian_15, embedded_18, pgserver_16

SCHEMAS = Path(__file__).parent / "schemas"
NAME = f"rich_{os.getpid()}"
# How PostgreSQL writes names and values depends on these.
ODD_SETTINGS = {
    "search_path": "app, audit, pg_temp",
    "quote_all_identifiers": "on",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "extra_float_digits": "-5",
    "bytea_output": "escape",
}


def build(server: Server, name: str, *schemas: str) -> None:
    """Make a database by statements, as migrations do."""
    for role, options in (("snapshot_reader", "LOGIN PASSWORD 'reader'"), ("Odd Role", "")):
        if not server.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            server.run(f'CREATE ROLE "{role}" {options}')
    server.create_database(name)
    with psycopg.connect(server.url(name)) as connection:
        for schema in schemas:
            connection.execute((SCHEMAS / f"{schema}.sql").read_text().encode())


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect for one transaction, which is rolled back."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def snapshot_of(url: str) -> Snapshot:
    with connected(url) as connection:
        return read_snapshot(connection)


def dumped(server: Server, binaries: Path, *options: str, database: str = NAME) -> str:
    """Return a database's schema as pg_dump writes it."""
    done = subprocess.run(
        [binaries / "pg_dump", "--schema-only", *options, "-d", server.url(database)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def restore(text: str, url: str, binaries: Path) -> None:
    done = subprocess.run(
        [binaries / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", url],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def named(found: list[Difference]) -> list[str]:
    return [str(item) for item in found]


@pytest.fixture(scope="session")
def rich(server: Server) -> str:
    """The rich schema on PostgreSQL 18."""
    build(server, NAME, "rich", "rich_vector", "rich_18")
    return server.url(NAME)


@pytest.fixture(scope="session")
def rich_16(server_16: Server) -> str:
    build(server_16, NAME, "rich", "rich_vector")
    return server_16.url(NAME)


@pytest.fixture(scope="session")
def rich_15(server_15: Server) -> str:
    build(server_15, NAME, "rich")
    return server_15.url(NAME)


@pytest.fixture(scope="session")
def base(rich: str) -> Snapshot:
    return snapshot_of(rich)


def planted(url: str, statements: str) -> Snapshot:
    """Return the snapshot with some statements run, and take them back."""
    with connected(url) as connection:
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
        return read_snapshot(connection)


@pytest.mark.parametrize(("statements", "kind", "identity"), [c[1:] for c in COUNTED], ids=[c[0] for c in COUNTED])
def test_names_a_difference(rich: str, base: Snapshot, statements: str, kind: str, identity: str) -> None:
    """A difference of each kind is named by its kind and identity, and counts."""
    other = planted(rich, statements)
    found = difference(base, other)
    named_rows = [item for item in found if item.kind == kind and identity in item.identity and not item.is_reported]
    assert named_rows, named(found)
    assert not is_equal(base, other)


@pytest.mark.parametrize(("statements", "kind", "identity"), [c[1:] for c in REPORTED], ids=[c[0] for c in REPORTED])
def test_only_reports(rich: str, base: Snapshot, statements: str, kind: str, identity: str) -> None:
    """Column order, comments, owners, rights, settings and versions are told, and make no schema another one."""
    other = planted(rich, statements)
    found = difference(base, other)
    assert is_equal(base, other), named(found)
    assert all(item.is_reported for item in found)
    assert bool(kind) == any(item.kind == kind and identity in item.identity for item in found), named(found)


def test_same_after_a_dump(server: Server, rich: str, base: Snapshot, new_database: NewDatabase) -> None:
    """What pg_dump carries over is the same schema, down to comments, owners and rights."""
    url = new_database()
    restore(dumped(server, embedded_18()), url, embedded_18())
    assert named(difference(base, snapshot_of(url))) == []


def test_same_after_a_second_dump(server: Server, rich: str, base: Snapshot, new_database: NewDatabase) -> None:
    """A dump of names all quoted is the same schema too."""
    url = new_database()
    restore(dumped(server, embedded_18(), "--quote-all-identifiers"), url, embedded_18())
    assert is_equal(base, snapshot_of(url))


@pytest.mark.parametrize("version", ["16", "15"])
def test_same_after_a_dump_of_an_older_server(request: pytest.FixtureRequest, version: str) -> None:
    """PostgreSQL 15 and 16 read their own dumps as the same schema."""
    server: Server = request.getfixturevalue(f"server_{version}")
    first = snapshot_of(request.getfixturevalue(f"rich_{version}"))
    binaries = pgserver_16() if version == "16" else debian_15()
    assert binaries is not None
    url = server.create_database(f"{NAME}_copy")
    restore(dumped(server, binaries), url, binaries)
    assert named(difference(first, snapshot_of(url))) == []


@pytest.mark.parametrize("version", ["16", "15"])
def test_same_after_a_move_to_18(
    request: pytest.FixtureRequest, version: str, rich: str, new_database: NewDatabase
) -> None:
    """A schema moved from PostgreSQL 15 or 16 to 18 by pg_dump 18 is the same."""
    server: Server = request.getfixturevalue(f"server_{version}")
    first = snapshot_of(request.getfixturevalue(f"rich_{version}"))
    url = new_database()
    # A column called system_user, a keyword since 16, needs its quotes.
    restore(dumped(server, embedded_18(), "--quote-all-identifiers"), url, embedded_18())
    found = difference(first, snapshot_of(url))
    assert {item.kind for item in found} <= {"extension version"}, named(found)


def test_same_on_every_version(server: Server, rich: str, rich_16: str, rich_15: str) -> None:
    """The same statements make the same schema on PostgreSQL 15, 16 and 18."""
    build(server, f"{NAME}_plain", "rich")
    on_18, on_16, on_15 = snapshot_of(server.url(f"{NAME}_plain")), snapshot_of(rich_16), snapshot_of(rich_15)
    without_vectors = on_16.only(lambda row: "vector" not in row.identity and "extensions" not in row.identity)
    assert named(difference(on_15, on_18)) == []
    assert named(difference(on_15, without_vectors)) == []
    assert on_15.fingerprint == on_18.fingerprint == without_vectors.fingerprint


@pytest.mark.parametrize("schema", ["expressions", "changed"])
def test_same_everywhere(request: pytest.FixtureRequest, schema: str) -> None:
    """Odd expressions, and what later changes leave behind, are the same on each version, before and after a dump."""
    name = f"{NAME}_{schema}"
    found = []
    for fixture, binaries in (("server", embedded_18()), ("server_16", pgserver_16()), ("server_15", debian_15())):
        server: Server = request.getfixturevalue(fixture)
        assert binaries is not None
        build(server, name, schema)
        url = server.create_database(f"{name}_copy")
        restore(dumped(server, binaries, database=name), url, binaries)
        found += [snapshot_of(server.url(name)), snapshot_of(url)]
    for other in found[1:]:
        assert named(difference(found[0], other)) == []


@pytest.mark.parametrize("name", ["citext", "hstore", "postgres_fdw", "unaccent", "pg_stat_statements", "btree_gist"])
def test_an_extension_is_one_fact(rich: str, base: Snapshot, name: str) -> None:
    """Types, casts, views, wrappers and dictionaries of an extension are not told beside it."""
    found = difference(base, planted(rich, f"CREATE EXTENSION {name} SCHEMA audit"))
    assert named(found) == [f"extension {name} is extra"]


def test_same_for_a_server_with_icu(server_15: Server) -> None:
    """Collations of ICU and functions of XML are the same after a dump."""
    build(server_15, f"{NAME}_icu", "rich_icu")
    binaries = debian_15()
    assert binaries is not None
    text = dumped(server_15, binaries, database=f"{NAME}_icu")
    url = server_15.create_database(f"{NAME}_icu_copy")
    restore(text, url, binaries)
    first = snapshot_of(server_15.url(f"{NAME}_icu"))
    assert named(difference(first, snapshot_of(url))) == []
    assert "icu.phone_book" in {row.identity for row in first.rows if row.kind == "collation"}


def test_identities_are_unique(base: Snapshot) -> None:
    """No two facts of a kind are about the same thing, and the rich schema has facts of every compared kind."""
    assert [key for key, count in Counter(row.key for row in base.rows).items() if count > 1] == []
    assert {row.kind for row in base.rows} >= set(COMPARED.values())
    assert [row.key for row in base.rows] == sorted(row.key for row in base.rows)


def test_text_reads_back(base: Snapshot) -> None:
    """A snapshot written as text and read back is equal, with the same fingerprint and the same text."""
    again = Snapshot.from_json(base.to_json())
    assert again == base
    assert again.fingerprint == base.fingerprint
    assert again.to_json() == base.to_json()


def test_other_text_is_no_snapshot(base: Snapshot) -> None:
    """Text that is no snapshot, or one of a later version, is refused in one sentence."""
    for text in ("", "[]", "{}", '"x"', '{"alembic_multidb_snapshot": 1}'):
        with pytest.raises(ConfigurationError, match="is no snapshot"):
            Snapshot.from_json(text)
    later = base.to_json().replace('"alembic_multidb_snapshot": 1', '"alembic_multidb_snapshot": 99')
    with pytest.raises(ConfigurationError, match="format 99"):
        Snapshot.from_json(later)


def test_extension_members_are_left_out(base: Snapshot) -> None:
    """An extension is one fact; its types, functions, casts and operator classes are none."""
    assert [row.key for row in base.rows if "extensions." in row.identity] == []
    assert [row.identity for row in base.rows if row.kind == "extension"] == ["vector"]
    assert any(edge.kind == "e" for edge in base.edges)


def test_edges_reach_from_view_to_table(base: Snapshot) -> None:
    """Edges tell by oid what depends on what: here a view's rule on its table, and an index on its table."""
    nodes = {row.key: row.node for row in base.rows}
    assert any(
        edge.source == nodes["index", "app.users_hash"] and edge.target == nodes["table", "app.users"]
        for edge in base.edges
    )
    rules = {edge.source for edge in base.edges if edge.target == nodes["view", "app.v_one"] and edge.kind == "i"}
    assert any(edge.source in rules and edge.target == nodes["table", "app.users"] for edge in base.edges)


def test_no_password_is_told(rich: str) -> None:
    """Passwords of user mappings, servers, subscriptions, functions and applications stand nowhere in a snapshot."""
    snapshot = planted(
        rich,
        "ALTER SERVER rich_server OPTIONS (ADD sslpassword 'hunter2'); "
        "ALTER FOREIGN TABLE app.far OPTIONS (ADD api_key 'hunter2'); "
        "ALTER FOREIGN TABLE app.far ALTER id OPTIONS (ADD secret 'hunter2'); "
        "ALTER FOREIGN DATA WRAPPER rich_wrapper OPTIONS (ADD secret_id 'hunter2'); "
        "ALTER FUNCTION app.log_change() SET my.password = 'hunter2'; "
        f"ALTER DATABASE {NAME} SET my.token = 'hunter2'; "
        f"ALTER ROLE snapshot_reader IN DATABASE {NAME} SET my.anything = 'a=hunter2'; "
        "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere password=hunter2' PUBLICATION p WITH (connect = false)",
    )
    text = snapshot.to_json()
    assert "hunter2" not in text
    assert "my.token" in text and "subscription s" in text


def test_role_settings_do_not_matter(server: Server, rich: str, base: Snapshot) -> None:
    """However a role has names, dates, intervals and floats written, the snapshot is the same."""
    server.run("CREATE ROLE odd_settings LOGIN SUPERUSER PASSWORD 'odd'")
    for name, value in ODD_SETTINGS.items():
        server.run(f"ALTER ROLE odd_settings SET {name} = {value if name == 'search_path' else repr(value)}")
    assert named(difference(base, snapshot_of(server.url(NAME, user="odd_settings", password="odd")))) == []


@pytest.mark.parametrize("version", ["18", "16", "15"])
def test_needs_no_rights(request: pytest.FixtureRequest, version: str) -> None:
    """A role that may only connect reads the same snapshot as the owner, without an error."""
    server: Server = request.getfixturevalue("server" if version == "18" else f"server_{version}")
    full = snapshot_of(request.getfixturevalue("rich" if version == "18" else f"rich_{version}"))
    limited = snapshot_of(server.url(NAME, user="snapshot_reader", password="reader"))
    assert named(difference(full, limited)) == []


def test_temporary_and_own_objects_are_invisible(server: Server, rich: str, base: Snapshot) -> None:
    """Temporary objects, of this session or another, and the schema of the package's own journal are not there."""
    statements = (
        "CREATE TEMP TABLE app_temp (id serial PRIMARY KEY, state text CHECK (state IN ('a', 'b'))); "
        "CREATE TEMP VIEW temp_view AS SELECT 1 AS a; CREATE TYPE pg_temp.temp_type AS ENUM ('a'); "
        "COMMENT ON TABLE app_temp IS 'x'; GRANT SELECT ON app_temp TO PUBLIC; "
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    with server.connect(NAME) as other:
        other.execute(statements.encode())
        journal = (
            "CREATE SCHEMA alembic_multidb; CREATE TABLE alembic_multidb.journal (id serial PRIMARY KEY); "
            "COMMENT ON TABLE alembic_multidb.journal IS 'x'; GRANT SELECT ON alembic_multidb.journal TO PUBLIC; "
            "CREATE FUNCTION alembic_multidb.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        )
        assert named(difference(base, planted(rich, journal + statements))) == []


def test_database_without_public(new_database: NewDatabase) -> None:
    """An empty database without a public schema has a snapshot without rows."""
    assert [row.key for row in planted(new_database(), "DROP SCHEMA public").rows] == []


def test_other_collation_of_the_database(server: Server, rich: str, base: Snapshot) -> None:
    """The order of names in a list does not depend on the database's locale."""
    name = f"{NAME}_locale"
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'")
    with psycopg.connect(server.url(name)) as connection:
        for schema in ("rich", "rich_vector", "rich_18"):
            connection.execute((SCHEMAS / f"{schema}.sql").read_text().encode())
    assert named(difference(base, snapshot_of(server.url(name)))) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encoding_of_the_database(server: Server, new_database: NewDatabase, encoding: str) -> None:
    """A database that is not in UTF-8 has the same snapshot as one that is."""
    name = f"{NAME}_{encoding.lower()}"
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    found = []
    for url in (server.url(name), new_database()):
        with psycopg.connect(url, client_encoding="utf8") as connection:
            connection.execute("CREATE TABLE \"tä\" (ö text CHECK (ö IN ('ä', 'ß')) DEFAULT 'é')")
            connection.execute("CREATE VIEW v AS SELECT ö AS ü FROM \"tä\" WHERE ö BETWEEN 'ä' AND 'ö'")
            connection.execute("COMMENT ON TABLE \"tä\" IS 'ñ'")
        # SQLAlchemy cannot connect to SQL_ASCII without.
        found.append(snapshot_of(f"{url}?client_encoding=utf8" if encoding == "SQL_ASCII" else url))
    assert named(difference(*found)) == []


def test_a_missing_table_takes_its_parts_along(rich: str, base: Snapshot) -> None:
    """A table that is gone is named once, not with each of its columns; so is a view."""
    found = difference(base, planted(rich, "DROP TABLE app.event_notes; DROP VIEW app.v_default"))
    assert named(found) == ["table app.event_notes is missing", "view app.v_default is missing"]


def test_queries_do_not_grow_with_the_schema(rich: str, new_database: NewDatabase) -> None:
    """A rich schema takes the same number of queries as an empty one, and is read in well under three seconds."""

    def counted(url: str) -> tuple[int, float]:
        queries: list[object] = []
        with connected(url) as connection:
            event.listen(connection, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
            start = time.perf_counter()
            read_snapshot(connection)
        return len(queries), time.perf_counter() - start

    many, seconds = counted(rich)
    assert many == counted(new_database())[0] <= 40
    assert seconds < 3


def test_reported_kinds_are_none_of_the_compared() -> None:
    """A kind is either compared or reported."""
    assert not REPORTED_KINDS & set(COMPARED.values())


PARTITIONED = """
CREATE TABLE r (id int PRIMARY KEY);
CREATE TABLE p (k int REFERENCES r, d date) PARTITION BY RANGE (d);
CREATE TABLE p1 PARTITION OF p DEFAULT;
"""
FILLED = "ALTER TABLE p ALTER d SET NOT NULL"
UNIQUE = "ALTER TABLE p ADD CONSTRAINT p_d UNIQUE (d);"


@pytest.mark.parametrize(
    ("first", "second", "named_as"),
    [
        (UNIQUE, "ALTER TABLE ONLY p ADD CONSTRAINT p_d UNIQUE (d);", "constraint p_d on public.p differs: valid"),
        (f"{FILLED}, ADD PRIMARY KEY (d);", f"{FILLED}; ALTER TABLE ONLY p ADD PRIMARY KEY (d);", "p_pkey on public.p"),
        ("", "ALTER TABLE p1 DISABLE TRIGGER ALL;", "on public.p1 is extra"),
        (UNIQUE, f"{UNIQUE} ALTER INDEX p1_d_key SET (fillfactor = 50);", "constraint p1_d_key on public.p1 is extra"),
        (UNIQUE, f"{UNIQUE} ALTER TABLE p1 CLUSTER ON p1_d_key;", "constraint p1_d_key on public.p1 is extra"),
        (
            "CREATE INDEX i ON p ((k + 1));",
            "CREATE INDEX i ON p ((k + 1)); ALTER INDEX p1_expr_idx ALTER COLUMN 1 SET STATISTICS 9;",
            "index public.p1_expr_idx is extra",
        ),
    ],
)
def test_the_state_of_one_partition(new_database: NewDatabase, first: str, second: str, named_as: str) -> None:
    """What makes it another one than its parent and its like."""
    one, other = new_database(), new_database()
    for url, more in ((one, first), (other, second)):
        psql(url, f"{PARTITIONED}{more}")
    (found,) = difference(snapshot_of(one), snapshot_of(other))
    assert named_as in str(found)
    assert difference(snapshot_of(one), snapshot_of(one)) == []
