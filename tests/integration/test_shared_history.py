"""Every way in which a revision can reach the database, on a shared history: each database gets its own alone."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import NoResultFound

from alembic_multidb.errors import ConfigurationError, HistoryError, RegistryError, UndecidableError
from alembic_multidb.registry import Database, Databases
from alembic_multidb.routing.forks.fork import fork_history
from alembic_multidb.routing.plan import plan_history
from tests.conftest import NewDatabase, psql
from tests.integration.generated_histories import History
from tests.integration.shared import DROPS, TABLES, Shared, registry

# Each is an upgrade and a downgrade after TABLES.
CASES = {
    "a foreign key inside create_table": (
        """
        op.create_table("ai_notes", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
            sa.Column("doc_id", sa.Integer), sa.ForeignKeyConstraint(["doc_id"], ["ai_docs.id"], name="fk_doc"))
        op.create_index("ix_notes_user", "ai_notes", ["user_id"])
        """,
        """op.drop_table("ai_notes")""",
    ),
    "a foreign key that comes with a column, and goes by its name": (
        """
        op.add_column("ai_docs", sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_u")))
        op.add_column("users", sa.Column("boss_id", sa.Integer, sa.ForeignKey("users.id", name="fk_boss")))
        """,
        """
        op.drop_constraint("fk_boss", "users", type_="foreignkey")
        op.drop_constraint("fk_u", "ai_docs", type_="foreignkey")
        op.drop_column("ai_docs", "user_id")
        op.drop_column("users", "boss_id")
        """,
    ),
    "a foreign key as a constraint without a name": (
        """
        op.add_column("ai_docs", sa.Column("user_id", sa.Integer))
        op.create_foreign_key(None, "ai_docs", "users", ["user_id"], ["id"])
        """,
        """
        op.drop_constraint("ai_docs_user_id_fkey", "ai_docs")
        op.drop_column("ai_docs", "user_id")
        """,
    ),
    "foreign keys in raw SQL": (
        '''
        op.execute("""
            ALTER TABLE ai_docs ADD COLUMN a int REFERENCES users DEFERRABLE INITIALLY DEFERRED CHECK (a > 0),
                ADD COLUMN b int CONSTRAINT fk_b REFERENCES ai_docs,
                ADD CONSTRAINT fk_c FOREIGN KEY (b) REFERENCES users
        """)
        op.execute("ALTER TABLE ai_docs VALIDATE CONSTRAINT fk_c")
        op.execute("COMMENT ON CONSTRAINT fk_c ON ai_docs IS 'to users'")
        ''',
        """
        op.execute("ALTER TABLE ai_docs DROP CONSTRAINT fk_c, DROP COLUMN b, DROP COLUMN a")
        """,
    ),
    "enums of one home each, of both, and of nobody": (
        """
        op.execute("CREATE TYPE shade AS ENUM ('dark', 'light')")
        op.execute("CREATE TYPE unused AS ENUM ('a')")
        op.add_column("users", sa.Column("shade", postgresql.ENUM(name="shade", create_type=False)))
        op.create_table("ai_moods", sa.Column("mood", sa.Enum("good", "bad", name="mood")),
            sa.Column("shade", postgresql.ENUM(name="shade", create_type=False)))
        op.create_table("plans", sa.Column("kind", sa.Enum("x", "y", name="plan_kind")))
        op.execute("ALTER TYPE mood ADD VALUE 'worse'")
        op.execute("ALTER TYPE plan_kind RENAME TO kind_of_plan")
        """,
        """
        op.drop_table("plans")
        op.drop_table("ai_moods")
        op.drop_column("users", "shade")
        for name in ("kind_of_plan", "mood", "unused", "shade"):
            op.execute(f"DROP TYPE {name}")
        """,
    ),
    "an enum made through the connection": (
        """
        kind = sa.Enum("x", "y", name="kind")
        kind.create(op.get_bind(), checkfirst=True)
        op.add_column("ai_docs", sa.Column("kind", kind))
        """,
        """
        op.drop_column("ai_docs", "kind")
        sa.Enum(name="kind").drop(op.get_bind(), checkfirst=True)
        """,
    ),
    "an enum whose table makes it and another home uses it": (
        """
        op.create_table("plans", sa.Column("kind", sa.Enum("x", "y", name="kind")))
        op.add_column("ai_docs", sa.Column("kind", postgresql.ENUM(name="kind", create_type=False)))
        """,
        """
        op.drop_column("ai_docs", "kind")
        op.drop_table("plans")
        op.execute("DROP TYPE kind")
        """,
    ),
    "rows by bulk_insert, through the connection, and in raw SQL": (
        """
        users = sa.table("users", sa.column("id", sa.Integer), sa.column("name", sa.Text))
        docs = sa.table("ai_docs", sa.column("id", sa.Integer), sa.column("body", sa.Text))
        op.bulk_insert(users, [{"id": 1, "name": "a: 100%"}, {"id": 2, "name": "b"}])
        op.bulk_insert(docs, [{"id": 1, "body": "a"}], multiinsert=False)
        bind = op.get_bind()
        bind.execute(docs.insert(), [{"id": 2, "body": "b"}, {"id": 3, "body": "c"}])
        bind.execute(sa.text("UPDATE ai_docs SET body = :body WHERE id = :id"), {"body": "z", "id": 2})
        bind.exec_driver_sql("UPDATE users SET name = 'x%%' WHERE id = %s", (2,))
        op.execute(docs.delete().where(docs.c.id == 3))
        op.execute("INSERT INTO users VALUES (3, 'c')")
        for row in bind.execute(sa.select(docs.c.id)).fetchall():
            bind.execute(docs.update().where(docs.c.id == row.id).values(body="seen"))
        assert bind.execute(sa.text("SELECT count(*) FROM ai_docs")).scalar() in (0, 2)
        assert bind.scalar(sa.text("SELECT EXISTS (SELECT FROM users)")) in (True, False)
        assert bind.execute(sa.text("SELECT id FROM ai_docs ORDER BY id")).first() in (None, (1,))
        """,
        """op.execute("DELETE FROM ai_docs")
op.execute("DELETE FROM users")""",
    ),
    "batches, one of them made anew": (
        """
        with op.batch_alter_table("ai_docs", recreate="always") as batch:
            batch.add_column(sa.Column("a", sa.Integer))
            batch.create_index("ix_a", ["a"])
        with op.batch_alter_table("users") as batch:
            batch.add_column(sa.Column("b", sa.Integer))
            batch.alter_column("name", nullable=False)
        """,
        """
        with op.batch_alter_table("users") as batch:
            batch.alter_column("name", nullable=True)
            batch.drop_column("b")
        with op.batch_alter_table("ai_docs") as batch:
            batch.drop_index("ix_a")
            batch.drop_column("a")
        """,
    ),
    "indexes and constraints by their names alone": (
        """
        op.create_index("ix_body", "ai_docs", ["body"])
        op.create_index("ix_name", "users", ["name"])
        op.create_unique_constraint("uq_body", "ai_docs", ["body"])
        op.execute("CREATE INDEX ON ai_docs (body, id)")
        op.execute("ALTER INDEX ix_body RENAME TO ix_the_body")
        op.execute("COMMENT ON INDEX ix_the_body IS 'x'")
        op.execute("ALTER INDEX users_pkey RENAME TO pk_users")
        op.execute("ALTER INDEX ai_docs_pkey RENAME TO pk_ai_docs")
        """,
        """
        op.execute("ALTER INDEX pk_ai_docs RENAME TO ai_docs_pkey")
        op.execute("ALTER INDEX pk_users RENAME TO users_pkey")
        op.drop_index("ai_docs_body_id_idx")
        op.drop_constraint("uq_body", "ai_docs")
        op.execute("DROP INDEX ix_name, ix_the_body")
        """,
    ),
    "concurrently, in autocommit blocks": (
        """
        with op.get_context().autocommit_block():
            op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_body")
            op.create_index("ix_body", "ai_docs", ["body"], postgresql_concurrently=True)
            op.create_index("ix_name", "users", ["name"], postgresql_concurrently=True)
        """,
        """
        with op.get_context().autocommit_block():
            op.drop_index("ix_body", table_name="ai_docs", postgresql_concurrently=True)
            op.drop_index("ix_name", postgresql_concurrently=True)
        """,
    ),
    "triggers with their functions, one that both homes use": (
        '''
        for name in ("touch_users", "touch_docs", "touch"):
            op.execute(f"""
                CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$
            """)
        op.execute("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch_users()")
        op.execute("CREATE TRIGGER t BEFORE INSERT ON ai_docs FOR EACH ROW EXECUTE FUNCTION touch_docs()")
        op.execute("CREATE TRIGGER u BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()")
        op.execute("CREATE TRIGGER u BEFORE UPDATE ON ai_docs FOR EACH ROW EXECUTE FUNCTION touch()")
        op.execute("COMMENT ON TRIGGER u ON ai_docs IS 'x'")
        op.execute("COMMENT ON FUNCTION touch_docs() IS 'x'")
        ''',
        """
        for table in ("users", "ai_docs"):
            op.execute(f"DROP TRIGGER u ON {table}")
            op.execute(f"DROP TRIGGER t ON {table}")
        op.execute("DROP FUNCTION touch_users(), touch_docs(), touch()")
        """,
    ),
    "sequences, owned and shared": (
        """
        op.execute("CREATE SEQUENCE numbers")
        op.execute("CREATE SEQUENCE doc_numbers OWNED BY ai_docs.id")
        op.add_column("users", sa.Column("n", sa.BigInteger, server_default=sa.text("nextval('numbers')")))
        op.execute("ALTER TABLE ai_docs ADD COLUMN m bigint DEFAULT nextval('doc_numbers'::regclass)")
        op.execute("SELECT setval('users_id_seq', 100)")
        op.execute("SELECT setval('ai_docs_id_seq', 200), nextval('doc_numbers')")
        op.execute("ALTER SEQUENCE ai_docs_id_seq RESTART WITH 500")
        """,
        """
        op.drop_column("ai_docs", "m")
        op.drop_column("users", "n")
        op.execute("DROP SEQUENCE numbers")
        op.execute("DROP SEQUENCE IF EXISTS doc_numbers")
        """,
    ),
    "views of one home": (
        """
        op.execute("CREATE VIEW names AS SELECT name FROM users")
        op.execute("CREATE VIEW bodies AS WITH d AS (SELECT * FROM ai_docs) SELECT body FROM d")
        op.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM bodies")
        op.execute("CREATE INDEX ON counted (count)")
        op.execute("REFRESH MATERIALIZED VIEW counted")
        op.execute("GRANT SELECT ON names, bodies, users TO PUBLIC")
        op.execute("COMMENT ON VIEW bodies IS 'x'")
        """,
        """
        op.execute("DROP MATERIALIZED VIEW counted")
        op.execute("DROP VIEW bodies, names")
        op.execute("REVOKE SELECT ON users FROM PUBLIC")
        """,
    ),
    "a view replaced, and one dropped that is not there": (
        """
        op.execute("DROP VIEW IF EXISTS never")
        op.execute("CREATE OR REPLACE VIEW bodies AS SELECT body FROM ai_docs")
        op.execute("CREATE OR REPLACE VIEW bodies AS SELECT body, id FROM ai_docs")
        """,
        """op.execute("DROP VIEW bodies")""",
    ),
    "DO blocks": (
        '''
        op.execute("""
            DO $$ BEGIN CREATE TYPE mood AS ENUM ('good'); EXCEPTION WHEN duplicate_object THEN NULL; END $$
        """)
        op.execute("""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'ix_do') THEN
                    EXECUTE 'CREATE INDEX ix_do ON ai_docs (body)';
                END IF;
            END $$
        """)
        op.add_column("ai_docs", sa.Column("mood", postgresql.ENUM(name="mood", create_type=False)))
        op.execute("""
            DO $$ DECLARE r record; BEGIN
                FOR r IN SELECT id FROM users LOOP UPDATE users SET name = 'x' WHERE id = r.id; END LOOP;
            END $$
        """)
        ''',
        """
        op.drop_index("ix_do")
        op.drop_column("ai_docs", "mood")
        op.execute("DROP TYPE IF EXISTS mood")
        """,
    ),
    "lists that name tables of both homes": (
        """
        op.execute("TRUNCATE users, ai_docs RESTART IDENTITY CASCADE")
        op.execute("ANALYZE users, ai_docs")
        op.execute("CREATE TABLE a (id int); CREATE TABLE ai_b (id int); COMMENT ON TABLE ai_b IS '100% : b'")
        op.execute("DROP TABLE IF EXISTS a, ai_b, c CASCADE")
        """,
        "pass",
    ),
    "a vector, its extension and its index": (
        """
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
        op.add_column("ai_docs", sa.Column("embedding", VECTOR(3)))
        op.create_index("ix_embedding", "ai_docs", ["embedding"], postgresql_using="hnsw",
            postgresql_ops={"embedding": "vector_cosine_ops"}, postgresql_with={"m": 8})
        op.execute("COMMENT ON EXTENSION vector IS 'vectors'")
        """,
        """
        op.drop_index("ix_embedding", "ai_docs")
        op.drop_column("ai_docs", "embedding")
        """,
    ),
    "partitions, attached and not": (
        """
        op.execute("CREATE TABLE ai_log (id int, at date) PARTITION BY RANGE (at)")
        op.execute("CREATE TABLE log_1 PARTITION OF ai_log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')")
        op.execute("CREATE TABLE log_2 (id int, at date)")
        op.execute("ALTER TABLE ai_log ATTACH PARTITION log_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')")
        op.execute("CREATE INDEX ix_log ON log_1 (id)")
        """,
        """op.execute("DROP TABLE ai_log")""",
    ),
    "a table with its own schema, and one that changes it": (
        """
        op.execute("CREATE SCHEMA notes")
        op.create_table("ai_x", sa.Column("id", sa.Integer), schema="notes")
        op.execute("ALTER TABLE notes.ai_x SET SCHEMA public")
        op.execute("DROP SCHEMA notes")
        op.execute("CREATE SCHEMA kept")
        op.execute("CREATE TABLE kept.ai_y (id int)")
        """,
        """
        op.execute("DROP TABLE ai_x, kept.ai_y")
        op.execute("DROP SCHEMA kept")
        """,
    ),
    "models made through the connection": (
        """
        meta = sa.MetaData()
        sa.Table("users", meta, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table("plans", meta, sa.Column("id", sa.Integer), sa.Column("kind", sa.Enum("x", name="kind")))
        sa.Table("ai_plans", meta, sa.Column("id", sa.Integer), sa.Column("u", sa.ForeignKey("users.id"), index=True))
        meta.create_all(op.get_bind())
        """,
        """
        op.execute("DROP TABLE plans, ai_plans")
        op.execute("DROP TYPE kind")
        """,
    ),
    "policies, rules, statistics": (
        """
        op.execute("ALTER TABLE ai_docs ENABLE ROW LEVEL SECURITY")
        op.execute("CREATE POLICY p ON ai_docs USING (true)")
        op.execute("CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING")
        op.execute("CREATE STATISTICS s ON id, body FROM ai_docs")
        op.execute("ALTER TABLE users ALTER COLUMN name SET STATISTICS 50")
        """,
        """
        op.execute("DROP STATISTICS IF EXISTS s")
        op.execute("DROP RULE r ON users")
        op.execute("DROP POLICY p ON ai_docs")
        op.execute("ALTER TABLE ai_docs DISABLE ROW LEVEL SECURITY")
        """,
    ),
    "statistics, rules, policies and locks": (
        """
        op.execute("ALTER TABLE ai_docs ENABLE ROW LEVEL SECURITY")
        op.execute("CREATE POLICY p ON ai_docs USING (id > 0); COMMENT ON POLICY p ON ai_docs IS 'own'")
        op.execute("CREATE RULE r AS ON INSERT TO users DO ALSO NOTHING")
        op.execute("CREATE STATISTICS st ON id, name FROM users; CREATE STATISTICS ai_st ON id, body FROM ai_docs")
        op.execute("ALTER STATISTICS ai_st SET STATISTICS 10; COMMENT ON STATISTICS st IS 'x'")
        op.execute("LOCK TABLE users, ai_docs IN SHARE MODE")
        """,
        """
        op.execute("DROP STATISTICS st, ai_st; DROP RULE r ON users; DROP POLICY p ON ai_docs")
        op.execute("ALTER TABLE ai_docs DISABLE ROW LEVEL SECURITY")
        """,
    ),
    "a foreign key that is renamed": (
        """
        op.execute("ALTER TABLE ai_docs ADD COLUMN u int, ADD CONSTRAINT k FOREIGN KEY (u) REFERENCES users NOT VALID")
        op.execute("ALTER TABLE ai_docs VALIDATE CONSTRAINT k")
        op.execute("ALTER TABLE ai_docs RENAME CONSTRAINT k TO l")
        """,
        """op.execute("ALTER TABLE ai_docs DROP CONSTRAINT l, DROP COLUMN u")""",
    ),
    "a schema that is renamed": (
        """
        op.execute("CREATE SCHEMA before; CREATE TABLE before.ai_t (id int)")
        op.execute("CREATE INDEX ix_t ON before.ai_t (id)")
        op.execute("ALTER SCHEMA before RENAME TO after")
        op.execute("ALTER TABLE after.ai_t ADD COLUMN n int; DROP INDEX after.ix_t")
        """,
        """op.execute("DROP SCHEMA after CASCADE")""",
    ),
    "conditions on what the database has": (
        """
        inspector = sa.inspect(op.get_bind())
        if inspector.has_table("ai_docs"):
            op.add_column("ai_docs", sa.Column("seen", sa.Boolean))
        if "late" not in [c["name"] for c in inspector.get_columns("users")] if inspector.has_table("users") else False:
            op.add_column("users", sa.Column("late", sa.Boolean))
        if not op.get_bind().scalar(sa.text("SELECT 1 FROM pg_type WHERE typname = 'mood'")):
            op.execute("CREATE TYPE mood AS ENUM ('good')")
        op.execute("ALTER TABLE ai_docs ADD COLUMN IF NOT EXISTS mood mood")
        """,
        """
        op.execute("ALTER TABLE ai_docs DROP COLUMN mood, DROP COLUMN seen")
        op.execute("ALTER TABLE users DROP COLUMN late")
        op.execute("DROP TYPE mood")
        """,
    ),
    "a foreign key made if its table is missing, and one in a batch": (
        """
        if not sa.inspect(op.get_bind()).has_table("ai_notes"):
            op.create_table("ai_notes", sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("state", sa.Enum("new", "old", name="state"), index=True),
                sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), index=True))
        if not sa.inspect(op.get_bind()).has_table("ai_marks"):
            op.create_table("ai_marks", sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("state", sa.Enum("new", "old", name="state")),
                *(sa.Column(f"c{n}", sa.Integer, index=True) for n in range(20)))
            with op.batch_alter_table("ai_marks") as batch:
                batch.add_column(sa.Column("user_id", sa.Integer))
                batch.create_foreign_key("fk_user", "users", ["user_id"], ["id"])
        """,
        """
        op.drop_table("ai_marks")
        op.drop_table("ai_notes")
        op.execute("DROP TYPE state")
        """,
    ),
    "temporary tables of one home each, and of both": (
        """
        for table, column in (("ai_docs", "body"), ("users", "name")):
            op.execute(f"INSERT INTO {table} (id, {column}) VALUES (1, 'a')")
            op.execute(f"CREATE TEMP TABLE own AS SELECT id, {column} AS t FROM {table}")
            op.execute("CREATE TEMPORARY TABLE plain (id int, t text) ON COMMIT DROP")
            op.execute("CREATE INDEX ix_plain ON plain (id)")
            op.execute("INSERT INTO plain SELECT id, t || 'b' FROM own")
            op.execute(f"UPDATE {table} SET {column} = plain.t FROM plain WHERE plain.id = {table}.id")
            op.execute("DROP TABLE own, plain")
        op.execute("CREATE TEMP TABLE words AS VALUES (1, 'c')")
        op.execute("UPDATE ai_docs SET body = body || w.column2 FROM words w")
        op.execute("UPDATE users SET name = name || w.column2 FROM words w")
        op.execute("DROP TABLE words")
        """,
        """
        op.execute("CREATE TEMP TABLE gone AS SELECT id FROM ai_docs")
        op.execute("DELETE FROM ai_docs USING gone WHERE gone.id = ai_docs.id")
        op.execute("DELETE FROM users")
        op.execute("DROP TABLE gone")
        """,
    ),
    "a function that only rows use, and a temporary table with a type": (
        """
        op.execute("CREATE FUNCTION loud(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)'")
        op.get_bind().execute(sa.text("SELECT loud(body) FROM ai_docs")).all()
        op.execute("CREATE TYPE mood AS ENUM ('good')")
        op.execute("ALTER TABLE users ADD mood mood")
        op.execute("CREATE TEMP TABLE moods (id int, mood mood)")
        op.execute("DELETE FROM ai_docs USING moods WHERE moods.id = ai_docs.id")
        op.execute("DROP TABLE moods")
        """,
        """
        op.execute("ALTER TABLE users DROP mood")
        op.execute("DROP TYPE mood")
        op.execute("DROP FUNCTION loud(text)")
        """,
    ),
    "conditions on what the server is": (
        """
        bind = op.get_bind()
        assert "PostgreSQL" in bind.scalar(sa.text("SELECT version()"))
        if int(bind.scalar(sa.text("SHOW server_version_num")) or 0) >= 120000:
            op.create_index("ix_body", "ai_docs", ["body"])
            op.execute("CREATE TYPE mood AS ENUM ('good')")
            op.execute("ALTER TABLE ai_docs ADD mood mood")
        if bind.scalar(sa.text("SELECT current_setting('server_version_num')::int / 10000")) >= 12:
            op.create_index("ix_name", "users", ["name"])
        if bind.scalar(sa.text("SELECT current_user")) == "postgres":
            op.create_index("ix_both", "ai_docs", ["body", "id"])
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
        version = bind.scalar(sa.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
        if tuple(map(int, version.split(".")[:2])) >= (0, 5):
            op.execute("CREATE INDEX ix_id ON ai_docs (id, body)")
        """,
        """
        for name in ("ix_id", "ix_both", "ix_name", "ix_body"):
            op.drop_index(name)
        op.drop_column("ai_docs", "mood")
        op.execute("DROP TYPE mood")
        """,
    ),
    "constraints that are deferred, some of them soft": (
        """
        op.execute("ALTER TABLE users ADD boss int CONSTRAINT k REFERENCES users DEFERRABLE")
        op.execute("ALTER TABLE ai_docs ADD u int CONSTRAINT s REFERENCES users DEFERRABLE, ADD n int")
        op.execute("ALTER TABLE ai_docs ADD CONSTRAINT q UNIQUE (n) DEFERRABLE")
        op.execute("SET CONSTRAINTS s DEFERRED")
        op.execute("SET CONSTRAINTS k, s, q DEFERRED; SET CONSTRAINTS ALL IMMEDIATE")
        """,
        """
        op.execute("SET CONSTRAINTS public.s, q IMMEDIATE")
        op.execute("ALTER TABLE ai_docs DROP COLUMN u, DROP COLUMN n; ALTER TABLE users DROP COLUMN boss")
        """,
    ),
    "two foreign keys of a column, without names": (
        """
        op.execute("ALTER TABLE ai_docs ADD u int REFERENCES users")
        op.execute("ALTER TABLE ai_docs ADD FOREIGN KEY (u) REFERENCES users ON DELETE CASCADE")
        op.execute("ALTER TABLE ai_docs ADD FOREIGN KEY (u) REFERENCES users ON DELETE SET NULL")
        """,
        """
        for name in ("", "1", "2"):
            op.execute(f"ALTER TABLE ai_docs DROP CONSTRAINT ai_docs_u_fkey{name}")
        op.execute("ALTER TABLE ai_docs DROP COLUMN u")
        """,
    ),
    "rights by default in schemas": (
        """
        op.execute("CREATE SCHEMA vec; CREATE TABLE vec.ai_t (id int)")
        op.execute("CREATE SCHEMA own; CREATE TABLE own.t (id int)")
        op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA vec GRANT SELECT ON TABLES TO PUBLIC")
        op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA own, vec GRANT USAGE ON SEQUENCES TO PUBLIC")
        op.execute("ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC")
        """,
        """
        op.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC")
        op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA own, vec REVOKE USAGE ON SEQUENCES FROM PUBLIC")
        op.execute("DROP SCHEMA own, vec CASCADE")
        """,
    ),
    "changes of what is not there": (
        """
        op.execute("ALTER INDEX IF EXISTS never RENAME TO other; ALTER TABLE IF EXISTS never ADD n int")
        op.execute("ALTER SEQUENCE IF EXISTS never RESTART; ALTER VIEW IF EXISTS never SET SCHEMA public")
        """,
        "pass",
    ),
    "names that the search path leads to": (
        """
        op.execute("CREATE SCHEMA ml; CREATE SCHEMA own")
        op.execute('SET LOCAL search_path TO "$user", ml, public')
        op.execute("CREATE TABLE ai_runs (id serial PRIMARY KEY, doc int REFERENCES ai_docs, u int REFERENCES users)")
        op.execute("CREATE TYPE kind AS ENUM ('a')")
        op.execute("ALTER TABLE ai_runs ADD kind kind; CREATE INDEX ix_doc ON ai_runs (doc)")
        op.execute("ALTER TABLE users ADD n int; CREATE INDEX ix_n ON users (n)")
        op.execute("SELECT set_config('search_path', 'own, ml, public', true)")
        op.execute("CREATE TABLE jobs (id int); CREATE VIEW all_runs AS SELECT * FROM ai_runs")
        op.execute("COMMENT ON TABLE ai_runs IS 'runs'; TRUNCATE jobs, ai_runs")
        op.execute("RESET search_path")
        op.execute("ALTER TABLE ml.ai_runs ADD k int; ALTER INDEX ml.ix_doc RENAME TO ix_of_doc")
        op.execute("COMMENT ON TABLE own.jobs IS 'jobs'; COMMENT ON VIEW own.all_runs IS 'all'")
        """,
        """
        op.execute("SET search_path TO own, ml, public")
        op.execute("DROP VIEW all_runs; DROP INDEX ix_of_doc; DROP TABLE jobs, ai_runs; DROP TYPE kind")
        op.execute("ALTER TABLE users DROP n")
        op.execute("SET search_path TO DEFAULT; DROP SCHEMA ml, own")
        """,
    ),
    "a table that is renamed into its home": (
        """
        op.create_table("drafts", sa.Column("id", sa.Integer, primary_key=True), sa.Column("t", sa.Text))
        op.create_index("ix_drafts_t", "drafts", ["t"])
        op.rename_table("drafts", "ai_drafts")
        op.create_table("drafts", sa.Column("id", sa.BigInteger))
        op.execute("ALTER TABLE ai_drafts ADD COLUMN u int REFERENCES users")
        """,
        """
        op.drop_table("drafts")
        op.execute("ALTER TABLE ai_drafts RENAME TO drafts")
        op.drop_index("ix_drafts_t", table_name="drafts")
        op.drop_table("drafts")
        """,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_database_gets_its_own_and_no_more(shared: Shared, case: str) -> None:
    """As the mixed database has it, up, down and up again; at the end nothing is left behind."""
    upgrade, downgrade = CASES[case]
    shared.revise(TABLES, DROPS)
    shared.revise(upgrade, downgrade)
    shared.upgrade()
    assert shared.differences() == []
    shared.downgrade(to="r001")
    assert shared.differences() == []
    shared.upgrade()
    assert shared.differences() == []


# What comes and goes: revisions after TABLES, each an upgrade and a downgrade.
MOVES = {
    "a type whose last column in one home goes": [
        (
            """
            op.execute("CREATE TYPE mood AS ENUM ('good')")
            op.execute("ALTER TABLE users ADD COLUMN mood mood")
            op.execute("ALTER TABLE ai_docs ADD COLUMN mood mood DEFAULT 'good'")
            """,
            """
            op.execute("ALTER TABLE users DROP COLUMN mood; ALTER TABLE ai_docs DROP COLUMN mood")
            op.execute("DROP TYPE mood")
            """,
        ),
        (
            """
            op.execute("ALTER TYPE mood ADD VALUE 'bad'")
            op.execute("COMMENT ON TYPE mood IS 'of people'")
            """,
            "op.execute('COMMENT ON TYPE mood IS NULL')",
        ),
        (
            "op.drop_column('ai_docs', 'mood')",
            "op.execute(\"ALTER TABLE ai_docs ADD COLUMN mood mood DEFAULT 'good'\")",
        ),
        (
            """
            op.execute("ALTER TYPE mood RENAME TO temper")
            op.execute("ALTER TABLE ai_docs ADD COLUMN temper temper; ALTER TABLE users ALTER mood TYPE text")
            """,
            """
            op.execute("ALTER TABLE users ALTER mood TYPE temper USING mood::temper")
            op.execute("ALTER TABLE ai_docs DROP COLUMN temper")
            op.execute("ALTER TYPE temper RENAME TO mood")
            """,
        ),
    ],
    "a type that is made first and used later, then by another table": [
        ("op.execute(\"CREATE TYPE kind AS ENUM ('a', 'b')\")", "op.execute('DROP TYPE kind')"),
        ("op.execute('ALTER TABLE ai_docs ADD COLUMN kind kind[]')", "op.drop_column('ai_docs', 'kind')"),
        (
            "op.execute('CREATE TABLE ai_more (k kind); CREATE TABLE users_more (k kind)')",
            "op.execute('DROP TABLE ai_more, users_more')",
        ),
        (
            "op.execute('DROP TABLE ai_more CASCADE; ALTER TABLE ai_docs DROP COLUMN kind')",
            "op.execute('ALTER TABLE ai_docs ADD COLUMN kind kind[]; CREATE TABLE ai_more (k kind)')",
        ),
    ],
    "functions with the triggers that call them": [
        (
            """
            op.execute("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
            op.execute("CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()")
            """,
            """
            op.execute("DROP TRIGGER t ON users")
            op.execute("DROP FUNCTION touch()")
            """,
        ),
        (
            "op.execute('CREATE TRIGGER t BEFORE UPDATE ON ai_docs FOR EACH ROW EXECUTE FUNCTION touch()')",
            "op.execute('DROP TRIGGER t ON ai_docs')",
        ),
        (
            "op.execute('DROP TRIGGER t ON users')",
            "op.execute('CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()')",
        ),
    ],
    "a sequence, a domain and a schema": [
        (
            """
            op.execute("CREATE SCHEMA s")
            op.execute("CREATE DOMAIN s.positive AS int CHECK (VALUE > 0); CREATE SEQUENCE s.n START 7")
            op.execute("ALTER TABLE users ADD COLUMN n s.positive DEFAULT nextval('s.n')")
            op.execute("ALTER TABLE ai_docs ADD COLUMN n s.positive DEFAULT nextval('s.n')")
            """,
            """
            op.execute("ALTER TABLE ai_docs DROP COLUMN n; ALTER TABLE users DROP COLUMN n")
            op.execute("DROP SEQUENCE s.n; DROP DOMAIN s.positive; DROP SCHEMA s")
            """,
        ),
        (
            "op.execute('ALTER TABLE users ALTER n DROP DEFAULT, ALTER n TYPE int')",
            "op.execute(\"ALTER TABLE users ALTER n TYPE s.positive, ALTER n SET DEFAULT nextval('s.n')\")",
        ),
        ("op.execute('ALTER SCHEMA s RENAME TO z')", "op.execute('ALTER SCHEMA z RENAME TO s')"),
        (
            "op.execute(\"ALTER TABLE users ALTER n SET DEFAULT nextval('z.n'); ALTER TABLE ai_docs DROP COLUMN n\")",
            "op.execute(\"ALTER TABLE ai_docs ADD n z.positive DEFAULT nextval('z.n')\");"
            "op.execute('ALTER TABLE users ALTER n DROP DEFAULT')",
        ),
    ],
}


class TestMoves:
    """Types, functions, sequences and schemas come with the first use in a database, and leave with the last."""

    @pytest.mark.parametrize("case", MOVES)
    def test_each_database_has_at_every_revision_what_its_home_has(self, shared: Shared, case: str) -> None:
        """On the way up, and on the way down."""
        shared.revise(TABLES, DROPS)
        for upgrade, downgrade in MOVES[case]:
            shared.revise(upgrade, downgrade)
        for revision in shared.revisions:
            shared.upgrade(to=revision)
            assert shared.differences() == [], revision
        for revision in reversed(shared.revisions[:-1]):
            shared.downgrade(to=revision)
            assert shared.differences() == [], revision

    @pytest.mark.parametrize("case", MOVES)
    def test_a_fork_says_so(self, shared: Shared, case: str) -> None:
        """Its files make and drop what comes and leaves."""
        shared.revise(TABLES, DROPS)
        for upgrade, downgrade in MOVES[case]:
            shared.revise(upgrade, downgrade)
        shared.upgrade()
        script = ScriptDirectory.from_config(shared.config("core", connected=False))
        forked = fork_history(script, shared.config("core", connected=False), list(shared.databases.values()))
        ai = Database("ai", tables=["ai_*"], extensions={"vector": "*"})
        shared.databases = Databases(Database("core", default=True), ai)
        for name in ("core", "ai"):
            for file in forked[name]:
                (shared.folder / "versions" / file.file).write_text(file.text)
            shared.downgrade(name, to="r001")
            shared.upgrade(name)
        assert shared.differences() == []


def test_an_index_goes_with_the_table_that_is_named_with_it(shared: Shared) -> None:
    """Though no revision has made it, as where a history began with tables that were there."""
    shared.revise(TABLES, DROPS)
    shared.upgrade()
    for name in ("mixed", "ai"):
        psql(shared.urls[name], "CREATE INDEX ix_old ON ai_docs (body)")
    shared.revise('op.drop_index("ix_old", table_name="ai_docs")')
    shared.upgrade()
    assert shared.differences() == []
    config = shared.config("core", connected=False)
    forked = fork_history(ScriptDirectory.from_config(config), config, list(shared.databases.values()))
    assert ["drop_index" in forked[name][1].text for name in ("core", "ai")] == [False, True]


def test_rows_are_where_their_tables_are(shared: Shared) -> None:
    """Data migrations run where their table is at home, and nowhere else."""
    shared.revise(TABLES, DROPS)
    shared.revise(*CASES["rows by bulk_insert, through the connection, and in raw SQL"])
    shared.upgrade()
    for name, query in (("core", "SELECT * FROM users ORDER BY 1"), ("ai", "SELECT * FROM ai_docs ORDER BY 1")):
        assert psql(shared.urls[name], query) == psql(shared.urls["mixed"], query)
    assert psql(shared.urls["core"], "SELECT name FROM users ORDER BY 1") == [("a: 100%",), ("c",), ("x%",)]


# Each is an upgrade after TABLES, and what the error says of it.
UNDECIDABLE = {
    "rows that cross": (
        """op.execute("INSERT INTO ai_docs SELECT id, name FROM users")""",
        [
            "r002",
            "INSERT INTO ai_docs",
            "it needs users (core)",
            "No database has all",
            "op.on_database(): if only old rows",
        ],
    ),
    "rows that cross, read through the connection": (
        """op.get_bind().execute(sa.text("SELECT 1 FROM ai_docs JOIN users USING (id)"))""",
        ["ai_docs (ai)", "users (core)", "op.on_database(): if only old rows"],
    ),
    "numbers of another home's table": (
        """op.execute("ALTER TABLE ai_docs ADD n int DEFAULT nextval('users_id_seq')")""",
        ["it needs users_id_seq (core)", "No database has all", "with op.on_database(): if it shall be nowhere"],
    ),
    "a table that is named for one home, made after one of another": (
        """op.execute("CREATE TABLE ai_users (LIKE users)")""",
        ["it needs users (core)", "No database has all that it needs"],
    ),
    "a view of both homes": (
        """op.execute("CREATE VIEW both_homes AS SELECT 1 AS one FROM ai_docs, users")""",
        ["both_homes stands on", "ai_docs (ai)", "users (core)"],
    ),
    "SQL that is put together as it runs": (
        """op.execute("DO $$ BEGIN EXECUTE format('DROP TABLE IF EXISTS %I', 'x'); END $$")""",
        [
            "it runs what it puts together",
            'with op.on_database("ai"):, or with op.on_database("core"):',
            "EXECUTE format(",
        ],
    ),
    "a block about both homes": (
        """op.execute("DO $$ BEGIN DELETE FROM users; DELETE FROM ai_docs; END $$")""",
        ["several homes"],
    ),
    "an index that no revision makes": (
        """op.execute("DROP INDEX ix_never")""",
        ["no revision before it is seen to make relation ix_never", 'it is not in "ai"', 'op.on_database("core"):'],
    ),
    "a type that no revision makes": (
        """op.execute("ALTER TYPE never ADD VALUE 'x'")""",
        ["no revision before it is seen to make type never"],
    ),
    "what is no SQL": ("""op.execute("CREATE THE TABLE x")""", ["parser cannot read it"]),
}


ORM = """
from sqlalchemy import orm
class Doc(orm.declarative_base()):
    __tablename__ = "ai_docs"
    id = sa.Column(sa.Integer, primary_key=True)
session = orm.Session(bind=op.get_bind())
assert session.query(Doc).all() == []
"""
ADD_TOUCH = """
op.execute('''CREATE FUNCTION add_touch(t regclass, c text = 'touched') RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('ALTER TABLE %s ADD COLUMN %I timestamptz', t, c); END $$''')
"""
OWN_INDEX = "EXISTS (SELECT FROM pg_class WHERE relname = 'ix_name')"
# By what is done, each: the database that does not know, the upgrade, what the error says, the upgrade that follows it,
# a condition, and the databases where that is true.
FOLLOWED = {
    "a table made of one at home elsewhere": (
        "core",
        'op.execute("CREATE TABLE copied AS SELECT * FROM ai_docs")',
        'put it into a block, with op.on_database("ai"):, or put @only("ai") on its function',
        'with op.on_database("ai"):\n    op.execute("CREATE TABLE copied AS SELECT * FROM ai_docs")',
        "to_regclass('copied')",
        {"ai"},
    ),
    "a block that puts together what it runs, of a table that it names": (
        "core",
        """op.execute("DO $$ BEGIN EXECUTE format('CREATE INDEX ix_do ON %I (id)', 'ai_docs'); END $$")
op.create_index("ix_name", "users", ["name"])""",
        'put it into a block, with op.on_database("ai"):',
        """with op.on_database("ai"):
    op.execute("DO $$ BEGIN EXECUTE format('CREATE INDEX ix_do ON %I (id)', 'ai_docs'); END $$")
op.create_index("ix_name", "users", ["name"])""",
        "to_regclass('ix_do')",
        {"ai"},
    ),
    "rows for the ORM, in a revision that is for both": (
        "core",
        ORM + 'op.create_index("ix_name", "users", ["name"])',
        'function of its own with @only("ai")',
        'pass\n@only("ai")\ndef docs():\n'
        + "\n".join(f"    {line}" for line in ORM.splitlines())
        + '\ndocs()\nop.create_index("ix_name", "users", ["name"])',
        OWN_INDEX,
        {"core"},
    ),
    "rows for the ORM, in a revision that is for one": (
        "core",
        ORM + 'op.create_index("ix_name", "ai_docs", ["body"])',
        'put @only("ai") on its function',
        '@only("ai")\n' + ORM.strip() + '\nop.create_index("ix_name", "ai_docs", ["body"])',
        OWN_INDEX,
        {"ai"},
    ),
    "a call of a function that puts together what it runs": (
        "core",
        ADD_TOUCH + """op.execute("SELECT add_touch('users'); SELECT add_touch('ai_docs')")""",
        'put it into a block, with op.on_database("ai"):',
        ADD_TOUCH
        + """op.execute("SELECT add_touch('users')")
with op.on_database("ai"):
    op.execute("SELECT add_touch('ai_docs'::regclass)")
    op.execute("DO $$ BEGIN PERFORM add_touch('ai_docs', 'again'); END $$")""",
        "(SELECT count(*) = 2 FROM information_schema.columns WHERE column_name IN ('touched', 'again')"
        " AND table_name = 'ai_docs')",
        {"ai"},
    ),
    "a call that names nothing": (
        "core",
        ADD_TOUCH + """op.execute("SELECT add_touch(oid) FROM pg_class WHERE relname = 'users'")""",
        'with op.on_database("ai"):, or with op.on_database("core"):',
        ADD_TOUCH
        + """with op.on_database("core"):
    op.execute("SELECT add_touch(oid) FROM pg_class WHERE relname = 'users'")""",
        "EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'touched')",
        {"core"},
    ),
    "an index that was there before the history": (
        "core",
        'op.execute("DROP INDEX ix_old")',
        'put it into a block, with op.on_database("ai"):',
        """with op.on_database("ai"):
    op.execute("DROP INDEX IF EXISTS ix_old")
op.create_index("ix_name", "users", ["name"])""",
        OWN_INDEX,
        {"core"},
    ),
}


class TestUndecidable:
    """What nobody can know is an error that shows statement, revision and fix; the fix works."""

    @pytest.mark.parametrize("case", UNDECIDABLE)
    def test_it_is_one_error_and_nothing_is_done(self, shared: Shared, case: str) -> None:
        """The revision is rolled back."""
        upgrade, words = UNDECIDABLE[case]
        shared.revise(TABLES, DROPS)
        shared.revise(f'op.execute("CREATE TABLE ai_first (id int)")\n{upgrade}')
        with pytest.raises(UndecidableError) as caught:
            shared.upgrade("ai")
        for word in words:
            assert word in str(caught.value)
        assert psql(shared.urls["ai"], "SELECT to_regclass('ai_first')") == [(None,)]
        assert psql(shared.urls["ai"], "SELECT version_num FROM alembic_version") == [("r001",)]

    @pytest.mark.parametrize("case", FOLLOWED)
    def test_what_it_says_to_do_works(self, shared: Shared, case: str) -> None:
        """Every database runs the revision then, and has what it should have of it."""
        database, before, words, after, found, expected = FOLLOWED[case]
        shared.revise(TABLES, DROPS)
        shared.revise(before)
        with pytest.raises(UndecidableError) as caught:
            shared.upgrade(database)
        assert words in str(caught.value)
        shared.revisions.pop()
        shared.revise(after)
        shared.upgrade("core", "ai")
        assert {name for name in ("core", "ai") if psql(shared.urls[name], f"SELECT {found}")[0][0]} == expected

    def test_what_is_made_nowhere_is_changed_and_dropped_nowhere(self, shared: Shared) -> None:
        """Later revisions need no block; what they say of other things is done."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            with op.on_database():
                op.execute("CREATE VIEW both_homes AS SELECT 1 AS one FROM ai_docs, users")
                op.execute("CREATE INDEX ix_nowhere ON users (name)")
            op.execute("CREATE VIEW above AS SELECT one FROM both_homes")
            """
        )
        shared.revise(
            """
            op.execute("CREATE VIEW own AS SELECT id FROM ai_docs")
            op.execute("COMMENT ON VIEW both_homes IS 'of both'")
            op.drop_index("ix_nowhere")
            op.execute("CREATE OR REPLACE VIEW above AS SELECT 1 AS one")
            op.execute("CREATE OR REPLACE VIEW both_homes AS SELECT one FROM above")
            op.execute("DROP VIEW IF EXISTS above CASCADE")
            op.execute("DROP VIEW IF EXISTS both_homes, own")
            """
        )
        shared.upgrade("core", "ai", to="r002")
        found = "SELECT count(*) FROM pg_class WHERE relname IN ('both_homes', 'above', 'own', 'ix_nowhere')"
        assert [psql(shared.urls[name], found) for name in ("core", "ai")] == [[(0,)], [(0,)]]
        shared.upgrade("core", "ai")
        assert [psql(shared.urls[name], found) for name in ("core", "ai")] == [[(0,)], [(0,)]]

    def test_foreign_keys_that_cross_stay_soft_inside_a_block(self, shared: Shared) -> None:
        """The table of another home is not there; one that was made there by hand, or by a block, is."""
        shared.engine("ai")
        psql(shared.urls["ai"], "CREATE TABLE by_hand (id int PRIMARY KEY)")
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            with op.on_database("ai"):
                op.execute("CREATE TABLE made (id int PRIMARY KEY)")
                op.execute("CREATE TABLE ai_notes (user_id int CONSTRAINT fk_user REFERENCES users)")
                op.execute("ALTER TABLE ai_notes ADD made_id int CONSTRAINT fk_made REFERENCES made")
                op.execute("ALTER TABLE ai_notes ADD hand_id int CONSTRAINT fk_hand REFERENCES by_hand")
            """,
            """
            with op.on_database("ai"):
                op.execute("ALTER TABLE ai_notes DROP CONSTRAINT fk_user")
                op.execute("DROP TABLE ai_notes, made")
            """,
        )
        shared.upgrade("core", "ai")
        keys = psql(shared.urls["ai"], "SELECT conname FROM pg_constraint WHERE contype = 'f' ORDER BY 1")
        assert keys == [("fk_hand",), ("fk_made",)]
        shared.downgrade("core", "ai", to="r001")
        assert psql(shared.urls["ai"], "SELECT to_regclass('ai_notes')") == [(None,)]

    @pytest.mark.parametrize("names", ['"core"', '"ai"', '"core", "ai"', ""])
    def test_a_block_says_where_it_runs(self, shared: Shared, names: str) -> None:
        """On the databases that it names, whatever it is about; on none without a name."""
        statement = "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (id int)', 'made'); END $$"
        shared.revise(TABLES, DROPS)
        shared.revise(
            f"""
            with op.on_database({names}):
                op.execute("{statement}")
                op.get_bind().execute(sa.text("SELECT count(*) FROM made")).scalar()
            op.execute("COMMENT ON TABLE ai_docs IS 'after'")
            """
        )
        shared.upgrade("core", "ai")
        for name in ("core", "ai"):
            assert bool(psql(shared.urls[name], "SELECT to_regclass('made')")[0][0]) == (f'"{name}"' in names)

    def test_what_a_block_makes_is_known_afterwards(self, shared: Shared) -> None:
        """Its table has the home that the block says, and needs no other word."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            with op.on_database("ai"):
                op.execute("CREATE TABLE extra (id int)")
            op.execute("CREATE INDEX ix_extra ON extra (id)")
            """,
            """
            op.execute("DROP INDEX ix_extra")
            op.execute("DROP TABLE extra")
            """,
        )
        shared.upgrade("core", "ai")
        assert psql(shared.urls["core"], "SELECT to_regclass('ix_extra')") == [(None,)]
        assert psql(shared.urls["ai"], "SELECT to_regclass('ix_extra')") == [("ix_extra",)]
        shared.downgrade("core", "ai", to="r001")
        assert psql(shared.urls["ai"], "SELECT to_regclass('extra')") == [(None,)]

    def test_a_function_for_one_database_is_not_even_called_elsewhere(self, shared: Shared) -> None:
        """The revision is recorded all the same."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            @only("ai")
            rows = op.get_bind().execute(sa.text("SELECT version() FROM ai_docs RIGHT JOIN (SELECT) s ON true")).all()
            op.execute(f"COMMENT ON TABLE ai_docs IS '{len(rows[0][0]) > 1}'")
            """
        )
        shared.upgrade("core", "ai")
        assert psql(shared.urls["core"], "SELECT version_num FROM alembic_version") == [("r002",)]
        assert psql(shared.urls["ai"], "SELECT obj_description('ai_docs'::regclass)") == [("True",)]

    def test_a_block_names_databases_of_the_registry(self, shared: Shared) -> None:
        """A mistyped name is an error that lists them."""
        shared.revise("with op.on_database('kore'):\n    pass")
        with pytest.raises(ConfigurationError, match=r'"kore".* known are core, ai'):
            shared.upgrade("core")

    def test_blocks_are_for_shared_histories(self, shared: Shared) -> None:
        """Elsewhere the error says what is missing."""
        shared.revise('@only("core")\npass')
        with pytest.raises(ConfigurationError, match="shared_history=True"):
            shared.upgrade("mixed")


