"""What SQL statements tell by their text: extensions and indexes."""

from __future__ import annotations

import pytest

from alembic_multidb import Database, Databases
from alembic_multidb.env.lock import lock_key, lock_scope
from alembic_multidb.env.statements import IndexStatement
from alembic_multidb.plugin.extensions import foreign_extension_in, parse_floor, reaches

FOREIGN = {"vector": "ai"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE EXTENSION vector",
        'create extension if not exists "vector" schema ext',
        "-- why\n/* so */ CREATE /* x */ EXTENSION -- c\n vector",
        "SELECT 1; CREATE EXTENSION vector",
        "; CREATE EXTENSION vector",
        "BEGIN; CREATE EXTENSION VECTOR; COMMIT",
        "SELECT 'a;b'; CREATE EXTENSION vector",
    ],
)
def test_a_statement_that_creates_a_foreign_extension_is_seen(statement: str) -> None:
    """Whatever stands between its words or before it."""
    assert foreign_extension_in(statement, FOREIGN) == "vector"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE EXTENSION citext",
        "INSERT INTO t VALUES ('CREATE EXTENSION vector')",
        "INSERT INTO t VALUES ('it''s done; CREATE EXTENSION vector')",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN; CREATE EXTENSION vector; END $$",
        "COMMENT ON EXTENSION vector IS 'x'",
        "CREATE TABLE create_extension (vector int)",
        "DO $$ BEGIN CREATE EXTENSION vector; END $$",
    ],
)
def test_words_that_are_no_statement_are_not(statement: str) -> None:
    """Strings, function bodies, other statements; blocks are left to the comparison with pg_extension."""
    assert foreign_extension_in(statement, FOREIGN) is None


def test_offline_blocks_are_looked_into() -> None:
    """There nothing can be compared."""
    assert foreign_extension_in("DO $$ BEGIN EXECUTE 'create extension vector'; END $$", FOREIGN, in_blocks=True)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE INDEX ix ON t (a)", ("ix", "t", False)),
        ("create unique index concurrently if not exists ix on only s.t (a)", ("ix", "s.t", True)),
        ('CREATE INDEX CONCURRENTLY "Ix ""q" ON "S x"."T" (a)', ('Ix "q', '"S x"."T"', True)),
        ("create index /* x */ concurrently -- note\n ix_q /* c */ on t(a)", ("ix_q", "t", True)),
        ("CREATE INDEX IX ON t USING hnsw (e)", ("ix", "t", False)),
    ],
)
def test_create_index_is_read(statement: str, expected: tuple[str, str, bool]) -> None:
    """Name as PostgreSQL folds it, table as it was written."""
    assert IndexStatement.read(statement) == expected


@pytest.mark.parametrize("statement", ["CREATE INDEX ON t (a)", "SELECT 1", "DROP INDEX CONCURRENTLY ix"])
def test_what_names_no_new_index_is_none(statement: str) -> None:
    """An index without a name gets one of PostgreSQL's choice, which never clashes."""
    assert IndexStatement.read(statement) is None


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [
        ("0.8.6", ">=0.7", True),
        ("0.7", ">=0.7.0", True),
        ("0.7.0", ">=0.7", True),
        ("0.10", ">=0.9", True),
        ("0.6.2", ">=0.7", False),
        ("3.4.0dev", ">=3.4", True),
        ("unversioned", ">=1", False),
        ("unversioned", "*", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, floor: str, expected: bool) -> None:
    """Not as text, and 0.7 is 0.7.0."""
    assert parse_floor(floor) is not None
    assert reaches(version, floor) is expected


def test_databases_that_share_on_purpose_have_a_lock_each_and_others_one() -> None:
    """Two names that lead to one database by mistake cannot start at once, whatever their version tables."""
    apart = Databases(Database("a"), Database("b", version_table="v"))
    assert lock_key(lock_scope(apart["a"])) == lock_key(lock_scope(apart["b"]))
    shared = Databases(Database("a"), Database("b", version_table="v", shared_with="a"))
    assert lock_key(lock_scope(shared["a"])) != lock_key(lock_scope(shared["b"]))
