"""One text for SQL that several versions, or a dump, write differently, and different texts for different SQL."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_multidb.catalog.difference import difference, is_equal
from alembic_multidb.catalog.snapshot import Edge, ObjectId, Row, Snapshot
from alembic_multidb.sqltext import (
    Relation,
    Touched,
    foreign_keys,
    normalized_expression,
    normalized_name,
    normalized_query,
    statements_of,
    touched,
    without_placeholders,
)

A, C = Relation(None, "a"), Relation(None, "c")

SAME_EXPRESSIONS = [
    (
        "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
        "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
    ),
    (
        "(ARRAY[ARRAY['a'::character varying], ARRAY['b'::character varying]])::text[]",
        "ARRAY[ARRAY[('a'::character varying)::text], ARRAY[('b'::character varying)::text]]",
    ),
    ("(((a >= 1) AND (a <= 2)) AND (a <> 3))", "((a >= 1) AND (a <= 2) AND (a <> 3))"),
    ("((a > 1) OR ((a < 0) OR (a = 5)))", "((a > 1) OR (a < 0) OR (a = 5))"),
    ("(a > (- 1))", "(a > '-1'::integer)"),
    ("(- 1.5)", "'-1.5'::numeric"),
    (
        "CREATE INDEX i ON s.t USING btree (a) WHERE (((a >= 1) AND (a <= 2)) AND b)",
        "CREATE INDEX i ON s.t USING btree (a) WHERE ((a >= 1) AND (a <= 2) AND b)",
    ),
    (
        "CREATE INDEX i ON s.t USING hnsw (v public.vector_l2_ops) WITH (m='8', ef_construction='32')",
        "CREATE INDEX i ON s.t USING hnsw (v public.vector_l2_ops) WITH (ef_construction='32', m='8')",
    ),
    ("a integer DEFAULT (- 1), VARIADIC b text[]", "a integer DEFAULT '-1'::integer, VARIADIC b text[]"),
    ("RETURN (((n >= 1) AND (n <= 2)) AND true)", "RETURN ((n >= 1) AND (n <= 2) AND true)"),
    ("RANGE (((a AND b) AND c))", "RANGE ((a AND b AND c))"),
    ('CHECK (("json_array" > 0))', "CHECK ((json_array > 0))"),
]
OTHER_EXPRESSIONS = [
    ("((a AND b) OR c)", "(a AND (b OR c))"),
    ("(NOT (NOT a) AND b)", "(NOT (NOT (a AND b)))"),
    ("ARRAY[]::text[]", "ARRAY[]::character varying[]"),
    ("(ARRAY['a'::text])::character varying(5)[]", "(ARRAY['a'::text])::character varying(6)[]"),
    ("'-1'::integer", "'-1'::bigint"),
    ("'-5'::numeric", "'-5'::integer"),
    (
        "CREATE INDEX i ON s.t USING hnsw (v) WITH (m='8', ef_construction='32')",
        "CREATE INDEX i ON s.t USING hnsw (v) WITH (m='32', ef_construction='8')",
    ),
    ("(a > '-1'::integer)", "(a > 1)"),
    ("'it''s a AND b'::text", "'it''s a AND  b'::text"),
]
SAME_QUERIES = [
    (" SELECT t.a, t.b FROM s.t WHERE (t.a > 1);", "SELECT a, b\n   FROM s.t\n  WHERE (a > 1);"),
    ("SELECT x.a FROM s.t x ORDER BY x.a", "SELECT a FROM s.t x ORDER BY a"),
    ("SELECT g.v FROM f() g(v)", "SELECT v FROM f() g(v)"),
    ("SELECT t.a FROM s.t TABLESAMPLE bernoulli (1)", "SELECT a FROM s.t TABLESAMPLE bernoulli (1)"),
    (
        "SELECT t.a, (SELECT max(u.b) FROM u WHERE u.a = t.a) AS m FROM t",
        "SELECT a, (SELECT max(u.b) FROM u WHERE u.a = t.a) AS m FROM t",
    ),
]
OTHER_QUERIES = [
    ("SELECT a.x FROM a, b", "SELECT b.x FROM a, b"),
    ("SELECT (SELECT u.b FROM u) AS m FROM t", "SELECT (SELECT t.b FROM u) AS m FROM t"),
    ("SELECT a FROM s.t", "SELECT a FROM r.t"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC"),
]
MANY = " || ".join(f"t.c{number}" for number in range(120))
FEW = MANY.replace("t.", "")


@pytest.mark.parametrize(("one", "other"), SAME_EXPRESSIONS)
def test_one_text_for_one_expression(one: str, other: str) -> None:
    """What a dump, or another version, writes differently reads the same, and reads the same again."""
    assert normalized_expression(one) == normalized_expression(other)
    assert normalized_expression(normalized_expression(one)) == normalized_expression(one)


@pytest.mark.parametrize(("one", "other"), OTHER_EXPRESSIONS)
def test_two_texts_for_two_expressions(one: str, other: str) -> None:
    """Expressions that mean something else stay apart."""
    assert normalized_expression(one) != normalized_expression(other)


@pytest.mark.parametrize(("one", "other"), SAME_QUERIES)
def test_one_text_for_one_query(one: str, other: str) -> None:
    """Columns of a query's only relation need no qualification, those of a subquery keep theirs."""
    assert normalized_query(one) == normalized_query(other)


