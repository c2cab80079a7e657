"""What a split by cloning costs beside a split row by row, proof included in both.

    python -m tests.benchmarks.template [--rows 2000] [--documents 20000] [--pairs 3]

The example's mixed database is filled (documents of 1536 dimensions with an HNSW index), and split by both methods in
turn, each time into databases of their own. Printed are the seconds of the phases, the median of the ratios of what
fills the databases (bound 0.2: plan, stamp and proof are the same work in both), and that of the whole commands.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from tests.benchmarks.split import MULTIDB, example, run, seconds
from tests.servers import Server, embedded_18, running_server

_SAME = ("stamp", "verify")


def split(server: Server, project: Path, environment: dict[str, str], method: str) -> tuple[float, float]:
    """Split by one method, print its phases, and return how long the command took, and how long the filling."""
    names = ["core_split", "ai_split"]
    environment = environment | dict(
        zip(["DATABASE_URL", "AI_DATABASE_URL"], map(server.create_database, names), strict=True)
    )
    # What was written before is nobody's business here: a clone waits until all of it is on the disk.
    server.run("CHECKPOINT")
    evidence = project / f"{method}.json"
    command = [*MULTIDB, "split", "--source", "env:OLD_DATABASE_URL", "--method", method, "--evidence", evidence]
    took = seconds(lambda: run([*command], project, environment))
    phases = json.loads(evidence.read_text())["split"]["seconds"]
    print(f"{method}: {took:.1f} s:", ", ".join(f"{phase} {value:.1f} s" for phase, value in phases.items()))
    for name in names:
        server.drop_database(name)
    return took, sum(value for phase, value in phases.items() if phase not in _SAME)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    with running_server(embedded_18()) as server, tempfile.TemporaryDirectory() as name:
        project, environment = example(server, Path(name), given.rows, given.documents)
        size = server.run("SELECT pg_size_pretty(pg_database_size('mixed'))")[0][0]
        pairs = [
            [split(server, project, environment, method) for method in ("template", "stream")]
            for _ in range(given.pairs)
        ]
        whole, filled = (
            statistics.median(cloned[part] / streamed[part] for cloned, streamed in pairs) for part in (0, 1)
        )
        print(f"{size}, {given.pairs} pairs: filled {filled:.2f} (bound 0.2), whole commands with proof {whole:.2f}")


if __name__ == "__main__":
    main()
