"""multidb check: each finding, planted and absent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from alembic_multidb.checks import CODES
from tests.acceptance.test_status import MULTIDB, as_json
from tests.conftest import ROOT, NewDatabase, Project, copy_example, psql

REVISION = """revision = "{0}"
down_revision = {1}


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""

Plant = Callable[[Project], None]


def found(project: Project, *arguments: str, drift: bool = False) -> list[tuple[str, str | None, str]]:
    """Return code, database and object of each finding; the exit code must fit."""
    more = () if drift else ("--no-drift",)
    done = project.run("check", "--json", *more, *arguments, module=MULTIDB)
    assert "Traceback" not in done.stderr, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    findings = data["findings"]
    unanswered = any(item["code"] in ("MDB301", "MDB402", "MDB803") for item in findings)
    assert done.returncode == data["exit_code"] == (2 if unanswered else 1 if findings else 0), done.stderr
    for item in findings:
        assert item["severity"] == CODES[item["code"]].severity
        assert item["message"] and item["fix"]
    return [(item["code"], item["database"], item["object"]) for item in findings]


def core(sql: str) -> Plant:
    return lambda project: void(psql(project.environment["DATABASE_URL"], sql))


def ai(sql: str) -> Plant:
    return lambda project: void(psql(project.environment["AI_DATABASE_URL"], sql))


def write(path: str, text: str) -> Plant:
    return lambda project: void(project.write(path, text))


def edit(path: str, old: str, new: str) -> Plant:
    return lambda project: project.edit(path, old, new)


def void(value: object) -> None:
    pass


MEMORIES = "CREATE TABLE ai_memories (id uuid PRIMARY KEY, user_id uuid);"
COPY = ("MDB801", "core", "ai_memories")

