"""Splits of objects with odd names: quotes, dots, line breaks, 63 bytes, lines of a table of contents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.split.exclude import matches
from alembic_multidb.split.model import SplitOptions, shown
from tests.conftest import NewDatabase, psql
from tests.integration.split_cases import found, make, plan_of, project
from tests.servers import Server

ODD = [
    *('a"b', "new\nline", "carriage\rreturn", "a.b", "100%", "%s %(x)s", ":x", "select", "user", "table", " ", "-"),
    *("ünïcödé 漢字 😀", "x" * 63, "é" * 31, "$dollar", "a'b", "back\\slash", ";", "--", "/* x */", "a, b", "pgx_"),
    *("1259 16385 TABLE public users postgres", "3; 1259 16385 TABLE public ai_x postgres", ";\tdepends on: 1 2 3"),
    *("\u2028", "\u0085", "\v", "\f", "system_user", "SEQUENCE OWNED BY", "t on public.users", "\\restrict x"),
    *('x" CASCADE; DROP TABLE "y', "alembic", "ROW SECURITY app users"),
]
ENOUGH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def fits(name: str) -> bool:
    return 0 < len(name.encode()) <= 63 and not name.startswith("pg_") and name not in ("information_schema", "public")


letters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
names = st.one_of(st.sampled_from(ODD), letters).filter(fits)
# Of one database: a schema, and for each home tables with columns, and further objects.
schemas = st.lists(names, min_size=12, max_size=12, unique=True)


def script(parts: list[str]) -> bytes:
    """Return statements that make objects of many kinds, with these names."""
    keys = ("s", "users", "notes", "kind", "seq", "f", "v", "t", "p", "i", "c", "col")
    values: dict[str, sql.Composable] = {key: sql.Identifier(part) for key, part in zip(keys, parts, strict=True)}
    values["text"] = sql.Literal(parts[0])
    template = """
        CREATE SCHEMA {s};
        CREATE TYPE {s}.{kind} AS ENUM ({text}, 'b');
        CREATE SEQUENCE {s}.{seq};
        CREATE TABLE {s}.{users} (id int PRIMARY KEY, {col} {s}.{kind} DEFAULT {text},
                                  n bigint DEFAULT nextval('{lit}'), CONSTRAINT {c} CHECK ({col} <> 'b'));
        CREATE TABLE {s}.{notes} (id serial, {col} {s}.{kind}, user_id int CONSTRAINT {c} REFERENCES {s}.{users},
                                  n bigint DEFAULT nextval('{lit}'));
        CREATE INDEX {i} ON {s}.{notes} ({col});
        CREATE FUNCTION {s}.{f}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER {t} BEFORE INSERT ON {s}.{users} FOR EACH ROW EXECUTE FUNCTION {s}.{f}();
        CREATE TRIGGER {t} BEFORE INSERT ON {s}.{notes} FOR EACH ROW EXECUTE FUNCTION {s}.{f}({text});
        CREATE POLICY {p} ON {s}.{notes} USING ({col} <> 'b');
        CREATE VIEW {s}.{v} AS SELECT id AS {col} FROM {s}.{users};
        CREATE RULE {t} AS ON DELETE TO {s}.{users} DO INSTEAD NOTHING;
        COMMENT ON COLUMN {s}.{notes}.{col} IS {text};
        COMMENT ON TRIGGER {t} ON {s}.{users} IS {text};
        COMMENT ON POLICY {p} ON {s}.{notes} IS {text};
        GRANT SELECT ({col}) ON {s}.{users} TO PUBLIC;
    """
    name = sql.SQL("{s}.{seq}").format(**values).as_string().replace("'", "''")
    return sql.SQL(template).format(**values, lit=sql.SQL(name)).as_string().encode()


def split_odd_names(server: Server, folder: Path, databases: tuple[str, str, str], parts: list[str]) -> None:
    """Split a database with objects of these names, and look where they are."""
    import psycopg

    source, core, ai = databases
    for url in databases:
        with psycopg.connect(url, autocommit=True) as connection:
            for row in connection.execute("SELECT nspname FROM pg_namespace WHERE oid >= 16384").fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(row[0])))
    with psycopg.connect(source) as connection:
        connection.execute(script(parts))
    base = project(folder, core, ai)
    # A pattern that means this name and no other.
    quoted = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in f"{parts[0]}.{parts[2]}")
    here = Project(
        base.config_file, Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=[quoted]))
    )
    plan = plan_of(here, source)
    treatments = found(plan)
    homes = {item.identity: item.homes for item in plan.objects if item.type in ("table", "policy", "rule")}
    assert sorted(homes.values()) == [("ai",), ("ai",), ("core",), ("core",)], homes
    assert list(treatments.values()).count("soft reference") == 1
    assert [each.result for each in make(here, source)] == ["made", "made"]
    for item in plan.objects:
        assert matches(item.name, item.type, item.identity) and item.name == f"{item.type}:{shown(item.identity)}"


@pytest.mark.parametrize("number", range(3))
def test_odd_names(server: Server, tmp_path: Path, new_database: NewDatabase, number: int) -> None:
    """Each of the oddest names, as schema, table, type, function, trigger, policy and so on in turn."""
    odd = [name for name in ODD if fits(name)]
    parts = [odd[(number * 12 + place) % len(odd)] for place in range(12)]
    split_odd_names(server, tmp_path, (new_database(), new_database(), new_database()), parts)


@settings(max_examples=4, deadline=None, suppress_health_check=ENOUGH, phases=[Phase.generate])
@given(parts=schemas)
def test_any_names(server: Server, tmp_path: Path, three: tuple[str, str, str], parts: list[str]) -> None:
    """A few databases of names made at random."""
    split_odd_names(server, tmp_path, three, parts)


@pytest.mark.soak
@settings(max_examples=300, deadline=None, suppress_health_check=ENOUGH, phases=[Phase.generate])
@given(parts=schemas)
def test_many_names(server: Server, tmp_path: Path, three: tuple[str, str, str], parts: list[str]) -> None:
    """Three hundred databases of names made at random."""
    split_odd_names(server, tmp_path, three, parts)


@pytest.fixture
def three(new_database: NewDatabase) -> tuple[str, str, str]:
    """A source and two targets, emptied between examples."""
    return new_database(), new_database(), new_database()


def test_an_odd_name_can_be_excluded(tmp_path: Path, new_database: NewDatabase) -> None:
    """As it is, and as the plan prints it on one line."""
    source = new_database()
    psql(source, "CREATE TABLE users (id int); CREATE TABLE ai_a (id int)")
    psql(source, 'CREATE VIEW "a\nb" AS SELECT FROM users, ai_a')
    here = project(tmp_path, new_database(), new_database())
    for name in ('view:public."a\nb"', 'view:public."a\\nb"'):
        plan = plan_of(here, source, SplitOptions(exclude=(name,)))
        assert found(plan)['view:public."a\nb"'] == "excluded"
        assert plan.exit_code(with_rows=True) == 0
    assert plan_of(here, source).exit_code(with_rows=True) == 1
