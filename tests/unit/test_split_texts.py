"""What is read as text by a split: tables of contents, scripts of pg_restore, bodies of functions, names."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis.strategies import text

from alembic_multidb.bodytext import read_words
from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.errors import MultidbError
from alembic_multidb.plpgsql import Function
from alembic_multidb.split.archive import without_session
from alembic_multidb.split.exclude import matches
from alembic_multidb.split.model import shown
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, STRAYS, stray_name
from alembic_multidb.split.toc import Contents, Entry, list_file, read_entries

LISTING = """;
; Archive created at 2030-01-01 00:00:00 UTC
;     dbname: x
;
3516; 0 0 ENCODING - ENCODING\x20
7; 2615 16389 SCHEMA - Odd; 8; 1259 5 TABLE postgres
246; 1259 16622 TABLE public a\u2028b postgres
;\tdepends on: 7
3506; 0 16622 ROW SECURITY public a postgres
;\tdepends on: 246
3520; 0 0 COMMENT - SCHEMA Odd ;\tdepends on: 99 postgres
;\tdepends on: 7 246
"""


def test_a_table_of_contents() -> None:
    """Numbers, catalogs, oids and dependencies are read; what stands in a name is not."""
    entries = read_entries(LISTING, {2615: "pg_namespace", 1259: "pg_class"})
    assert [(entry.id, entry.node, entry.depends) for entry in entries] == [
        (3516, None, ()),
        (7, ObjectId("pg_namespace", 16389), ()),
        (246, ObjectId("pg_class", 16622), (7,)),
        (3506, ObjectId("pg_class", 16622), (246,)),
        (3520, None, (7, 246)),
    ]
    assert list_file(entries[1:3]) == "7;\n246;\n"


def test_an_entry_that_belongs_to_nothing_known() -> None:
    """It is told apart from those that go nowhere and those that go everywhere."""
    entries = [
        Entry(1, None, "ENCODING - ENCODING "),
        Entry(2, None, "ACL - SCHEMA public postgres"),
        Entry(3, None, "ACL pg_catalog FUNCTION pg_sleep(double precision) postgres"),
        Entry(4, None, "SOMETHING NEW public x postgres"),
        Entry(5, None, "COMMENT - SOMETHING NEW", (4,)),
    ]
    objects = cast(Objects, SimpleNamespace(databases={"core": 1, "ai": 2}))
    contents = Contents(entries, objects, {})
    assert [entry.id for entry in contents.unresolved] == [4, 5]
    assert [entry.id for entry in contents.of("ai")] == [2, 3]


def test_a_script_without_its_session() -> None:
    """psql's own commands and the settings before the first entry are taken out, and nothing else."""
    body = "\n--\n-- Name: f\n--\n\nCREATE FUNCTION f() AS '\nSET row_security = off;\n\\unrestrict key\n';\n"
    script = (
        f"--\n\n\\restrict key\n\nSET transaction_timeout = 0;\nSET row_security = off;\n{body}\n\\unrestrict key\n"
    )
    assert without_session(script).strip() == body.strip()
    assert without_session(script.replace("\\restrict key\n", "", 1).rpartition("\n\\unrestrict")[0]) == body
    with pytest.raises(MultidbError, match="does not begin as its scripts do"):
        without_session("SELECT 1")


ALL = """
DECLARE
    r record; n CONSTANT int := (SELECT count(*) FROM counters); "Odd" app.users; own rag.score[] := '{}';
    x ai.docs%ROWTYPE; y public.teams.id%type; c CURSOR (k int) FOR SELECT * FROM cursed WHERE id = k;
BEGIN
    -- FROM hidden
    FOR r IN SELECT a AS users_ FROM "Odd ""x" WHERE k = 'word' LOOP PERFORM nextval('rag.Seq'); END LOOP;
    WITH w AS (SELECT 1) INSERT INTO app.logs SELECT rag.weigh(1), NULL::common.state FROM w /* hidden */;
    IF EXISTS (SELECT FROM looked) THEN NEW.a := (SELECT max(m) FROM assigned); NEW := OLD; END IF;
    DECLARE z inner_type; BEGIN RETURN NEW; EXCEPTION WHEN others THEN RAISE NOTICE '%', (SELECT 1 FROM raised); END;
    RETURN NULL;
END
"""