# What is planted, and what must be found then (beside it, what the same plant brings with it).
PLANTED: list[tuple[str, list[Plant], list[tuple[str, str | None, str]]]] = [
    (
        "two rules contradict each other",
        [edit("notes/databases.py", "default=True)", 'tables=["ai_memories"], default=True)')],
        [("MDB101", None, "registry")],
    ),
    (
        "a model without a home",
        [edit("notes/databases.py", ", default=True)", ', tables=["users"])')],
        [("MDB101", None, "registry")],
    ),
    (
        "two rules for a live table that no model declares",
        [
            edit("notes/databases.py", "default=True)", 'schemas=["audit"], default=True)'),
            edit("notes/databases.py", '"ai_documents", ', '"ai_documents", "audit.ai_*", '),
            core("CREATE SCHEMA audit; CREATE TABLE audit.ai_log (id int)"),
        ],
        # Alembic cannot compare with it either.
        [("MDB101", "core", "audit.ai_log"), ("MDB402", "core", "core")],
    ),
    (
        "a live table without a home",
        [
            edit("notes/databases.py", "default=True)", 'tables=["users", "note*", "tags"])'),
            core("CREATE TABLE stray (id int)"),
        ],
        [("MDB102", "core", "stray")],
    ),
    ("several heads", [write("migrations/ai/a00x.py", REVISION.format("a00x", '"a001"'))],
     [("MDB201", "ai", "ai"), ("MDB304", "ai", "ai")]),
    ("a missing parent", [write("migrations/ai/x.py", REVISION.format("x", '"gone"'))], [("MDB202", "ai", "ai")]),
    ("the same id twice", [write("migrations/ai/x.py", REVISION.format("a002", '"a001"'))], [("MDB202", "ai", "ai")]),
    ("a file that is no Python", [write("migrations/ai/x.py", "def (:")], [("MDB202", "ai", "ai")]),
    ("a file that raises", [write("migrations/ai/x.py", "raise RuntimeError('postgresql://u:pw@h/x')")],
     [("MDB202", "ai", "ai")]),
    (
        "a circle",
        [edit("migrations/core/c001_accounts.py", "down_revision = None", 'down_revision = "c003"')],
        [("MDB202", "core", "core")],
    ),
    (
        "an id that another history has",
        [
            write("migrations/ai/c002.py", REVISION.format("c002", '"a002"')),
            ai("UPDATE alembic_version SET version_num='c002'"),
        ],
        [("MDB203", "ai", "c002")],
    ),
    ("no marker", [core("COMMENT ON TABLE alembic_version IS NULL")], [("MDB302", "core", "core")]),
    (
        "another database's marker",
        [core("COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=billing'")],
        [("MDB303", "core", "core")],
    ),
    (
        "a database behind its history",
        [write("migrations/ai/a003.py", REVISION.format("a003", '"a002"'))],
        [("MDB304", "ai", "ai")],
    ),
    ("a database without a revision", [core("DELETE FROM alembic_version")], [("MDB304", "core", "core")]),
    ("a revision from elsewhere", [core("UPDATE alembic_version SET version_num='z'")], [("MDB305", "core", "core")]),
    (
        "a stamp without proof",
        [core("COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=core stamped=unproven'")],
        [("MDB306", "core", "core")],
    ),
    (
        "models ahead of the history",
        [edit("notes/models.py", "    content: Mapped[str]", "    title: Mapped[str]\n    content: Mapped[str]")],
        [("MDB401", "ai", "ai")],
    ),
    ("a column dropped by hand", [core("ALTER TABLE notes DROP COLUMN body")], [("MDB401", "core", "core")]),
    (
        "a comparison that cannot be made",
        [edit("migrations/env.py", "run_migrations()", "raise ZeroDivisionError")],
        [("MDB402", "core", "core"), ("MDB402", "ai", "ai")],
    ),
    ("an undeclared extension", [core("CREATE EXTENSION vector")], [("MDB501", "core", "vector")]),
    ("an extension that nobody declares", [ai("CREATE EXTENSION hstore")], [("MDB501", "ai", "hstore")]),
    (
        "a declared extension that is not installed",
        [edit("notes/databases.py", '"vector": ">=0.5"', '"vector": ">=0.5", "hstore": "*"')],
        [("MDB502", "ai", "hstore")],
    ),
    (
        "a declared extension that the server does not offer",
        [edit("notes/databases.py", '"vector": ">=0.5"', '"vector": ">=0.5", "no_such_thing": "*"')],
        [("MDB502", "ai", "no_such_thing")],
    ),
    ("an extension below its floor", [edit("notes/databases.py", ">=0.5", ">=99")], [("MDB503", "ai", "vector")]),
    (
        "a foreign key across homes",
        [core(MEMORIES + "ALTER TABLE ai_memories ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)")],
        [("MDB601", "core", "fk on public.ai_memories"), COPY],
    ),
    (
        "a view across homes",
        [core(MEMORIES + "CREATE VIEW v AS SELECT u.email, m.id FROM users u JOIN ai_memories m ON m.user_id = u.id")],
        [("MDB602", "core", "public.v"), COPY],
    ),
    (
        "a materialized view across homes, by way of a view",
        [
            core(MEMORIES + "CREATE VIEW v AS SELECT id FROM ai_memories"),
            core("CREATE MATERIALIZED VIEW mv AS SELECT v.id FROM v, users"),
        ],
        [("MDB602", "core", "public.mv"), COPY],
    ),
    (
        "a trigger across homes",
        [
            core(MEMORIES + "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"),
            core(
                "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON users FROM ai_memories FOR EACH ROW "
                "EXECUTE FUNCTION f()"
            ),
        ],
        [("MDB603", "core", "t on public.users"), COPY],
    ),
    (
        "a function across homes",
        [
            core(
                MEMORIES + "CREATE FUNCTION f(m ai_memories) RETURNS text LANGUAGE sql "
                "BEGIN ATOMIC SELECT email FROM users WHERE id = m.user_id; END"
            )
        ],
        [("MDB604", "core", "public.f(public.ai_memories)"), COPY],
    ),
    (
        "a policy across homes",
        [core(MEMORIES + "CREATE POLICY p ON users USING (EXISTS (SELECT FROM ai_memories m WHERE m.user_id = id))")],
        [("MDB605", "core", "p on public.users"), COPY],
    ),
    (
        "a default from a sequence of another home",
        [
            core("CREATE TABLE ai_memories (id serial PRIMARY KEY)"),
            core("CREATE TABLE other (id int DEFAULT nextval('ai_memories_id_seq'))"),
        ],
        [("MDB605", "core", "public.other"), COPY],
    ),
    ("inheritance across homes", [core(MEMORIES + "CREATE TABLE child () INHERITS (ai_memories)")],
     [("MDB605", "core", "public.child"), COPY]),
    (
        "a soft reference without its target",
        [core("ALTER TABLE users RENAME TO people")],
        [("MDB401", "core", "core"), ("MDB701", "ai", "ai_memories.user_id -> users.id")],
    ),
    (
        "a soft reference without its column",
        [ai("ALTER TABLE ai_memories RENAME user_id TO person")],
        [("MDB401", "ai", "ai"), ("MDB701", "ai", "ai_memories.user_id -> users.id")],
    ),
    (
        "a soft reference of another type",
        [ai("ALTER TABLE ai_memories ALTER user_id TYPE text")],
        [("MDB401", "ai", "ai"), ("MDB702", "ai", "ai_memories.user_id -> users.id")],
    ),
    ("a legacy copy", [core(MEMORIES)], [COPY]),
    ("a table that only lies elsewhere", [ai("CREATE TABLE audit (id int)")], [("MDB801", "ai", "audit")]),
]  # fmt: skip

