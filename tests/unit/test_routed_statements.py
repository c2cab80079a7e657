"""What statements say, and what is left of them without the parts that belong elsewhere."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from alembic_multidb.routing.forks.edits import executed, pruned
from alembic_multidb.routing.silent import numbered, silent_connection, silent_dialect
from alembic_multidb.statements import Statement, Thing, located, read, without
from alembic_multidb.statements.rewrite import empty_answer


def names(things: object) -> set[str]:
    assert isinstance(things, (tuple, frozenset))
    return {f"{thing.kind} {thing}" for thing in things}


def one(sql: str) -> Statement:
    (statement,) = read(sql)
    return statement


@pytest.mark.parametrize(
    ("sql", "subjects", "made"),
    [
        ("CREATE TABLE s.a (id serial PRIMARY KEY, b int UNIQUE)", "relation s.a", "a a_id_seq a_pkey a_b_key"),
        (
            "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY, EXCLUDE (id WITH =))",
            "relation a",
            "a a_id_seq a_excl",
        ),
        ("ALTER TABLE a ADD CONSTRAINT uq UNIQUE (b, c), ADD d bigserial", "relation a", "uq a_d_seq"),
        ("CREATE INDEX ON public.a (b, lower(c))", "relation a", "a_b_expr_idx"),
        ("ALTER TABLE p ATTACH PARTITION q DEFAULT", "relation p", "q"),
        ("CREATE SEQUENCE s OWNED BY a.b", "relation s", "s"),
        ("CREATE TYPE s.mood AS ENUM ('x')", "type s.mood", "mood"),
        ("CREATE DOMAIN d AS mood", "type d", "d"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1 FROM t", "relation v", "v"),
        ("SELECT 1 AS x INTO y FROM z", "relation y", "y"),
        ("CREATE FUNCTION f(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function f", "f"),
        ("COMMENT ON COLUMN s.a.b IS 'x'", "row s.a", ""),
        ("COMMENT ON CONSTRAINT c ON a IS 'x'", "relation a", ""),
        ("DROP TRIGGER t ON a", "relation a", ""),
        ("ALTER TYPE comp ADD ATTRIBUTE x int", "type comp", ""),
        ("GRANT USAGE ON SCHEMA s TO PUBLIC", "schema s", ""),
        ("REFRESH MATERIALIZED VIEW v", "relation v", ""),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DO NOTHING", "relation a", ""),
        ("SET lock_timeout = '1s'", "", ""),
    ],
)
def test_a_statement_has_subjects_and_makes_things(sql: str, subjects: str, made: str) -> None:
    """Those that PostgreSQL names by itself included."""
    statement = one(sql)
    assert names(statement.subjects) == ({subjects} if subjects else set())
    assert {item.thing.name for item in statement.makes} == set(made.split())


def test_what_must_be_there_is_mentioned() -> None:
    """Tables, and literals that are looked up; neither catalogs nor names of the query itself."""
    sql = "INSERT INTO a WITH q AS (SELECT 1 FROM s.b, pg_class) SELECT 'c'::regclass, setval('d', 1) FROM q"
    statement = one(sql)
    assert names(statement.mentions) == {"relation s.b", "relation c"}
    assert names(statement.hints) == {"relation d"}


def test_a_block_says_what_its_statements_say() -> None:
    """A literal that is executed is read as well; what is put together is told."""
    block = one("DO $$ DECLARE r s.kind; BEGIN DELETE FROM a; EXECUTE 'DROP TABLE b'; PERFORM 1 FROM c; END $$")
    assert {name for inner in block.inner for name in names((*inner.subjects, *inner.mentions))} == {
        *("relation a", "relation b", "relation c")
    }
    assert block.dynamic is None
    assert one("DO $$ BEGIN EXECUTE 'DROP TABLE ' || x; END $$").dynamic == "'DROP TABLE ' || x"


def test_the_body_of_a_trigger_is_read() -> None:
    """PostgreSQL looks for what it speaks of when it runs, for the types of its variables at once."""
    statement = one(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ DECLARE s shade; d docs.name%TYPE; BEGIN INSERT INTO log VALUES ('x'::mood, g()); RETURN NEW; END $$"
    )
    assert names(statement.body) == {"relation log", "type mood", "function g", "type shade", "type docs"}
    assert names(statement.uses) == {"type shade", "type docs"}
    assert not statement.mentions


@pytest.mark.parametrize(
    "body",
    [
        "AS 'SELECT s.n, nextval(''numbers''), g(x) FROM b s'",
        "BEGIN ATOMIC SELECT s.n, nextval('numbers'), g(x) FROM b s; END",
        "RETURN (SELECT s.n + nextval('numbers') + g(x) FROM b s)",
    ],
)
def test_what_a_body_in_sql_names_must_be_there(body: str) -> None:
    """PostgreSQL looks for it as it makes the function."""
    statement = one(f"CREATE FUNCTION f(x docs, y users.name%TYPE) RETURNS SETOF kind LANGUAGE sql {body}")
    assert names(statement.mentions) == {"relation b", "relation users"}
    assert names(statement.hints) == {"relation numbers"}
    assert names(statement.uses) == {"type docs", "type kind", "function g", "function nextval"}


@pytest.mark.parametrize(
    "body", ["BEGIN ????; DELETE FROM a; END", "BEGIN UPDATE a SET b = 1; EXECUTE 'TRUNCATE a'; ?; END"]
)
def test_a_block_that_cannot_be_read_is_searched(body: str) -> None:
    """By the first words of its statements."""
    block = one(f"DO $$ {body} $$")
    assert {name for inner in block.inner for name in names(inner.subjects)} == {"relation a"}


def test_a_script_is_its_statements() -> None:
    """Cut where the parser says, characters of several bytes among them."""
    assert [item.sql for item in read("COMMENT ON TABLE a IS 'ä;ö'; SELECT 1 ;")] == [
        "COMMENT ON TABLE a IS 'ä;ö'",
        "SELECT 1",
    ]
    assert [item.kind for item in read("CREATE NONSENSE")] == ["unreadable"]
    assert read("-- nothing") == ()


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        (
            "CREATE TABLE a (b int REFERENCES z DEFERRABLE INITIALLY DEFERRED NOT NULL, FOREIGN KEY (b) REFERENCES z)",
            "CREATE TABLE a (b int NOT NULL, FOREIGN KEY (b) REFERENCES z)",
        ),
        ("ALTER TABLE a ADD COLUMN b int REFERENCES z, DROP CONSTRAINT gone", "ALTER TABLE a ADD COLUMN b int"),
        ("ALTER TABLE a DROP CONSTRAINT gone", None),
        ("DROP TABLE a, s.b CASCADE", "DROP TABLE a CASCADE"),
        ("DROP TABLE s.b", None),
        ("GRANT SELECT ON a, s.b TO PUBLIC", "GRANT select ON a TO public"),
        ("COMMENT ON CONSTRAINT gone ON a IS 'x'", None),
    ],
)
def test_parts_are_taken_out(sql: str, left: str | None) -> None:
    """Foreign keys with what is said of them, constraints, entries of a list; nothing may be left."""
    found = without(sql, subjects=[Thing("relation", "s", "b")], references=["a_b_fkey"], constraints=["gone"])
    if left and "FOREIGN KEY" in left:
        assert found == "CREATE TABLE a (b int NOT NULL)"  # both have the name that PostgreSQL would give
    else:
        assert found == left


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT count(*) FROM a", "SELECT 0 AS count"),
        ("SELECT EXISTS (SELECT FROM a), max(b) AS m FROM a", 'SELECT false AS exists, NULL AS "m"'),
        ("SELECT a.id, b + 1 AS c FROM a", 'SELECT NULL AS "id", NULL AS "c" WHERE false'),
        ("SELECT count(*) FROM a GROUP BY b", "SELECT 0 AS count WHERE false"),
    ],
)
def test_an_empty_table_answers(sql: str, answer: str) -> None:
    """With no rows, or with the row that an aggregate has even then."""
    assert empty_answer(sql) == answer


@given(st.text(alphabet="ab :'\\\"%\n\t$;{}é", max_size=200).filter(lambda sql: sql.strip() == sql and sql))
def test_what_is_written_into_a_revision_is_the_statement(sql: str) -> None:
    """Python and SQLAlchemy read it as it was, whatever stands in it."""
    (call,) = ast.parse("\n".join(executed(sql))).body
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    written = ast.literal_eval(call.value.args[0])
    if "\\:" not in sql:  # which SQLAlchemy takes for a colon, whoever wrote it
        assert str(text(written).compile(dialect=silent_dialect())) == sql


def test_what_is_no_longer_used_goes() -> None:
    """Imports, constants and helpers that were used before, one after the other; what never was stays."""
    before = "import a\nimport b\nfrom c import d\nX = d\n\n\ndef help():\n    return X, a\n\n\nhelp()\n"
    assert pruned(before, before.replace("help()\n", "pass\n", 2).replace("def pass", "def help():")) != before
    after = before.rpartition("help()")[0] + "pass\n"
    assert pruned(before, after) == "import b\n\n\npass\n"


def test_parameters_are_numbered() -> None:
    """SQLAlchemy's by name, the driver's as they are; casts and literals of others are left alone."""
    assert numbered("SELECT :a, :ab, 'x'::text", {"a": 1, "ab": 2}) == "SELECT $1, $1, 'x'::text"
    assert numbered("SELECT %s, %%", (1,)) == "SELECT $1, %"
    assert numbered("SELECT %(a)s", {"a": 1}) == "SELECT $1"
    assert numbered("SELECT '100%'", None) == "SELECT '100%'"


@pytest.mark.parametrize(("answers", "rows"), [(True, [(1, 1)]), (False, [])])
def test_a_server_that_is_not_there_answers(answers: bool, rows: list[tuple[int, int]]) -> None:
    """A row for everything, or none; the statement is told."""
    told: list[str] = []
    with silent_connection(lambda sql, *_: told.append(sql), answers=answers) as connection:
        assert connection.execute(text("SELECT a, b FROM c WHERE d = :e"), {"e": 1}).fetchall() == rows
        connection.commit()
    assert told == ["SELECT a, b FROM c WHERE d = $1"]


def test_values_are_not_shown() -> None:
    """Neither of rows nor of roles; what a definition says is."""
    assert one("UPDATE users SET hash = 'it''s', n = 1").first_line == "UPDATE users SET hash = '...', n = 1"
    assert "secret" not in one("CREATE ROLE x LOGIN PASSWORD 'secret'").first_line
    assert "secret" not in one("ALTER ROLE x PASSWORD 'secret'").first_line
    assert one("CREATE TYPE mood AS ENUM ('good')").first_line == "CREATE TYPE mood AS ENUM ('good')"


@pytest.mark.parametrize(
    ("sql", "path"),
    [
        ("SET search_path TO ml, public", ("ml", None)),
        ("SET LOCAL search_path = '$user', \"Ml\"", ("Ml",)),
        ("SET SESSION search_path TO DEFAULT", (None,)),
        ("RESET search_path", (None,)),
        ("RESET ALL", (None,)),
        ("SELECT pg_catalog.set_config('search_path', '', false)", ()),
        ("SELECT set_config('search_path', 'ml, public', true)", ("ml", None)),
        ("SELECT set_config('work_mem', '64MB', true)", None),
        ("SET work_mem TO '64MB'", None),
        ("SET TRANSACTION READ ONLY", None),
        ("SELECT 1", None),
    ],
)
def test_the_search_path_is_read(sql: str, path: tuple[str | None, ...] | None) -> None:
    """Whoever sets it, and however."""
    assert read(sql)[0].path == path


def test_names_lead_where_the_search_path_leads() -> None:
    """What is made lies in its first schema, what is there where it is found first; other names stay."""
    there = {Thing("relation", None, "a"), Thing("relation", "ml", "a"), Thing("relation", None, "b")}
    (statement,) = read("CREATE TABLE c AS SELECT FROM a, b, d, own.a")
    found = located(statement, ("ml", None), there.__contains__)
    assert found.subjects == (Thing("relation", "ml", "c"),)
    assert found.makes[0].thing == found.subjects[0]
    names = {("ml", "a"), (None, "b"), (None, "d"), ("own", "a")}
    assert found.mentions == {Thing("relation", *name) for name in names}
    (index,) = read("CREATE INDEX i ON b (x)")
    assert located(index, ("ml", None), there.__contains__).makes[0].thing == Thing("relation", None, "i")
    assert located(statement, (), there.__contains__) == statement


def test_a_temporary_table_is_one() -> None:
    """However it is made."""
    made = "CREATE TEMP TABLE t (a int); SELECT 1 AS a INTO TEMPORARY t; CREATE TEMP TABLE t AS SELECT 1 AS a"
    assert [statement.makes[0].role for statement in read(made)] == ["temporary"] * 3


def test_what_a_function_puts_together_is_known() -> None:
    """As of a block; the literals in it are hints."""
    body = "BEGIN EXECUTE format('DROP TABLE %I', 'x'); EXECUTE 'SELECT 1'; END"
    (function,) = read(f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $${body}$$")
    (block,) = read(f"DO $${body}$$")
    assert function.dynamic == block.dynamic == "format('DROP TABLE %I', 'x')"
    assert Thing("relation", None, "x") in block.hints