@pytest.mark.parametrize(("one", "other"), OTHER_QUERIES)
def test_two_texts_for_two_queries(one: str, other: str) -> None:
    """Queries that mean something else stay apart."""
    assert normalized_query(one) != normalized_query(other)


def test_deep_queries() -> None:
    """A query nested deeper than the parser answers is compared word by word, but for the names that 15 qualifies."""
    first = normalized_query(f"SELECT ({MANY}) AS x FROM s.t WHERE (t.a > 1)")
    assert first == normalized_query(f"SELECT ({MANY}) AS x FROM s.t WHERE (a > 1)")
    assert first != normalized_query(f"SELECT ({MANY}) AS x FROM s.t WHERE (b > 1)")
    assert first != normalized_query(f"SELECT ({MANY}) AS x FROM r.t WHERE (a > 1)")
    brackets = [f"SELECT ({MANY}) AS x FROM s.t WHERE {how}" for how in ("((a OR b) AND c)", "(a OR (b AND c))")]
    assert normalized_query(brackets[0]) != normalized_query(brackets[1])


@pytest.mark.parametrize("one", ["json", "system_user"])
def test_a_literal_that_reads_like_a_name(one: str) -> None:
    """Quotes inside it are part of a value."""
    assert normalized_expression(f"'\"{one}\"'::text") != normalized_expression(f"'{one}'::text")
    assert normalized_query(f"SELECT 1 FROM t WHERE x = '\"{one}\"'") != normalized_query(
        f"SELECT 1 FROM t WHERE x = '{one}'"
    )
    quoted = normalized_expression(f"""("it's" = '"{one}"'::text) AND "{one}\"""")
    assert quoted == f"""\"it's" = '"{one}"'::text AND {one}"""


@pytest.mark.parametrize("text", ["", "(", "no SQL AND nothing (- ", "'a' AND (", "\x00"])
def test_what_is_no_sql_stays(text: str) -> None:
    """What the parser cannot read is left as it is."""
    assert normalized_expression(text) == text
    assert normalized_query(text) == text.strip()


def test_names_of_newer_keywords() -> None:
    """Names that only newer versions quote read the same; others keep their quotes."""
    assert normalized_name('app."json"."system_user"') == "app.json.system_user"
    assert normalized_name('app."Json"."select"') == 'app."Json"."select"'


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
identifiers = st.builds(ObjectId, names, st.integers(0, 2**32 - 1))
rows = st.builds(
    Row,
    st.sampled_from(["table", "comment"]),
    names,
    st.dictionaries(names, values, max_size=3),
    identifiers,
    st.just(0),
)
snapshots = st.builds(
    Snapshot,
    st.lists(rows, max_size=5, unique_by=lambda row: row.key).map(tuple),
    st.lists(st.builds(Edge, identifiers, identifiers, st.sampled_from("nai")), max_size=3).map(tuple),
    st.integers(0, 200000),
)


