"""What stands in the way of a merge is found before anything moves, with the way out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alembic_multidb import Database, Databases, SoftReference
from alembic_multidb.merge.model import MergeOptions
from alembic_multidb.operate import Project
from tests.conftest import NewDatabase, psql
from tests.integration.merged import plan_of, stopping
from tests.integration.split_cases import project
from tests.servers import Server

TABLES = "SELECT count(*) FROM pg_class WHERE oid >= 16384"
CORE = """
    CREATE TYPE status AS ENUM ('new', 'done');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE SEQUENCE tickets;
    CREATE TABLE users (id int PRIMARY KEY, status status);
    INSERT INTO users VALUES (1, 'new'), (2, 'done');
"""
AI = """
    CREATE TYPE status AS ENUM ('new', 'done');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE SEQUENCE tickets;
    CREATE TABLE ai_notes (id int PRIMARY KEY, status status, user_id int);
    INSERT INTO ai_notes VALUES (1, 'new', 1), (2, 'new', 2);
"""

MORE = """
    CREATE TABLE ai_more (user_id text PRIMARY KEY);
    ALTER TABLE ai_notes ADD CONSTRAINT own FOREIGN KEY (user_id) REFERENCES ai_more;
"""


@pytest.fixture(scope="session")
def both(server: Server) -> Iterator[dict[str, str]]:
    """Two databases that can be merged: what they have under one name is defined alike."""
    names = {"core": f"clash_core_{os.getpid()}", "ai": f"clash_ai_{os.getpid()}"}
    for key, script in (("core", CORE), ("ai", AI)):
        psql(server.create_database(names[key]), script)
    yield names


@pytest.fixture
def pair(both: dict[str, str], new_database: NewDatabase, tmp_path: Path) -> tuple[Project, str, str]:
    """A project, and the URLs of its databases."""
    core, ai = (new_database(both[name]) for name in ("core", "ai"))
    return with_references(project(tmp_path, core, ai)), core, ai


def with_references(given: Project) -> Project:
    """Let the project's ai have a soft reference, and no extension."""
    core, ai = given.databases.declarations
    references = [SoftReference("ai_notes.user_id", "users.id")]
    own = Database("ai", url=ai.url, tables=["ai_*"], soft_references=references)
    return Project(given.config_file, Databases(Database("core", url=core.url, default=True), own))


def test_what_is_defined_alike_is_shared(pair: tuple[Project, str, str], new_database: NewDatabase) -> None:
    """Nothing stands in the way of a type, a function and a sequence that both have and that are the same."""
    plan = plan_of(pair[0], new_database())
    assert stopping(plan) == []
    assert plan.shared == ("function public.touch()", "sequence public.tickets", "type public.status")


