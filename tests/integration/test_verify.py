"""What a comparison with the source proves, refuses, tells and writes down: two homes that came from one database."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import MetaData

from alembic_multidb import Database, Databases
from alembic_multidb.errors import ConfigurationError, ConnectionFailedError, MultidbError
from alembic_multidb.operate import Project
from alembic_multidb.verify import (
    Evidence,
    Exclusion,
    Report,
    VerifyOptions,
    verify,
    verify_against,
    write_evidence,
)
from alembic_multidb.verify.chunks import Key, first_parts
from alembic_multidb.verify.progress import Progress
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.tables import Pair, read_tables
from tests.conftest import NewDatabase, psql
from tests.integration.verified import compared, project_of, target_of, url_of
from tests.servers import Server, name_for, wait_until

CORE = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE users (id serial PRIMARY KEY, name text, mood mood DEFAULT 'glad');
INSERT INTO users (name) SELECT 'u' || n FROM generate_series(1, 50) AS n;
CREATE TABLE messages (id uuid PRIMARY KEY, user_id integer REFERENCES users, body text);
INSERT INTO messages SELECT md5(n::text)::uuid, n, 'm' || n FROM generate_series(1, 50) AS n;
"""
AI = """
CREATE TABLE ai_memories (id integer PRIMARY KEY, user_id integer, body text);
INSERT INTO ai_memories SELECT n, n, 'm' || n FROM generate_series(1, 50) AS n;
CREATE TABLE ai_feedback (id integer PRIMARY KEY, message_id uuid);
INSERT INTO ai_feedback SELECT n, md5(n::text)::uuid FROM generate_series(1, 50) AS n;
CREATE TABLE ai_documents (id integer PRIMARY KEY, embedding vector(16));
INSERT INTO ai_documents
SELECT n, (SELECT array_agg(sin(n * i * i * 12.9898) ORDER BY i)::real[]::vector FROM generate_series(1, 16) AS i)
FROM generate_series(1, 600) AS n;
CREATE INDEX ai_documents_hnsw ON ai_documents USING hnsw (embedding vector_l2_ops) WITH (m = 4, ef_construction = 8);
"""
MIXED = """
ALTER TABLE ai_memories ADD CONSTRAINT to_users FOREIGN KEY (user_id) REFERENCES users;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('m012');
"""


@dataclass(frozen=True)
class Split:
    """A database that was split into two."""

    server: Server
    source: str
    core: str
    ai: str

    @property
    def databases(self) -> Databases:
        metadata = MetaData()
        return Databases(
            Database("core", metadata=metadata, url=self.core, default=True),
            Database(
                "ai",
                metadata=metadata,
                url=self.ai,
                tables=["ai_*"],
                extensions={"vector": "*"},
                soft_references=["ai_memories.user_id -> users.id", "ai_feedback.message_id -> messages.id"],
            ),
        )

    @property
    def project(self) -> Project:
        return Project(Path("alembic.ini"), self.databases)

    def verify(self, *exclude: str, evidence: Evidence | None = None, **options: object) -> Report:
        chosen = VerifyOptions(exclude=tuple(map(Exclusion.parse, exclude)), recall_samples=0)
        return verify(self.project, url_of(self.source), replace(chosen, **options), evidence=evidence)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def split_templates(server: Server) -> tuple[str, str, str]:
    """The three databases."""
    names = tuple(f"split_{part}_{os.getpid()}" for part in ("mixed", "core", "ai"))
    for name, statements in zip(
        names,
        (f"CREATE EXTENSION vector; {CORE}{AI}{MIXED}", CORE, f"CREATE EXTENSION vector; {AI}"),
        strict=True,
    ):
        server.create_database(name)
        server.run(statements, name)
    return names  # type: ignore[return-value]


@pytest.fixture
def split(server: Server, split_templates: tuple[str, str, str], new_database: NewDatabase) -> Split:
    """Copies of them for one test."""
    return Split(server, *(new_database(name) for name in split_templates))


def words(report: Report) -> list[str]:
    return [finding.message for finding in report.findings]


def kinds(report: Report) -> set[tuple[str, str, str, str]]:
    return {(item.database, item.kind, item.object, item.what) for item in report.findings}


