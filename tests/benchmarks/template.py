"""What a split by cloning costs beside a split row by row, proof included in both.

    python -m tests.benchmarks.template [--rows 2000] [--documents 20000]

The example's mixed database is filled (documents of 1536 dimensions with an HNSW index), and split by both methods into
databases of their own. Printed are the seconds of the phases, and the ratio of the whole commands (bound 0.2).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.benchmarks.split import MULTIDB, example, run, seconds
from tests.servers import Server, embedded_18, running_server


def split(server: Server, project: Path, environment: dict[str, str], method: str) -> float:
    """Split by one method, print its phases, and return how long the command took."""
    environment = environment | {
        "DATABASE_URL": server.create_database(f"core_{method}"),
        "AI_DATABASE_URL": server.create_database(f"ai_{method}"),
    }
    evidence = project / f"{method}.json"
    command = [*MULTIDB, "split", "--source", "env:OLD_DATABASE_URL", "--method", method, "--evidence", evidence]
    took = seconds(lambda: run([*command], project, environment))
    phases = json.loads(evidence.read_text())["split"]["seconds"]
    print(f"{method}: {took:.1f} s:", ", ".join(f"{phase} {value:.1f} s" for phase, value in phases.items()))
    return took


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--documents", type=int, default=20_000)
    given = parser.parse_args()
    with running_server(embedded_18()) as server, tempfile.TemporaryDirectory() as name:
        project, environment = example(server, Path(name), given.rows, given.documents)
        size = server.run("SELECT pg_size_pretty(pg_database_size('mixed'))")[0][0]
        template = split(server, project, environment, "template")
        stream = split(server, project, environment, "stream")
        print(f"{size}: template {template:.1f} s, stream {stream:.1f} s, ratio {template / stream:.2f} (bound 0.2)")


if __name__ == "__main__":
    main()