@pytest.mark.parametrize(
    ("in_core", "in_ai", "says"),
    [
        (
            "CREATE TABLE notes (id int)",
            "CREATE TABLE notes (id int, body text)",
            ["table public.notes", "column public.notes.body is extra", "its home is core", "'ai/table:public.notes'"],
        ),
        ("CREATE TABLE notes (id int)", "CREATE TABLE notes (id int)", ["defined alike", "never put together"]),
        (
            "",
            "ALTER TYPE status ADD VALUE 'gone'",
            ["type public.status", '["new", "done"] -> ["new", "done", "gone"]', "--exclude 'ai/type:public.status'"],
        ),
        (
            "",
            "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'",
            ["function public.touch()", "RETURN new", "RETURN old", "make them alike"],
        ),
        (
            "CREATE EXTENSION pg_trgm VERSION '1.5'",
            "CREATE EXTENSION pg_trgm",
            ["extension pg_trgm", "1.5 -> 1.6", "ALTER EXTENSION pg_trgm UPDATE"],
        ),
        ("", "ALTER SEQUENCE tickets INCREMENT 5", ["sequence public.tickets", "increment"]),
        (
            "SELECT setval('tickets', 7)",
            "",
            ["sequence public.tickets", "stand at different values", """in "ai", SELECT setval('public.tickets', 7)"""],
        ),
        (
            "CREATE VIEW report AS SELECT 1 AS one",
            "CREATE TABLE report (one int)",
            ["the name public.report is taken twice", 'view public.report in "core"'],
        ),
        (
            "CREATE INDEX by_status ON users (status)",
            "CREATE INDEX by_status ON ai_notes (status)",
            ["the name public.by_status is taken twice"],
        ),
        (
            "CREATE EXTENSION pg_trgm",
            "CREATE FUNCTION similarity(text, text) RETURNS real LANGUAGE sql AS 'SELECT 1.0::real'",
            ['public.similarity(text, text) of "ai"', 'extension pg_trgm has in "core"', "rename it"],
        ),
        (
            "CREATE TYPE citext AS ENUM ('a')",
            "CREATE EXTENSION citext",
            ['public.citext of "core"', 'extension citext has in "ai"'],
        ),
        (
            "CREATE STATISTICS many ON id, status FROM users",
            "CREATE STATISTICS many ON id, status FROM ai_notes",
            ["the name public.many is taken twice", 'statistics in "core"'],
        ),
        ("", "CREATE SCHEMA alembic_multidb", ["it has a schema alembic_multidb", "rename the schema"]),
        ("", "DELETE FROM pg_enum WHERE false; INSERT INTO ai_notes VALUES (9, NULL, 99)", ["99", "--orphans"]),
    ],
)
def test_a_planted_conflict_is_refused(
    pair: tuple[Project, str, str], new_database: NewDatabase, in_core: str, in_ai: str, says: list[str]
) -> None:
    """With both definitions and the ways out; the target is as empty as before."""
    here, core, ai = pair
    target = new_database()
    for url, script in ((core, in_core), (ai, in_ai)):
        if script:
            psql(url, script)
    found = stopping(plan_of(here, target, MergeOptions(restore_foreign_keys=True)))
    assert len(found) == 1, found
    for words in says:
        assert words in found[0]
    assert psql(target, TABLES) == [(0,)]


def test_functions_of_one_name_are_told_of(pair: tuple[Project, str, str], new_database: NewDatabase) -> None:
    """With other arguments they can be side by side; but a call that meant one may mean the other."""
    here, core, ai = pair
    psql(core, "CREATE FUNCTION total(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    psql(ai, "CREATE FUNCTION total(bigint) RETURNS int LANGUAGE sql AS 'SELECT 2'")
    found = [str(item) for item in plan_of(here, new_database()).findings if item.kind == "overloaded"]
    assert len(found) == 1 and "a call of public.total may mean either" in found[0]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("CREATE INDEX by_low ON ai_notes (lower(user_id))", "index public.by_low"),
        ("ALTER TABLE ai_notes ADD CHECK (length(user_id) > 0)", "constraint ai_notes_user_id_check"),
        ("ALTER TABLE ai_notes ADD size int GENERATED ALWAYS AS (length(user_id)) STORED", "value for column size"),
        ("CREATE TRIGGER t BEFORE UPDATE OF user_id ON ai_notes FOR EACH ROW EXECUTE FUNCTION touch()", "trigger t"),
        (MORE, "constraint own"),
        ("CREATE VIEW ai_view AS SELECT user_id FROM ai_notes", "view public.ai_view"),
        ("DROP TABLE ai_notes; CREATE TABLE ai_notes (user_id text) PARTITION BY LIST (user_id)", "the partition key"),
    ],
)
def test_what_keeps_a_column_from_another_type_is_found_first(
    pair: tuple[Project, str, str], new_database: NewDatabase, script: str, says: str
) -> None:
    """Whatever PostgreSQL would refuse to change the type under, when everything has been copied."""
    here, _, ai = pair
    psql(ai, f"DELETE FROM ai_notes; ALTER TABLE ai_notes ALTER user_id TYPE text; {script}")
    (found,) = stopping(plan_of(here, new_database(), MergeOptions(restore_foreign_keys=True, cast=True)))
    assert says in found and "uses the column" in found, found


