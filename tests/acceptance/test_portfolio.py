"""The portfolio example: two histories, the mixed one that came before them, and the data that fill it."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.servers import Server, embedded_18

CORE_NAMES = """
    users portfolios positions tags tags_v2 position_tags portfolio_target_prices
    position_greeks position_factor_exposures position_market_betas position_volatility
    position_interest_rate_betas correlation_calculations pairwise_correlations correlation_clusters
    correlation_cluster_positions factor_correlations factor_exposures factor_definitions
    portfolio_snapshots stress_test_scenarios stress_test_results market_risk_scenarios
    market_data_cache company_profiles benchmarks_sector_weights fund_holdings
    batch_jobs batch_job_schedules batch_run_tracking export_history modeling_session_snapshots
    equity_changes position_realized_events income_statements balance_sheets cash_flows
    agent_conversations agent_messages
"""
CORE_TABLES = frozenset(CORE_NAMES.split())
AI_TABLES = frozenset({"ai_kb_documents", "ai_memories", "ai_feedback"})
MIXED = ("-c", "mixed/alembic.ini")
MIXED_HEAD = "m012"
SEEDED_FACTORS = 8

UUID_KEY = ("id", "uuid", "not null", "gen_random_uuid()")
CREATED = ("created_at", "timestamp with time zone", "not null", "now()")
AI_COLUMNS = {
    "ai_kb_documents": [
        UUID_KEY,
        ("scope", "character varying(100)", "not null", None),
        ("title", "character varying(500)", "not null", None),
        ("content", "text", "not null", None),
        ("metadata", "jsonb", "not null", "'{}'::jsonb"),
        ("embedding", "vector(1536)", "null", None),
        CREATED,
        ("updated_at", "timestamp with time zone", "not null", "now()"),
    ],
    "ai_memories": [
        UUID_KEY,
        ("user_id", "uuid", "null", None),
        ("tenant_id", "uuid", "null", None),
        ("scope", "character varying(20)", "not null", None),
        ("content", "text", "not null", None),
        ("tags", "jsonb", "not null", "'{}'::jsonb"),
        CREATED,
    ],
    "ai_feedback": [
        UUID_KEY,
        ("message_id", "uuid", "not null", None),
        ("rating", "character varying(10)", "not null", None),
        ("edited_text", "text", "null", None),
        ("comment", "text", "null", None),
        CREATED,
    ],
}
PLAIN_AI_INDEXES = {
    "ix_ai_kb_documents_scope": "ai_kb_documents USING btree (scope)",
    "ix_ai_memories_scope": "ai_memories USING btree (scope)",
    "ix_ai_memories_user_id": "ai_memories USING btree (user_id)",
    "ix_ai_memories_tenant_id": "ai_memories USING btree (tenant_id)",
    "ix_ai_feedback_message_id": "ai_feedback USING btree (message_id)",
    "ix_ai_feedback_rating": "ai_feedback USING btree (rating)",
}
HNSW = "ix_ai_kb_documents_embedding_hnsw"
AI_INDEXES = {
    **PLAIN_AI_INDEXES,
    HNSW: "ai_kb_documents USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')",
    "ix_ai_kb_documents_scope_global": ("ai_kb_documents USING btree (scope) WHERE ((scope)::text = 'global'::text)"),
}

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""
ENUMS = "SELECT typname FROM pg_type WHERE typtype = 'e' ORDER BY 1"
FOREIGN_KEYS_OF_AI = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND conrelid::regclass::text LIKE 'ai@_%' ESCAPE '@'
"""
INDEXES_OF_AI = """
    SELECT c.relname, split_part(pg_get_indexdef(i.indexrelid), ' ON public.', 2), i.indisvalid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE NOT i.indisprimary AND i.indrelid::regclass::text LIKE 'ai@_%' ESCAPE '@'
"""

_numbers = itertools.count(1)


def _tables(url: str) -> set[str]:
    return {str(name) for (name,) in psql(url, TABLES)}


