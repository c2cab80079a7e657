"""Where types, functions, views and the like are that a shared history makes: by its words as by the catalog."""

from __future__ import annotations

import io

import pytest
from alembic import command

from alembic_multidb.errors import UndecidableError
from tests.conftest import psql
from tests.integration.shared import NAMES, Shared

TABLES = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text, email text)")
op.execute("CREATE TABLE ai_docs (id int PRIMARY KEY, name text, body text)")
"""
DROPS = """
op.execute("DROP TABLE ai_docs, users")
"""
MOOD = """CREATE TYPE mood AS ENUM ('good', 'bad'); ALTER TABLE ai_docs ADD mood mood"""
NO_MOOD = """ALTER TABLE ai_docs DROP mood; DROP TYPE mood"""

# What is made after TABLES and dropped again, and where the things of some names are then.
CASES = {
    "a function that nothing uses is where the type is that it takes": (
        [MOOD, "CREATE FUNCTION happy(m mood) RETURNS bool LANGUAGE sql AS $$ SELECT m = 'good' $$"],
        ["DROP FUNCTION happy(mood)", NO_MOOD],
        {"mood": "ai", "happy": "ai"},
    ),
    "a function over a type of both homes is in both": (
        [
            "CREATE TYPE role AS ENUM ('admin'); ALTER TABLE users ADD r role; ALTER TABLE ai_docs ADD r role",
            "CREATE FUNCTION can(r role) RETURNS bool LANGUAGE sql AS $$ SELECT r = 'admin' $$",
        ],
        ["DROP FUNCTION can(role)", "ALTER TABLE users DROP r; ALTER TABLE ai_docs DROP r; DROP TYPE role"],
        {"role": "ai core", "can": "ai core"},
    ),
    "a domain that nothing uses is where its type is": (
        [MOOD, "CREATE DOMAIN good_mood AS mood CHECK (VALUE = 'good')"],
        ["DROP DOMAIN good_mood", NO_MOOD],
        {"mood": "ai", "good_mood": "ai"},
    ),
    "a function is where the tables of its body are, which PostgreSQL does not look into": (
        [
            "CREATE FUNCTION search(q text) RETURNS SETOF text LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN QUERY SELECT d.body FROM ai_docs d WHERE d.body LIKE q; END $$",
            "COMMENT ON FUNCTION search(text) IS 'of ai'",
        ],
        ["DROP FUNCTION search(text)"],
        {"search": "ai"},
    ),
    "a function whose body speaks of both homes is in the default home": (
        [
            "CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS "
            "$$ BEGIN DELETE FROM ai_docs; DELETE FROM users; END $$"
        ],
        ["DROP FUNCTION purge()"],
        {"purge": "core"},
    ),
    "what a body calls goes with it": (
        [
            "CREATE TYPE st AS ENUM ('a')",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION next_number() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('numbers') $$",
            "CREATE FUNCTION code(p text) RETURNS text LANGUAGE plpgsql AS "
            "$$ DECLARE s st; BEGIN s := 'a'; RETURN p || s || next_number(); END $$",
            "ALTER TABLE ai_docs ADD code text DEFAULT code('A')",
        ],
        [
            "ALTER TABLE ai_docs DROP code",
            "DROP FUNCTION code(text)",
            "DROP FUNCTION next_number()",
            "DROP SEQUENCE numbers; DROP TYPE st",
        ],
        {"st": "ai", "numbers": "ai", "next_number": "ai", "code": "ai"},
    ),
    "bodies that PostgreSQL does look into": (
        [
            "CREATE FUNCTION a1() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM ai_docs; END",
            "CREATE FUNCTION a2() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM ai_docs)",
            "CREATE FUNCTION u1() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM users; END",
        ],
        ["DROP FUNCTION a1(); DROP FUNCTION a2(); DROP FUNCTION u1()"],
        {"a1": "ai", "a2": "ai", "u1": "core"},
    ),
    "the type of a row is its table's": (
        [
            "CREATE FUNCTION title(d ai_docs) RETURNS text LANGUAGE sql AS 'SELECT d.name'",
            "CREATE FUNCTION all_docs() RETURNS SETOF ai_docs LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$",
            "CREATE FUNCTION first_user() RETURNS text LANGUAGE plpgsql AS "
            "$$ DECLARE u users%ROWTYPE; BEGIN RETURN u.name; END $$",
            "CREATE TABLE ai_past (id int, old ai_docs, older ai_docs[])",
        ],
        ["DROP TABLE ai_past; DROP FUNCTION title(ai_docs); DROP FUNCTION all_docs(); DROP FUNCTION first_user()"],
        {"title": "ai", "all_docs": "ai", "first_user": "core"},
    ),
    "a view over a function, and one over a type alone": (
        [
            MOOD,
            "CREATE FUNCTION bodies() RETURNS SETOF text LANGUAGE sql AS 'SELECT body FROM ai_docs'",
            "CREATE VIEW texts AS SELECT * FROM bodies()",
            "CREATE VIEW moods AS SELECT unnest(enum_range(NULL::mood)) AS m",
        ],
        ["DROP VIEW moods; DROP VIEW texts; DROP FUNCTION bodies()", NO_MOOD],
        {"bodies": "ai", "texts": "ai", "moods": "ai", "mood": "ai"},
    ),
    "a table is not meant where a type of PostgreSQL's own has its name": (
        [
            "CREATE TABLE date (id int); CREATE TABLE path (id int)",
            "CREATE TABLE ai_days (day date, way path)",
            "CREATE FUNCTION day(d date) RETURNS date LANGUAGE sql AS 'SELECT d'",
        ],
        ["DROP FUNCTION day(date); DROP TABLE ai_days, path, date"],
        {"day": "core"},
    ),
    "a function that is made anew over other tables": (
        [
            "CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'",
            "CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT count(id) FROM users'",
        ],
        ["DROP FUNCTION total()"],
        {"total": "core"},
    ),
    "one of several functions of a name is dropped": (
        [
            "CREATE FUNCTION shown(a int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT a::text'",
            "CREATE FUNCTION shown(a text[]) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT a[1]'",
            "ALTER TABLE ai_docs ADD n text DEFAULT shown(1)",
            "DROP FUNCTION public.shown(text[])",
            "COMMENT ON FUNCTION shown(int) IS 'a number'",
        ],
        ["ALTER TABLE ai_docs DROP n", "DROP FUNCTION shown(int)"],
        {"shown": "ai"},
    ),
    "collations and text search configurations": (
        [
            "CREATE COLLATION ai_order (provider = libc, locale = 'C')",
            "ALTER TABLE ai_docs ADD t text COLLATE ai_order",
            'CREATE INDEX ix_body ON ai_docs (body COLLATE "ai_order")',
            "CREATE TEXT SEARCH CONFIGURATION ai_words (COPY = simple)",
            "ALTER TEXT SEARCH CONFIGURATION ai_words ALTER MAPPING FOR word WITH simple",
            "COMMENT ON TEXT SEARCH CONFIGURATION ai_words IS 'of ai'",
            "CREATE INDEX ix_words ON ai_docs USING gin (to_tsvector('ai_words', body))",
        ],
        [
            "DROP INDEX ix_words; DROP TEXT SEARCH CONFIGURATION ai_words",
            "DROP INDEX ix_body; ALTER TABLE ai_docs DROP t; DROP COLLATION ai_order",
        ],
        {"ai_order": "ai", "ai_words": "ai"},
    ),
    "casts, operators, and the attributes of types": (
        [
            "CREATE TYPE score AS (v int)",
            "COMMENT ON COLUMN score.v IS 'the value'",
            "CREATE FUNCTION to_score(int) RETURNS score IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1)::score'",
            "CREATE CAST (int AS score) WITH FUNCTION to_score(int)",
            "CREATE FUNCTION less(score, score) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).v < ($2).v'",
            "CREATE OPERATOR <# (leftarg = score, rightarg = score, procedure = less)",
            "ALTER TABLE ai_docs ADD s score, ADD s2 score, ADD CONSTRAINT ordered CHECK (s <# s2)",
        ],
        [
            "ALTER TABLE ai_docs DROP s, DROP s2",
            "DROP OPERATOR <# (score, score); DROP FUNCTION less(score, score)",
            "DROP CAST (int AS score); DROP FUNCTION to_score(int); DROP TYPE score",
        ],
        {"score": "ai", "to_score": "ai", "less": "ai"},
    ),
    "an operator over everybody's types is where it is used": (
        [
            "CREATE FUNCTION alike(text, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT lower($1) = lower($2)'",
            "CREATE OPERATOR === (leftarg = text, rightarg = text, procedure = alike)",
            "COMMENT ON OPERATOR === (text, text) IS 'the same words'",
            "CREATE FUNCTION lesser(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 - $2 < 0'",
            "CREATE OPERATOR public.< (leftarg = int, rightarg = int, procedure = lesser)",
            "ALTER TABLE ai_docs ADD CONSTRAINT ck_same CHECK (name === body)",
            "ALTER TABLE ai_docs ADD CONSTRAINT ck_some CHECK (id < 9)",
        ],
        [
            "ALTER TABLE ai_docs DROP CONSTRAINT ck_same, DROP CONSTRAINT ck_some",
            "DROP OPERATOR === (text, text); DROP FUNCTION alike(text, text)",
            "DROP OPERATOR public.< (int, int); DROP FUNCTION lesser(int, int)",
        ],
        {"alike": "ai", "===": "ai", "lesser": "core"},
    ),
    "rights that are given beforehand in a schema": (
        [
            "CREATE SCHEMA vec",
            "CREATE FUNCTION vec.count() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM ai_docs)",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA vec GRANT SELECT ON TABLES TO PUBLIC",
        ],
        ["DROP SCHEMA vec CASCADE"],
        {"vec": "ai"},
    ),
    "event triggers and publications": (
        [
            "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$",
            "CREATE EVENT TRIGGER see ON ddl_command_end WHEN TAG IN ('CREATE DOMAIN') EXECUTE FUNCTION seen()",
            "ALTER EVENT TRIGGER see DISABLE",
            "CREATE PUBLICATION ai_rows FOR TABLE ai_docs",
            "ALTER PUBLICATION ai_rows SET (publish = 'insert')",
            "CREATE PUBLICATION user_rows FOR TABLE users",
        ],
        [
            "DROP PUBLICATION user_rows; DROP PUBLICATION ai_rows",
            "DROP EVENT TRIGGER see; DROP FUNCTION seen()",
        ],
        {"seen": "core", "see": "core", "ai_rows": "ai", "user_rows": "core"},
    ),
    "rows of the catalogs": (
        [MOOD, "DELETE FROM pg_enum WHERE enumtypid = 'mood'::regtype AND enumlabel = 'bad'"],
        [NO_MOOD],
        {"mood": "ai"},
    ),
}
_FOUND = """
    SELECT name FROM (
        SELECT proname FROM pg_proc UNION SELECT typname FROM pg_type UNION SELECT relname FROM pg_class
        UNION SELECT collname FROM pg_collation UNION SELECT cfgname FROM pg_ts_config
        UNION SELECT oprname FROM pg_operator
        UNION SELECT evtname FROM pg_event_trigger UNION SELECT pubname FROM pg_publication
        UNION SELECT nspname FROM pg_namespace
    ) AS every (name)
