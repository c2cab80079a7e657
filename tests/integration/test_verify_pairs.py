"""Untouched pairs are equal: however the target was made, whatever server and session each side is looked at from."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from alembic_multidb.verify import VerifyOptions, verify
from tests.integration.verified import project_of, url_of
from tests.servers import Server, embedded_18, running_server, wait_until

_numbers = itertools.count(1)

TYPES = """
CREATE EXTENSION vector;
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('glad', 'sad', 'so so');
CREATE TYPE app.pair AS (a numeric, b text);
CREATE DOMAIN app.short AS text;
CREATE TYPE app.span AS RANGE (subtype = numeric);
"""
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_LABELS = st.sampled_from(["glad", "sad", "so so"])
_NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-10000, max_value=10000).map(str)
_REAL = st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr)
_DAYS = st.dates().map(str)


def _array(items: st.SearchStrategy[str | None]) -> st.SearchStrategy[str]:
    return st.lists(items, max_size=4).map(
        lambda found: "{" + ",".join("NULL" if item is None else _quoted(item) for item in found) + "}"
    )


def _quoted(item: str) -> str:
    return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'


# A type, and its values as text.
VALUES: dict[str, st.SearchStrategy[str]] = {
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": st.one_of(_NUMBER, st.sampled_from(["NaN", "1.0", "1.00", "Infinity", "1e-20"])),
    "real": _REAL,
    "double precision": st.floats().map(lambda found: repr(found).replace("inf", "Infinity")),
    "text": _TEXT,
    "varchar(40)": _TEXT,
    "char(15)": _TEXT,
    "app.short": _TEXT,
    "bytea": st.binary(max_size=20).map(lambda found: "\\x" + found.hex()),
    "boolean": st.booleans().map(str),
    "date": st.one_of(_DAYS, st.just("infinity")),
    "timestamp": st.datetimes().map(str),
    "timestamptz": st.datetimes().map(lambda found: f"{found}+05:45"),
    "time": st.times().map(str),
    "interval": st.tuples(st.integers(-30, 30), st.integers(-90, 90), st.integers(-(10**9), 10**9)).map(
        lambda found: f"{found[0]} mons {found[1]} days {found[2]} microseconds"
    ),
    "uuid": st.uuids().map(str),
    "json": _NUMBER.map(lambda found: '{"a" :  ' + found + "}"),
    "jsonb": _NUMBER.map(lambda found: '{"a": [' + found + ", null]}"),
    "inet": st.ip_addresses(v=4).map(str),
    "money": _NUMBER.map(lambda found: found[:-1]),
    "bit varying": st.text("01", max_size=9),
    "tsvector": st.text("abc ", max_size=9),
    "integer[]": _array(st.one_of(st.none(), st.integers(-99, 99).map(str))),
    "text[]": _array(st.one_of(st.none(), _TEXT)),
    "int4range": st.tuples(st.integers(-9, 0), st.integers(0, 9)).map(lambda found: f"[{found[0]},{found[1]}]"),
    "app.span": st.tuples(st.integers(-9, 0), st.integers(1, 9)).map(lambda found: f"({found[0]},{found[1]}.50]"),
    "app.mood": _LABELS,
    "app.mood[]": _array(_LABELS),
    "app.pair": st.tuples(_NUMBER, _TEXT).map(lambda found: f"({found[0]},{_quoted(found[1])})"),
    "vector(3)": st.lists(_REAL, min_size=3, max_size=3).map(lambda found: f"[{','.join(found)}]"),
    "vector[]": st.lists(_REAL, min_size=1, max_size=3).map(lambda found: '{"[' + ",".join(found) + ']"}'),
    "halfvec(2)": st.lists(st.integers(-99, 99), min_size=2, max_size=2).map(str),
    "sparsevec(5)": st.integers(1, 5).map(lambda found: f"{{{found}:1.5}}/5"),
}
# What a session has been told, or a role.
SESSIONS = [
    {"TimeZone": "Asia/Kathmandu", "DateStyle": "SQL,DMY", "IntervalStyle": "sql_standard"},
    {"bytea_output": "escape", "extra_float_digits": "-5", "search_path": "app"},
    {
        "DateStyle": "German",
        "IntervalStyle": "iso_8601",
        "row_security": "off",
        "default_transaction_isolation": "serializable",
    },
    {"statement_timeout": "5min", "quote_all_identifiers": "on", "xmlbinary": "hex", "enable_seqscan": "off"},
]
ENCODINGS = ["", "LATIN1", "SQL_ASCII", "UTF8"]


@dataclass(frozen=True)
class Table:
    columns: list[str]
    key: str
    rows: list[list[str | None]]
    spread: str


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    rows = draw(st.lists(st.tuples(*(st.one_of(st.none(), VALUES[kind]) for kind in columns)).map(list), max_size=8))
    key = draw(st.sampled_from(["none", "number", "text", "two"]))
    return Table(columns, key, rows, draw(st.sampled_from(["plain", "list", "hash"])))


@dataclass(frozen=True)
class Servers:
    main: Server
    other: Server


@pytest.fixture(scope="module")
def servers(server_16: Server) -> Iterator[Servers]:
    """PostgreSQL 18, which other databases may follow, and 16; with a login that may read everything on each."""
    with running_server(embedded_18(), "wal_level=logical", "max_replication_slots=20", "max_wal_senders=20") as main:
        for each in (main, server_16):
            each.run("CREATE ROLE pair_reader LOGIN PASSWORD 'pair' BYPASSRLS; GRANT pg_read_all_data TO pair_reader")
        yield Servers(main, server_16)
        server_16.run("DROP ROLE pair_reader")


def create(url: str, found: list[Table]) -> None:
    """Make the source: tables with keys, partitions and rows, and a sequence that was used."""
    with psycopg.connect(url) as connection:
        connection.execute(TYPES.encode())
        for number, table in enumerate(found):
            name = sql.Identifier("app", f'Table {number}%"')
            names = [f"c{place} %" for place in range(len(table.columns))]
            columns = [f'"{column}" {kind}' for column, kind in zip(names, table.columns, strict=True)]
            key = {"none": "", "number": ", PRIMARY KEY (k)", "text": ", PRIMARY KEY (t)", "two": ", UNIQUE (t, k)"}[
                table.key
            ]
            spread = {"plain": "", "list": " PARTITION BY LIST (k)", "hash": " PARTITION BY HASH (k)"}[table.spread]
            if table.key == "text":
                spread = ""
            body = f"(k serial NOT NULL, t text NOT NULL, {', '.join(columns)}{key}){spread}"
            connection.execute(sql.SQL("CREATE TABLE {} ").format(name) + sql.SQL(body))
            if "LIST" in spread:
                part = sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT").format(
                    sql.Identifier("app", f"part {number}"), name
                )
                connection.execute(part)
            for place in range(2 if "HASH" in spread else 0):
                part = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS 2, REMAINDER {})").format(
                    sql.Identifier("app", f"part {number} {place}"), name, sql.Literal(place)
                )
                connection.execute(part)
            for place, row in enumerate(table.rows):
                values = [sql.Literal(f"ä{place}"), *(sql.Literal(value) for value in row)]
                insert = sql.SQL("INSERT INTO {} (t, {}) VALUES ({})").format(
                    name, sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(values)
                )
                connection.execute(insert)


def dumped(url: str, *options: str) -> str:
    done = subprocess.run(
        [str(embedded_18() / "pg_dump"), *options, "-d", url], capture_output=True, text=True, check=True, timeout=120
    )
    # PostgreSQL 16 does not know it.
    return done.stdout.replace("SET transaction_timeout = 0;\n", "")


def load(url: str, script: str) -> None:
    command = [str(embedded_18() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, url]
    subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=120)


def copy_rows(source: str, target: str) -> None:
    """Copy rows in PostgreSQL's binary form, and where the sequences stand."""
    with psycopg.connect(source) as one, psycopg.connect(target) as other:
        names = one.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'app'::regnamespace"
        )
        for (name,) in names.fetchall():
            reading = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.SQL(name))
            writing = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.SQL(name))
            # A hash of rows may put them elsewhere.
            if name.startswith('app."part') and name.count(" ") == 2:
                root = sql.Identifier("app", f'Table {name.split()[1]}%"')
                writing = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(root)
            with one.cursor().copy(reading) as rows, other.cursor().copy(writing) as target_rows:
                for data in rows:
                    target_rows.write(data)
        set_sequences(one, other)


