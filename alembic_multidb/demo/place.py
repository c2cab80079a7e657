"""Where the demo plays: an embedded server with three databases, a copy of the example, and the programs it runs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alembic_multidb.errors import MultidbError
from alembic_multidb.postgres import EmbeddedServer, embedded_server, folder_for_servers, stop_embedded_server

EXAMPLE = "portfolio"
TRACE = ".multidb-demo"
# The variable that says where each database is; the first one is to be split into the others.
VARIABLES = {"old": "OLD_DATABASE_URL", "core": "DATABASE_URL", "ai": "AI_DATABASE_URL"}
PROGRAMS = {"python": [], "alembic": ["-m", "alembic"], "multidb": ["-m", "alembic_multidb"]}

Say = Callable[[str], None]

# The user's own settings are about other databases.
_FOREIGN = ("PG", "ALEMBIC_", "MULTIDB_")
# How long a program may take to tidy up, in seconds.
_PATIENCE = 20.0


@dataclass(frozen=True)
class Demo:
    """A running demo.

    Attributes:
        folder: where everything of it lies.
        urls: where each database is: the old one, then those of the registry.
        scratch: where scratch databases are made.
        began: when it began, by the monotonic clock.
    """

    folder: Path
    urls: Mapping[str, str]
    scratch: str
    began: float = field(default_factory=time.monotonic)

    @property
    def project(self) -> Path:
        """Return the folder of the example's copy."""
        return self.folder / EXAMPLE

    @property
    def seconds(self) -> float:
        """Return how long it has been running."""
        return time.monotonic() - self.began

    @property
    def variables(self) -> dict[str, str]:
        """Return what a user exports to work with the three databases."""
        return {VARIABLES[name]: url for name, url in self.urls.items()}

    def run(self, command: str, show: Say) -> None:
        """Run ``python``, ``alembic`` or ``multidb`` as a user types it, in the example's folder.

        Args:
            command: the whole line.
            show: told each line that it prints, to stdout or to stderr.

        Raises:
            MultidbError: it failed.
        """
        program, *arguments = shlex.split(command)
        with self._started([sys.executable, *PROGRAMS[program], *arguments]) as process:
            assert process.stdout is not None
            for line in process.stdout:
                show(line.rstrip("\n"))
        if process.returncode != 0:
            raise MultidbError(f"{command} ended with exit code {process.returncode}")

    @contextmanager
    def _started(self, words: list[str]) -> Iterator[subprocess.Popen[str]]:
        """Start a program; whoever is interrupted before its end gives it time to tidy up."""
        process = subprocess.Popen(  # noqa: S603
            words,
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C comes to us alone, and once to it
        )
        with process:
            try:
                yield process
            except BaseException:
                process.terminate()
                try:
                    process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise

    def _environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        return {
            **inherited,
            **self.variables,
            "MULTIDB_SCRATCH_URL": self.scratch,
            "TMPDIR": str(_temporary(self.folder)),
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",  # what it prints to stdout and to stderr comes in its order
        }


@contextmanager
def running_demo(*, keep: bool = False, say: Say = lambda line: None) -> Iterator[Demo]:
    """Start an embedded server with three databases, still empty.

    Args:
        keep: leave the server and its folder behind, unless the block fails.
        say: told what takes time, a line each.

    Raises:
        MultidbError: the server does not start.
    """
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="multidb-demo-", dir=folder_for_servers()))
    kept = False
    try:
        (folder / TRACE).touch()
        _temporary(folder).mkdir()
        shutil.copytree(examples_folder() / EXAMPLE, folder / EXAMPLE, ignore=shutil.ignore_patterns("__pycache__"))
        say("starting an embedded PostgreSQL server (a few seconds) ...")
        with embedded_server(folder / "data") as server:
            yield Demo(folder, _create_databases(server), server.url("postgres"), began)
            server.keep = kept = keep
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def stop_demo(folder: Path) -> None:
    """Stop a kept demo's server and remove its folder.

    Raises:
        MultidbError: it is no folder of a demo; nothing was touched.
    """
    if not (folder / TRACE).is_file() or not (folder / EXAMPLE / "alembic.ini").is_file():
        raise MultidbError(f"{folder} is not the folder of a kept demo; nothing was touched")
    stop_embedded_server(folder / "data")
    shutil.rmtree(folder)


def examples_folder() -> Path:
    """Return the folder of the examples: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / EXAMPLE).is_dir():
            return folder
    raise MultidbError("the examples were not installed with the package; reinstall alembic-multidb")


def _create_databases(server: EmbeddedServer) -> dict[str, str]:
    return {name: server.create_database(f"{EXAMPLE}_{name}") for name in VARIABLES}


def _temporary(folder: Path) -> Path:
    """Return where the programs put what they need for a while; it goes with the demo."""
    return folder / "tmp"
