"""multidb split, killed at any moment, its server killed or its connections cut: the same command ends it, proven."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_status import MULTIDB
from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.integration.moved import checksums
from tests.servers import Server, crash, embedded_18, running_server

SPLIT = ("split", "--source", "env:OLD_DATABASE_URL")
TARGETS = ("DATABASE_URL", "AI_DATABASE_URL")
LONGEST = 10.0
WRITES = (
    "UPDATE users SET full_name = 'n' || random() WHERE id IN (SELECT id FROM users ORDER BY random() LIMIT 3)",
    "DELETE FROM ai_feedback WHERE id IN (SELECT id FROM ai_feedback ORDER BY random() LIMIT 2)",
    "INSERT INTO batch_run_tracking (id, run_date, jobs_total, jobs_completed, jobs_failed, phases) "
    "SELECT gen_random_uuid(), max(run_date) + 1, 1, 1, 0, '[]' FROM batch_run_tracking",
    "UPDATE ai_kb_documents SET title = 't' || random() WHERE id IN (SELECT id FROM ai_kb_documents LIMIT 1)",
)


@pytest.fixture(scope="session")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the example's mixed database with rows in it."""
    project = copy_example("portfolio", tmp_path_factory.mktemp("filled"))
    name = f"filled_{os.getpid()}"
    project.environment["OLD_DATABASE_URL"] = server.create_database(name)
    project.ok("-c", "mixed/alembic.ini", "upgrade", "head")
    project.ok("--rows", "4000", "--documents", "400", module="portfolio.fill")
    return name


@pytest.fixture
def portfolio(tmp_path: Path, new_database: NewDatabase, filled: str, server: Server) -> Project:
    project = copy_example("portfolio", tmp_path)
    project.scratch = server.url()
    project.environment = {"OLD_DATABASE_URL": new_database(filled)}
    project.environment |= {name: new_database() for name in TARGETS}
    return project


Harm = Callable[["subprocess.Popen[str]", Project], None]


def kill(running: subprocess.Popen[str], project: Project) -> None:
    """End the process, without a word to the server."""
    running.kill()


def interrupt(running: subprocess.Popen[str], project: Project) -> None:
    """Press Ctrl-C."""
    running.send_signal(signal.SIGINT)


def cut(running: subprocess.Popen[str], project: Project) -> None:
    """Cut one of its connections, whichever it is."""
    url = project.environment[random.choice(["OLD_DATABASE_URL", *TARGETS])]
    psql(
        url,
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND application_name LIKE 'multidb%' ORDER BY random() LIMIT 1) AS one",
    )


def harmed(project: Project, harm: Harm, seconds: float) -> tuple[int, str]:
    """Start a split, do it harm after a while, and return how it ended."""
    running = project.start(*SPLIT, module=MULTIDB)
    try:
        _, words = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        harm(running, project)
        _, words = running.communicate(timeout=120)
    return running.returncode, words


def finish(project: Project, elsewhere: Path) -> str:
    """Run the same command from another directory, to its end, and compare all rows."""
    elsewhere.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", MULTIDB, *SPLIT, "-c", str(project.folder / "alembic.ini")],
        cwd=elsewhere,
        env=project.variables(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done, and proven" in done.stdout
    is_moved(project)
    return done.stdout


def is_finished(project: Project) -> bool:
    """Tell whether both databases are proven: what is written to the source from then on is no matter of the split."""
    done = "SELECT to_regclass('alembic_version') IS NOT NULL AND to_regnamespace('alembic_multidb') IS NULL"
    return all(psql(project.environment[name], done) == [(True,)] for name in TARGETS)


def is_moved(project: Project) -> None:
    source, core, ai = (checksums(project.environment[name]) for name in ("OLD_DATABASE_URL", *TARGETS))
    assert {**core, **ai} == source
    for name in TARGETS:
        assert psql(project.environment[name], "SELECT to_regnamespace('alembic_multidb')") == [(None,)]
        assert psql(project.environment[name], "SELECT count(*) FROM alembic_version") == [(1,)]


def campaign(project: Project, folder: Path, harm: Harm, chance: random.Random, times: int, *, writes: bool) -> str:
    """Do harm several times, with writes on the source in between, then finish it."""
    for _ in range(times):
        code, words = harmed(project, harm, chance.uniform(0.5, LONGEST))
        assert code in (0, 2, 128 + signal.SIGINT, -signal.SIGKILL), words
        assert "Traceback" not in words, words
        if code == 0 or is_finished(project):  # before any harm was done
            is_moved(project)
            return ""
        if writes and chance.random() < 0.7:
            psql(project.environment["OLD_DATABASE_URL"], chance.choice(WRITES))
    return finish(project, folder / "elsewhere")


@pytest.mark.parametrize(("seed", "harm"), [(3, kill), (5, kill), (7, cut), (11, interrupt)])
def test_the_same_command_goes_on(portfolio: Project, tmp_path: Path, seed: int, harm: Harm) -> None:
    """From another directory too, and although the source was written to in between."""
    campaign(portfolio, tmp_path, harm, random.Random(seed), 1, writes=True)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(int(os.environ.get("MULTIDB_KILLS", "70"))))
def test_many_kills(portfolio: Project, tmp_path: Path, seed: int) -> None:
    """Killed up to three times, at any moment."""
    chance = random.Random(1000 + seed)
    campaign(portfolio, tmp_path, kill, chance, chance.randint(1, 3), writes=seed % 2 == 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_many_cuts(portfolio: Project, tmp_path: Path, seed: int) -> None:
    """Connections are cut at any moment."""
    campaign(portfolio, tmp_path, cut, random.Random(seed), 2, writes=seed % 2 == 0)


@pytest.fixture(scope="session")
def victim() -> Iterator[Server]:
    """A server that may be killed."""
    with running_server(embedded_18()) as running:
        yield running


def _crashes(victim: Server, portfolio: Project, tmp_path: Path, seed: int) -> None:
    names = {name: f"crash_{seed}_{number}" for number, name in enumerate(TARGETS)}
    portfolio.environment |= {name: victim.create_database(database) for name, database in names.items()}
    campaign(
        portfolio, tmp_path, lambda running, project: crash(victim, embedded_18()), random.Random(seed), 1, writes=True
    )
    for database in names.values():
        victim.drop_database(database)


def test_a_crash_of_the_target_server(victim: Server, portfolio: Project, tmp_path: Path) -> None:
    """What the server has forgotten is copied again."""
    _crashes(victim, portfolio, tmp_path, 2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_crashes(victim: Server, portfolio: Project, tmp_path: Path, seed: int) -> None:
    """At any moment."""
    _crashes(victim, portfolio, tmp_path, seed)