def set_sequences(one: psycopg.Connection, other: psycopg.Connection) -> None:
    found = one.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace = 'app'::regnamespace"
    )
    for (name,) in found.fetchall():
        place = one.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.SQL(name))).fetchone()
        assert place is not None
        other.execute("SELECT setval(%s, %s, %s)", (name, *place))


def follow(server: Server, source: str, target: str) -> None:
    """Fill the target by logical replication, and leave publication and subscription behind, switched off."""
    database = source.rpartition("/")[2]
    with psycopg.connect(source, autocommit=True) as one, psycopg.connect(target, autocommit=True) as other:
        one.execute("CREATE PUBLICATION pub FOR ALL TABLES")
        one.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (database,))
        other.execute(
            sql.SQL(
                "CREATE SUBSCRIPTION sub CONNECTION {} PUBLICATION pub WITH (create_slot = false, slot_name = {})"
            ).format(
                sql.Literal(f"host=127.0.0.1 port={server.port} user=postgres dbname={database}"),
                sql.Identifier(database),
            )
        )
        wait_until(
            lambda: (
                other.execute("SELECT coalesce(bool_and(srsubstate = 'r'), true) FROM pg_subscription_rel").fetchone()
                == (True,)
            )
        )
        other.execute("ALTER SUBSCRIPTION sub DISABLE")
        other.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE)")
        slot = sql.SQL("SELECT pg_drop_replication_slot({})").format(sql.Literal(database))
        active = sql.SQL("SELECT active FROM pg_replication_slots WHERE slot_name = {}").format(sql.Literal(database))
        wait_until(lambda: one.execute(active).fetchone() == (False,))
        one.execute(slot)
        set_sequences(one, other)


