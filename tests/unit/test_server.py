"""What a server says of itself, where there is none."""

from __future__ import annotations

import pytest

from alembic_multidb.statements.server import NEW, OLD, said_of_server, something


@pytest.mark.parametrize(
    ("query", "new", "old"),
    [
        ("SHOW server_version_num", "180000", "90624"),
        ("SELECT current_setting('server_version')", "18.0", "9.6.24"),
        ("SELECT CAST(current_setting('server_version_num') AS integer) / 10000", 18, 9),
        ("SELECT current_setting('server_version_num')::int >= 120000 AS is_new", True, False),
        ("SELECT current_user", "postgres", "postgres"),
        ("SELECT pg_catalog.current_schema()", "public", "public"),
        ("SHOW search_path", '"$user", public', '"$user", public'),
    ],
)
def test_it_answers_as_a_server_would(query: str, new: object, old: object) -> None:
    """A new one, and an old one."""
    assert said_of_server(query, NEW) == (new,)
    assert said_of_server(query, OLD) == (old,)


def test_it_says_several_things_at_once() -> None:
    """One value for each column."""
    assert said_of_server("SELECT current_database(), session_user", NEW) == ("postgres", "postgres")
    (version,) = said_of_server("SELECT version()", NEW) or ("",)
    assert str(version).startswith("PostgreSQL 18.0 ")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT current_user FROM users",
        "SELECT current_setting('app.tenant', true)",
        "SHOW app.tenant",
        "SELECT current_setting($1)",
        "SELECT current_database() || 'x'",
        "SELECT count(*) FROM pg_extension WHERE extversion <> version()",
        "SELECT current_setting('server_version_num')::int / 0",
        "SELECT current_user WHERE false",
        "SELECT version() UNION SELECT 'x'",
        "SHOW",
    ],
)
def test_it_leaves_other_questions_alone(query: str) -> None:
    """They are about rows, or about what nobody knows."""
    assert said_of_server(query, NEW) is None


def test_a_version_is_a_version() -> None:
    """Where everything is there, revisions can take it apart."""
    assert (something("extversion"), something("count")) == ("1.0", 1)