def test_a_body_of_a_trigger() -> None:
    """Statements, expressions, types and strings are told apart; comments, columns and names of WITH are none of it."""
    words = read_words(Function("plpgsql", ALL, "trigger"))
    assert (words.is_parsed, words.is_dynamic) == (True, False)
    assert {(schema, name) for schema, name in words.relations if name not in ("word", "seq", "0")} == {
        *((None, name) for name in ("counters", 'Odd "x', "cursed", "looked", "assigned", "raised")),
        *(("app", "logs"), (None, "rag")),
    }
    assert ("rag", "seq") in words.relations
    assert {("rag", "weigh"), (None, "nextval")} <= words.functions
    assert {
        ("app", "users"),
        ("rag", "score"),
        ("ai", "docs"),
        ("public", "teams"),
        (None, "inner_type"),
    } <= words.types
    assert ("common", "state") in words.types


@pytest.mark.parametrize(
    ("function", "is_dynamic"),
    [
        (Function("sql", "SELECT f FROM a.named; DELETE FROM other"), False),
        (Function("plpgsql", "BEGIN RETURN (SELECT 1 FROM a.named); END", "integer", arguments=(("i", ""),)), False),
        (Function("plpgsql", "BEGIN RETURN QUERY TABLE a.named; RETURN; END", "a.t", is_set=True), False),
        (Function("plpgsql", "BEGIN RETURN QUERY EXECUTE 'TABLE a.named'; END", "record", True, (("t", "q"),)), True),
        (Function("plpgsql", "BEGIN x := 1; RETURN NEXT; DELETE FROM a.named; END", "int", True, (("o", "x"),)), False),
        (Function("plpgsql", "BEGIN b := (TABLE a.named); END", "", False, (("i", "a"), ("b", "b"))), False),
        (Function("plpgsql", "BEGIN PERFORM 1 FROM a.named; END", "event_trigger"), False),
        (Function("plpgsql", "BEGIN FOR new IN EXECUTE 'TABLE a.named' LOOP NULL; END LOOP; END", "trigger"), True),
        (Function("plpgsql", "BEGIN a[1] := (TABLE a.named); RETURN; END", "void", False, (("i", "a"),)), False),
        (Function("plpgsql", "BEGIN EXECUTE $x$TABLE a.named$x$; END", "void"), True),
    ],
    ids=str,
)
def test_bodies_of_many_kinds(function: Function, is_dynamic: bool) -> None:
    """Whatever a function takes and returns, its body is parsed."""
    words = read_words(function)
    assert (words.is_parsed, words.is_dynamic) == (True, is_dynamic)
    assert ("a", "named") in words.relations


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("plpgsql", "BEGIN x := 'never closed FROM ai; END"),
        ("plpgsql", "BEGIN EXECUTE 'ai'; FROM -- hidden\n;END"),
        ("sql", "SELEC * FROM ai /* hidden */"),
        ("plpython3u", "plpy.execute('TABLE ai')"),
    ],
)
def test_what_cannot_be_parsed_is_said(language: str, body: str) -> None:
    """And is searched for words, without comments where the scanner can read it."""
    found = read_words(Function(language, body))
    assert not found.is_parsed and (None, "ai") in found.relations
    assert not any("hidden" in name for _, name in found.relations)
    assert found.is_dynamic == ("EXECUTE" in body)


def test_a_name_on_one_line() -> None:
    """What cannot be printed is escaped; both forms name the object."""
    assert shown("a\nb\u2028ä") == "a\\nb\\u2028ä"
    assert matches("view:a\\nb", "view", "a\nb") and matches("view:a\nb", "view", "a\nb")
    assert not matches("table:a", "view", "a")


@given(text(), text())
def test_what_stands_in_for_a_target_is_found_again(one: str, other: str) -> None:
    """Each target has a name of its own for each purpose, that PostgreSQL does not cut and the plan lists."""
    found = {stray_name(kind, target) for kind in (CLONE, OLD, REHEARSAL) for target in (one, other)}
    assert len(found) == 3 * len({one, other})
    pattern = STRAYS.partition("~ '")[2].partition("'")[0]
    assert all(re.fullmatch(pattern, name) and len(name) < 64 for name in found)