class TestTwoHomes:
    """The source's parts, each in its home."""

    def test_a_split_is_equal_and_what_may_differ_is_told_with_its_reason(self, split: Split) -> None:
        """The foreign key that became a soft reference, and the version table."""
        report = split.verify()
        assert (report.exit_code, words(report)) == (0, [])
        told = {(item.kind, item.object): item.reason for item in report.databases[1].expected}
        assert (
            "a soft reference now: public.ai_memories (ai), public.users (core)"
            in told["foreign key", "to_users on public.ai_memories"]
        )
        assert "version table" in told["table", "alembic_version"]
        assert [len(database.tables) for database in report.databases] == [2, 3]

    def test_one_database_alone(self, split: Split) -> None:
        """The other one need not even be there."""
        there = replace(split, core=split.core.rpartition("/")[0] + "/nowhere")
        assert [database.state for database in there.verify(names=("ai",)).databases] == ["equal"]
        both = there.verify()
        assert [database.state for database in both.databases] == ["unknown", "equal"]
        assert both.exit_code == 2

    def test_two_homes_in_one_database(self, split: Split) -> None:
        """They may share one: each is compared with what of it is at home there."""
        metadata = MetaData()
        shared = Databases(
            Database("core", metadata=metadata, url=split.core, default=True, shared_with=["ai"]),
            Database("ai", metadata=metadata, url=split.core, tables=["ai_*"], version_table="ai_version"),
        )
        with psycopg.connect(split.core) as connection:
            connection.execute(f"CREATE EXTENSION vector; {AI}".encode())
        project = Project(Path("alembic.ini"), shared)
        options = VerifyOptions(recall_samples=0)
        report = verify(project, url_of(split.source), options)
        assert (report.exit_code, words(report)) == (0, [])
        psql(split.core, "UPDATE ai_memories SET body = 'x' WHERE id = 7; CREATE TABLE more (id int)")
        found = kinds(verify(project, url_of(split.source), options))
        assert found == {
            ("core", "table", "public.more", "extra"),
            ("ai", "rows", "public.ai_memories", "different"),
        }

    def test_an_extension_where_it_must_not_be(self, split: Split) -> None:
        """pgvector in core, and none in ai."""
        psql(split.core, "CREATE EXTENSION vector")
        assert kinds(split.verify()) == {("core", "extension", "vector", "extra")}

    def test_a_declared_extension_that_nobody_has(self, split: Split) -> None:
        """It is missing, though the source does not have it either."""
        databases = split.databases
        ai = Database(
            "ai", metadata=MetaData(), url=split.ai, tables=["ai_*"], extensions={"vector": "*", "hstore": "*"}
        )
        project = Project(Path("alembic.ini"), Databases(databases["core"].declaration, ai))
        report = verify(project, url_of(split.source), VerifyOptions(recall_samples=0))
        assert words(report) == ['extension hstore is declared for "ai", but missing on both sides']

    def test_what_a_dump_of_some_tables_takes_along_fails_unless_it_is_excluded(self, split: Split) -> None:
        """A type of the other home."""
        psql(split.ai, "CREATE TYPE mood AS ENUM ('glad', 'sad')")
        assert kinds(split.verify()) == {("ai", "type", "public.mood", "extra")}
        report = split.verify("type:mood")
        assert report.exit_code == 0
        assert ("type", "public.mood", "excluded by type:mood") in {
            (item.kind, item.object, item.reason) for item in report.databases[1].expected
        }

    def test_a_copy_of_the_other_home_s_table(self, split: Split) -> None:
        """It is extra, whether schemas are compared or rows alone."""
        psql(split.ai, "CREATE TABLE users (id int)")
        assert kinds(split.verify(data=False)) == {("ai", "table", "public.users", "extra")}
        assert kinds(split.verify(schema=False)) == {("ai", "table", "public.users", "extra")}

    def test_tables_and_columns_without_a_comparison_of_schemas(self, split: Split) -> None:
        """A missing one is no equal one."""
        psql(split.core, "ALTER TABLE messages DROP body; ALTER TABLE users ADD more int")
        psql(split.ai, "DROP TABLE ai_feedback")
        found = kinds(split.verify(schema=False))
        assert {
            ("core", "column", "public.messages.body", "missing"),
            ("core", "column", "public.users.more", "extra"),
            ("ai", "table", "public.ai_feedback", "missing"),
        } <= found

    def test_a_table_without_a_home_would_be_lost(self, split: Split) -> None:
        """No database is the default, and no rule names it."""
        psql(split.source, "CREATE TABLE forgotten (id int)")
        core, ai = (split.databases[name].declaration for name in ("core", "ai"))
        named = Database("core", metadata=MetaData(), url=split.core, tables=["users", "messages"])
        project = Project(Path("alembic.ini"), Databases(named, replace_metadata(ai)))
        report = verify(project, url_of(split.source), VerifyOptions(schema=False))
        assert kinds(report) == {("core", "table", "public.forgotten", "missing")}
        assert core.default

    def test_what_crosses_homes_is_lost_unless_it_is_excluded(self, split: Split) -> None:
        """A view over tables of both."""
        psql(split.source, "CREATE VIEW mixed AS SELECT * FROM users JOIN ai_memories USING (id)")
        report = split.verify()
        assert {item[1:] for item in kinds(report)} == {("view", "public.mixed", "missing")}
        assert "public.ai_memories (ai), public.users (core)" in words(report)[0]
        assert split.verify("view:public.mixed").exit_code == 0

    def test_an_exclusion_takes_its_parts_along(self, split: Split) -> None:
        """A table's columns, constraints, indexes, comments, sequence and rows."""
        psql(split.core, "DROP TABLE messages; ALTER TABLE users ALTER name TYPE varchar, ADD CHECK (id > 0)")
        psql(split.core, "COMMENT ON TABLE users IS 'x'; DELETE FROM users; SELECT setval('users_id_seq', 7)")
        assert split.verify().exit_code == 1
        report = split.verify("table:messages", "table:users", "sequence:users_id_seq")
        assert [finding.what for finding in report.findings] == ["suspicious"]

    def test_an_exclusion_that_matches_nothing_is_a_mistake(self, split: Split) -> None:
        """It is named."""
        with pytest.raises(ConfigurationError, match="view:no_such_view"):
            split.verify("view:no_such_view")

    @pytest.mark.parametrize("text", ["users", "table:", ":users"])
    def test_an_exclusion_needs_kind_and_name(self, text: str) -> None:
        """Else it says how one is written."""
        with pytest.raises(ConfigurationError, match="KIND:NAME"):
            Exclusion.parse(text)

    def test_a_setting_of_an_extension_that_is_not_at_home(self, split: Split) -> None:
        """hnsw.ef_search belongs to ai alone: there it is missing, in core it is not."""
        name = split.source.rpartition("/")[2]
        psql(split.source, f"LOAD 'vector'; ALTER DATABASE {name} SET hnsw.ef_search = 100")
        report = split.verify(data=False)
        assert kinds(report) == {("ai", "setting", "hnsw.ef_search of the database", "different")}
        assert words(report) == ["setting hnsw.ef_search of the database differs: 100 -> (not set)"]
        assert {item.object for item in report.databases[0].expected} >= {"hnsw.ef_search of the database"}
        psql(split.ai, f"LOAD 'vector'; ALTER DATABASE {split.ai.rpartition('/')[2]} SET hnsw.ef_search = 100")
        assert split.verify(data=False).exit_code == 0

    def test_a_setting_that_only_a_new_connection_shows(self, server_16: Server, split: Split) -> None:
        """The target's server has another ef_search for everybody, which stands in no catalog of settings."""
        name = f"new_connection_{os.getpid()}"
        url = server_16.create_database(name)
        try:
            with psycopg.connect(url) as connection:
                connection.execute(f"CREATE EXTENSION vector; {AI}".encode())
            server_16.run("LOAD 'vector'")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("LOAD 'vector'")
                connection.execute("ALTER SYSTEM SET hnsw.ef_search = 77")
            server_16.run("SELECT pg_reload_conf()")
            wait_until(
                lambda: "77" in str(replace(split, ai=url).verify(names=("ai",), data=False).findings), seconds=10
            )
            report = replace(split, ai=url).verify(names=("ai",), data=False)
            assert words(report) == ["setting hnsw.ef_search of a new connection differs: 40 -> 77"]
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM RESET hnsw.ef_search")
            server_16.run("SELECT pg_reload_conf()")
            server_16.drop_database(name)

    def test_a_sequence_goes_where_it_is_used(self, split: Split) -> None:
        """By a view of ai's alone: it is ai's, not the default database's."""
        for url in (split.source, split.ai):
            psql(url, "CREATE SEQUENCE numbers; CREATE VIEW v AS SELECT id, nextval('numbers') AS n FROM ai_memories")
        assert words(split.verify()) == words(split.verify(schema=False)) == []
        psql(split.ai, "SELECT nextval('numbers'), nextval('numbers')")
        assert kinds(split.verify()) == {("ai", "sequence", "public.numbers", "different")}

    def test_secrets_of_an_application_in_settings_are_compared_but_not_shown(self, split: Split) -> None:
        """Another value is a difference all the same."""
        for url, value in ((split.source, "hunter2"), (split.core, "hunter3"), (split.ai, "hunter2")):
            psql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET my.token = '{value}'")
        report = split.verify(data=False)
        assert kinds(report) == {("core", "setting", "my.token of the database", "different")}
        assert "hunter" not in str(report)

    def test_roles_of_one_home_alone(self, split: Split) -> None:
        """Their settings and their members are no matter of the other home."""
        group, login = name_for("core_group"), name_for("core_login")
        split.server.run(f"CREATE ROLE {group}; CREATE ROLE {login} LOGIN IN ROLE {group}")
        try:
            split.server.run(f"ALTER ROLE {login} SET work_mem = '8MB'; ALTER ROLE {group} SET work_mem = '9MB'")
            for url in (split.source, split.core):
                psql(url, f"GRANT SELECT ON users TO {group}")
            assert words(split.verify(data=False)) == []
            psql(split.ai, f"ALTER ROLE {login} IN DATABASE {split.ai.rpartition('/')[2]} SET work_mem = '10MB'")
            assert words(split.verify(data=False)) == [f"setting work_mem of role {login} differs: 8MB -> 10MB"]
        finally:
            for url in (split.source, split.core):
                psql(url, f"REVOKE SELECT ON users FROM {group}")
            split.server.run(f"DROP ROLE {login}; DROP ROLE {group}")

    def test_owners_and_rights_on_demand(self, split: Split) -> None:
        """--no-owner and --no-acl."""
        psql(
            split.core,
            "CREATE ROLE split_owner; ALTER TABLE users OWNER TO split_owner; GRANT SELECT ON users TO PUBLIC",
        )
        try:
            assert split.verify(data=False).exit_code == 1
            assert {item[1] for item in kinds(split.verify(data=False, owners=False))} == {"grants"}
            assert {item[1] for item in kinds(split.verify(data=False, grants=False))} == {"owner"}
            assert split.verify(data=False, owners=False, grants=False).exit_code == 0
        finally:
            psql(
                split.core,
                "REASSIGN OWNED BY split_owner TO postgres; DROP OWNED BY split_owner; DROP ROLE split_owner",
            )


