"""Whole process, at head: `alembic -n core ...` against a plain env.py on the same history.

    python -m tests.benchmarks.startup [PAIRS]

The two run in turn; printed are the medians and the median of the ratios pair by pair. Bound: 1.15.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import Project, copy_example
from tests.servers import embedded_18, running_server

PLAIN_ENV = """
from alembic import context
from sqlalchemy import create_engine, pool
import logging, os, sys
from notes.models import Base

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
logging.getLogger("alembic").setLevel(logging.INFO)
url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
PLAIN_INI = """
[alembic]
script_location = %(here)s/plain
version_locations = %(here)s/migrations/core
path_separator = os
prepend_sys_path = %(here)s
"""


def seconds(project: Project, *arguments: str) -> float:
    """Time one whole process, which must succeed."""
    start = time.perf_counter()
    done = project.run(*arguments)
    elapsed = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    return elapsed


def compare(project: Project, command: tuple[str, ...], pairs: int) -> None:
    """Run the two in turn and print what was measured."""
    ours = ("-n", "core", *command)
    plain = ("-c", "plain.ini", *command)
    seconds(project, *ours), seconds(project, *plain)
    measured = [(seconds(project, *ours), seconds(project, *plain)) for _ in range(pairs)]
    ratio = statistics.median(first / second for first, second in measured)
    medians = [statistics.median(column) for column in zip(*measured, strict=True)]
    print(
        f"alembic {' '.join(command)}: {medians[0]:.3f} s, plain env.py {medians[1]:.3f} s, "
        f"median of {pairs} ratios {ratio:.3f} (bound 1.15)"
    )


def main(pairs: int) -> None:
    """Build both repositories on one server and compare them."""
    with tempfile.TemporaryDirectory() as folder, running_server(embedded_18()) as server:
        project = copy_example("notes", Path(folder))
        project.write("plain.ini", PLAIN_INI)
        project.write("plain/env.py", PLAIN_ENV)
        project.write("plain/script.py.mako", "")
        project.environment["DATABASE_URL"] = server.create_database("startup")
        project.environment["PYTHONDONTWRITEBYTECODE"] = ""
        project.ok("-n", "core", "upgrade", "head")
        for command in (("upgrade", "head"), ("current",)):
            compare(project, command, pairs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
