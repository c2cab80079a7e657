"""A shared history against the plain run of the same: the example's mixed history, whole processes, from base to head.

    python -m tests.benchmarks.routing [--pairs 9] [--asking 0]

The two run in turn, each on an empty database; printed are the medians and the median of the ratios pair by pair.
Bound: 1.2, for each database. A history that is not shared imports nothing of the router, which is a test.

With ``--asking N`` the history has N more revisions that each ask the inspector for a table before they make it. That
is the worst case: their Python runs three times, and a server that waits for no disk answers at once.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

from tests.acceptance.test_shared_history import VARIABLES, share_history
from tests.benchmarks.startup import seconds
from tests.conftest import Project, copy_example
from tests.servers import Server, embedded_18, running_server

_numbers = itertools.count(1)
_ASKS = """
import sqlalchemy as sa
from alembic import op

revision = "asks{number}"
down_revision = "{parent}"


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("asked{number}"):
        op.create_table("asked{number}", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))


def downgrade() -> None:
    op.drop_table("asked{number}")
"""


def ask(project: Project, head: str, revisions: int) -> None:
    """Add revisions that ask before they do something."""
    for number in range(revisions):
        parent = f"asks{number - 1}" if number else head
        project.write(f"mixed/versions/asks{number}.py", _ASKS.format(number=number, parent=parent))


def compare(shared: Project, plain: Project, server: Server, name: str, pairs: int) -> None:
    """Run the two in turn and print what was measured."""

    def run(project: Project, variable: str, *chosen: str) -> float:
        database = f"routing{next(_numbers)}"
        project.environment[variable] = server.create_database(database)
        elapsed = seconds(project, *chosen, "upgrade", "head")
        server.drop_database(database)
        return elapsed

    def pair() -> tuple[float, float]:
        return run(shared, VARIABLES[name], "-n", name), run(plain, "DATABASE_URL", "-n", "core")

    pair()
    measured = [pair() for _ in range(pairs)]
    ratio = statistics.median(first / second for first, second in measured)
    medians = [statistics.median(column) for column in zip(*measured, strict=True)]
    print(
        f"alembic -n {name} upgrade head, shared: {medians[0]:.3f} s, plain {medians[1]:.3f} s, "
        f"median of {pairs} ratios {ratio:.3f} (bound 1.2)"
    )


def main() -> None:
    """Build both repositories on one server and compare them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--asking", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_server(embedded_18()) as server:
        shared = copy_example("portfolio", Path(folder, "shared"))
        share_history(shared)
        plain = copy_example("portfolio", Path(folder, "plain"))
        # One database that has everything, with a history of its own.
        plain.edit("alembic.ini", "migrations/core", "mixed/versions")
        plain.write(
            "portfolio/databases.py",
            "from alembic_multidb import Database, Databases\nfrom portfolio.models import Base\n"
            'databases = Databases(Database("core", metadata=Base.metadata, url="env:DATABASE_URL", default=True,'
            ' extensions={"vector": "*"}))\n',
        )
        for project in (shared, plain):
            project.environment["PYTHONDONTWRITEBYTECODE"] = ""
            ask(project, "m012", given.asking)
        for name in VARIABLES:
            compare(shared, plain, server, name, given.pairs)


if __name__ == "__main__":
    main()
