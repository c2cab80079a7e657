"""The fixtures for an application's own tests, used as an application does, in a run of pytest of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.test_pytest_plugin import NOWHERE, PYTEST
from tests.conftest import Project, copy_example

SUITE = """
import asyncio
import os

import psycopg
import pytest
from notes.models import AiMemory, User
from sqlalchemy import create_engine, func, insert, inspect, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

USERS = select(func.count()).select_from(User)
guarded = pytest.mark.usefixtures("database_guard")


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_has_databases_of_its_own(database_engines, time):
    for name, row in {"core": insert(User).values(email="a"), "ai": insert(AiMemory).values(content="a")}.items():
        with database_engines[name].begin() as connection:
            connection.execute(row)
    with database_engines["core"].connect() as connection:
        assert connection.execute(USERS).scalar() == 1


def test_asynchronous_engines_lead_to_the_same_databases(database_engines, async_database_engines):
    async def write():
        async with async_database_engines["core"].begin() as connection:
            await connection.execute(insert(User).values(email="a"))

    asyncio.run(write())
    with database_engines["core"].connect() as connection:
        assert connection.execute(USERS).scalar() == 1


def test_the_registry_s_variables_lead_there_too(database_environment, databases):
    assert list(databases) == ["core", "ai"]
    with psycopg.connect(os.environ["AI_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM ai_memories").fetchone() == (0,)
    engine = create_engine(os.environ["DATABASE_URL"].replace(":", "+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(USERS).scalar() == 0


def test_every_table_has_a_primary_key(alembic_database, database_engines):
    inspector = inspect(database_engines[alembic_database.name])
    for table in inspector.get_table_names():
        assert inspector.get_pk_constraint(table)["constrained_columns"], table


@pytest.mark.parametrize("alembic_database", ["ai"], indirect=True)
def test_a_runner_of_one_database(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to("a001")
    with alembic_engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "a001"


def test_a_runner_of_every_database(alembic_runner):
    assert alembic_runner.migrate_up_one().endswith("001")


def test_servers_by_name(postgres_server):
    assert postgres_server["core"] is postgres_server["ai"]
    with pytest.raises(KeyError):
        postgres_server["other"]


@guarded
def test_one_database_after_the_other_is_fine(database_engines):
    with Session(database_engines["core"]) as core, Session(database_engines["ai"]) as ai:
        core.add(User(email="a"))
        ai.add(AiMemory(content="b"))
        core.commit()
        ai.commit()


@guarded
def test_reading_both_is_fine(database_engines):
    with Session(database_engines["core"]) as core, Session(database_engines["ai"]) as ai:
        core.add(User(email="a"))
        core.flush()
        with_one = select(AiMemory.id).cte("users")
        assert not ai.execute(select(with_one)).all() and not ai.execute(text("SELECT 1 FROM pg_class LIMIT 0")).all()


@guarded
def test_fails_two_databases_in_one_block(database_engines):
    with Session(database_engines["core"]) as core, Session(database_engines["ai"]) as ai:
        core.add(User(email="a"))
        ai.add(AiMemory(content="b"))
        core.flush()
        ai.flush()


@guarded
def test_what_was_undone_is_not_written(database_engines):
    core, ai = database_engines["core"], database_engines["ai"]
    with core.connect() as one, ai.connect() as other:
        with one.begin():
            savepoint = one.begin_nested()
            one.execute(insert(User).values(email="a"))
            savepoint.rollback()
            other.execute(insert(AiMemory).values(content="a"))
            other.rollback()
        one.execute(insert(User).values(email="b"))
        one.execute(text("COMMIT"))
        other.execute(insert(AiMemory).values(content="b"))
        other.connection.commit()
        one.execute(insert(User).values(email="c"))


@guarded
def test_fails_engines_of_its_own_making(database_urls):
    def engine(name):
        return create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(database_urls[name].to_text()), poolclass=NullPool
        )

    with engine("core").begin() as core, engine("ai").begin() as ai:
        core.execute(insert(User).values(email="a"))
        ai.execute(insert(AiMemory).values(content="b"))


@guarded
def test_fails_transactions_begun_by_hand(database_engines):
    autocommit = {"isolation_level": "AUTOCOMMIT"}
    with (
        database_engines["core"].connect().execution_options(**autocommit) as core,
        database_engines["ai"].connect().execution_options(**autocommit) as ai,
    ):
        core.exec_driver_sql("BEGIN")
        ai.exec_driver_sql("BEGIN")
        core.execute(insert(User).values(email="a"))
        ai.execute(insert(AiMemory).values(content="b"))


@guarded
def test_fails_a_drop(database_engines):
    with database_engines["core"].begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS ai_memories"))


@pytest.fixture
def tidy(database_engines):
    yield
    try:
        with database_engines["ai"].connect() as connection:
            connection.execute(text("SELECT 1 FROM users"))
    except AssertionError:
        pass


@guarded
def test_errors_after_the_test(tidy):
    pass


@pytest.mark.cross_database(reason="a typing error", just="table")
@guarded
def test_errors_a_mistyped_marker():
    pass


@pytest.mark.cross_database(reason="of all", only="table")
class TestMarkersAdd:
    @pytest.mark.cross_database(reason="of this one", only="transaction")
    @guarded
    def test_both_are_lifted(self, database_engines):
        with database_engines["core"].begin() as core, database_engines["ai"].begin() as ai:
            core.execute(insert(User).values(email="a"))
            ai.execute(insert(AiMemory).values(content="b"))
            core.execute(text("CREATE TABLE IF NOT EXISTS ai_memories (id int)"))


@guarded
def test_fails_another_home_s_table(database_engines):
    with database_engines["ai"].connect() as connection:
        connection.execute(text("SELECT 1 FROM ai_memories JOIN public.users ON users.id = user_id"))


@guarded
def test_fails_when_the_application_catches_it(database_environment):
    engine = create_engine(os.environ["AI_DATABASE_URL"].replace(":", "+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as connection:
        try:
            connection.execute(USERS)
        except BaseException:
            pass


@guarded
def test_fails_asynchronously(async_database_engines):
    async def read():
        async with async_database_engines["ai"].connect() as connection:
            await connection.execute(USERS)

    asyncio.run(read())


@guarded
@pytest.mark.cross_database(only="table")
def test_errors_without_a_reason(database_engines):
    pass


@guarded
@pytest.mark.cross_database(reason="the old report, until the split is done", only="table")
def test_a_marker_lifts_one_check(database_engines):
    with database_engines["ai"].connect() as connection, pytest.raises(Exception, match="does not exist"):
        connection.execute(USERS)


@guarded
@pytest.mark.cross_database("the import writes both")
def test_a_marker_lifts_both_checks(database_engines):
    with database_engines["core"].begin() as core, database_engines["ai"].begin() as ai:
        core.execute(insert(User).values(email="a"))
        ai.execute(insert(AiMemory).values(content="b"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = copy_example("notes", tmp_path)
    project.environment = {"DATABASE_URL": NOWHERE, "AI_DATABASE_URL": NOWHERE}
    return project


def test_fixtures_and_guard_do_what_their_tests_say(project: Project) -> None:
    """Each test of the suite says in its name whether it is to pass, to fail or to be an error; all in strict mode."""
    project.write("tests/test_suite.py", SUITE)
    strict = ("--strict-markers", "-W", "error", "-v", "-p", "no:cacheprovider", "--tb=short")
    done = project.run(*strict, "tests", module=PYTEST)
    results = dict(re.findall(r"::test_(\w+\S*) (PASSED|FAILED|ERROR)", done.stdout))
    assert len(results) == 26, done.stdout
    for name, result in results.items():
        kinds = {"fails": "FAILED", "errors": "ERROR"}
        assert result == kinds.get(name.split("_")[0], "PASSED"), (name, done.stdout)
    assert 'one transaction block writes "core" and "ai"' in done.stdout
    assert 'a statement on "ai" touches table "public.users", which is at home in "core"' in done.stdout
    assert "cross_database needs a reason" in done.stdout


def test_a_history_that_does_not_run_is_said_once_and_plainly(project: Project) -> None:
    project.edit("migrations/ai/a002_documents.py", "def upgrade() -> None:", "def upgrade() -> None:\n    op.absent()")
    project.write("tests/test_it.py", "def test_it(database_engines): pass")
    done = project.run("-q", "-p", "no:cacheprovider", "tests", module=PYTEST)
    assert 'database "ai", revision a002 (a002_documents.py, line 14)' in done.stdout, done.stdout
    assert len(done.stdout.splitlines()) < 12, done.stdout