# What looks like a finding and is none.
HARMLESS: dict[str, list[Plant]] = {
    "nothing at all": [],
    "an unmodelled table at home": [core("CREATE TABLE audit (id int)")],
    "a merged branch": [
        write("migrations/ai/a00x.py", REVISION.format("a00x", '"a001"')),
        write("migrations/ai/a003.py", REVISION.format("a003", '("a002", "a00x")')),
        ai("UPDATE alembic_version SET version_num = 'a003'"),
    ],
    "ids that only begin alike": [
        write("migrations/ai/c0.py", REVISION.format("c0", '"a002"')),
        ai("UPDATE alembic_version SET version_num = 'c0'"),
    ],
    "other words beside the marker": [
        core("COMMENT ON TABLE alembic_version IS E'ours\\nalembic_multidb: database=core'")
    ],
    "a version that is exactly the floor, in other words": [edit("notes/databases.py", ">=0.5", ">=0.5.0")],
    "an extension that a table of its own comes with": [
        ai("CREATE EXTENSION postgres_fdw"),
        edit("notes/databases.py", '"vector": ">=0.5"', '"vector": ">=0.5", "postgres_fdw": "*"'),
    ],
    "views, functions, triggers and keys inside one home": [
        core("CREATE VIEW v AS SELECT n.body, u.email FROM notes n, notebooks b, users u"),
        core("CREATE VIEW v2 AS SELECT v.body, t.label FROM v, tags t"),
        core("CREATE FUNCTION f(u users) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM notes; END"),
        core("CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
        core("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION g()"),
        core("CREATE RULE r AS ON DELETE TO tags DO ALSO UPDATE notes SET body = body"),
        core("CREATE POLICY p ON notes USING (EXISTS (SELECT FROM users))"),
    ],
    "a partitioned table with a foreign key": [
        core("CREATE TABLE log (id int, user_id uuid REFERENCES users) PARTITION BY RANGE (id)"),
        core("CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (100)"),
    ],
    "a foreign table that shows another database's": [
        core("CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw"),
        core("CREATE FOREIGN TABLE ai_memories (id uuid) SERVER s"),
        edit("notes/databases.py", "default=True)", 'extensions={"postgres_fdw": "*"}, default=True)'),
    ],
    "a temporary table of a session": [core("CREATE TEMPORARY TABLE ai_memories (id int)")],
}


class TestFindings:
    """What check finds, and what it does not."""

    @pytest.mark.parametrize(("plants", "expected"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED])
    def test_what_is_planted_is_found(
        self, notes_at_head: Project, plants: list[Plant], expected: list[tuple[str, str | None, str]]
    ) -> None:
        """With code, database and object, and nothing else is."""
        for plant in plants:
            plant(notes_at_head)
        assert found(notes_at_head) == sorted(expected, key=lambda item: item[0])

    @pytest.mark.parametrize("plants", HARMLESS.values(), ids=HARMLESS.keys())
    def test_what_is_right_is_not_found(self, notes_at_head: Project, plants: list[Plant]) -> None:
        """Not one finding."""
        for plant in plants:
            plant(notes_at_head)
        assert found(notes_at_head) == []

    def test_every_code_is_planted_somewhere_and_documented(self) -> None:
        """A code without a test, or without a paragraph, is not a promise."""
        elsewhere = {"MDB204", "MDB205", "MDB301", "MDB403", "MDB404", "MDB802", "MDB803"}  # below
        assert {item[0] for _, _, expected in PLANTED for item in expected} | elsewhere == set(CODES)
        page = (ROOT / "docs" / "reference" / "findings.md").read_text()
        for code, (severity, title) in CODES.items():
            assert f"`{code}` ({severity}) {title}" in page

    def test_no_false_alarm_on_the_larger_example(self, tmp_path: Any, new_database: NewDatabase) -> None:
        """42 tables, merged branches, concurrent indexes."""
        project = copy_example("portfolio", tmp_path)
        project.environment = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}
        project.ok("upgrade", module=MULTIDB)
        assert found(project) == []
        project.scratch = project.environment["DATABASE_URL"]
        assert found(project, drift=True) == []

    def test_one_that_cannot_be_reached_is_exit_code_2(self, notes_at_head: Project) -> None:
        """The others are still checked."""
        core("CREATE EXTENSION hstore")(notes_at_head)
        notes_at_head.environment["AI_DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        assert found(notes_at_head) == [("MDB301", "ai", "ai"), ("MDB501", "core", "hstore")]
        assert found(notes_at_head, "-n", "core") == [("MDB501", "core", "hstore")]

    def test_two_histories_in_one_version_table(self, notes_at_head: Project) -> None:
        """Two URLs that lead to one database; two databases on one server are none."""
        project = notes_at_head
        project.edit("notes/databases.py", "\n)\n", '\n    Database("third", url="env:THIRD_DATABASE_URL"),\n)\n')
        with (project.folder / "alembic.ini").open("a") as ini:
            ini.write("\n[third]\nversion_locations = %(here)s/migrations/third\n")
        project.write("migrations/third/t1.py", REVISION.format("t1", None))
        url = project.environment["DATABASE_URL"]
        project.environment["THIRD_DATABASE_URL"] = url.replace("127.0.0.1", "localhost")
        shared = [item for item in found(project) if item[0] == "MDB204"]
        assert shared == [("MDB204", "third", "alembic_version")]

    def test_databases_that_may_be_one_have_no_border(self, tmp_path: Any, new_database: NewDatabase) -> None:
        """A foreign key between them inside the one physical database crosses nothing; one to a third does."""
        project = copy_example("notes", tmp_path)
        url = new_database()
        project.environment = {"DATABASE_URL": url, "AI_DATABASE_URL": url}
        project.edit("notes/databases.py", '"ai",', '"ai", shared_with="core", version_table="ai_version",')
        project.ok("upgrade", module=MULTIDB)
        key = "ADD FOREIGN KEY (user_id) REFERENCES"
        psql(url, f"ALTER TABLE ai_memories {key} users (id)")
        project.scratch = url
        assert found(project) == found(project, drift=True) == []
        project.edit(
            "notes/databases.py",
            "\n)\n",
            '\n    Database("third", url="env:THIRD_DATABASE_URL", tables=["third"]),\n)\n',
        )
        psql(url, f"CREATE TABLE third (user_id uuid); ALTER TABLE third {key} users (id)")
        crossing = [item for item in found(project, "-n", "core") if item[0] == "MDB601"]
        assert [item[2] for item in crossing] == ["third_user_id_fkey on public.third"]

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE DOMAIN person AS uuid; ALTER TABLE ai_memories ALTER user_id TYPE person",
            "CREATE DOMAIN id AS uuid; CREATE DOMAIN person AS id; ALTER TABLE ai_memories ALTER user_id TYPE person",
        ],
    )
    def test_a_domain_over_the_targets_type_is_no_other_type(self, notes_at_head: Project, statement: str) -> None:
        """Nor is a domain over a domain."""
        ai(statement)(notes_at_head)
        assert found(notes_at_head, "--ignore", "MDB401") == []

    def test_a_wrong_url_is_said_once(self, notes_at_head: Project) -> None:
        """What lies in a database that is another one is no copy of anything, and nothing is told to be dropped."""
        urls = notes_at_head.environment
        swapped = {"DATABASE_URL": urls["AI_DATABASE_URL"], "AI_DATABASE_URL": urls["DATABASE_URL"]}
        assert found(Project(notes_at_head.folder, swapped)) == [("MDB303", "core", "core"), ("MDB303", "ai", "ai")]
        one = Project(notes_at_head.folder, {**urls, "AI_DATABASE_URL": urls["DATABASE_URL"]})
        assert found(one) == [("MDB204", "ai", "alembic_version"), ("MDB303", "ai", "ai")]
        assert one.run("tables", module=MULTIDB).returncode == 2

    def test_a_history_without_revisions_is_at_head(self, notes_at_head: Project, new_database: NewDatabase) -> None:
        """There is nothing to upgrade to; what its models need is told as that."""
        project = notes_at_head
        project.edit("notes/databases.py", "\n)\n", '\n    Database("third", url="env:THIRD_DATABASE_URL"),\n)\n')
        with (project.folder / "alembic.ini").open("a") as ini:
            ini.write("\n[third]\nversion_locations = %(here)s/migrations/third\n")
        (project.folder / "migrations" / "third").mkdir()
        project.environment["THIRD_DATABASE_URL"] = new_database()
        assert found(project) == found(project, drift=True) == []
        assert project.run("status", module=MULTIDB).returncode == 0

    def test_a_default_alone_advises_nobody_to_drop_a_table(self, notes_at_head: Project) -> None:
        """A table that no model declares may belong where it lies."""
        for statement in ("CREATE TABLE audit (id int)",):
            core(statement)(notes_at_head)
            ai(statement)(notes_at_head)
        (finding,) = as_json(notes_at_head, "check", "--no-drift", code=1)["findings"]
        assert (finding["code"], finding["database"]) == ("MDB801", "ai")
        assert finding["fix"].startswith('if it belongs to "ai", name it in tables= there')

    def test_a_version_table_with_a_revision_and_its_ancestor(self, notes_at_head: Project) -> None:
        """Alembic would refuse the next upgrade."""
        core("INSERT INTO alembic_version VALUES ('c001')")(notes_at_head)
        assert found(notes_at_head) == [("MDB305", "core", "core")]

    def test_an_unreadable_ini_and_a_registry_that_exits(self, notes_at_head: Project) -> None:
        """One message each, with the place and without what stands there."""
        notes_at_head.edit("notes/databases.py", "databases =", "raise SystemExit(0)\ndatabases =")
        assert "failed with SystemExit at" in notes_at_head.refused("check", module=MULTIDB)
        with (notes_at_head.folder / "alembic.ini").open("a") as ini:
            ini.write("this is no option: but s3cret\nnor this\n")
        refused = notes_at_head.refused("check", module=MULTIDB)
        assert "alembic.ini cannot be read: Parsing in line" in refused
        assert "s3cret" not in refused