class TestSideDoors:
    """What goes around the migration's connection is seen as well, or refused."""

    def test_cursors_of_the_driver_are_routed(self, shared: Shared) -> None:
        """Those of the pool's connection and of psycopg's own; what they read elsewhere is empty."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            bind = op.get_bind()
            with bind.connection.cursor() as cursor:
                cursor.execute("CREATE TABLE ai_raw (id int REFERENCES users, body text)")
                cursor.execute("INSERT INTO ai_raw (body) VALUES (%s), ('100%%')", ("x",))
                cursor.executemany("INSERT INTO users (id, name) VALUES (%s, %s)", [(1, "a"), (2, "b")])
                cursor.execute("SELECT count(*) FROM users")
                (count,) = cursor.fetchone()
                with cursor.copy("COPY ai_raw (body) FROM STDIN") as copy:
                    copy.write_row(("copied",))
            driver = bind.connection.driver_connection
            driver.execute("UPDATE ai_raw SET id = NULL")
            driver.execute(f"COMMENT ON TABLE users IS 'had {count}'")
            bind.execute(sa.text("UPDATE users SET name = :name"), {"name": "c"})
            assert driver.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone()
            """,
            "op.get_bind().connection.cursor().execute('DROP TABLE ai_raw; COMMENT ON TABLE users IS NULL')",
        )
        shared.upgrade()
        assert shared.differences() == []
        for name, query in (("core", "SELECT * FROM users ORDER BY 1"), ("ai", "SELECT * FROM ai_raw ORDER BY 2")):
            assert psql(shared.urls[name], query) == psql(shared.urls["mixed"], query) != []
        shared.downgrade(to="r001")
        assert shared.differences() == []

    def test_a_cursor_of_the_driver_crosses_no_homes(self, shared: Shared) -> None:
        """It is an error as elsewhere."""
        shared.revise(TABLES, DROPS)
        shared.revise("op.get_bind().connection.cursor().execute('INSERT INTO ai_docs SELECT * FROM users')")
        with pytest.raises(UndecidableError, match=r"it needs users \(core\)"):
            shared.upgrade("ai")

    @pytest.mark.parametrize(
        "how", ["sa.create_engine(op.get_bind().engine.url, poolclass=sa.pool.NullPool)", "op.get_bind().engine"]
    )
    def test_an_engine_of_its_own_is_refused(self, shared: Shared, how: str) -> None:
        """Unless the revision says where that belongs; nothing is connected to as the history is read."""
        shared.revise(TABLES, DROPS)
        body = f"with {how}.begin() as other:\n    other.execute(sa.text('CREATE TABLE elsewhere (id int)'))"
        shared.revise(body)
        with pytest.raises(UndecidableError, match=r'r002.* an engine of its own.*op\.get_bind\(\).*@only\("ai"\)'):
            shared.upgrade("ai")
        shared.revisions.pop()
        shared.revise(f'@only("ai")\n{body}')
        shared.upgrade("core", "ai")
        assert psql(shared.urls["ai"], "SELECT to_regclass('elsewhere')") == [("elsewhere",)]
        assert psql(shared.urls["core"], "SELECT to_regclass('elsewhere')") == [(None,)]