def _columns(url: str, table: str) -> list[tuple[object, ...]]:
    return psql(
        url,
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), "
        "CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END, pg_get_expr(d.adbin, d.adrelid) "
        "FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        f"WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )


def _indexes_of_ai(url: str) -> dict[object, object]:
    found = psql(url, INDEXES_OF_AI)
    assert all(valid for _, _, valid in found)
    return {name: definition for name, definition, _ in found}


def _dump(url: str, *arguments: str) -> list[str]:
    """Return the statements of a database's schema, without what differs from run to run."""
    done = subprocess.run(
        [embedded_18() / "pg_dump", "--schema-only", "--exclude-table=alembic_version", *arguments, url],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]


def _digests(url: str) -> dict[str, object]:
    """Return a hash of the content of every table."""
    return {
        table: psql(url, f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")) FROM {table} AS t")
        for table in sorted(_tables(url))
    }


def _revisions(script: ScriptDirectory) -> dict[str, object]:
    return {revision.revision: revision.down_revision for revision in script.walk_revisions()}


def _histories(folder: Path) -> tuple[ScriptDirectory, ScriptDirectory]:
    core = ScriptDirectory(str(folder / "migrations"), version_locations=[str(folder / "migrations" / "core")])
    return ScriptDirectory(str(folder / "mixed")), core


@pytest.fixture
def portfolio(tmp_path: Path, new_database: NewDatabase) -> Project:
    """The example with empty databases for core and ai."""
    project = copy_example("portfolio", tmp_path)
    project.environment = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}
    return project