HSTORE = 'def upgrade() -> None:\n    op.execute("CREATE EXTENSION hstore")\n'
PARTITIONED = 'def upgrade() -> None:\n    op.execute("CREATE TABLE log (id int) PARTITION BY RANGE (id)")\n'


class TestDrift:
    """The live schema against its revision, and the models against their history."""

    def test_models_that_are_ahead(self, notes_at_head: Project) -> None:
        """The history does not make what they declare."""
        edit("notes/models.py", "    content: Mapped[str]", "    title: Mapped[str]\n    content: Mapped[str]")(
            notes_at_head
        )
        assert found(notes_at_head, drift=True) == [("MDB401", "ai", "ai")]

    def test_models_are_compared_while_a_database_is_behind(self, notes_at_head: Project) -> None:
        """Or cannot be reached: the scratch database is at head."""
        edit("notes/models.py", "    content: Mapped[str]", "    title: Mapped[str]\n    content: Mapped[str]")(
            notes_at_head
        )
        notes_at_head.ok("-n", "ai", "downgrade", "-1")
        assert found(notes_at_head, drift=True) == [("MDB304", "ai", "ai"), ("MDB401", "ai", "ai")]

    def test_a_history_that_is_ahead(self, notes_at_head: Project) -> None:
        """It makes a column that no model declares."""
        write(
            "migrations/ai/a003.py",
            'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "a003"\ndown_revision = "a002"\n\n\n'
            'def upgrade() -> None:\n    op.add_column("ai_documents", sa.Column("extra", sa.Text()))\n\n\n'
            "def downgrade() -> None:\n    pass\n",
        )(notes_at_head)
        notes_at_head.ok("-n", "ai", "upgrade", "head")
        assert found(notes_at_head, drift=True) == [("MDB404", "ai", "ai")]

    @pytest.mark.parametrize(
        ("statement", "what"),
        [
            ("ALTER TABLE notes DROP COLUMN body", "column public.notes.body is missing"),
            ("CREATE TABLE extra (id int)", "table public.extra is extra"),
            ("ALTER TABLE users ALTER email TYPE text", "type character varying(320) -> text"),
            ("DROP INDEX ix_notes_created_at", "index public.ix_notes_created_at is missing"),
        ],
    )
    def test_what_was_changed_by_hand(self, notes_at_head: Project, statement: str, what: str) -> None:
        """It is named, and the models are not blamed for it."""
        core(statement)(notes_at_head)
        (finding,) = as_json(notes_at_head, "check", code=1)["findings"]
        assert (finding["code"], finding["database"]) == ("MDB403", "core")
        assert what in finding["message"]

    def test_what_makes_no_schema_another_one(self, notes_at_head: Project) -> None:
        """Comments, rights, settings, rows."""
        core("COMMENT ON TABLE notes IS 'x'; GRANT SELECT ON notes TO public; INSERT INTO users (email) VALUES ('x')")(
            notes_at_head
        )
        assert found(notes_at_head, drift=True) == []

    def test_a_history_that_does_not_run_on_an_empty_database(self, notes_at_head: Project) -> None:
        """That is said; the models are then compared with the live database."""
        edit("migrations/core/c002_notes.py", "def upgrade() -> None:\n", "def upgrade() -> None:\n    1 / 0\n")(
            notes_at_head
        )
        core("ALTER TABLE notes DROP COLUMN body")(notes_at_head)
        done = notes_at_head.run("check", module=MULTIDB)
        assert "MDB401" in done.stdout
        assert 'the history of "core" cannot be run on an empty scratch database up to c003' in done.stderr

    def test_a_database_with_a_search_path_of_its_own(self, notes: Project) -> None:
        """The scratch database gets it, too."""
        url = notes.environment["DATABASE_URL"]
        psql(url, f"CREATE SCHEMA app; ALTER DATABASE {url.rpartition('/')[2]} SET search_path = app")
        notes.ok("upgrade", module=MULTIDB)
        assert psql(url, "SELECT to_regclass('app.users') IS NOT NULL") == [(True,)]
        assert found(notes, drift=True) == []
        core("ALTER TABLE notes DROP COLUMN body")(notes)
        assert found(notes, drift=True) == [("MDB403", "core", "core")]

    def test_an_extension_that_only_the_history_knows(self, notes_at_head: Project) -> None:
        """Dropped by hand, it is missing."""
        edit("migrations/core/c003_notes_by_time.py", "def upgrade() -> None:\n", HSTORE)(notes_at_head)
        assert found(notes_at_head, drift=True) == [("MDB403", "core", "core")]

    def test_partitions_come_and_go(self, notes_at_head: Project) -> None:
        """Those that a program makes at run time are no drift."""
        notes_at_head.edit("notes/databases.py", '"core",', '"core", unmodelled="keep",')
        edit("migrations/core/c003_notes_by_time.py", "def upgrade() -> None:\n", PARTITIONED)(notes_at_head)
        core("CREATE TABLE log (id int) PARTITION BY RANGE (id)")(notes_at_head)
        core("CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (9); CREATE INDEX ON log_1 (id)")(
            notes_at_head
        )
        assert found(notes_at_head, drift=True) == []

    def test_nothing_is_left_on_the_scratch_server(self, notes_at_head: Project) -> None:
        """Nor is the checked database touched."""
        databases = "SELECT datname FROM pg_database WHERE datname LIKE 'multidb_scratch_%' ORDER BY 1"
        before = psql(notes_at_head.environment["DATABASE_URL"], databases)
        found(notes_at_head, drift=True)
        assert psql(notes_at_head.environment["DATABASE_URL"], databases) == before


