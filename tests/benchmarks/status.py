"""Many databases at head: `multidb status` against a loop of `alembic current`.

    python -m tests.benchmarks.status [DATABASES]

Both run in turn on the same server; the loop is measured on some of the databases and multiplied, since each of its
processes costs the same. Printed are both times and their ratio. Bound: 0.05 for 200 databases.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import Project, copy_example
from tests.servers import embedded_18, running_server

ROUNDS = 3
SAMPLE = 20

REGISTRY = """
from alembic_multidb import Database, Databases
from notes.models import Base

databases = Databases(*(
    Database(f"t{{number}}", metadata=Base.metadata, url=f"{url}{{number}}", default=number == 0)
    for number in range({count})
))
"""


def build(project: Project, url: str, count: int) -> None:
    """Make one registry of many databases, which share the example's core history."""
    project.write("notes/databases.py", REGISTRY.format(url=url, count=count))
    with (project.folder / "alembic.ini").open("a") as ini:
        for number in range(count):
            ini.write(f"\n[t{number}]\nversion_locations = %(here)s/migrations/core\n")


def seconds(project: Project, *arguments: str, module: str) -> float:
    """Time one whole process, which must succeed."""
    start = time.perf_counter()
    done = project.run(*arguments, module=module)
    elapsed = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return elapsed


def main(count: int) -> None:
    """Build the databases as copies of one that is at head, and compare."""
    with tempfile.TemporaryDirectory() as folder, running_server(embedded_18()) as server:
        project = copy_example("notes", Path(folder))
        project.environment["PYTHONDONTWRITEBYTECODE"] = ""
        build(project, server.url("t"), count)
        server.create_database("t0")
        project.ok("-n", "t0", "stamp", "head")
        for number in range(1, count):
            server.create_database(f"t{number}", "t0")
        for number in range(1, count):
            server.run(
                f"COMMENT ON TABLE alembic_version IS 'alembic_multidb: database=t{number}'", database=f"t{number}"
            )
        seconds(project, "status", module="alembic_multidb")
        ratios, ours, loops = [], [], []
        for _ in range(ROUNDS):
            ours.append(seconds(project, "status", module="alembic_multidb"))
            sample = [seconds(project, "-n", f"t{number}", "current", module="alembic") for number in range(SAMPLE)]
            loops.append(statistics.mean(sample) * count)
            ratios.append(ours[-1] / loops[-1])
        print(
            f"{count} databases: multidb status {statistics.median(ours):.2f} s, loop of alembic current "
            f"{statistics.median(loops):.1f} s, median of {ROUNDS} ratios {statistics.median(ratios):.4f} (bound 0.05)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
