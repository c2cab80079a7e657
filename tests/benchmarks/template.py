"""What a split by cloning costs beside a split row by row, proof included in both.

    python -m tests.benchmarks.template [--rows 2000] [--documents 20000]

The example's mixed database is filled (documents of 1536 dimensions with an HNSW index), and split by both methods into
databases of their own. Printed are the seconds of the phases, the ratio of what fills the databases (bound 0.2: the
plan, the stamp and the proof are the same work in both), and that of the whole commands.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.benchmarks.split import MULTIDB, example, run, seconds
from tests.servers import Server, embedded_18, running_server

_SAME = ("stamp", "verify")


def split(server: Server, project: Path, environment: dict[str, str], method: str) -> tuple[float, float]:
    """Split by one method, print its phases, and return how long the command took, and how long the filling."""
    environment = environment | {
        "DATABASE_URL": server.create_database(f"core_{method}"),
        "AI_DATABASE_URL": server.create_database(f"ai_{method}"),
    }
    evidence = project / f"{method}.json"
    command = [*MULTIDB, "split", "--source", "env:OLD_DATABASE_URL", "--method", method, "--evidence", evidence]
    took = seconds(lambda: run([*command], project, environment))
    phases = json.loads(evidence.read_text())["split"]["seconds"]
    print(f"{method}: {took:.1f} s:", ", ".join(f"{phase} {value:.1f} s" for phase, value in phases.items()))
    return took, sum(value for phase, value in phases.items() if phase not in _SAME)


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--documents", type=int, default=20_000)
    given = parser.parse_args()
    with running_server(embedded_18()) as server, tempfile.TemporaryDirectory() as name:
        project, environment = example(server, Path(name), given.rows, given.documents)
        size = server.run("SELECT pg_size_pretty(pg_database_size('mixed'))")[0][0]
        template, fill = split(server, project, environment, "template")
        stream, slow_fill = split(server, project, environment, "stream")
        print(f"{size}, filled: {fill:.1f} s, by stream {slow_fill:.1f} s, ratio {fill / slow_fill:.2f} (bound 0.2)")
        print(f"all with proof: {template:.1f} s, by stream {stream:.1f} s, ratio {template / stream:.2f}")


if __name__ == "__main__":
    main()