class TestIgnoring:
    """--ignore CODE[:object]."""

    def test_what_is_ignored_is_not_reported(self, notes_at_head: Project) -> None:
        """By code, by object, by a pattern for the object, by database and object."""
        core(MEMORIES + "CREATE EXTENSION hstore")(notes_at_head)
        both = [("MDB501", "core", "hstore"), COPY]
        assert found(notes_at_head) == both
        assert found(notes_at_head, "--ignore", "MDB801") == both[:1]
        assert found(notes_at_head, "--ignore", "mdb801:ai_memories") == both[:1]
        assert found(notes_at_head, "--ignore", "MDB801:core.ai_*", "--ignore", "MDB501:hstore") == []
        assert found(notes_at_head, "--ignore", "MDB801:other") == both

    @pytest.mark.parametrize("text", ["MDB999", "MDB801:", "legacy"])
    def test_what_is_no_code_is_refused(self, notes_at_head: Project, text: str) -> None:
        """A typing error must not pass for something ignored."""
        assert "is not of the form CODE[:object]" in notes_at_head.refused("check", "--ignore", text, module=MULTIDB)


class TestWatching:
    """--watch SECONDS."""

    @pytest.fixture
    def copy(self, notes_at_head: Project) -> Project:
        core(MEMORIES + "INSERT INTO ai_memories VALUES (gen_random_uuid())")(notes_at_head)
        time.sleep(1.5)  # until the statistics have it
        return notes_at_head

    @pytest.fixture
    def busy(self, copy: Project) -> Iterator[Project]:
        """Somebody goes on writing to the copy."""
        stop = Event()

        def work() -> None:
            with psycopg.connect(copy.environment["DATABASE_URL"], autocommit=True) as connection:
                while not stop.wait(0.2):
                    connection.execute("UPDATE ai_memories SET user_id = gen_random_uuid()")

        thread = Thread(target=work)
        thread.start()
        yield copy
        stop.set()
        thread.join()

    def test_a_copy_that_is_written_to(self, busy: Project) -> None:
        """It is an error beside the copy itself."""
        assert found(busy, "--watch", "3") == [COPY, ("MDB802", "core", "ai_memories")]

    def test_a_copy_that_is_only_read(self, copy: Project) -> None:
        """Reading is no writing."""
        psql(copy.environment["DATABASE_URL"], "SELECT * FROM ai_memories")
        assert found(copy, "--watch", "2") == [COPY]

    def test_a_copy_that_is_emptied(self, copy: Project) -> None:
        """TRUNCATE is counted nowhere, but it is seen."""
        checking = copy.start("check", "--json", "--watch", "5", module=MULTIDB)
        time.sleep(3.5)
        psql(copy.environment["DATABASE_URL"], "TRUNCATE ai_memories")
        text, _ = checking.communicate(timeout=60)
        assert "truncated or rewritten" in text


