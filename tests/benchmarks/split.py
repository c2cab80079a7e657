"""What a split costs: its rows against pg_dump piped into pg_restore, all of it against a parallel dump and restore.

    python -m tests.benchmarks.split [--rows 200000] [--documents 20000]

The example's mixed database is filled (documents of 1536 dimensions with an HNSW index), and split by the command, its
proof included. Printed are the seconds of its phase of rows beside those of ``pg_dump -Fc -Z0 --data-only`` piped into
``pg_restore --data-only``, into schemas without indexes (bound 0.4); the seconds of the whole command beside those of
``pg_dump -Fd -j2 -Z0`` and ``pg_restore -j2`` with the server's own settings and no proof (bound 0.6); and the peak of
Python's resident memory for rows of 1 and of 50 MiB with two workers: about twice the largest row more for each worker.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import EXAMPLES
from tests.servers import Server, embedded_18, running_server

MULTIDB = [sys.executable, "-m", "alembic_multidb"]
_PEAK = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); " + (
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr); sys.exit(code)"
)


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(command: list[object], folder: Path, environment: dict[str, str]) -> str:
    """Run a program that must succeed, and return what it printed."""
    done = subprocess.run(
        [str(item) for item in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def example(server: Server, folder: Path, rows: int, documents: int) -> tuple[Path, dict[str, str]]:
    """Copy the example and fill its mixed database."""
    project = folder / "portfolio"
    shutil.copytree(EXAMPLES / "portfolio", project)
    environment = {
        **os.environ,
        "OLD_DATABASE_URL": server.create_database("mixed"),
        "DATABASE_URL": server.create_database("core"),
        "AI_DATABASE_URL": server.create_database("ai"),
        "MULTIDB_SCRATCH_URL": server.url(),
        "PYTHONPATH": str(EXAMPLES.parent),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    run([sys.executable, "-m", "alembic", "-c", "mixed/alembic.ini", "upgrade", "head"], project, environment)
    fill = [sys.executable, "-m", "portfolio.fill", "--rows", rows, "--documents", documents]
    print(run([*fill], project, environment).strip())
    server.run("VACUUM ANALYZE", "mixed")
    return project, environment


def rows_of_peer(server: Server, binaries: Path, folder: Path, environment: dict[str, str]) -> float:
    """Dump and restore the rows through a pipe, into tables without indexes."""
    server.create_database("piped")
    source, target = server.url("mixed"), server.url("piped")
    schema = folder / "schema.dump"
    run([binaries / "pg_dump", "-Fc", "-s", "--section=pre-data", "-f", schema, source], folder, environment)
    run([binaries / "pg_restore", "-d", target, schema], folder, environment)
    pipe = f"'{binaries}/pg_dump' -Fc -Z0 --data-only '{source}' | '{binaries}/pg_restore' --data-only -d '{target}'"
    return seconds(lambda: run(["bash", "-o", "pipefail", "-c", pipe], folder, environment))


def all_of_peer(server: Server, binaries: Path, folder: Path, environment: dict[str, str]) -> float:
    """Dump and restore everything, two at a time."""
    server.create_database("restored")
    dump = folder / "dump"

    def work() -> None:
        run([binaries / "pg_dump", "-Fd", "-j2", "-Z0", "-f", dump, server.url("mixed")], folder, environment)
        run([binaries / "pg_restore", "-j2", "-d", server.url("restored"), dump], folder, environment)

    return seconds(work)


def peak(server: Server, project: Path, environment: dict[str, str], mebibytes: int) -> int:
    """Return the resident memory in MiB of a split whose largest rows are so large."""
    names = {name: f"{name}_{mebibytes}" for name in ("mixed", "core", "ai")}
    urls = {name: server.create_database(each) for name, each in names.items()}
    server.run(
        "CREATE EXTENSION vector; CREATE TABLE users (id int PRIMARY KEY, b bytea); CREATE TABLE tags (b bytea); "
        f"INSERT INTO users SELECT g, decode(repeat('ab', {mebibytes * 2**20}), 'hex') FROM generate_series(1, 4) g; "
        "INSERT INTO tags SELECT b FROM users",
        names["mixed"],
    )
    environment |= {
        "OLD_DATABASE_URL": urls["mixed"],
        "DATABASE_URL": urls["core"],
        "AI_DATABASE_URL": urls["ai"],
    }
    command = [sys.executable, "-c", _PEAK, *MULTIDB, "split", "--source", "env:OLD_DATABASE_URL"]
    return int(run([*command], project, environment).strip().splitlines()[-1])


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--documents", type=int, default=20_000)
    given = parser.parse_args()
    binaries = embedded_18()
    with running_server(binaries) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project, environment = example(server, folder, given.rows, given.documents)
        command = [*MULTIDB, "split", "--source", "env:OLD_DATABASE_URL", "--json", "--evidence", folder / "proof.json"]
        texts: list[str] = []
        whole = seconds(lambda: texts.append(run([*command], project, environment)))
        phases = json.loads((folder / "proof.json").read_text())["split"]["seconds"]
        print("split:", ", ".join(f"{phase} {value:.1f} s" for phase, value in phases.items()))
        piped = rows_of_peer(server, binaries, folder, environment)
        print(f"rows: {phases['rows']:.2f} s, pipe {piped:.2f} s, ratio {phases['rows'] / piped:.2f} (bound 0.4)")
        peer = all_of_peer(server, binaries, folder, environment)
        print(f"all with proof: {whole:.1f} s, without {peer:.1f} s, ratio {whole / peer:.2f} (bound 0.6)")
        for size in (1, 50):
            print(f"rows of {size} MiB: {peak(server, project, environment, size)} MiB resident")


if __name__ == "__main__":
    main()