@given(snapshots)
def test_any_snapshot_reads_back(snapshot: Snapshot) -> None:
    """Whatever names and values are like, a snapshot written as text reads back equal."""
    again = Snapshot.from_json(snapshot.to_json())
    assert again == snapshot
    assert again.fingerprint == snapshot.fingerprint == json.loads(snapshot.to_json())["fingerprint"]


@given(snapshots, snapshots)
def test_fingerprint_and_difference_agree(one: Snapshot, other: Snapshot) -> None:
    """Two snapshots have the same fingerprint exactly if no difference counts, and the same text as themselves."""
    assert is_equal(one, other) == all(item.is_reported for item in difference(one, other))
    assert difference(one, one) == []


TOUCHED: list[tuple[str, set[Relation], bool]] = [
    ("SELECT 1", set(), False),
    ("SELECT a.id FROM a JOIN s.b ON true WHERE EXISTS (SELECT FROM c)", {A, Relation("s", "b"), C}, False),
    ("WITH a AS (SELECT 1) SELECT * FROM a", set(), False),
    ("WITH gone AS (DELETE FROM a RETURNING id) SELECT * FROM gone", {A}, True),
    ("INSERT INTO a (id) SELECT id FROM c", {A, C}, True),
    ("UPDATE a SET id = 1 FROM c", {A, C}, True),
    ("SELECT * FROM a FOR UPDATE", {A}, False),
    ("SELECT * INTO a FROM c", {A, C}, True),
    ("COPY a TO STDOUT", {A}, False),
    ("COPY a FROM STDIN", {A}, True),
    ("TRUNCATE a", {A}, True),
    ("CREATE TABLE a (id int REFERENCES c)", {A, C}, True),
    ("SET LOCAL work_mem = '1MB'", set(), False),
    ("DO $$BEGIN END$$", set(), True),
    ("BEGIN", set(), False),
    ("DROP TABLE IF EXISTS s.a, a CASCADE", {Relation("s", "a"), Relation(None, "a")}, True),
    ("DROP INDEX a", set(), True),
]


@pytest.mark.parametrize(("sql", "relations", "writes"), TOUCHED, ids=[sql for sql, *_ in TOUCHED])
def test_a_statement_s_relations_and_writes_are_seen(sql: str, relations: set[Relation], writes: bool) -> None:
    found = touched(sql)
    assert found is not None
    assert (found.relations, found.writes) == (frozenset(relations), writes)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15))
def test_any_name_of_a_table_is_seen_as_it_is(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    if len(name.encode()) < 64:  # PostgreSQL cuts longer ones
        assert touched(f"SELECT * FROM s.{quoted}") == Touched(frozenset({Relation("s", name)}), writes=False)


def test_what_cannot_be_read_touches_nothing_that_is_known() -> None:
    assert touched("SELEC 1") is None
    assert foreign_keys("SELEC 1") == []


def test_placeholders_of_psycopg_are_read() -> None:
    sql = "INSERT INTO a (id, b) VALUES (%(id)s::UUID, %s) -- 100%%"
    assert touched(without_placeholders(sql)) == Touched(frozenset({A}), writes=True)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (id int REFERENCES s.b (id), other int)",
        "CREATE TABLE a (id int, FOREIGN KEY (id) REFERENCES s.b (id))",
        "ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES s.b (id) NOT VALID",
        "ALTER TABLE a ADD COLUMN id int REFERENCES s.b",
    ],
)
def test_foreign_keys_are_seen_however_they_are_made(sql: str) -> None:
    assert foreign_keys(sql) == [(A, Relation("s", "b"))]


def test_a_script_is_split_into_statements() -> None:
    script = "BEGIN;\n\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1;$$;\n\nCOMMIT;\n"
    assert [statement.split()[0] for statement in statements_of(script)] == ["BEGIN", "CREATE", "COMMIT"]
