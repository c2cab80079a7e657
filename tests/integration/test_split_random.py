"""Random schemas with random rows and random homes: every row is moved as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, move
from tests.integration.split_cases import project
from tests.servers import Server

ENOUGH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

# Types with an expression of the row's number g that gives a value of them.
TYPES = {
    "int": "g",
    "bigint": "g::bigint * 4294967296",
    "numeric": "CASE g % 4 WHEN 0 THEN 'NaN' ELSE (g / 7.0)::text END::numeric",
    "float8": "CASE g % 3 WHEN 0 THEN '-0' ELSE sqrt(g)::text END::float8",
    "text": "CASE g % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE repeat(md5(g::text), g % 90) END",
    "bytea": "decode(repeat(md5(g::text), g % 200), 'hex')",
    "date": "CASE g % 9 WHEN 0 THEN 'infinity'::date ELSE '2000-01-01 BC'::date + g END",
    "timestamptz": "CASE g % 7 WHEN 0 THEN '-infinity' ELSE now() + g * interval '1 h' END",
    "interval": "make_interval(months => g, secs => g / 3.0)",
    "jsonb": """jsonb_build_object('a', g, 'b', repeat('x', g))""",
    "json": """('{"a":' || g || ', "a":  2}')::json""",
    "uuid": "md5(g::text)::uuid",
    "text[]": "ARRAY[g::text, NULL, 'NULL', '']",
    "int4range": "int4range(g, g + 3)",
    "inet": "'10.0.0.0'::inet + g",
    "bit(7)": "g::bit(7)",
    "mood": "(enum_range(NULL::mood))[1 + g % 3]",
    "mood[]": "enum_range(NULL::mood)",
    "pair": "ROW(g, 'a,\"(' || g)::pair",
    "pair[]": "ARRAY[ROW(g, NULL)::pair, NULL]",
    "positive": "g + 1",
    "regclass": "'pg_class'::regclass",
    "vector(3)": "('[' || g || ',2,3]')::vector",
    "halfvec(2)": "('[' || g % 100 || ',1]')::halfvec",
    "tsvector": "to_tsvector('simple', 'a b ' || g)",
    "money": "g::money",
    "char(5)": "(g % 100)::text",
    "citext": "'MiX' || g",
}
OF_VECTOR = {"vector(3)", "halfvec(2)"}
# How rows are kept, and what is added to a column of each table.
KINDS = ("", "UNLOGGED", "hash", "list", "range")
PREFIX = """
    CREATE EXTENSION vector; CREATE EXTENSION citext;
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE pair AS (n int, t text);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
"""


@st.composite
def tables(draw: st.DrawFn, number: int) -> str:
    """Return statements that make one table with rows; of which home it is, its name says."""
    name = draw(st.sampled_from(["", "ai_"])) + f"t{number}"
    # pgvector is at home in ai alone.
    known = [type_ for type_ in sorted(TYPES) if name.startswith("ai_") or type_ not in OF_VECTOR]
    types = draw(st.lists(st.sampled_from(known), min_size=0, max_size=6))
    kind = draw(st.sampled_from(KINDS))
    rows = draw(st.integers(0, 400))
    columns = ["id int NOT NULL", *(f"c{place} {type_}" for place, type_ in enumerate(types))]
    if draw(st.booleans()):
        columns.append("twice int GENERATED ALWAYS AS (id * 2) STORED")
    values = ", ".join(["g", *(TYPES[type_] for type_ in types)])
    names = ", ".join(["id", *(f"c{place}" for place in range(len(types)))])
    unlogged = "UNLOGGED " if kind == "UNLOGGED" else ""
    is_cut = kind in ("hash", "list", "range")
    key = draw(st.sampled_from(["", ", PRIMARY KEY (id)"]))
    by = f" PARTITION BY {kind} (id)" if is_cut else ""
    lines = [f"CREATE {unlogged}TABLE {name} ({', '.join(columns)}{key}){by}"]
    bounds = {
        "hash": ["FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"],
        "list": ["FOR VALUES IN (1, 2, 3)", "DEFAULT"],
        "range": ["FOR VALUES FROM (MINVALUE) TO (7)", "DEFAULT"],
    }
    lines += [f"CREATE TABLE {name}_{n} PARTITION OF {name} {bound}" for n, bound in enumerate(bounds.get(kind, []))]
    lines.append(f"INSERT INTO {name} ({names}) SELECT {values} FROM generate_series(1, {rows}) AS g")
    if draw(st.booleans()):
        lines.append(f"DELETE FROM {name} WHERE id % 3 = 0")
    if draw(st.booleans()) and types and not is_cut:
        lines.append(f"ALTER TABLE {name} DROP COLUMN c0")
    return ";\n".join(lines)


schemas = st.integers(1, 6).flatmap(lambda many: st.tuples(*(tables(number) for number in range(many))))


def moved(server: Server, folder: Path, new_database: NewDatabase, script: tuple[str, ...]) -> None:
    source, core, ai = new_database(), new_database(), new_database()
    try:
        psql(source, PREFIX + ";\n".join(script))
        report = move(project(folder, core, ai), source, folder)
        assert [str(finding) for finding in report.verified.findings] == []
        assert_moved(source, core, ai)
    finally:
        for url in (source, core, ai):
            server.drop_database(url.rpartition("/")[2])


@settings(max_examples=6, deadline=None, suppress_health_check=ENOUGH, phases=[Phase.generate])
@given(script=schemas)
def test_some_random_schemas(
    server: Server, tmp_path: Path, new_database: NewDatabase, script: tuple[str, ...]
) -> None:
    """Their rows are equal by a checksum that is not ours."""
    moved(server, tmp_path, new_database, script)


@pytest.mark.soak
@settings(max_examples=300, deadline=None, suppress_health_check=ENOUGH)
@given(script=schemas)
def test_many_random_schemas(
    server: Server, tmp_path: Path, new_database: NewDatabase, script: tuple[str, ...]
) -> None:
    """Three hundred of them."""
    moved(server, tmp_path, new_database, script)