def replace_metadata(declaration: Database) -> Database:
    return Database("ai", metadata=MetaData(), url=declaration.url, tables=["ai_*"], extensions={"vector": "*"})


class TestSuspicious:
    """What could not be told is no proof."""

    def test_source_and_target_are_one(self, split: Split) -> None:
        """It would be compared with itself."""
        report = replace(split, core=split.source).verify()
        assert report.exit_code == 2
        assert "leads to the source itself" in words(report)[0]

    def test_the_source_cannot_be_reached(self, split: Split) -> None:
        """That is an error."""
        with pytest.raises(ConnectionFailedError):
            replace(split, source=split.source.rpartition("/")[0] + "/nowhere").verify()

    def test_nothing_to_compare(self, split: Split, new_database: NewDatabase) -> None:
        """Two empty databases prove nothing."""
        report = replace(split, source=new_database(), core=new_database()).verify(names=("core",))
        assert kinds(report) == {("core", "rows", "all", "suspicious")}
        assert report.exit_code == 2

    def test_empty_on_both_sides_where_evidence_says_rows(self, split: Split, tmp_path: Path) -> None:
        """A source that somebody emptied in between makes no empty target right."""
        write_evidence(split.verify(), tmp_path / "proof.json")
        for url in (split.source, split.ai):
            psql(url, "DELETE FROM ai_memories")
        assert split.verify().exit_code == 0
        report = split.verify(evidence=Evidence.load(tmp_path / "proof.json"))
        assert split.verify("rows:ai_memories", evidence=Evidence.load(tmp_path / "proof.json")).exit_code == 0
        assert kinds(report) == {("ai", "rows", "public.ai_memories", "suspicious")}
        assert "none on both sides, but 50 when the evidence was taken" in words(report)[0]
        assert report.exit_code == 2

    def test_a_table_that_is_gone_where_evidence_says_rows(self, split: Split, tmp_path: Path) -> None:
        """On both sides."""
        write_evidence(split.verify(), tmp_path / "proof.json")
        for url in (split.source, split.ai):
            psql(url, "DROP TABLE ai_memories")
        report = split.verify(evidence=Evidence.load(tmp_path / "proof.json"))
        assert kinds(report) == {("ai", "table", "public.ai_memories", "suspicious")}

    def test_large_objects_without_a_home(self, split: Split) -> None:
        """Where no database is the default."""
        psql(split.source, "SELECT lo_from_bytea(7777, 'x')")
        ai = Databases(Database("ai", metadata=MetaData(), url=split.ai, tables=["ai_*"]))
        report = verify(Project(Path("alembic.ini"), ai), url_of(split.source), VerifyOptions(schema=False))
        assert "the large objects of the source have no home" in " ".join(words(report))

    @pytest.mark.parametrize("side", ["source", "target"])
    @pytest.mark.parametrize("policy", ["id > 10", "true"])
    def test_row_security_that_would_hide_rows_is_never_equal(self, split: Split, side: str, policy: str) -> None:
        """Even where the same rows are hidden on both sides, and where none is hidden today."""
        role = f"limited_{os.getpid()}"
        split.server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'limited'; GRANT pg_read_all_data TO {role}")
        try:
            for url in (split.source, split.core):
                psql(url, f"ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON users USING ({policy})")
            login = {url: url.replace("postgres@", f"{role}:limited@") for url in (split.source, split.core)}
            limited = (
                replace(split, source=login[split.source])
                if side == "source"
                else replace(split, core=login[split.core])
            )
            report = limited.verify(schema=False)
            assert report.exit_code == 2
            assert ("core", "rows", "public.users", "unknown") in kinds(report)
            assert "row-level security" in words(report)[0]
            split.server.run(f"ALTER ROLE {role} BYPASSRLS")
            assert {item for item in kinds(limited.verify(schema=False)) if item[2] == "public.users"} == set()
        finally:
            split.server.run(f"DROP ROLE {role}")

    def test_no_right_to_read(self, split: Split) -> None:
        """The table is named; the others are compared."""
        role = name_for("reader")
        split.server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'")
        try:
            psql(
                split.source,
                f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; REVOKE SELECT ON users FROM {role}",
            )
            psql(split.source, f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
            report = replace(split, source=split.source.replace("postgres@", f"{role}:reader@")).verify(schema=False)
            assert kinds(report) == {("core", "rows", "public.users", "unknown")}
            assert [len(database.tables) for database in report.databases] == [1, 3]
            assert "permission denied for table users" in words(report)[0]
        finally:
            psql(split.source, f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_no_right_to_a_sequence(self, split: Split) -> None:
        """It is named."""
        role = name_for("reader")
        split.server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'")
        try:
            psql(split.core, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
            report = replace(split, core=split.core.replace("postgres@", f"{role}:reader@")).verify(schema=False)
            assert kinds(report) == {("core", "sequence", "public.users_id_seq", "unknown")}
        finally:
            psql(split.core, f"DROP OWNED BY {role}; DROP ROLE {role}")


class TestVectors:
    """What an index finds, against an exact search."""

    def test_the_recall_of_both_sides_is_told(self, split: Split) -> None:
        """With the settings that a new connection has."""
        report = split.verify(recall_samples=5, recall_tolerance=1.0)
        (recall,) = report.databases[1].recalls
        assert (recall.index, recall.samples) == ("public.ai_documents_hnsw", 5)
        assert 0.5 < recall.recalls[0] <= 1.0
        assert recall.settings[0].startswith("hnsw.ef_search=40")

    def test_a_lower_recall_fails(self, split: Split) -> None:
        """Here for a target whose connections search less."""
        name = split.ai.rpartition("/")[2]
        psql(split.ai, f"LOAD 'vector'; ALTER DATABASE {name} SET hnsw.ef_search = 1")
        report = split.verify("setting:hnsw.ef_search", recall_samples=5)
        assert kinds(report) == {("ai", "recall", "public.ai_documents_hnsw", "different")}
        assert "hnsw.ef_search=1" in words(report)[0]
        assert split.verify("setting:hnsw.ef_search", recall_samples=5, recall_tolerance=1.0).exit_code == 0

    @pytest.mark.parametrize("more", ["WITH (m = 4)", "WHERE id % 2 = 0"])
    def test_several_indexes_on_the_same_vectors(self, split: Split, more: str) -> None:
        """A search takes one of them, and that is what is measured."""
        for url in (split.source, split.ai):
            psql(url, f"CREATE INDEX ai_documents_too ON ai_documents USING hnsw (embedding vector_l2_ops) {more}")
        report = split.verify(recall_samples=2, recall_tolerance=1.0)
        assert (report.exit_code, words(report)) == (0, [])
        assert len(report.databases[1].recalls) == 2

    def test_indexes_on_expressions_with_conditions_and_of_other_distances(self, split: Split) -> None:
        """Each is asked in its own way; zeros, nulls and few rows do no harm."""
        for url in (split.source, split.ai):
            psql(
                url,
                "CREATE TABLE ai_more (id int PRIMARY KEY, v vector(4), b bit(8)); "
                "INSERT INTO ai_more SELECT n, ARRAY[n % 10, n % 7, 1, n]::real[]::vector, n::bit(8) "
                "FROM generate_series(1, 150) AS n; "
                "INSERT INTO ai_more VALUES (0, '[0,0,0,0]', NULL), (-1, NULL, NULL); "
                "CREATE INDEX m1 ON ai_more USING hnsw ((v::halfvec(4)) halfvec_cosine_ops) WHERE id > 100; "
                "CREATE INDEX m2 ON ai_more USING hnsw (b bit_hamming_ops); "
                "CREATE INDEX m3 ON ai_more USING ivfflat (v vector_cosine_ops) WITH (lists = 1); "
                "CREATE TABLE ai_none (v vector(3)); CREATE INDEX m4 ON ai_none USING hnsw (v vector_ip_ops)",
            )
        report = split.verify(recall_samples=20, recall_tolerance=0.5)
        assert (report.exit_code, words(report)) == (0, [])
        assert [recall.index for recall in report.databases[1].recalls] == [
            "public.ai_documents_hnsw",
            "public.m1",
            "public.m2",
            "public.m3",
        ]


class TestOrphans:
    """Soft references that point at nothing."""

    def test_none(self, split: Split) -> None:
        """Each reference was looked up."""
        report = split.verify(orphans=True)
        assert report.exit_code == 0
        assert [(item.reference, item.rows) for item in report.databases[1].orphans] == [
            ("ai_memories.user_id -> users.id", 0),
            ("ai_feedback.message_id -> messages.id", 0),
        ]

    def test_some(self, split: Split) -> None:
        """Counted, with the first keys, over batches; NULL points nowhere."""
        for url in (split.source, split.ai):
            psql(url, "ALTER TABLE ai_memories DROP CONSTRAINT IF EXISTS to_users")
            psql(url, "INSERT INTO ai_memories SELECT n, 100 + n / 2, 'x' FROM generate_series(100, 20000) AS n")
            psql(url, "INSERT INTO ai_memories VALUES (-1, NULL, 'x')")
        report = split.verify(orphans=True)
        found = report.databases[1].orphans[0]
        assert (found.rows, found.values, len(found.first)) == (19901, 9951, 5)
        assert report.exit_code == 1
        assert "points at nothing in 19901 rows" in words(report)[0]

    def test_a_reference_that_cannot_be_looked_up(self, split: Split) -> None:
        """Its target is not there."""
        psql(split.core, "ALTER TABLE messages RENAME id TO number")
        report = split.verify("table:messages", orphans=True)
        assert ("ai", "soft reference", "ai_feedback.message_id -> messages.id", "unknown") in kinds(report)
        assert report.exit_code == 2


class TestEvidence:
    """What was proven is written down, and a live database can be compared with it."""

    @pytest.fixture
    def evidence(self, split: Split, tmp_path: Path) -> Evidence:
        write_evidence(split.verify(), tmp_path / "proof.json")
        return Evidence.load(tmp_path / "proof.json")

    def test_it_is_its_owners_alone_and_holds_no_password(self, split: Split, tmp_path: Path) -> None:
        """Time, place in the log, versions, digests."""
        path = tmp_path / "proof.json"
        path.write_text("old")
        secret = replace(split, source=split.source.replace("postgres@", "postgres:hunter2@"))
        write_evidence(secret.verify(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text()
        data = json.loads(text)
        assert "hunter2" not in text
        assert (data["alembic_multidb_evidence"], data["digest"], data["exit_code"]) == (2, "nested-1", 0)
        assert data["source"]["lsn"] and data["source"]["server_version"].startswith("18")
        (users,) = (item for item in data["databases"][0]["tables"] if item["name"] == "public.users")
        assert users["rows"] == [50, 50] and users["digests"][0] == users["digests"][1]
        assert users["columns"] == {"id": "sent", "mood": "sent", "name": "sent"}
        assert [file.name for file in tmp_path.iterdir()] == ["proof.json"]

    def test_the_same_database_is_still_equal(self, split: Split, evidence: Evidence) -> None:
        """Without the source."""
        split.server.drop_database(split.source.rpartition("/")[2])
        report = verify_against(split.project, evidence)
        assert (report.exit_code, words(report)) == (0, [])
        assert [len(database.tables) for database in report.databases] == [2, 3]

    @pytest.mark.parametrize(
        ("change", "kind", "name"),
        [
            ("UPDATE users SET name = 'x' WHERE id = 7", "rows", "public.users"),
            ("DELETE FROM users WHERE id = 7", "rows", "public.users"),
            ("SELECT nextval('users_id_seq')", "sequence", "public.users_id_seq"),
            ("ALTER TABLE users ALTER name SET NOT NULL", "column", "public.users.name"),
            ("CREATE TABLE more (id int)", "table", "public.more"),
            ("DROP TABLE messages", "table", "public.messages"),
            ("ALTER TABLE users DROP name", "rows", "public.users"),
            ("GRANT SELECT ON users TO PUBLIC", "grants", "table public.users"),
            ("ALTER DATABASE {database} SET work_mem = '8MB'", "setting", "work_mem of the database"),
            ("ALTER DATABASE {database} SET my.token = 'x'", "setting", "my.token of the database"),
            ("COMMENT ON DATABASE {database} IS 'x'", "database", "comment"),
            ("GRANT CREATE ON DATABASE {database} TO PUBLIC", "database", "grants"),
            ("SELECT lo_from_bytea(4711, 'x')", "large object", "4711"),
            ("ALTER TABLE messages DISABLE TRIGGER ALL", "constraint", "messages_user_id_fkey on public.messages"),
            (
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_pkey'::regclass",
                "state",
                "index public.users_pkey is not valid",
            ),
            (
                "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO pg_monitor",
                "changed grants",
                "function pg_catalog.pg_read_file(pg_catalog.text)",
            ),
        ],
    )
    def test_a_change_is_named(self, split: Split, evidence: Evidence, change: str, kind: str, name: str) -> None:
        """What is not as it was."""
        change = change.replace("{database}", split.core.rpartition("/")[2])
        psql(split.core, "DELETE FROM messages; " + change if "DELETE FROM users" in change else change)
        report = verify_against(split.project, evidence)
        assert report.exit_code == 1, words(report)
        assert ("core", kind, name) in {item[:3] for item in kinds(report)}

    def test_what_evidence_knows_of_settings_and_large_objects(self, split: Split, tmp_path: Path) -> None:
        """Values of settings as hashes, that may be secrets; of large objects size and digest."""
        for url in (split.source, split.core, split.ai):
            psql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET my.token = 'hunter2'")
        for url in (split.source, split.core):
            psql(url, "SELECT lo_from_bytea(7, 'xy')")
        for url in (split.source, split.ai):
            psql(url, f"LOAD 'vector'; ALTER DATABASE {url.rpartition('/')[2]} SET hnsw.ef_search = 100")
        write_evidence(split.verify(), tmp_path / "proof.json")
        evidence = Evidence.load(tmp_path / "proof.json")
        assert "hunter2" not in evidence.path.read_text()
        core = evidence.database("core")
        assert list(core["objects"]["setting"]) == ["my.token of the database"]
        assert (core["large_objects"]["7"]["bytes"], core["large_objects"]["7"]["owner"]) == ("2", "postgres")
        assert words(verify_against(split.project, evidence)) == []
        name = split.core.rpartition("/")[2]
        psql(split.core, f"ALTER DATABASE {name} SET my.token = 'x'; SELECT lo_put(7, 1, 'z'), lo_create(8)")
        psql(split.ai, f"LOAD 'vector'; ALTER DATABASE {split.ai.rpartition('/')[2]} RESET hnsw.ef_search")
        found = kinds(verify_against(split.project, evidence))
        assert found == {
            ("core", "large object", "7", "different"),
            ("core", "large object", "8", "extra"),
            ("core", "setting", "my.token of the database", "different"),
            ("ai", "setting", "hnsw.ef_search of the database", "missing"),
        }
        assert kinds(verify_against(split.project, evidence, VerifyOptions(data=False))) == {
            ("core", "setting", "my.token of the database", "different"),
            ("ai", "setting", "hnsw.ef_search of the database", "missing"),
        }

    def test_a_setting_that_only_a_new_connection_shows_later(self, server_16: Server, tmp_path: Path) -> None:
        """As after ALTER SYSTEM."""
        names = [f"later_{os.getpid()}_{side}" for side in ("source", "target")]
        urls = [server_16.create_database(name) for name in names]
        try:
            for url in urls:
                psql(url, f"CREATE EXTENSION vector; {AI}")
            project = project_of(urls[1])
            options = VerifyOptions(recall_samples=0)
            write_evidence(verify(project, url_of(urls[0]), options), tmp_path / "proof.json")
            evidence = Evidence.load(tmp_path / "proof.json")
            assert words(verify_against(project, evidence)) == []
            with psycopg.connect(urls[1], autocommit=True) as connection:
                connection.execute("LOAD 'vector'")
                connection.execute("ALTER SYSTEM SET hnsw.ef_search = 77")
            server_16.run("SELECT pg_reload_conf()")
            message = "setting hnsw.ef_search of a new connection has changed since the evidence was taken"
            wait_until(lambda: words(verify_against(project, evidence)) == [message], seconds=10)
        finally:
            with psycopg.connect(urls[1], autocommit=True) as connection:
                connection.execute("ALTER SYSTEM RESET hnsw.ef_search")
            server_16.run("SELECT pg_reload_conf()")
            for name in names:
                server_16.drop_database(name)

    def test_tables_columns_and_partitions_that_came_or_went_where_rows_alone_were_proven(
        self, split: Split, tmp_path: Path
    ) -> None:
        """Empty columns and empty partitions, too."""
        parts = (
            "CREATE TABLE parts (id int, note text) PARTITION BY LIST (id); "
            "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1)"
        )
        for url in (split.source, split.core):
            psql(url, parts)
        write_evidence(split.verify(schema=False), tmp_path / "proof.json")
        evidence = Evidence.load(tmp_path / "proof.json")
        assert words(verify_against(split.project, evidence)) == []
        psql(split.core, "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2); ALTER TABLE parts DROP note")
        psql(split.core, "ALTER TABLE users ADD more text; CREATE TABLE new (id int)")
        assert kinds(verify_against(split.project, evidence)) == {
            ("core", "table", "public.parts_2", "extra"),
            ("core", "table", "public.new", "extra"),
            ("core", "column", "public.parts_1.note", "missing"),
            ("core", "rows", "public.parts_1", "different"),
            ("core", "column", "public.users.more", "extra"),
        }

    def test_what_is_excluded_later_is_not_looked_at(self, split: Split, evidence: Evidence) -> None:
        """Beside what was left out then."""
        psql(split.core, "UPDATE users SET name = 'x'; SELECT lo_create(8); ALTER TABLE messages ADD more int")
        psql(split.core, f"ALTER DATABASE {split.core.rpartition('/')[2]} SET work_mem = '8MB'")
        assert len(verify_against(split.project, evidence).findings) == 5
        given = ("rows:users", "large object:8", "setting:work_mem", "table:messages")
        report = verify_against(split.project, evidence, VerifyOptions(exclude=tuple(map(Exclusion.parse, given))))
        assert (report.exit_code, words(report)) == (0, [])

    def test_the_recall_of_an_index_later(self, split: Split, tmp_path: Path) -> None:
        """It is measured again; here for connections that search less."""
        write_evidence(split.verify(recall_samples=5, recall_tolerance=1.0), tmp_path / "proof.json")
        evidence = Evidence.load(tmp_path / "proof.json")
        report = verify_against(split.project, evidence, VerifyOptions(recall_samples=5))
        (recall,) = report.databases[1].recalls
        assert (report.exit_code, recall.samples, recall.recalls[0]) == (0, 5, recall.recalls[1])
        name = split.ai.rpartition("/")[2]
        psql(split.ai, f"LOAD 'vector'; ALTER DATABASE {name} SET hnsw.ef_search = 1")
        given = VerifyOptions(recall_samples=5, exclude=(Exclusion.parse("setting:hnsw.ef_search"),))
        report = verify_against(split.project, evidence, given)
        assert kinds(report) == {("ai", "recall", "public.ai_documents_hnsw", "different")}
        assert "now (hnsw.ef_search=1" in words(report)[0]

    def test_orphans_are_looked_up_without_the_source(self, split: Split, evidence: Evidence) -> None:
        """As they are now, in the databases themselves."""
        split.server.drop_database(split.source.rpartition("/")[2])
        assert verify_against(split.project, evidence).databases[1].orphans == ()
        report = verify_against(split.project, evidence, VerifyOptions(orphans=True))
        assert [(item.reference, item.rows) for item in report.databases[1].orphans] == [
            ("ai_memories.user_id -> users.id", 0),
            ("ai_feedback.message_id -> messages.id", 0),
        ]
        psql(split.core, "DELETE FROM messages WHERE user_id = 7")
        report = verify_against(split.project, evidence, VerifyOptions(orphans=True))
        assert ("ai", "soft reference", "ai_feedback.message_id -> messages.id", "different") in kinds(report)

    def test_a_table_that_cannot_be_read_any_more(self, split: Split, evidence: Evidence) -> None:
        """The others are compared all the same."""
        role = name_for("reader")
        split.server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'")
        try:
            psql(split.core, f"GRANT SELECT ON messages, users_id_seq TO {role}")
            limited = replace(split, core=split.core.replace("postgres@", f"{role}:reader@"))
            report = verify_against(limited.project, evidence, VerifyOptions(names=("core",), schema=False))
            assert kinds(report) == {("core", "rows", "public.users", "unknown")}
            assert [table.name for table in report.databases[0].tables] == ["public.messages"]
        finally:
            psql(split.core, f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_old_evidence_says_nothing(self, evidence: Evidence) -> None:
        """Nor does evidence from the future."""
        started = datetime.fromisoformat(evidence.data["started"])
        evidence.refuse_old(60, started + timedelta(seconds=59))
        for seconds in (61, -120):
            with pytest.raises(ConfigurationError, match="--max-age"):
                evidence.refuse_old(60, started + timedelta(seconds=seconds))

    def test_evidence_of_a_difference_proves_nothing(self, split: Split, tmp_path: Path) -> None:
        """Nor does it say anything of a database that it is not about."""
        psql(split.core, "DELETE FROM messages")
        write_evidence(split.verify(names=("core",)), tmp_path / "proof.json")
        evidence = Evidence.load(tmp_path / "proof.json")
        report = verify_against(split.project, evidence, VerifyOptions(names=("core", "ai")))
        assert report.exit_code == 2
        assert 'says that "core" was different' in words(report)[0]
        assert 'says nothing of "ai"' in words(report)[1]

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"alembic_multidb_evidence": 1}'])
    def test_other_files_are_no_evidence(self, tmp_path: Path, text: str) -> None:
        """One sentence says so."""
        path = tmp_path / "proof.json"
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="is no evidence"):
            Evidence.load(path)

    def test_later_formats_are_refused(self, evidence: Evidence) -> None:
        """A digest that was made otherwise cannot be compared."""
        evidence.path.write_text(json.dumps({**evidence.data, "digest": "nested-2"}))
        with pytest.raises(ConfigurationError, match="nested-2"):
            Evidence.load(evidence.path)

    def test_what_was_left_out_then_is_left_out_now(self, split: Split, tmp_path: Path) -> None:
        """Exclusions, owners and rights."""
        psql(split.core, "CREATE TABLE more (id int)")
        write_evidence(split.verify("table:more", grants=False), tmp_path / "proof.json")
        psql(split.core, "GRANT SELECT ON users TO PUBLIC")
        assert words(verify_against(split.project, Evidence.load(tmp_path / "proof.json"))) == []

    def test_evidence_of_rows_says_nothing_of_schemas(self, split: Split, tmp_path: Path) -> None:
        """What neither compares cannot be equal."""
        write_evidence(split.verify(schema=False), tmp_path / "proof.json")
        evidence = Evidence.load(tmp_path / "proof.json")
        assert verify_against(split.project, evidence).exit_code == 0
        with pytest.raises(ConfigurationError, match="nothing is left to compare"):
            verify_against(split.project, evidence, VerifyOptions(data=False))

    def test_a_file_that_cannot_be_written(self, split: Split, tmp_path: Path) -> None:
        """It is named."""
        with pytest.raises(ConfigurationError, match="no folder"):
            write_evidence(split.verify(data=False), tmp_path / "nowhere" / "proof.json")


class TestRows:
    """How rows are told apart, cut and named."""

    @pytest.fixture
    def bounds(self, source_18: str) -> list[str]:
        """The keys at which a table is cut."""
        with Side("source", url_of(source_18), 1) as side:
            table = read_tables(side)["app", "many"]
            key = Key(Pair(table, table, False, (table.size, table.size)))
            parts = side.run(lambda connection: first_parts(raw(connection), key, 100_000)).result()
        assert len(parts) > 10
        assert parts[0].low is parts[-1].high is None
        return [part.low[0] for part in parts if part.low is not None]

    def test_rows_at_the_bounds_of_parts(self, server: Server, source_18: str, bounds: list[str]) -> None:
        """The first row of each part, the last of the one before, and neither twice."""
        for place in (0, len(bounds) // 2, -1):
            key = int(bounds[place])
            plant = f"UPDATE app.many SET payload = 'x' WHERE id = {key}; DELETE FROM app.many WHERE id = {key - 1}"
            with target_of(server, plant) as target:
                report = compared(source_18, target, schema=False)
            (proof,) = (table for table in report.databases[0].tables if table.name == "app.many")
            assert [(dict(row.key), row.what) for row in proof.differences] == [
                ({"id": str(key - 1)}, "missing"),
                ({"id": str(key)}, "changed"),
            ]
            assert proof.is_complete

    def test_all_keys_go_to_a_file_on_demand(self, server: Server, source_18: str, tmp_path: Path) -> None:
        """A line each; the message names only the first ones."""
        with target_of(
            server, "DELETE FROM app.many WHERE id % 3 = 0; UPDATE app.heap SET b = 'y' WHERE a = 1"
        ) as target:
            report = compared(source_18, target, schema=False, keys=tmp_path / "keys.jsonl", max_rows=3)
        lines = [json.loads(line) for line in (tmp_path / "keys.jsonl").read_text().splitlines()]
        assert [line["key"]["id"] for line in lines if line["table"] == "app.many"] == [
            str(n) for n in range(3, 12001, 3)
        ]
        assert {line["what"] for line in lines if line["table"] == "app.heap"} == {"missing", "extra"}
        assert all(len(table.differences) <= 3 for table in report.databases[0].tables)
        assert stat.S_IMODE((tmp_path / "keys.jsonl").stat().st_mode) == 0o600

    def test_all_keys_in_a_file_make_the_named_rows_no_more(
        self, server: Server, source_18: str, tmp_path: Path
    ) -> None:
        """It is said that there are others."""
        with target_of(server, "DELETE FROM app.many WHERE id < 9") as target:
            report = compared(source_18, target, schema=False, keys=tmp_path / "keys.jsonl", max_rows=2)
        (proof,) = [table for table in report.databases[0].tables if table.differences]
        assert (len(proof.differences), proof.is_complete) == (2, False)
        assert "there may be more" in words(report)[0]

    def test_keys_that_may_be_null_in_the_target_are_no_keys(self, new_database: NewDatabase) -> None:
        """The row is named by all its values."""
        urls = [new_database(), new_database()]
        for url in urls:
            psql(url, "CREATE TABLE o (id int PRIMARY KEY, v int); INSERT INTO o VALUES (1, 2)")
        loosened = "ALTER TABLE o DROP CONSTRAINT o_pkey; ALTER TABLE o ALTER id DROP NOT NULL"
        psql(urls[1], f"{loosened}; UPDATE o SET id = NULL")
        report = compared(*urls, schema=False)
        assert report.exit_code == 1
        assert "(id=1, v=2) is missing" in words(report)[0] and "(id=NULL, v=2) is extra" in words(report)[0]

    def test_a_table_that_only_looks_like_a_version_table(self, new_database: NewDatabase) -> None:
        """Its rows count."""
        urls = [new_database(), new_database()]
        for url in urls:
            psql(url, "CREATE TABLE releases (version_num text PRIMARY KEY); INSERT INTO releases VALUES ('1'), ('2')")
        assert compared(*urls).exit_code == 0
        psql(urls[1], "DELETE FROM releases WHERE version_num = '2'")
        assert "rows of public.releases" in words(compared(*urls))[0]

    @pytest.mark.parametrize("change", ["TRUNCATE z", "ALTER TABLE z ALTER id TYPE int USING id + 0"])
    def test_a_table_that_is_rewritten_meanwhile_is_not_empty(self, new_database: NewDatabase, change: str) -> None:
        """From the beginning on nobody can; what somebody did before the locks were there is found."""
        url = new_database()
        psql(url, "CREATE TABLE z (id int); INSERT INTO z VALUES (1)")
        with Side("source", url_of(url), 1) as side:
            oids = [table.oid for table in read_tables(side).values()]
            psql(url, change)
            with pytest.raises(MultidbError, match=r"public\.z was emptied or rewritten"):
                side.hold(oids)
        with Side("source", url_of(url), 1) as side:
            side.hold([table.oid for table in read_tables(side).values()])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                psql(url, f"SET lock_timeout = '100ms'; {change}")

    def test_no_row_is_named_on_demand(self, server: Server, source_18: str) -> None:
        """The table is."""
        with target_of(server, "DELETE FROM app.many WHERE id = 3") as target:
            report = compared(source_18, target, schema=False, max_rows=0)
        assert words(report) == ["rows of app.many: 12000 rows in the source, 11999 in the target; there may be more"]

    def test_a_target_whose_key_is_no_key_any_more(self, server: Server, source_18: str) -> None:
        """A row that is there twice is found, though its key should make that impossible."""
        plant = (
            "ALTER TABLE app.many DROP CONSTRAINT many_pkey; INSERT INTO app.many SELECT * FROM app.many WHERE id = 5"
        )
        with target_of(server, plant) as target:
            report = compared(source_18, target, schema=False)
        assert "(id=5) is there 1 times in the source, 2 times in the target" in words(report)[0]

    def test_thousands_of_rows_with_one_key(self, server: Server, source_18: str) -> None:
        """What cannot be cut is named as it is."""
        plant = "ALTER TABLE app.many DROP CONSTRAINT many_pkey; UPDATE app.many SET id = 7"
        with target_of(server, plant) as target:
            report = compared(source_18, target, schema=False, max_rows=2)
        assert "12000 rows, but other values; (id=" in words(report)[0] and "is missing" in words(report)[0]

    def test_citext(self, server: Server, new_database: NewDatabase) -> None:
        """Case is seen, in values and in keys."""
        urls = [new_database(), new_database()]
        for url in urls:
            psql(url, "CREATE EXTENSION citext; CREATE TABLE c (k citext PRIMARY KEY, v citext)")
            psql(url, "INSERT INTO c SELECT 'K' || n, 'V' || n FROM generate_series(1, 3000) AS n")
        assert compared(*urls).exit_code == 0
        psql(urls[1], "UPDATE c SET v = 'v7' WHERE k = 'K7'; UPDATE c SET k = 'k8' WHERE k = 'K8'")
        text = words(compared(*urls))[0]
        assert "(k=K7) is changed: v 'V7' -> 'v7'" in text
        assert "(k=K8) is missing" in text and "(k=k8) is extra" in text

    def test_keys_of_every_kind(self, new_database: NewDatabase) -> None:
        """Keys are cut into parts and found again, whatever their type, of several columns too."""
        types = {
            "numeric": "n::numeric / 8",
            "timestamptz": "timestamptz '2024-01-01' + n * interval '1 min'",
            "uuid": "md5(n::text)::uuid",
            "double precision": "n / 3.0",
            "date": "date '2024-01-01' + n",
            "bytea": "decode(md5(n::text), 'hex')",
            "varchar(40)": "'ä%''\\' || n",
            "inet": "'10.0.0.0'::inet + n",
            "integer[]": "ARRAY[n, n]",
            "e": "(ARRAY['a', 'b', 'c'])[1 + n % 3]::e",
            "name": "'n' || n",
            "interval": "n * interval '1 s'",
            "d": "n",
        }
        urls = [new_database(), new_database()]
        for url in urls:
            psql(url, "CREATE TYPE e AS ENUM ('c', 'b', 'a'); CREATE DOMAIN d AS bigint")
            for place, (kind, value) in enumerate(types.items()):
                psql(url, f'CREATE TABLE "t{place} %s" (k {kind}, l int, v int, PRIMARY KEY (k, l))')
                psql(url, f'INSERT INTO "t{place} %s" SELECT {value}, n, n FROM generate_series(1, 1500) AS n')
        assert compared(*urls, chunk=8192).exit_code == 0
        for place in range(len(types)):
            psql(urls[1], f'UPDATE "t{place} %s" SET v = 0 WHERE l = 1234; DELETE FROM "t{place} %s" WHERE l = 5')
        report = compared(*urls, chunk=8192, schema=False)
        assert len(report.findings) == len(types)
        for table in report.databases[0].tables:
            assert sorted((row.key["l"], row.what) for row in table.differences) == [
                ("1234", "changed"),
                ("5", "missing"),
            ]

    def test_values_of_every_type_under_odd_names(self, new_database: NewDatabase) -> None:
        """Types of extensions, of users and of the catalog; names that statements must not trip over."""
        types = {
            "hstore": ("a=>1, b=>NULL", "a=>1"),
            "ltree": ("a.b", "a.c"),
            "cube": ("(1,2)", "(1,2.0000000000000004)"),
            "seg": ("1.0", "1.00"),
            "isbn13": ("9780393040029", "9780393040012"),
            "citext": ("a", "A"),
            "refcursor": ("a", "b"),
            "aclitem": ("postgres=r/postgres", "postgres=w/postgres"),
            "oidvector": ("1 2", "1 3"),
            "regtype[]": ("{integer,text}", "{integer,name}"),
            "regrole": ("postgres", "pg_monitor"),
            "pg_lsn": ("0/1", "0/2"),
            "xid8": ("1", "2"),
            "path": ("[(0,0),(1,1)]", "((0,0),(1,1))"),
            "circle": ("<(0,0),1>", "<(0,0),2>"),
            "macaddr8": ("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
            "timetz": ("10:00+02", "09:00+01"),
            "interval[]": ("{1 day}", "{24 hours}"),
            "numeric[]": ("{1.0}", "{1.00}"),
            "jsonpath": ("$.a", "$.b"),
            "char(6)[]": ("{a}", "{b}"),
            'd."Domain %"': ("[1,2]", "[1,2.0000002]"),
            'd."Enum"': ("b", "B"),
            'd."Enum over"': ("b", "B"),
            "d.row": ('(1,"(b,2)")', '(1,"(B,2)")'),
            "d.enums": ("[b,a]", "[b,a)"),
            "d.vectors": ('{"[1]"}', '{"[-1]"}'),
            "d.many": ("{[1.0,2]}", "{[1.00,2]}"),
        }
        urls = [new_database(), new_database()]
        psql(urls[1], "CREATE TYPE shift AS ENUM ('a'); DROP TYPE shift")
        for url in urls:
            for extension in ("hstore", "ltree", "cube", "seg", "isn", "citext", "vector"):
                psql(url, f"CREATE EXTENSION {extension}")
            psql(
                url,
                'CREATE SCHEMA d; CREATE DOMAIN d."Domain %" AS vector(2); '
                "CREATE TYPE d.\"Enum\" AS ENUM ('b', 'B', 'a'); "
                'CREATE DOMAIN d."Enum over" AS d."Enum"; CREATE TYPE d.part AS (e d."Enum", n numeric); '
                'CREATE TABLE d.row (id int, part d.part); CREATE TYPE d.enums AS RANGE (subtype = d."Enum"); '
                "CREATE DOMAIN d.vectors AS vector[]; CREATE DOMAIN d.many AS nummultirange",
            )
            for place, (kind, (value, _)) in enumerate(types.items()):
                with psycopg.connect(url) as connection:
                    name = f'"T{place} %s"\n'.replace('"', '""')
                    connection.execute(f'CREATE TABLE "{name}" ("I%" int PRIMARY KEY, "h" {kind}, "t" text)'.encode())
                    connection.execute(f"INSERT INTO \"{name}\" VALUES (1, '{value}'), (2, NULL)".encode())
        assert words(compared(*urls)) == []
        for place, (_, other) in enumerate(types.values()):
            with psycopg.connect(urls[1]) as connection:
                name = f'"T{place} %s"\n'.replace('"', '""')
                connection.execute(f'UPDATE "{name}" SET "h" = \'{other}\' WHERE "I%" = 1'.encode())
        report = compared(*urls, schema=False)
        found = {table.name: table.differences for table in report.databases[0].tables}
        unseen = [kind for place, kind in enumerate(types) if not found[f'public."""T{place} %s""\n"']]
        assert unseen == []
        assert all(row.columns[0].name == "h" for rows in found.values() for row in rows)

    def test_progress_ends_with_all_bytes(self, server: Server, source_18: str) -> None:
        """What is shown grows, and what is left shrinks to nothing."""
        shown: list[Progress] = []
        with target_of(server) as target:
            verify(project_of(target), url_of(source_18), VerifyOptions(schema=False, chunk=100_000), show=shown.append)
        assert [progress.done for progress in shown] == sorted(progress.done for progress in shown)
        assert 0.9 < shown[-1].done / shown[-1].total <= 1
        assert shown[-1].left is not None and shown[-1].left < 1

    def test_the_sides_are_read_at_one_moment(self, server: Server, source_18: str) -> None:
        """Workers see what the first connection saw."""
        with target_of(server) as target, Side("x", url_of(target), 3) as side:
            count = "SELECT count(*) AS many FROM app.users"
            psql(target, "DELETE FROM app.orders; DELETE FROM app.users")
            assert [side.ask(count).result()[0]["many"] for _ in range(5)] == [100] * 5
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                side.ask("CREATE TABLE app.t ()").result()
            assert side.ask(count).result()[0]["many"] == 100

    def test_nothing_stays_behind(self, server: Server, source_18: str) -> None:
        """No session, whether all went well or not."""
        with target_of(server) as target:
            compared(source_18, target)
            with pytest.raises(ConfigurationError):
                compared(source_18, target, exclude=(Exclusion("table", "nowhere"),))
            found = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'multidb verify%'"
            wait_until(lambda: server.run(found) == [(0,)], seconds=5)
