"""multidb split --method template and --rehearse, killed at any moment: nobody is harmed, and a next run ends it."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alembic_multidb.split.template.strays import STRAYS
from tests.acceptance.test_status import MULTIDB
from tests.conftest import Project, copy_example, psql
from tests.integration.moved import checksums
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server, embedded_18, running_server, wait_until

SPLIT = ("split", "--source", "env:OLD_DATABASE_URL", "--method", "template")
NAMES = ("OLD_DATABASE_URL", "DATABASE_URL", "AI_DATABASE_URL")
LONGEST = 7.0
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"


@pytest.fixture(scope="session")
def own() -> Iterator[Server]:
    """A server on which nothing else happens."""
    with running_server(embedded_18()) as running:
        yield running


@pytest.fixture(scope="session")
def original(own: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the example's mixed database with rows in it, to be cloned for each test."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("original"))
    project.environment["OLD_DATABASE_URL"] = own.create_database("original")
    project.ok("-c", "mixed/alembic.ini", "upgrade", "head")
    project.ok("--rows", "2000", "--documents", "200", module="portfolio.fill")
    return "original"


@pytest.fixture(scope="session")
def by_stream(own: Server, original: str, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What a split row by row makes of it."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("stream"))
    project.scratch = own.url()
    urls = [own.create_database(name) for name in ("stream_core", "stream_ai")]
    project.environment = dict(zip(NAMES, [own.url(original), *urls], strict=True))
    project.ok("split", "--source", "env:OLD_DATABASE_URL", module=MULTIDB)
    return [made(url) for url in urls]


def made(url: str) -> list[object]:
    """What a database holds: its schema in words, and its rows."""
    return [[(row.key, row.attributes) for row in snapshot_of(url).rows], checksums(url)]


@pytest.fixture
def portfolio(tmp_path: Path, own: Server, original: str) -> Iterator[Project]:
    project = copy_example("portfolio", tmp_path)
    project.scratch = own.url()
    names = [f"{name.lower()}_{os.getpid()}" for name in NAMES]
    project.environment = {
        name: own.create_database(database, original if name == NAMES[0] else "template0")
        for name, database in zip(NAMES, names, strict=True)
    }
    yield project
    for database in names:
        own.drop_database(database)


def state(own: Server, project: Project) -> list[object]:
    """What the server keeps of its databases, and what is in the source."""
    source = project.environment["OLD_DATABASE_URL"]
    return [
        own.run(
            "SELECT datname, datdba, datacl::text, datconnlimit, datallowconn, datistemplate FROM pg_database "
            "WHERE datname !~ '^multidb_' ORDER BY 1"
        ),
        own.run("SELECT rolname FROM pg_roles ORDER BY 1"),
        own.run("SELECT setconfig FROM pg_db_role_setting ORDER BY 1"),
        checksums(source),
        snapshot_of(source).to_json(),
    ]


def killed(own: Server, project: Project, seconds: float, *arguments: str) -> int | None:
    """Start a run, kill it after a while, and return how it ended if it ended before."""
    running = project.start(*SPLIT, *arguments, module=MULTIDB)
    try:
        running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate(timeout=60)
        wait_until(lambda: own.run(BUSY) == [(0,)])
        return None
    return running.returncode


def campaign(own: Server, project: Project, chance: random.Random, by_stream: list[object]) -> None:
    """Kill some runs, real ones and rehearsals, then go on or take it back; look at everything each time."""
    before = state(own, project)
    for _ in range(chance.randint(1, 2)):
        more = [name for name in ("--rehearse", "--terminate-source-connections") if chance.random() < 0.3]
        if killed(own, project, chance.uniform(1.0, LONGEST), *more) == 0 and "--rehearse" not in more:
            break
        assert state(own, project) == before
    strays = {name for (name,) in own.run(STRAYS)}
    plan = project.run(*SPLIT, "--plan", "--no-drift", module=MULTIDB)
    assert all(f'database "{name}"' in plan.stdout for name in strays), plan.stdout
    if chance.random() < 0.3:
        project.ok("split", "--source", "env:OLD_DATABASE_URL", "--abort", module=MULTIDB)
        assert own.run(STRAYS) == []
    assert "Done, and proven" in project.ok(*SPLIT, module=MULTIDB)
    assert [made(project.environment[name]) for name in NAMES[1:]] == by_stream
    assert own.run(STRAYS) == []
    assert state(own, project) == before


def test_a_killed_run_harms_nobody(own: Server, portfolio: Project, by_stream: list[object]) -> None:
    """The source is as it was, what is left beside it is named, and the same command ends as a split by stream does."""
    campaign(own, portfolio, random.Random(1), by_stream)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 100 + int(os.environ.get("MULTIDB_KILLS", "50"))))
def test_many_kills(own: Server, portfolio: Project, seed: int, by_stream: list[object]) -> None:
    """Killed up to twice, at any moment."""
    campaign(own, portfolio, random.Random(seed), by_stream)


def rehearsals(own: Server, project: Project, chance: random.Random) -> None:
    """Kill rehearsals of a split by stream, then let one end."""
    before, files = state(own, project), sorted(path.name for path in project.folder.iterdir())
    stream = ("--rehearse", "--method", "stream")
    for _ in range(chance.randint(1, 3)):
        killed(own, project, chance.uniform(1.0, LONGEST), *stream)
        assert state(own, project) == before
    assert "Rehearsed, and proven" in project.ok(*SPLIT, *stream, module=MULTIDB)
    assert state(own, project) == before and own.run(STRAYS) == []
    assert sorted(path.name for path in project.folder.iterdir()) == files


def test_a_killed_rehearsal_leaves_nothing_to_the_next(own: Server, portfolio: Project) -> None:
    """Neither databases, roles and settings, nor files."""
    rehearsals(own, portfolio, random.Random(3))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200, 200 + int(os.environ.get("MULTIDB_KILLS", "30"))))
def test_many_killed_rehearsals(own: Server, portfolio: Project, seed: int) -> None:
    """Up to three times, at any moment."""
    rehearsals(own, portfolio, random.Random(seed))


def test_a_rehearsal_says_what_the_real_run_needs(own: Server, portfolio: Project) -> None:
    """By the page and by JSON; no file and no database stays."""
    before, files = state(own, portfolio), sorted(path.name for path in portfolio.folder.iterdir())
    text = portfolio.ok(*SPLIT, "--rehearse", module=MULTIDB)
    assert "The real run will need about" in text
    assert "Rehearsed, and proven. The targets were not touched, and nothing of the rehearsal remains." in text
    assert sorted(path.name for path in portfolio.folder.iterdir()) == files
    assert state(own, portfolio) == before and own.run(STRAYS) == []
    assert psql(portfolio.environment["DATABASE_URL"], "SELECT count(*) FROM pg_class WHERE oid >= 16384") == [(0,)]


def test_options_that_say_nothing_together_are_refused(portfolio: Project) -> None:
    """Each with what to do."""
    source = ("split", "--source", "env:OLD_DATABASE_URL")
    for arguments, words in (
        (("--terminate-source-connections",), "is for --method template"),
        (("--rehearse", "--backup", "."), "leaves no file behind"),
        (("--rehearse", "--evidence", "x.json"), "leaves no file behind"),
    ):
        assert words in portfolio.refused(*source, *arguments, module=MULTIDB)
