"""The rows of a split: all of them, as they were, whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alembic_multidb.errors import MultidbError
from alembic_multidb.split import filling, making, moving
from alembic_multidb.split.abort import abort
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.transfer import rows
from tests.conftest import NewDatabase, psql
from tests.integration.moved import assert_moved, move
from tests.integration.split_cases import build, project, scripts
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server


@pytest.fixture(scope="session")
def rows_18(server: Server) -> str:
    """The mixed database with rows on PostgreSQL 18."""
    return _rows(server)


def _rows(server: Server) -> str:
    name = f"rows_{os.getpid()}"
    url = server.create_database(name)
    server.run("CREATE EXTENSION vector", name)
    build(url, scripts("moved"))
    return url


def test_every_row_is_as_it_was(rows_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    core, ai = new_database(), new_database()
    report = move(project(tmp_path, core, ai), rows_18, tmp_path)
    assert [str(finding) for finding in report.verified.findings] == []
    assert_moved(rows_18, core, ai)
    assert psql(core, "SELECT last_value, is_called FROM orders_id_seq") == [(7000, False)]


def stopped(monkeypatch: pytest.MonkeyPatch, module: object, name: str, after: int = 0) -> None:
    """Let something fail, as if the process had been killed there."""
    real = getattr(module, name)
    calls = iter(range(1000))

    def fail(*arguments: object, **named: object) -> object:
        if next(calls) >= after:
            raise MultidbError(f"stopped at {name}")
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, fail)


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        (making.SchemaMaker, "_run_batch", 1),
        *[(rows, "stream", 5), (filling, "set_places", 0), (filling, "refresh", 1)],
        *[(moving, "stamp", 1), (moving, "make_settings", 1), (moving, "verify", 0), (moving, "write_private", 0)],
    ],
)
def test_what_an_unfinished_split_made_can_be_taken_back(
    rows_18: str,
    tmp_path: Path,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    after: int,
) -> None:
    """Wherever it stopped, both targets are as they were, but for somebody else's table; then it can begin again."""
    core, ai = new_database(), new_database()
    psql(ai, "CREATE EXTENSION vector; COMMENT ON DATABASE " + ai.rpartition("/")[2] + " IS 'mine'")
    before = [state(url) for url in (core, ai)]
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, module, name, after)
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, rows_18, tmp_path)
    psql(core, "CREATE TABLE somebody_elses (id int)")
    done = abort(here, SplitOptions())
    assert [each.result for each in done] == ["taken back", "taken back"], done
    assert done[0].left == ("table public.somebody_elses",)
    psql(core, "DROP TABLE somebody_elses")
    assert [state(url) for url in (core, ai)] == before
    assert [each.result for each in abort(here, SplitOptions())] == ["nothing to do", "nothing to do"]
    move(here, rows_18, tmp_path)
    assert_moved(rows_18, core, ai)


def state(url: str) -> object:
    facts = "SELECT datacl, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    kinds = "SELECT count(*) FROM pg_largeobject_metadata"
    return snapshot_of(url).to_json(), psql(url, facts), psql(url, kinds)


def test_an_interrupted_split_goes_on(
    rows_18: str, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied is kept if the source did not change; an unlogged table is copied again all the same."""
    core, ai = new_database(), new_database()
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, filling, "refresh")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, rows_18, tmp_path)
    psql(core, "UPDATE alembic_multidb.steps SET facts = facts WHERE false; TRUNCATE volatile")
    report = move(here, rows_18, tmp_path)
    assert report.exit_code == 0, report.verified.findings
    one, other = report.databases
    assert (one.kept, other.kept) == (one.tables - 1, other.tables)
    assert_moved(rows_18, core, ai)


def test_a_source_that_was_written_to_in_between(
    server: Server, tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what changed is copied again, although foreign keys, triggers and rules are there already."""
    source, core, ai = new_database(f"rows_{os.getpid()}"), new_database(), new_database()
    here = project(tmp_path, core, ai)
    with monkeypatch.context() as patched:
        stopped(patched, filling, "analyze")
        with pytest.raises(MultidbError, match="stopped at"):
            move(here, source, tmp_path)
    psql(
        source,
        "DELETE FROM users WHERE id = 3; UPDATE by_mood SET v = 'new' WHERE id = 7; UPDATE orders SET note = 'x' "
        "WHERE id = 1; UPDATE ai_feedback SET feeling = 'sad' WHERE id = 1; SELECT nextval('used')",
    )
    report = move(here, source, tmp_path)
    assert report.exit_code == 0, report.verified.findings
    assert report.databases[0].kept == 15 and report.databases[1].kept == 1
    assert_moved(source, core, ai)