"""


def script(statements: list[str]) -> str:
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


def where(shared: Shared, names: dict[str, str]) -> dict[str, str]:
    """Return in which databases the things of some names are."""
    there = {name: {row[0] for row in psql(shared.urls[name], _FOUND)} for name in NAMES}
    return {each: " ".join(sorted(name for name in NAMES if each in there[name])) for each in names}


@pytest.mark.parametrize("case", CASES)
def test_everything_is_where_its_tables_are(shared: Shared, case: str) -> None:
    """On the way up, on the way down and up again; a script for psql makes the same."""
    upgrade, downgrade, homes = CASES[case]
    shared.revise(TABLES, DROPS)
    shared.revise(script(upgrade), script(downgrade))
    shared.upgrade()
    assert shared.differences() == []
    assert where(shared, homes) == homes
    shared.downgrade(to="r001")
    assert shared.differences() == []
    assert where(shared, homes) == dict.fromkeys(homes, "")
    shared.upgrade(*NAMES)
    assert where(shared, homes) == homes


# Each is an upgrade after TABLES, the database that cannot run it, and what the error says.
UNDECIDABLE = {
    "a row type of another home": (["CREATE TABLE ai_x (u users)"], "ai", "it needs users (core)"),
    "an array of such rows": (["ALTER TABLE ai_docs ADD u users[]"], "ai", "it needs users (core)"),
    "the sequence of another home": (
        ["ALTER TABLE users ADD n serial", "ALTER TABLE ai_docs ADD n int DEFAULT nextval('users_n_seq')"],
        "ai",
        "it needs users_n_seq (core)",
    ),
    "a body in SQL of both homes": (
        ["CREATE FUNCTION of_both() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users, ai_docs'"],
        "core",
        "of_both stands on ai_docs (ai), users (core)",
    ),
    "a constraint whose function reads another home": (
        [
            "CREATE FUNCTION u_ok(i int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM users WHERE id = i)'",
            "ALTER TABLE ai_docs ADD CONSTRAINT of_users CHECK (u_ok(id))",
        ],
        "ai",
        "it needs u_ok (core)",
    ),
    "a publication of both homes": (
        ["CREATE PUBLICATION every_row FOR TABLE users, ai_docs"],
        "ai",
        "every_row stands on ai_docs (ai), users (core)",
    ),
}


def test_a_body_that_speaks_of_another_home_is_told(shared: Shared, caplog: pytest.LogCaptureFixture) -> None:
    """PostgreSQL makes such a function; what it calls is not there when it runs."""
    shared.revise(TABLES, DROPS)
    shared.revise(
        script(
            [
                "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN DELETE FROM ai_docs; RETURN NEW; END $$",
                "CREATE TRIGGER note AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION note()",
            ]
        )
    )
    shared.upgrade(*NAMES)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "revision r002: the body of function note speaks of ai_docs (ai), which is not here: "
        "it will fail if it is called"
    ]


@pytest.mark.parametrize("case", UNDECIDABLE)
def test_what_can_live_nowhere_is_an_error_and_none_in_a_block_for_no_database(shared: Shared, case: str) -> None:
    """The last statement is what is in the way; left out, the others run, and a downgrade finds nothing of it."""
    upgrade, database, words = UNDECIDABLE[case]
    shared.revise(TABLES, DROPS)
    shared.revise(script(upgrade))
    with pytest.raises(UndecidableError) as caught:
        shared.upgrade(database)
    assert words in str(caught.value)
    shared.revisions.pop()
    shared.revise(f"{script(upgrade[:-1])}\nwith op.on_database():\n    {script(upgrade[-1:])}")
    shared.upgrade(*NAMES)


def test_a_type_that_moves_into_a_schema_takes_it_along(shared: Shared) -> None:
    """The schema comes with the type and leaves with it, by a script for psql, too."""
    shared.revise(TABLES, DROPS)
    for upgrade, downgrade in (
        (
            ["CREATE TYPE color AS ENUM ('r')", "ALTER TABLE ai_docs ADD c color"],
            ["ALTER TABLE ai_docs DROP c", "DROP TYPE color"],
        ),
        (
            ["CREATE SCHEMA typ", "ALTER TYPE color SET SCHEMA typ"],
            ["ALTER TYPE typ.color SET SCHEMA public", "DROP SCHEMA typ"],
        ),
        (["ALTER TABLE users ADD c typ.color"], ["ALTER TABLE users DROP c"]),
        (["ALTER TABLE ai_docs DROP c"], ["ALTER TABLE ai_docs ADD c typ.color"]),
    ):
        shared.revise(script(upgrade), script(downgrade))
    for revision in shared.revisions:
        shared.upgrade(to=revision)
        assert shared.differences() == [], revision
    wanted = {name: shared.snapshot(name).fingerprint for name in NAMES}
    for revision in reversed(shared.revisions[:-1]):
        shared.downgrade(to=revision)
        assert shared.differences() == [], revision
    for name in NAMES:
        config = shared.config(name, connected=False)
        config.set_section_option(name, "sqlalchemy.url", "postgresql+psycopg://")
        config.output_buffer = io.StringIO()
        command.upgrade(config, "head", sql=True)
        shared.engines.pop(name).dispose()
        shared.engine(name)
        psql(shared.urls[name], config.output_buffer.getvalue())
        assert shared.snapshot(name).fingerprint == wanted[name]
