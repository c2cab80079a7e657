"""What is read as text by a split: tables of contents, scripts of pg_restore, bodies of functions, names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from alembic_multidb.bodytext import read_words
from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.archive import without_session
from alembic_multidb.split.model import matches, shown
from alembic_multidb.split.objects import Objects
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


@pytest.mark.parametrize(
    ("language", "body", "names", "is_dynamic"),
    [
        ("sql", 'SELECT * FROM public."Odd ""x"""', {("public", 'Odd "x"')}, False),
        ("sql", "SELECT 1 -- FROM hidden\n/* hidden */", set(), False),
        (
            "plpgsql",
            "BEGIN PERFORM nextval('rag.Seq'); EXECUTE 'DELETE FROM t'; END",
            {("rag", "seq"), (None, "t")},
            True,
        ),
        ("plpgsql", "BEGIN x := $$SELECT FROM inside$$; END", {(None, "inside")}, False),
        ("plpython3u", "plpy.execute('TABLE ai')", {(None, "ai")}, False),
    ],
)
def test_words_of_a_body(language: str, body: str, names: set[Any], is_dynamic: bool) -> None:
    """Names are found, quoted and in strings too; those in comments are not."""
    found = read_words(language, body)
    assert names <= found.names
    assert not any("hidden" in name for _, name in found.names)
    assert found.is_dynamic == is_dynamic
    assert found.is_scanned == (language != "plpython3u")


def test_what_cannot_be_scanned_is_said() -> None:
    """A quote that nobody closes."""
    found = read_words("plpgsql", "BEGIN x := 'never closed FROM ai; END")
    assert not found.is_scanned and (None, "ai") in found.names


def test_a_name_on_one_line() -> None:
    """What cannot be printed is escaped; both forms name the object."""
    assert shown("a\nb\u2028ä") == "a\\nb\\u2028ä"
    assert matches("view:a\\nb", "view", "a\nb") and matches("view:a\nb", "view", "a\nb")
    assert not matches("table:a", "view", "a")
