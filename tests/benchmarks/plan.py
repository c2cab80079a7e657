"""A split of many tables: seconds and queries of its plan, seconds of its schemas.

    python -m tests.benchmarks.plan [TABLES ...]

The tables are those of the benchmark of snapshots; each tenth one is at home in the second database. Printed are, for
each number of tables, the objects, the seconds and queries of a plan with all findings (bounds: 20 seconds for 5,000
tables, the same queries for each number), its time for each table as a ratio to that of the first number, and the
seconds of both schemas, restored in batches with the server's ordinary room for locks, and compared.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, event

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.run import prepared
from alembic_multidb.split.schema import make_schemas
from alembic_multidb.urls import resolve_url
from tests.benchmarks.snapshot import build
from tests.servers import Server, embedded_18, running_server

BOUND = 20.0


def project(folder: Path, server: Server, count: int) -> Project:
    """Return a project with two empty databases."""
    file = folder / f"alembic_{count}.ini"
    lines = ["[DEFAULT]", "script_location = %(here)s/migrations", "path_separator = os", "[core]", "[ai]"]
    file.write_text("\n".join(lines))
    (folder / "migrations").mkdir(exist_ok=True)
    core, ai = (server.create_database(f"{name}{count}") for name in ("core", "ai"))
    return Project(file, Databases(Database("core", url=core, default=True), Database("ai", url=ai, tables=["t*0"])))


def measure(server: Server, folder: Path, count: int) -> tuple[int, float, int, float]:
    """Return the objects, the seconds and queries of the plan, and the seconds of the schemas."""
    build(server, count).dispose()
    url = resolve_url(server.url(f"t{count}"), {}, of="source")
    queries: list[str] = []

    def record(*arguments: object) -> None:
        queries.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        split = project(folder, server, count)
        start = time.perf_counter()
        with prepared(split, url, SplitOptions()) as ready:
            planned = time.perf_counter() - start
            number = len(queries)
            assert ready.plan.exit_code(with_rows=True) == 0, ready.plan.findings
            start = time.perf_counter()
            made = make_schemas(split, ready, SplitOptions(), report=lambda each: print(" ", each.message))
            assert all(each.exit_code == 0 for each in made), made
            return len(ready.plan.objects), planned, number, time.perf_counter() - start
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def main(counts: list[int]) -> None:
    """Measure each size and compare it with the first."""
    with running_server(embedded_18()) as server, tempfile.TemporaryDirectory() as folder:
        first = 0.0
        for count in counts:
            objects, planned, queries, made = measure(server, Path(folder), count)
            first = first or planned / count
            print(
                f"{count:5} tables: {objects} objects, planned in {planned:.2f} s (bound {BOUND:g} for 5000), "
                f"{queries} queries, ratio {planned / count / first:.2f}; schemas made in {made:.1f} s"
            )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100, 1000, 5000])