def seen_from(url: str, session: dict[str, str], encoding: str, role: str) -> str:
    """Return the way to a database for a session with other habits."""
    options = quote(" ".join(f"-c {name}={value}" for name, value in session.items()))
    login = url if role == "postgres" else url.replace("postgres@", "pair_reader:pair@")
    return f"{login}?options={options}" + (f"&client_encoding={encoding}" if encoding else "")


def assert_equal(
    servers: Servers, found: list[Table], way: str, is_older: bool, views: list[tuple[int, str, str]]
) -> None:
    number = next(_numbers)
    source_name, target_name = f"pair_{os.getpid()}_{number}_source", f"pair_{os.getpid()}_{number}_target"
    server = servers.other if is_older else servers.main
    source, target = servers.main.create_database(source_name), server.create_database(target_name)
    try:
        create(source, found)
        load(target, dumped(source, *([] if way == "dump" else ["--schema-only"])))
        if way == "copy":
            copy_rows(source, target)
        if way == "follow":
            follow(servers.main, source, target)
        urls = [
            seen_from(url, SESSIONS[n], encoding, role)
            for url, (n, encoding, role) in zip((source, target), views, strict=True)
        ]
        report = verify(project_of(urls[1]), url_of(urls[0]), VerifyOptions(chunk=8192, recall_samples=0))
        assert [finding.message for finding in report.findings] == []
        assert report.exit_code == 0
        assert sum(table.rows[0] for table in report.databases[0].tables) == sum(len(table.rows) for table in found)
    finally:
        server.run(f"DROP DATABASE {target_name} WITH (FORCE)") if way != "follow" else drop_follower(
            server, target_name
        )
        servers.main.drop_database(source_name)


def drop_follower(server: Server, name: str) -> None:
    if server.run(
        f"SELECT 1 FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = '{name}'"
    ):
        server.run("ALTER SUBSCRIPTION sub DISABLE", name)
        server.run("ALTER SUBSCRIPTION sub SET (slot_name = NONE)", name)
        server.run("DROP SUBSCRIPTION sub", name)
    server.drop_database(name)


PAIRS = {
    "found": st.lists(tables(), min_size=1, max_size=4),
    "way": st.sampled_from(["copy", "dump", "follow"]),
    "is_older": st.booleans(),
    "views": st.lists(
        st.tuples(
            st.integers(0, len(SESSIONS) - 1), st.sampled_from(ENCODINGS), st.sampled_from(["postgres", "pair_reader"])
        ),
        min_size=2,
        max_size=2,
    ),
}
# A pair takes a second: making a failing one smaller would take an hour.
PHASES = [Phase.explicit, Phase.generate]
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@given(**PAIRS)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=CHECKS, phases=PHASES)
def test_a_few_untouched_pairs_are_equal(
    servers: Servers, found: list[Table], way: str, is_older: bool, views: list[tuple[int, str, str]]
) -> None:
    """Whatever the tables, the way in which the target was made, its server, and the sessions."""
    assert_equal(servers, found, way, is_older, views)


@pytest.mark.soak
@given(**PAIRS)
@settings(max_examples=200, deadline=None, suppress_health_check=CHECKS, phases=PHASES)
def test_two_hundred_untouched_pairs_are_equal(
    servers: Servers, found: list[Table], way: str, is_older: bool, views: list[tuple[int, str, str]]
) -> None:
    """All of them."""
    assert_equal(servers, found, way, is_older, views)


@pytest.mark.parametrize("way", ["copy", "dump", "follow"])
@pytest.mark.parametrize("is_older", [False, True])
def test_each_way_on_each_server(servers: Servers, way: str, is_older: bool) -> None:
    """A table of each kind, with one value of every type."""
    simple = {"char(15)": "ä ", "json": '{"a" :1}', "app.pair": "(1.0,x)", "vector(3)": "[1,-0,3]", "numeric": "1.00"}
    found = [
        Table(list(simple), key, [list(simple.values()), [None] * len(simple)], spread)
        for key, spread in (
            ("number", "plain"),
            ("text", "plain"),
            ("none", "list"),
            ("two", "hash"),
            ("none", "plain"),
        )
    ]
    assert_equal(servers, found, way, is_older, [(0, "LATIN1", "postgres"), (1, "SQL_ASCII", "pair_reader")])
