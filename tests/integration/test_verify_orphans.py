"""Soft references between two databases: which values count as found is what a foreign key would say."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.verify.orphans import orphans
from alembic_multidb.verify.report import Finding, Orphans
from tests.conftest import NewDatabase, psql
from tests.servers import Server


def look_up(
    one: str, other: str, source: str, sources: str, target: str, targets: str
) -> tuple[Orphans, list[Finding]]:
    """Make a table of each type with some values, and look up the reference between them."""
    for url in (one, other):
        if "citext" in (source, target):
            psql(url, "CREATE EXTENSION citext")
    psql(one, f"DROP TABLE IF EXISTS f; CREATE TABLE f (v {source}); INSERT INTO f VALUES {sources}")
    psql(other, f"DROP TABLE IF EXISTS t; CREATE TABLE t (v {target} PRIMARY KEY); INSERT INTO t VALUES {targets}")
    databases = Databases(
        Database("core", metadata=MetaData(), url=other, default=True),
        Database("ai", metadata=MetaData(), url=one, tables=["f"], soft_references=["f.v -> t.v"]),
    )
    found, findings = orphans(Project(Path("alembic.ini"), databases), databases["ai"])
    return (found[0] if found else Orphans(reference="", values=-1, rows=-1, first=())), findings


CASES = [
    ("citext", "('A'), ('a'), ('b')", "citext", "('a')", {"b"}),
    ("text", "('A'), ('b')", "citext", "('a')", {"b"}),
    ("citext", "('A'), ('a')", "text", "('a')", {"A"}),
    ("char(5)", "('a'), ('b')", "char(8)", "('a')", {"b"}),
    ("char(5)", "('a'), ('b')", "text", "('a')", {"b"}),
    ("text", "('a'), ('b  ')", "char(8)", "('a')", {"b  "}),
    (
        "text",
        "('1b4e28ba-2fa1-11d2-883f-0016d3cca427'), ('1B4E28BA-2FA1-11D2-883F-0016D3CCA427'), ('no uuid'), ('nor this')",
        "uuid",
        "('1b4e28ba-2fa1-11d2-883f-0016d3cca427')",
        {"no uuid", "nor this"},
    ),
    ("bigint", "(1), (2), (5000000000)", "integer", "(1)", {"2", "5000000000"}),
    ("numeric", "(1.0), (1.00), (2.5)", "numeric", "(1)", {"2.5"}),
    ("text", "('2024-02-30'), ('2024-02-03')", "date", "('2024-02-03')", {"2024-02-30"}),
    ("integer[]", "('{1,2}'), ('{3}')", "integer[]", "('{1,2}')", {"{3}"}),
    ("varchar(9)", "('x'), ('y')", "varchar(5)", "('x')", {"y"}),
    ("name", "('x'), ('y')", "text", "('x')", {"y"}),
]


@pytest.mark.parametrize(("source", "sources", "target", "targets", "lost"), CASES)
def test_a_value_is_found_as_a_foreign_key_would_find_it(
    new_database: NewDatabase, source: str, sources: str, target: str, targets: str, lost: set[str]
) -> None:
    """By the target's own equality; what its type cannot hold is an orphan and named."""
    found, findings = look_up(new_database(), new_database(), source, sources, target, targets)
    assert (set(found.first), found.values) == (lost, len(lost)), findings
    assert [finding.what for finding in findings] == ["different"]
    assert all(value in findings[0].message for value in lost)


def test_thousands_of_values_that_the_type_cannot_hold(new_database: NewDatabase) -> None:
    """They are all counted."""
    many = "(md5('1')) , " + ", ".join(f"('x{n}')" for n in range(7000))
    found, _ = look_up(new_database(), new_database(), "text", many, "uuid", "(md5('1')::uuid)")
    assert (found.values, found.rows) == (7000, 7000)


def test_a_server_that_cannot_tell_whether_a_value_is_valid(server_15: Server) -> None:
    """It is found out by trying."""
    names = ["orphans_one", "orphans_other"]
    try:
        one, other = (server_15.create_database(name) for name in names)
        many = "(md5('1')) , " + ", ".join(f"('x{n}')" for n in range(300))
        found, _ = look_up(one, other, "text", many, "uuid", "(md5('1')::uuid)")
        assert (found.values, found.rows) == (300, 300)
    finally:
        for name in names:
            server_15.drop_database(name)