@pytest.fixture(scope="module")
def templates(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Template databases: core, ai and mixed at head; the commands that made them were run once."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("portfolio"))
    names = {name: f"portfolio_{name}_{os.getpid()}" for name in ("core", "ai", "mixed")}
    variables = {"core": "DATABASE_URL", "ai": "AI_DATABASE_URL", "mixed": "OLD_DATABASE_URL"}
    project.environment = {variables[name]: server.create_database(database) for name, database in names.items()}
    for chosen in (("-n", "core"), ("-n", "ai"), MIXED):
        project.ok(*chosen, "upgrade", "head")
    return names


@pytest.fixture
def at_head(tmp_path: Path, new_database: NewDatabase, templates: dict[str, str]) -> Project:
    """The example with core, ai and the mixed database at head."""
    project = copy_example("portfolio", tmp_path)
    project.environment = {
        "DATABASE_URL": new_database(templates["core"]),
        "AI_DATABASE_URL": new_database(templates["ai"]),
        "OLD_DATABASE_URL": new_database(templates["mixed"]),
    }
    return project


@pytest.fixture
def new_database_15(server_15: Server) -> Iterator[Callable[[], str]]:
    """Create databases on the server without pgvector."""
    made: list[str] = []

    def create() -> str:
        made.append(f"p{os.getpid()}_{next(_numbers)}")
        return server_15.create_database(made[-1])

    yield create
    for name in made:
        server_15.drop_database(name)


class TestTwoHistories:
    """What core and ai make of it."""

    def test_every_table_is_at_home(self, at_head: Project) -> None:
        """Thirty-nine in core, three in ai."""
        assert len(CORE_TABLES) == 39
        assert _tables(at_head.environment["DATABASE_URL"]) == CORE_TABLES
        assert _tables(at_head.environment["AI_DATABASE_URL"]) == AI_TABLES

    def test_core_has_no_extension(self, at_head: Project) -> None:
        """The server has pgvector, core does not."""
        extensions = psql(at_head.environment["DATABASE_URL"], "SELECT extname FROM pg_extension")
        assert extensions == [("plpgsql",)]

    @pytest.mark.parametrize("table", sorted(AI_TABLES))
    def test_the_ai_tables_have_exactly_these_columns(self, at_head: Project, table: str) -> None:
        """Names, order, types, defaults."""
        assert _columns(at_head.environment["AI_DATABASE_URL"], table) == AI_COLUMNS[table]

    def test_the_ai_tables_have_exactly_these_indexes(self, at_head: Project) -> None:
        """The partial one among them; no foreign key."""
        url = at_head.environment["AI_DATABASE_URL"]
        assert _indexes_of_ai(url) == AI_INDEXES
        assert psql(url, FOREIGN_KEYS_OF_AI) == []

    @pytest.mark.parametrize("database", ["core", "ai"])
    def test_check_is_clean(self, at_head: Project, database: str) -> None:
        """Models and history say the same."""
        assert "No new upgrade operations" in at_head.ok("-n", database, "check")

    @pytest.mark.parametrize(("database", "variable"), [("core", "DATABASE_URL"), ("ai", "AI_DATABASE_URL")])
    def test_down_to_base_and_up_again(self, at_head: Project, database: str, variable: str) -> None:
        """Nothing is left behind at base, no table and no type; the way up ends at the same schema."""
        url = at_head.environment[variable]
        before = _dump(url)
        at_head.ok("-n", database, "downgrade", "base")
        assert _tables(url) == set()
        assert psql(url, ENUMS) == []
        at_head.ok("-n", database, "upgrade", "head")
        assert _dump(url) == before

    def test_core_as_a_script(self, portfolio: Project) -> None:
        """--sql renders every revision of core, the data migrations too."""
        url = portfolio.environment["DATABASE_URL"]
        done = portfolio.run("-n", "core", "upgrade", "head", "--sql")
        assert done.returncode == 0, done.stderr
        subprocess.run(
            [embedded_18() / "psql", "-q", "-v", "ON_ERROR_STOP=1", url],
            input=done.stdout,
            text=True,
            check=True,
            capture_output=True,
        )
        assert "No new upgrade operations" in portfolio.ok("-n", "core", "check")

    def test_core_where_pgvector_is_not_available(self, tmp_path: Path, new_database_15: Callable[[], str]) -> None:
        """Up, check, down."""
        project = copy_example("portfolio", tmp_path)
        url = project.environment["DATABASE_URL"] = new_database_15()
        project.ok("-n", "core", "upgrade", "head")
        assert _tables(url) == CORE_TABLES
        assert "No new upgrade operations" in project.ok("-n", "core", "check")
        project.ok("-n", "core", "downgrade", "base")
        assert psql(url, ENUMS) == []

    def test_core_has_what_real_schemas_have(self, at_head: Project) -> None:
        """What moves or compares schemas finds every kind of thing here."""
        url = at_head.environment["DATABASE_URL"]
        assert len(psql(url, ENUMS)) >= 5
        for kind, query in {
            "identity column": "SELECT 1 FROM pg_attribute WHERE attidentity = 'a'",
            "generated column": "SELECT 1 FROM pg_attribute WHERE attgenerated = 's'",
            "check constraint": "SELECT 1 FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0",
            "self-reference": "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND conrelid = confrelid",
            "key of three columns": "SELECT 1 FROM pg_constraint WHERE contype = 'p' AND cardinality(conkey) = 3",
            "partial unique index": "SELECT 1 FROM pg_index WHERE indisunique AND indpred IS NOT NULL",
            "index on an expression": "SELECT 1 FROM pg_index WHERE indexprs IS NOT NULL AND indrelid > 16383",
            "descending index": "SELECT 1 FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '% DESC)'",
            "GIN index": "SELECT 1 FROM pg_indexes WHERE indexdef LIKE '%USING gin%jsonb_path_ops%'",
            "comment": "SELECT 1 FROM pg_description WHERE objoid = 'positions'::regclass AND objsubid > 0",
        }.items():
            assert psql(url, query), kind


class TestMixedHistory:
    """Plain Alembic on one database, as it was before the split."""

    def test_it_builds_the_mixed_database(self, at_head: Project) -> None:
        """All tables in one, pgvector, and a real foreign key from one home to the other."""
        url = at_head.environment["OLD_DATABASE_URL"]
        assert _tables(url) == CORE_TABLES | AI_TABLES
        assert psql(url, FOREIGN_KEYS_OF_AI) == [
            ("ai_memories", "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE")
        ]
        assert psql(url, "SELECT version_num FROM alembic_version") == [(MIXED_HEAD,)]

    def test_its_own_files_know_nothing_of_this_package(self, at_head: Project) -> None:
        """It is what anybody's repository looks like before."""
        for file in (at_head.folder / "mixed").rglob("*"):
            assert file.is_dir() or "multidb" not in file.read_text()

    def test_down_to_base_and_up_again(self, at_head: Project) -> None:
        """No table and no type is left behind."""
        url = at_head.environment["OLD_DATABASE_URL"]
        before = _dump(url)
        at_head.ok(*MIXED, "downgrade", "base")
        assert _tables(url) == set()
        assert psql(url, ENUMS) == []
        at_head.ok(*MIXED, "upgrade", "head")
        assert _dump(url) == before

    def test_where_pgvector_is_not_available(self, tmp_path: Path, new_database_15: Callable[[], str]) -> None:
        """Every table, but no embedding and no index on it; and it can be filled."""
        project = copy_example("portfolio", tmp_path)
        url = project.environment["OLD_DATABASE_URL"] = new_database_15()
        project.ok(*MIXED, "upgrade", "head")
        assert _tables(url) == CORE_TABLES | AI_TABLES
        expected = [column for column in AI_COLUMNS["ai_kb_documents"] if column[0] != "embedding"]
        assert _columns(url, "ai_kb_documents") == expected
        assert _indexes_of_ai(url) == PLAIN_AI_INDEXES
        project.ok("--rows", "100", "--documents", "10", module="portfolio.fill")
        assert psql(url, "SELECT count(*) FROM ai_kb_documents") == [(10,)]

    def test_its_ai_part_is_what_the_first_ai_revision_makes(self, at_head: Project) -> None:
        """Statement by statement, but for the foreign key that crosses."""
        ai = at_head.environment["AI_DATABASE_URL"]
        at_head.ok("-n", "ai", "downgrade", "a001")
        mixed = _dump(at_head.environment["OLD_DATABASE_URL"], "--table=ai_*")
        crossing = next(number for number, line in enumerate(mixed) if "fk_ai_memories_user_id_users" in line)
        assert mixed[crossing - 1] == "ALTER TABLE ONLY public.ai_memories"
        assert _dump(ai, "--table=ai_*") == mixed[: crossing - 1] + mixed[crossing + 1 :]

    def test_its_core_part_is_what_core_makes_at_the_same_revision(self, at_head: Project) -> None:
        """So that a database split off and stamped with the mixed revision can go on with core's history."""
        at_head.ok("-n", "core", "downgrade", MIXED_HEAD)
        core = _dump(at_head.environment["DATABASE_URL"])
        mixed = _dump(at_head.environment["OLD_DATABASE_URL"], "--exclude-table=ai_*")
        assert core == [line for line in mixed if "EXTENSION" not in line]

    def test_core_knows_every_mixed_revision_and_goes_on(self) -> None:
        """Same ids, same parents; newer revisions after the mixed head."""
        mixed, core = map(_revisions, _histories(Path(__file__).parents[2] / "examples" / "portfolio"))
        assert mixed.items() < core.items()
        assert MIXED_HEAD in core.values()
        assert len(core) - list(core.values()).count(None) >= 10

    def test_its_history_has_two_roots_a_branch_and_a_merge(self, at_head: Project) -> None:
        """And so has core's."""
        for script in _histories(at_head.folder):
            revisions = list(script.walk_revisions())
            assert len(script.get_bases()) == 2
            assert len(script.get_heads()) == 1
            assert any(revision.is_branch_point for revision in revisions)
            assert any(revision.is_merge_point for revision in revisions)

    def test_the_data_migration_treats_old_rows(self, portfolio: Project, new_database: NewDatabase) -> None:
        """Options become options, old tags new ones, and the scopes of both old names one."""
        url = portfolio.environment["OLD_DATABASE_URL"] = new_database()
        portfolio.ok(*MIXED, "upgrade", "m009")
        psql(
            url,
            "INSERT INTO users (email, hashed_password) VALUES ('a@example.com', '');"
            "INSERT INTO portfolios (user_id, name) SELECT id, 'p' FROM users;"
            "INSERT INTO positions (portfolio_id, symbol, position_type, quantity, entry_price, entry_date,"
            " strike_price) SELECT id, symbol, kind::position_type, 1, 1, '2024-01-02', strike FROM portfolios,"
            " (VALUES ('A', 'LONG', NULL), ('B', 'LC', 9), ('C', 'SP', NULL)) AS v (symbol, kind, strike);"
            "INSERT INTO tags (user_id, name, color) SELECT id, 'old', 'red' FROM users;"
            "INSERT INTO ai_kb_documents (scope, title, content)"
            " VALUES ('', '', ''), ('public', '', ''), ('x', '', '')",
        )
        portfolio.ok(*MIXED, "upgrade", "head")
        classes = psql(url, "SELECT symbol, investment_class::text FROM positions ORDER BY 1")
        assert classes == [("A", "PUBLIC"), ("B", "OPTIONS"), ("C", "PRIVATE")]
        assert psql(url, "SELECT name, color FROM tags_v2") == [("old", "#4A90E2")]
        assert psql(url, "SELECT scope FROM ai_kb_documents ORDER BY 1") == [("global",), ("global",), ("x",)]


class TestFill:
    """`python -m portfolio.fill` on the mixed database."""

    SMALL = ("--rows", "2000", "--documents", "200")

    def test_it_makes_what_was_asked_for(self, at_head: Project) -> None:
        """Rows in every table, documents with embeddings, statistics, and sequences that go on."""
        url = at_head.environment["OLD_DATABASE_URL"]
        at_head.ok(*self.SMALL, "--seed", "7", module="portfolio.fill")
        counts = {table: psql(url, f"SELECT count(*) FROM {table}")[0][0] for table in _tables(url)}
        assert counts.pop("ai_kb_documents") == 200
        assert sum(map(int, map(str, counts.values()))) == 2000 + SEEDED_FACTORS
        assert min(map(int, map(str, counts.values()))) >= 1
        assert psql(url, "SELECT DISTINCT vector_dims(embedding) FROM ai_kb_documents") == [(1536,)]
        assert psql(url, "SELECT reltuples::int FROM pg_class WHERE relname = 'ai_kb_documents'") == [(200,)]
        for statement in (
            "INSERT INTO factor_definitions (code, name) VALUES ('next', '')",
            "INSERT INTO batch_job_schedules (job_name, cron) VALUES ('next', '')",
            "INSERT INTO export_history (user_id, export_format, file_name) SELECT id, 'csv', '' FROM users LIMIT 1",
            "INSERT INTO position_greeks (position_id, calculation_date, delta, gamma, theta, vega) "
            "SELECT id, '1990-01-01', 0, 0, 0, 0 FROM positions LIMIT 1",
        ):
            psql(url, statement)

    def test_the_vector_index_is_there_again(self, at_head: Project) -> None:
        """Valid, as it was before, and it finds each document's neighbours."""
        url = at_head.environment["OLD_DATABASE_URL"]
        at_head.ok(*self.SMALL, "--seed", "7", "--memory", "64MB", "--workers", "1", module="portfolio.fill")
        assert _indexes_of_ai(url)[HNSW] == AI_INDEXES[HNSW]
        psql(url, "ALTER ROLE postgres IN DATABASE {} SET enable_seqscan = off".format(url.rpartition("/")[2]))
        found = psql(
            url,
            "SELECT count(*) FROM ai_kb_documents AS d, LATERAL "
            "(SELECT id FROM ai_kb_documents ORDER BY embedding <=> d.embedding LIMIT 1) AS n WHERE n.id = d.id",
        )
        assert int(str(found[0][0])) >= 190

    def test_the_same_seed_makes_the_same_content(
        self, at_head: Project, new_database: NewDatabase, templates: dict[str, str]
    ) -> None:
        """Another seed makes another, in every table but the smallest."""
        first, second, other = (new_database(templates["mixed"]) for _ in range(3))
        for url, seed in ((first, "7"), (second, "7"), (other, "8")):
            at_head.ok(*self.SMALL, "--seed", seed, module="portfolio.fill", OLD_DATABASE_URL=url)
        expected = _digests(first)
        # These get their time of creation from the revision that seeds them.
        seeded = "SELECT md5(string_agg((t.id, t.code, t.name)::text, '|' ORDER BY id)) FROM factor_definitions AS t"
        ignored = {"factor_definitions", "alembic_version"}
        same, different = _digests(second), _digests(other)
        assert {k: v for k, v in same.items() if k not in ignored} == {
            k: v for k, v in expected.items() if k not in ignored
        }
        assert psql(first, seeded) == psql(second, seeded)
        assert all(different[table] != expected[table] for table in expected)

    def test_odd_values_are_among_them(self, at_head: Project) -> None:
        """What real data hold sooner or later."""
        url = at_head.environment["OLD_DATABASE_URL"]
        at_head.ok("--rows", "20000", "--documents", "0", "--seed", "7", module="portfolio.fill")
        for kind, query in {
            "NULL": "SELECT 1 FROM positions WHERE notes IS NULL",
            "empty string": "SELECT 1 FROM positions WHERE notes = ''",
            "newline": "SELECT 1 FROM agent_messages WHERE content LIKE E'%\\n%'",
            "backslash": "SELECT 1 FROM agent_messages WHERE content LIKE '%\\\\%'",
            "quote": "SELECT 1 FROM agent_messages WHERE content LIKE '%''%'",
            "not ASCII": "SELECT 1 FROM agent_messages WHERE octet_length(content) > length(content)",
            "very large": "SELECT 1 FROM positions WHERE abs(entry_price) > 1e10",
            "negative": "SELECT 1 FROM positions WHERE quantity < 0",
            "infinity": "SELECT 1 FROM positions WHERE expiration_date = 'infinity'",
            "before Christ": "SELECT 1 FROM company_profiles WHERE founded_on < '0001-01-01'",
            "NaN": "SELECT 1 FROM position_greeks WHERE implied_volatility = 'NaN'",
            "empty array": "SELECT 1 FROM positions WHERE keywords = '{}'",
            "NULL in an array": "SELECT 1 FROM positions WHERE array_position(keywords, NULL) IS NOT NULL",
        }.items():
            assert psql(url, query), kind

    @pytest.mark.parametrize("rows", [41, 42, 65, 137, 999])
    def test_any_number_of_rows(self, at_head: Project, rows: int) -> None:
        """Few rows, few keys to refer to: still unique, still valid."""
        text = at_head.ok("--rows", str(rows), "--documents", "1", "--seed", "3", module="portfolio.fill")
        assert f"{rows} rows" in text

    def test_it_refuses_what_it_cannot_fill(self, at_head: Project, new_database: NewDatabase) -> None:
        """One message that says what to do, and nothing is changed."""
        url = at_head.environment["OLD_DATABASE_URL"]
        few = at_head.refused("--rows", "40", module="portfolio.fill")
        assert "ask for 41 or more" in few
        at_head.ok("--rows", "41", "--documents", "1", module="portfolio.fill")
        before = _digests(url)
        again = at_head.refused("--rows", "41", module="portfolio.fill")
        assert "only an empty database is filled" in again
        assert _digests(url) == before
        empty = at_head.refused(module="portfolio.fill", OLD_DATABASE_URL=new_database())
        assert "alembic -c mixed/alembic.ini upgrade head" in empty
        del at_head.environment["OLD_DATABASE_URL"]
        assert "OLD_DATABASE_URL is not set" in at_head.refused(module="portfolio.fill")

    @pytest.mark.soak
    def test_the_size_of_a_real_one(self, at_head: Project) -> None:
        """200,000 rows and 20,000 documents, before the two minutes that a command has here are over."""
        url = at_head.environment["OLD_DATABASE_URL"]
        at_head.ok("--rows", "200000", "--documents", "20000", "--seed", "1", module="portfolio.fill")
        assert psql(url, "SELECT count(*) FROM ai_kb_documents") == [(20000,)]
        assert _indexes_of_ai(url)[HNSW] == AI_INDEXES[HNSW]