class TestOutput:
    """What people and programs read."""

    def test_a_finding_says_code_severity_place_what_and_fix(self, notes_at_head: Project) -> None:
        """Two lines a finding on stdout; the sum on stderr."""
        core(MEMORIES)(notes_at_head)
        done = notes_at_head.run("check", "--no-drift", module=MULTIDB)
        assert done.returncode == 1
        first, second = done.stdout.splitlines()
        assert first.startswith('MDB801 warning [core] table "ai_memories" lies in "core", but is at home in "ai"')
        assert second.startswith("  fix: ")
        assert done.stderr.splitlines()[-1] == "0 errors, 1 warning"

    def test_json_names_state_of_databases_and_findings(self, notes_at_head: Project) -> None:
        """As every command that reports."""
        core("CREATE EXTENSION hstore")(notes_at_head)
        data = as_json(notes_at_head, "check", "--no-drift", code=1)
        assert [item["state"] for item in data["databases"]] == ["at head", "at head"]
        (finding,) = data["findings"]
        assert finding.keys() == {"code", "database", "object", "message", "fix", "severity"}

    def test_a_password_in_a_revision_that_raises_is_not_shown(self, notes_at_head: Project) -> None:
        """Nor anything else of what the exception says."""
        write("migrations/ai/x.py", "raise RuntimeError('postgresql://u:s3cret@h/x')")(notes_at_head)
        done = notes_at_head.run("check", module=MULTIDB)
        assert "x.py, line 1: RuntimeError" in done.stdout
        assert "s3cret" not in done.stdout + done.stderr