def test_extensions_that_nobody_declares_are_where_they_are_used(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """As far as that is seen, else everywhere; a warning says how to say it."""
    shared.databases = registry(extensions=False)
    shared.revise(
        'for name in ("vector", "pg_trgm", "hstore"):\n    op.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")'
    )
    shared.revise(
        TABLES
        + """
op.execute("CREATE INDEX ix_name ON users USING gin (name gin_trgm_ops)")
if op.get_bind().scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")):
    op.add_column("ai_docs", sa.Column("v", VECTOR(3)))
    op.create_table("sizes", sa.Column("id", sa.Integer))
"""
    )
    with caplog.at_level(logging.WARNING, logger="alembic.multidb"):
        shared.upgrade()
    found = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
    assert psql(shared.urls["core"], found) == [("hstore",), ("pg_trgm",)]
    assert psql(shared.urls["ai"], found) == [("hstore",), ("vector",)]
    assert [line for line in shared.differences() if "hstore" not in line] == []
    told = [record.message for record in caplog.records]
    assert any('extension "vector"' in line and 'Database("ai", extensions={"vector": "*"})' in line for line in told)
    assert any('extension "hstore"' in line and "made for ai, core" in line for line in told)


def test_a_table_that_needs_a_foreign_extension_is_undecidable(shared: Shared) -> None:
    """A forgotten table of an old history is named, with where it may belong."""
    shared.revise('op.create_table("old_docs", sa.Column("v", VECTOR(3)))')
    with pytest.raises(UndecidableError, match=r'uses vector of extension "vector", which only "ai" .*tables= of "ai"'):
        shared.upgrade("core")


def test_an_index_that_needs_a_foreign_extension_is_undecidable(shared: Shared) -> None:
    """What is said then helps: the extension is declared where the table is, too."""

    def declare(core: dict[str, str]) -> None:
        shared.databases = Databases(
            Database("core", default=True, extensions=core, shared_history=True),
            Database("ai", tables=["ai_*"], extensions={"pg_trgm": "*", "vector": "*"}, shared_history=True),
        )

    declare({})
    shared.revise(TABLES, DROPS)
    shared.revise('op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")')
    for table in ("users", "ai_docs"):
        column = "name" if table == "users" else "body"
        shared.revise(f'op.execute("CREATE INDEX ix_{column} ON {table} USING gin ({column} gin_trgm_ops)")')
    with pytest.raises(UndecidableError, match=r'gin_trgm_ops of extension "pg_trgm".*extensions= of "core", too'):
        shared.upgrade("core")
    declare({"pg_trgm": "*"})
    shared.upgrade()
    assert shared.differences() == []


def test_a_function_of_ones_own_may_be_called_as_one_of_an_extension(shared: Shared) -> None:
    """It was made by the history, or before it."""
    shared.databases = Databases(
        Database("core", default=True, shared_history=True),
        Database("ai", tables=["ai_*"], extensions={"fuzzystrmatch": "*", "unaccent": "*"}, shared_history=True),
    )
    made = "CREATE FUNCTION {}(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
    with shared.engine("core").begin() as connection:
        connection.exec_driver_sql(made.format("soundex"))
    shared.revise(TABLES, DROPS)
    shared.revise(f'op.execute("""{made.format("unaccent")}""")')
    shared.revise('op.execute("CREATE INDEX ix_own ON users (unaccent(name), soundex(name))")')
    shared.upgrade("core")
    assert psql(shared.urls["core"], "SELECT count(*) FROM pg_class WHERE relname = 'ix_own'") == [(1,)]


def test_a_table_without_home_is_undecidable(shared: Shared) -> None:
    """Where no database is the default, every table of the history must be named."""
    shared.databases = Databases(
        Database("core", tables=["users"], shared_history=True), Database("ai", tables=["ai_*"], shared_history=True)
    )
    shared.revise("op.create_table('lost', sa.Column('id', sa.Integer))")
    with pytest.raises(UndecidableError, match='"lost" has no home'):
        shared.upgrade("core")


def test_one_database_alone_shares_no_history() -> None:
    """The registry says so."""
    with pytest.raises(RegistryError, match=r'shared_history=True is set on "core" alone'):
        Databases(Database("core", shared_history=True), Database("ai"))


class TestScript:
    """``--sql`` on a shared history."""

    @pytest.mark.parametrize("name", ["core", "ai"])
    def test_it_makes_the_same_database(self, shared: Shared, name: str) -> None:
        """Upgraded by the script, the database has its part and nothing else."""
        shared.revise(TABLES, DROPS)
        for case in (
            "foreign keys in raw SQL",
            "enums of one home each, of both, and of nobody",
            "sequences, owned and shared",
        ):
            shared.revise(*CASES[case])
        shared.upgrade("mixed", "core", "ai")
        before = shared.snapshot(name)
        script = self.script(shared, name, "upgrade", "heads")
        shared.downgrade(name)
        psql(shared.urls[name], "DROP TABLE alembic_version")
        psql(shared.urls[name], script)
        assert shared.differences() == []
        assert shared.snapshot(name).fingerprint == before.fingerprint
        psql(shared.urls[name], self.script(shared, name, "downgrade", "r004:base"))
        assert psql(shared.urls[name], "SELECT relname FROM pg_class WHERE relname IN ('users', 'ai_docs')") == []

    @staticmethod
    def script(shared: Shared, name: str, direction: str, revision: str) -> str:
        config = shared.config(name)
        config.output_buffer = io.StringIO()
        getattr(command, direction)(config, revision, sql=True)
        return config.output_buffer.getvalue()


def test_an_env_of_its_own_says_where_it_runs(shared: Shared) -> None:
    """One line after ``configure()``, and only what is at home is run; its own implementation of operations is kept."""
    (shared.folder / "env.py").write_text(
        """
from alembic import context
from alembic_multidb.env import route_shared_history

registry = context.config.attributes["multidb_databases"]
with context.config.attributes["connection"].connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    route_shared_history(context.get_context(), registry[context.config.config_ini_section])
    with context.begin_transaction():
        context.run_migrations()
"""
    )
    shared.revise(TABLES, DROPS)
    shared.upgrade("core", "ai")
    for name, table in (("core", "users"), ("ai", "ai_docs")):
        found = psql(shared.urls[name], "SELECT relname FROM pg_class WHERE relname IN ('users', 'ai_docs')")
        assert found == [(table,)]


def test_skipped_statements_are_told(shared: Shared, caplog: pytest.LogCaptureFixture) -> None:
    """At INFO, each with the home that it has, and what was left out of others."""
    shared.revise(TABLES, DROPS)
    shared.revise(*CASES["a foreign key that comes with a column, and goes by its name"])
    with caplog.at_level(logging.INFO, logger="alembic.multidb"):
        shared.upgrade("ai")
    told = [record.message for record in caplog.records if record.name == "alembic.multidb"]
    assert any(line.startswith("skipped, users (core): CREATE TABLE users") for line in told)
    assert any("foreign key (user_id) to users is a soft reference" in line for line in told)


@pytest.mark.filterwarnings("always")
def test_what_a_revision_says_is_heard_when_it_runs_and_not_when_it_is_read(
    shared: Shared, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each database, and nothing is held back afterwards."""
    said = """
import logging, sys, warnings
logging.getLogger("revision").warning("logged")
print("printed")
print("complained", file=sys.stderr)
warnings.warn("warned")
"""
    shared.revise(TABLES)
    shared.revise(said)
    shared.revise(f"{said}\nop.get_bind().execute(sa.text('SELECT id FROM users')).all()")
    config = shared.config("core", connected=False)
    plan_history(ScriptDirectory.from_config(config), config, shared.databases["core"])
    assert (capsys.readouterr(), caplog.messages) == (("", ""), [])
    with pytest.warns(UserWarning, match="warned") as warned:
        shared.upgrade("core")
    heard = capsys.readouterr()
    assert (heard.out.count("printed"), heard.err.count("complained")) == (2, 2)
    assert len([each for each in warned if str(each.message) == "warned"]) == 2
    assert caplog.messages.count("logged") == 2
    logging.getLogger("revision").warning("again")
    assert "again" in caplog.messages


def test_a_revision_that_raises_elsewhere_is_told_how_to_stay_at_home(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """What it asks for is not everywhere: its own error has a line beside it that names the fix, which works."""
    shared.revise(TABLES, DROPS)
    body = """
    size = op.get_bind().execute(sa.text("SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'users'"))
    op.execute(f"INSERT INTO users (name) SELECT 'x' WHERE {size.scalar_one()} >= 0")
    """
    shared.revise(body)
    with pytest.raises(NoResultFound):
        shared.upgrade("ai")
    assert 'revision r002 of the shared history raised on "ai"' in caplog.text
    assert '@only("core")' in caplog.text
    file = shared.folder / "versions" / "r002.py"
    file.write_text(file.read_text().replace("def upgrade", '@only("core")\ndef upgrade'))
    shared.upgrade("core", "ai")
    assert psql(shared.urls["core"], "SELECT name FROM users") == [("x",)]


def test_inspectors_are_told_of_the_tables_of_others(shared: Shared) -> None:
    """What the history says of them: their names, columns, indexes and foreign keys; a revision goes the way of old."""
    shared.revise(TABLES, DROPS)
    shared.revise(
        """
        author = sa.Column("author", sa.Integer, sa.ForeignKey("users.id", name="fk_author"), index=True)
        op.add_column("ai_docs", author)
        op.alter_column("ai_docs", "body", new_column_name="content")
        """,
        """
        op.alter_column("ai_docs", "content", new_column_name="body")
        op.drop_column("ai_docs", "author")
        """,
    )
    shared.revise(
        """
        inspector = sa.inspect(op.get_bind())
        assert {"users", "ai_docs"} <= set(inspector.get_table_names())
        assert inspector.has_table("users") and inspector.has_table("ai_docs") and not inspector.has_table("neither")
        assert {"id", "content", "author"} == {column["name"] for column in inspector.get_columns("ai_docs")}
        assert {"id", "name"} == {column["name"] for column in inspector.get_columns("users")}
        assert "author" not in {column["name"] for column in inspector.get_columns("users")}
        assert "ai_docs_pkey" == inspector.get_pk_constraint("ai_docs")["name"]
        assert inspector.get_check_constraints("ai_docs") == inspector.get_check_constraints("users") == []
        if "ix_ai_docs_author" not in {index["name"] for index in inspector.get_indexes("ai_docs")}:
            raise RuntimeError("the index is missing")
        tables = sa.MetaData()
        tables.reflect(op.get_bind())
        op.execute(tables.tables["users"].insert().values(name="x"))
        op.execute(tables.tables["ai_docs"].insert().values(content="y"))
        """
    )
    shared.upgrade()
    assert [line for line in shared.differences() if "fk_author" not in line] == []
    assert psql(shared.urls["core"], "SELECT name FROM users") == [("x",)]
    assert psql(shared.urls["ai"], "SELECT content FROM ai_docs") == [("y",)]


ASKED = {
    "tables": "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'ai_docs'",
    "columns": "SELECT 1 FROM information_schema.columns c WHERE c.table_name = 'ai_docs' AND c.column_name = 'id'",
    "names": "SELECT to_regclass('public.ai_docs')",
    "the catalog": "SELECT relname FROM pg_class WHERE relname = 'ai_docs' AND relkind = 'r'",
    "a view": "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'ai_docs')",
    "indexes": "SELECT 1 FROM pg_catalog.pg_indexes WHERE indexname LIKE 'ai_docs%' AND tablename = 'ai_docs'",
}


def test_what_is_made_after_a_look_at_what_was_made_is_known(shared: Shared) -> None:
    """A table is made unless it is there, and then a column, with its type, and an index, unless they are there."""
    shared.revise(TABLES, DROPS)
    shared.revise("postgresql.ENUM('a', name='mood').create(op.get_bind())", "op.execute('DROP TYPE mood')")
    shared.revise(
        """
        inspector = sa.inspect(op.get_bind())
        for table in ("users", "ai_docs", "ai_late", "late"):
            if not inspector.has_table(table):
                op.create_table(table, sa.Column("id", sa.Integer))
            inspector.clear_cache()
            if table not in inspector.get_table_names():
                continue
            if table[:3] == "ai_" and "mood" not in [column["name"] for column in inspector.get_columns(table)]:
                op.add_column(table, sa.Column("mood", postgresql.ENUM(name="mood", create_type=False)))
            if f"ix_of_{table}" not in [index["name"] for index in inspector.get_indexes(table)]:
                op.create_index(f"ix_of_{table}", table, ["id"])
        """,
        """
        for table in ("users", "ai_docs", "ai_late", "late"):
            op.execute(f"DROP INDEX ix_of_{table}")
        op.drop_table("ai_late")
        op.drop_table("late")
        op.drop_column("ai_docs", "mood")
        """,
    )
    shared.upgrade()
    assert shared.differences() == []
    assert psql(shared.urls["core"], "SELECT to_regtype('mood')") == [(None,)]
    config = shared.config("ai", connected=False)
    planned = plan_history(ScriptDirectory.from_config(config), config, shared.databases["ai"])[-1]
    said = [item.decision.verdict for item in planned.statements if "ix_of_" in item.recorded.sql]
    assert sorted(said) == ["runs", "runs", "skips", "skips"]
    shared.downgrade(to="r001")
    assert shared.differences() == []
    shared.upgrade()
    assert shared.differences() == []


def test_a_downgrade_that_makes_a_table_anew_does_so_where_it_is(shared: Shared) -> None:
    """By the name that the table has at the end, whichever way the upgrade has gone with other names."""
    shared.revise(TABLES, DROPS)
    anew = """
    inspector = sa.inspect(op.get_bind())
    if "ai_docs" in inspector.get_table_names():
        has_key = inspector.get_pk_constraint("ai_docs")["name"] == "pk_anew"
        op.create_table("{name}", sa.Column("id", sa.Integer), sa.Column("body", sa.Text),
                        sa.PrimaryKeyConstraint("id", name="pk_of_old" if has_key else "pk_anew"))
        op.execute("INSERT INTO {name} SELECT id, body FROM ai_docs")
        op.drop_table("ai_docs")
        op.rename_table("{name}", "ai_docs")
    """
    shared.revise(anew.format(name="anew"), anew.format(name="of_old"))
    shared.revise("op.add_column('ai_docs', sa.Column('added', sa.Integer))", "op.drop_column('ai_docs', 'added')")
    for revision in ("heads", "r001", "heads"):
        (shared.downgrade if revision == "r001" else shared.upgrade)(to=revision)
        assert shared.differences() == []
        assert psql(shared.urls["core"], "SELECT to_regclass('anew'), to_regclass('of_old')") == [(None, None)]


@pytest.mark.parametrize("question", ASKED)
def test_a_revision_that_ends_early_does_so_where_the_mixed_one_would(shared: Shared, question: str) -> None:
    """It is told that tables of other databases are there, whatever catalog it reads; and not before they are made."""
    body = f"""
    found = op.get_bind().execute(sa.text({ASKED[question]!r})).scalar()
    if not found:
        return
    op.add_column("users", sa.Column("n", sa.Integer))
    """
    shared.revise(f"{body}\n    raise RuntimeError('not yet')")
    shared.revise(TABLES)
    shared.revise(body)
    shared.upgrade()
    assert shared.differences() == []
    assert psql(shared.urls["core"], "SELECT count(n) FROM users") == [(0,)]


def test_questions_with_values_are_answered_as_well(shared: Shared) -> None:
    """By SQLAlchemy's parameters, and by the driver's."""
    shared.revise(TABLES)
    shared.revise(
        """
        bind = op.get_bind()
        query = "SELECT count(*) FROM information_schema.tables WHERE table_name = :t AND to_regclass(:t) IS NOT NULL"
        found = [
            bind.scalar(sa.text(query), {"t": "ai_docs"}),
            bind.scalar(sa.text(query), {"t": "neither"}),
            bind.exec_driver_sql("SELECT 1 FROM pg_tables WHERE tablename = %s", ("ai_docs",)).scalar(),
            bind.connection.cursor().execute("SELECT to_regclass(%s) IS NULL", ["users"]).fetchone()[0],
        ]
        assert found == [1, 0, 1, False], found
        """
    )
    shared.upgrade()


def test_tables_are_looked_up_by_values_that_name_them(shared: Shared) -> None:
    """A name cast to ``regclass`` finds nothing where its table is not; a number is one still."""
    shared.revise(TABLES, DROPS)
    shared.revise(
        """
        op.create_check_constraint("ck_name", "users", "name <> ''")
        op.create_unique_constraint("uq_body", "ai_docs", ["body"])
        """
    )
    shared.revise(
        """
        bind = op.get_bind()
        query = "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u') AND conrelid = "
        for table in ("users", "ai_docs"):
            names = bind.execute(sa.text(query + "CAST(:t AS regclass)"), {"t": table}).scalars().all()
            assert names == bind.exec_driver_sql(query + "%s::regclass", (f"public.{table}",)).scalars().all()
            cursor = bind.connection.cursor()
            for value in (cursor.execute("SELECT %s::regclass::oid", (table,)).fetchone()[0], table):
                found = cursor.execute(query + "%s::pg_catalog.regclass", (value,)).fetchall()
                assert [name for name, in found] == names
            for name in names:
                op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        """
    )
    shared.upgrade()
    assert shared.differences() == []
    left = "SELECT conname FROM pg_constraint WHERE conname IN ('ck_name', 'uq_body')"
    assert [psql(shared.urls[name], left) for name in ("mixed", "core", "ai")] == [[], [], []]


def test_the_orm_is_told_to_stay_at_home(shared: Shared) -> None:
    """What a session flushes elsewhere is an error that names the fix."""
    shared.revise(TABLES)
    shared.revise(
        """
        from sqlalchemy.orm import Session, registry
        class User: pass
        users = sa.Table("users", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
        registry().map_imperatively(User, users)
        session = Session(op.get_bind())
        session.add(User())
        session.flush()
        """
    )
    with pytest.raises(
        UndecidableError, match=r'(?s)the ORM waits for rows of it.*put @only\("core"\) on its function'
    ):
        shared.upgrade("ai")
    shared.upgrade("core")
    assert psql(shared.urls["core"], "SELECT id FROM users") == [(1,)]


def test_branches_and_merges_know_what_came_before(shared: Shared) -> None:
    """A merge revision finds what both branches have made."""
    shared.revise(TABLES, DROPS)
    shared.revise("op.execute('CREATE INDEX ix_a ON ai_docs (body)')", "op.drop_index('ix_a')", down="r001")
    shared.revise("op.execute('CREATE INDEX ix_u ON users (name)')", "op.drop_index('ix_u')", down="r001")
    shared.revise(
        "op.execute('ALTER INDEX ix_a RENAME TO ix_b'); op.execute('ALTER INDEX ix_u RENAME TO ix_v')",
        "op.execute('ALTER INDEX ix_b RENAME TO ix_a'); op.execute('ALTER INDEX ix_v RENAME TO ix_u')",
        down=("r002", "r003"),
    )
    shared.upgrade()
    assert shared.differences() == []
    shared.downgrade(to="r001")
    assert shared.differences() == []


@pytest.mark.parametrize("other", ["users", "ai_docs"])
def test_a_type_that_two_branches_use_is_where_both_need_it(shared: Shared, other: str) -> None:
    """Neither takes it away from the other; after the merge, and on the way back, nothing is left."""
    shared.revise(TABLES, DROPS)
    shared.revise("op.execute(\"CREATE TYPE k AS ENUM ('a')\")", "op.execute('DROP TYPE k')")
    for table, column, down in (("ai_docs", "k", "r002"), (other, "m", "r002"), (other, "n", "r004")):
        shared.revise(
            f"op.execute('ALTER TABLE {table} ADD COLUMN {column} k')",
            f"op.drop_column('{table}', '{column}')",
            down=down,
        )
    shared.revise("pass", down=("r003", "r005"))
    shared.revise("op.execute(\"ALTER TYPE k ADD VALUE 'b'\")")
    for _ in range(2):
        shared.upgrade()
        assert shared.differences() == []
        shared.downgrade(to="r001")
        assert shared.differences() == []


def test_branches_of_branches(shared: Shared) -> None:
    """A type that comes with each of them, and goes with the last, up and down."""
    shared.revise(TABLES, DROPS)
    shared.revise("op.execute(\"CREATE TYPE k AS ENUM ('a')\")", "op.execute('DROP TYPE k')")
    downs: list[tuple[str, str | tuple[str, ...]]] = [
        *(("a", "r002"), ("b", "r002"), ("c", "r004"), ("d", "r004"), ("e", ("r005", "r006"))),
        *(("f", ("r003", "r007")), ("g", "r008"), ("h", "r008"), ("i", ("r009", "r010"))),
    ]
    for number, (column, down) in enumerate(downs):
        table = ("ai_docs", "users")[number % 2]
        upgrade = f"op.execute('ALTER TABLE {table} ADD COLUMN {column} k')"
        shared.revise(upgrade, f"op.drop_column('{table}', '{column}')", down=down)
    shared.revise("for name in 'bdfh':\n    op.drop_column('users', name)")
    shared.upgrade()
    assert shared.differences() == []


def test_a_run_goes_on_where_another_has_stopped(shared: Shared) -> None:
    """Names from revisions that ran long ago are known."""
    shared.revise(TABLES, DROPS)
    shared.revise(*CASES["indexes and constraints by their names alone"])
    shared.upgrade(to="r001")
    shared.upgrade(to="r002")
    assert shared.differences() == []
    shared.downgrade(to="r001")
    assert shared.differences() == []


def test_tables_that_change_their_home_by_the_registry_of_a_later_day(shared: Shared) -> None:
    """The home of a renamed table is that of its last name that a rule names."""
    shared.databases = registry(ai_tables=["ai_docs", "documents"])
    shared.revise(TABLES, DROPS)
    shared.revise("op.rename_table('ai_docs', 'papers')", "op.rename_table('papers', 'ai_docs')")
    shared.revise("op.add_column('papers', sa.Column('n', sa.Integer))", "op.drop_column('papers', 'n')")
    shared.upgrade("core", "ai")
    assert psql(shared.urls["core"], "SELECT to_regclass('papers')") == [(None,)]
    assert psql(shared.urls["ai"], "SELECT count(n) FROM papers") == [(0,)]


def test_a_revision_is_told_that_the_extensions_of_others_are_there(shared: Shared) -> None:
    """Whatever way it asks: it says the same as on the mixed database, and what belongs elsewhere is skipped."""
    shared.revise("op.execute('CREATE EXTENSION IF NOT EXISTS vector')")
    shared.revise(
        TABLES
        + """
bind = op.get_bind()
name = {"name": "vector"}
installed = [
    bind.execute(sa.text("SELECT extname FROM pg_extension WHERE extname = :name"), name).scalar() is not None,
    bind.scalar(sa.text("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extname = 'vector')")),
    bind.exec_driver_sql("SELECT count(*) FROM pg_available_extensions WHERE name LIKE %s", ("vec%",)).scalar() == 1,
    bind.execute(sa.text("WITH e AS (SELECT * FROM pg_extension) SELECT 1 FROM e WHERE extname = 'vector'")).first(),
    bind.execute(sa.select(sa.column("extversion")).select_from(sa.table("pg_extension"))).fetchall() != [],
]
if not all(installed):
    raise RuntimeError(f"pgvector is needed: {installed}")
op.add_column("ai_docs", sa.Column("v", VECTOR(3)))
""",
        DROPS,
    )
    shared.upgrade()
    assert shared.differences() == []
    assert psql(shared.urls["core"], "SELECT extname FROM pg_extension WHERE extname = 'vector'") == []


WHOLE = "models made through the connection"


class TestFork:
    """A shared history taken apart: each database's own files say what it ran of the shared ones."""

    @pytest.mark.parametrize("case", [case for case in CASES if case != WHOLE])
    def test_every_case_can_be_taken_apart(self, shared: Shared, case: str) -> None:
        """What each file sends is what its database ran of the shared one."""
        shared.revise(TABLES, DROPS)
        shared.revise(*CASES[case])
        config = shared.config("core", connected=False)
        script = ScriptDirectory.from_config(config)
        forked = fork_history(script, config, list(shared.databases.values()))
        assert {name: [each.revision for each in files] for name, files in forked.items()} == {
            name: ["r001", "r002"] for name in ("core", "ai")
        }

    def test_what_cannot_be_taken_apart_is_named(self, shared: Shared) -> None:
        """With its line; nothing is written."""
        shared.revise(TABLES, DROPS)
        shared.revise(*CASES[WHOLE])
        config = shared.config("core", connected=False)
        script = ScriptDirectory.from_config(config)
        with pytest.raises(
            HistoryError, match=r'cannot be taken apart for "core".* r002 \(r002.py, line 17: it does both'
        ):
            fork_history(script, config, list(shared.databases.values()))

    def test_what_a_block_takes_along_is_named(self, shared: Shared) -> None:
        """A variable that it assigns, and that is used after it."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            with op.on_database("core"):
                found = op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()
            own = op.get_bind().execute(sa.text("SELECT id FROM ai_docs")).fetchall()
            op.execute(f"ALTER TABLE ai_docs ALTER COLUMN id SET STATISTICS {len(found) + len(own) + 10}")
            """
        )
        config = shared.config("core", connected=False)
        script = ScriptDirectory.from_config(config)
        message = r"r002.py, what is left of it raises NameError: name 'found' is not defined; let a block hold all"
        with pytest.raises(HistoryError, match=message):
            fork_history(script, config, list(shared.databases.values()))

    def test_what_asks_for_the_other_database_asks_no_more(self, shared: Shared) -> None:
        """A revision of which nothing is left is empty, whatever it asked for; its history runs by itself."""
        shared.revise("op.execute('CREATE EXTENSION IF NOT EXISTS vector')")
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            if not op.get_bind().scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")):
                raise RuntimeError("pgvector is missing")
            """
        )
        shared.revise(
            """
            if not op.get_bind().scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = :e"), {"e": "vector"}):
                raise RuntimeError("pgvector is missing")
            if "body" in [column["name"] for column in sa.inspect(op.get_bind()).get_columns("ai_docs")]:
                op.execute("CREATE INDEX ix_body ON ai_docs (body)")
            """
        )
        shared.revise(
            """
            for table in ["ai_docs"]:
                op.execute("DROP TRIGGER IF EXISTS tr_never ON " + table)
                op.execute("DROP FUNCTION IF EXISTS f_never()")
            """
        )
        shared.revise(
            """
            connection = op.get_bind()
            known = {index["name"] for index in sa.inspect(connection).get_indexes("ai_docs")}
            op.create_index("ix_name", "users", ["name"])
            if "ix_other" not in known:
                op.create_index("ix_other", "ai_docs", ["id", "body"])
            """
        )
        config = shared.config("core", connected=False)
        forked = fork_history(ScriptDirectory.from_config(config), config, list(shared.databases.values()))
        for name in ("core", "ai"):
            shared.upgrade("mixed")
            for file in forked[name]:
                (shared.folder / "versions" / file.file).write_text(file.text)
            shared.databases = registry(shared=False)
            shared.upgrade(name)
            shared.databases = registry()
        assert shared.differences() == []
        assert "pgvector is missing" not in "".join(file.text for file in forked["core"])
        assert "pgvector is missing" in forked["ai"][3].text
        assert ["f_never" in forked[name][4].text for name in ("core", "ai")] == [False, True]

    def test_what_needs_the_other_database_is_named(self, shared: Shared) -> None:
        """A table that it looks into, and that is not there any more."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            for column in sa.inspect(op.get_bind()).get_columns("ai_docs"):
                op.execute("COMMENT ON TABLE users IS 'x'")
            """
        )
        config = shared.config("core", connected=False)
        script = ScriptDirectory.from_config(config)
        message = r'"core": r002 \(r002.py, line 13: it asks about ai_docs, which is at home elsewhere, and what'
        with pytest.raises(HistoryError, match=message):
            fork_history(script, config, list(shared.databases.values()))

    def test_blocks_and_decorators_are_gone(self, shared: Shared) -> None:
        """What they hold is left where it belongs, and nothing of it elsewhere; nothing is imported for it."""
        shared.revise(TABLES, DROPS)
        shared.revise(
            """
            with op.on_database("ai"):
                op.execute("INSERT INTO ai_docs (body) SELECT 'x' FROM generate_series(1, 3)")
                op.execute("DO $$ BEGIN EXECUTE format('ANALYZE %I', 'ai_docs'); END $$")
            with op.on_database():
                op.execute("DELETE FROM ai_docs USING users")
            """,
            """
            @only("ai")
            op.execute("DELETE FROM ai_docs")
            """,
        )
        config = shared.config("core", connected=False)
        script = ScriptDirectory.from_config(config)
        forked = fork_history(script, config, list(shared.databases.values()))
        ai, core = forked["ai"][1], forked["core"][1]
        assert (core.kind, ai.kind) == ("empty", "cut")
        for text in (core.text, ai.text):
            assert "on_database" not in text
            assert "only" not in text
        assert "generate_series" in ai.text
        assert "format('ANALYZE %I', 'ai_docs')" in ai.text
        assert "op." not in core.text


def _try_generated(folder: Path, new_database: NewDatabase, random: Random) -> None:
    """Draw a history, and compare what both databases have with the mixed one's parts, up, down and up again."""
    history = History(random).draw()
    made = Shared(Path(mkdtemp(dir=folder)) / "history", new_database)
    made.revise("op.execute('CREATE EXTENSION IF NOT EXISTS vector')")
    for upgrade, downgrade, parents in history.revisions:
        made.revise(upgrade, downgrade, down=tuple(made.revisions[number + 1] for number in parents) or "")
    try:
        for revision in made.revisions:
            made.upgrade(to=revision)
            assert made.differences() == [], revision
        if history.undoable:
            made.downgrade(to="r001")
            assert made.differences() == []
            assert psql(made.urls["ai"], "SELECT relname FROM pg_class WHERE relname ~ '^(ai_)?[ert][0-9]'") == []
            made.upgrade()
            assert made.differences() == []
    finally:
        for engine in made.engines.values():
            engine.dispose()


SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True, "database": None}


@settings(max_examples=6, derandomize=True, **SETTINGS)  # type: ignore[arg-type]
@given(random=st.randoms(use_true_random=False))
def test_some_generated_histories(tmp_path: Path, new_database: NewDatabase, random: Random) -> None:
    """A short sample of the campaign below."""
    _try_generated(tmp_path, new_database, random)


@pytest.mark.soak
@settings(max_examples=200, **SETTINGS)  # type: ignore[arg-type]
@given(random=st.randoms(use_true_random=False))
def test_generated_histories(tmp_path: Path, new_database: NewDatabase, random: Random) -> None:
    """Equality each time."""
    _try_generated(tmp_path, new_database, random)