def test_values_of_a_type_that_only_the_other_database_has(
    pair: tuple[Project, str, str], new_database: NewDatabase
) -> None:
    """They are looked at where the type is."""
    here, core, ai = pair
    psql(core, "DROP TABLE users; CREATE TYPE name AS ENUM ('a', 'b'); CREATE TABLE users (id public.name PRIMARY KEY)")
    psql(core, "INSERT INTO users VALUES ('a'), ('b')")
    psql(ai, "ALTER TABLE ai_notes ALTER user_id TYPE text; UPDATE ai_notes SET user_id = 'c' WHERE id = 1")
    psql(ai, "UPDATE ai_notes SET user_id = 'a' WHERE id = 2")
    options = MergeOptions(restore_foreign_keys=True, cast=True)
    found = stopping(plan_of(here, new_database(), options))
    assert any("these values are none of the new type: c" in item for item in found), found
    psql(ai, "UPDATE ai_notes SET user_id = 'b'")
    assert stopping(plan_of(here, new_database(), options)) == []


def test_a_table_in_the_way_of_a_name_is_refused(pair: tuple[Project, str, str], new_database: NewDatabase) -> None:
    """What nobody would see any more, since another schema comes first in the search path."""
    here, core, ai = pair
    psql(core, f"CREATE VIEW people AS SELECT * FROM users; {path_of(core)}")
    psql(ai, "CREATE SCHEMA app; CREATE TABLE app.people (id int)")
    (found,) = stopping(plan_of(here, new_database()))
    assert 'app.people of "ai" would hide public.people of "core"' in found and "search_path" in found


def path_of(url: str) -> str:
    return f"ALTER DATABASE {url.rpartition('/')[2]} SET search_path = app, public"


def test_settings_that_differ_are_refused(pair: tuple[Project, str, str], new_database: NewDatabase) -> None:
    """By name; their values may be secrets. Left behind by name, the other one's stays."""
    here, core, ai = pair
    for url, value in ((core, "64MB"), (ai, "256MB")):
        psql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET work_mem = '{value}'")
    (found,) = stopping(plan_of(here, new_database()))
    assert "setting work_mem" in found and "--exclude 'ai/setting:work_mem'" in found and "256" not in found
    assert stopping(plan_of(here, new_database(), MergeOptions(exclude=("ai/setting:work_mem",)))) == []


def test_the_same_revision_in_two_histories_is_refused(
    pair: tuple[Project, str, str], new_database: NewDatabase
) -> None:
    here, *_ = pair
    text = "revision = 'a1'\ndown_revision = None\ndef upgrade(): pass\n"
    (here.config_file.parent / "migrations" / "script.py.mako").write_text("")
    for name in ("core", "ai"):
        (here.config_file.parent / "migrations" / name / "a1.py").write_text(text)
    (found,) = stopping(plan_of(here, new_database()))
    assert 'revision "a1" is in the histories of "core" and "ai"' in found and "another id" in found


def test_a_target_that_is_not_empty_is_refused(pair: tuple[Project, str, str], new_database: NewDatabase) -> None:
    target = new_database()
    psql(target, "CREATE TABLE mine (id int)")
    (found,) = stopping(plan_of(pair[0], target))
    assert "it is not empty: table public.mine" in found


def test_another_encoding_is_refused(pair: tuple[Project, str, str], server: Server) -> None:
    """A target that cannot hold every text."""
    name = f"clash_latin_{os.getpid()}"
    server.run(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        found = stopping(plan_of(pair[0], server.url(name)))
        assert found and all("its encoding is LATIN1" in item and "UTF8" in item for item in found), found
    finally:
        server.drop_database(name)


def test_another_collation_is_refused_unless_allowed(pair: tuple[Project, str, str], server: Server) -> None:
    name = f"clash_locale_{os.getpid()}"
    server.run(f"CREATE DATABASE {name} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C' TEMPLATE template0")
    try:
        found = stopping(plan_of(pair[0], server.url(name)))
        assert found and all("texts are sorted otherwise" in item and "--other-collation" in item for item in found)
        assert stopping(plan_of(pair[0], server.url(name), MergeOptions(other_collation=True))) == []
    finally:
        server.drop_database(name)
