"""What a comparison costs: its digest against ``sum(hashtext(row::text))``, its memory, and the time to name one bit.

    python -m tests.benchmarks.verify [ROWS ...]

Printed are, for wide rows (vectors of 1536 dimensions) and for narrow ones, the seconds of both digests of one table
(the best of five, taken in turn on one connection) and their ratio: bounds 0.3 and 0.8. Then the peak of Python's own
memory for each number of narrow rows, which must not grow. Then the seconds that ``multidb verify --data-only`` takes
to name one changed bit in 20,000 vectors, beside those of ``multidb --help``: bound 2 seconds more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import MetaData

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.urls import parse_url
from alembic_multidb.verify import VerifyOptions, verify
from alembic_multidb.verify.digest import Digester
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Pair, read_tables
from tests.servers import Server, embedded_18, running_server

ROUNDS = 5
WIDE = """
CREATE EXTENSION vector;
CREATE TABLE documents (id uuid PRIMARY KEY, title text, data jsonb, at timestamptz, embedding vector(1536));
CREATE TABLE pool AS SELECT array_agg(random()::real) AS numbers FROM generate_series(1, 40000);
INSERT INTO documents
SELECT md5(n::text)::uuid, 'title ' || n, '{"a": 1}', timestamptz '2024-01-01' + n * interval '1 min',
       p.numbers[n:n + 1535]::vector
FROM generate_series(1, 20000) AS n, pool AS p;
DROP TABLE pool
"""
NARROW = """
CREATE TABLE events (id bigint PRIMARY KEY, user_id integer, kind text, amount numeric(10, 2), at timestamptz);
INSERT INTO events
SELECT n, n % 1000, 'kind ' || n % 10, n / 100.0, timestamptz '2024-01-01' + n * interval '1 s'
FROM generate_series(1, {rows}) AS n
"""
ONE_BIT = """
UPDATE documents SET embedding = ((embedding::real[])[1:1535] || (embedding::real[])[1536] * 1.0000001::real)::vector
WHERE title = 'title 12345'
"""


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(server: Server, database: str, table: str, bound: float) -> None:
    """Compare the two digests of one table."""
    server.run("VACUUM ANALYZE", database)
    with Side("source", parse_url(server.url(database), of="the source"), 1) as side:
        found = read_tables(side)["public", table]
        digester = Digester(Pair(found, found, False, (found.size, found.size)))
        connection = raw(side.lead)
        other = f"SELECT sum(hashtext(t::text)) FROM public.{table} AS t"
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(seconds(lambda: rows(connection, other)))
            ours.append(seconds(lambda: digester.read(connection, False)))
    quotient = min(ours) / min(theirs)
    print(
        f"digest of {table}: {min(ours):.3f} s, sum(hashtext(row::text)) {min(theirs):.3f} s, "
        f"ratio {quotient:.2f} (bound {bound})"
    )


def memory(server: Server, counts: list[int]) -> None:
    """Measure the peak of Python's memory for tables of several sizes, one row of which differs."""
    for count in counts:
        urls = []
        for side in ("source", "target"):
            name = f"narrow_{count}_{side}"
            server.create_database(name)
            server.run(NARROW.format(rows=count), name)
            urls.append(server.url(name))
        server.run(f"UPDATE events SET kind = 'x' WHERE id = {count // 2}", f"narrow_{count}_target")
        project = Project(Path("x"), Databases(Database("main", metadata=MetaData(), url=urls[1], default=True)))
        source, options = parse_url(urls[0], of="the source"), VerifyOptions(schema=False, chunk=2**20)
        verify(project, source, options)
        tracemalloc.start()
        report = verify(project, source, options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.exit_code == 1, report
        print(f"{count} narrow rows: {peak / 2**20:.1f} MiB of Python's memory, {report.seconds:.2f} s with tracing")


def one_bit(server: Server) -> None:
    """Time the command that names one bit, and the help."""
    server.run("CREATE DATABASE changed TEMPLATE wide")
    server.run(ONE_BIT, "changed")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "databases.py").write_text(
            "from sqlalchemy import MetaData\nfrom alembic_multidb import Database, Databases\n"
            'databases = Databases(Database("main", metadata=MetaData(), url="env:DATABASE_URL", default=True))\n'
        )
        (project / "alembic.ini").write_text(
            "[DEFAULT]\nprepend_sys_path = %(here)s\nmultidb_databases = databases:databases\n[main]\n"
        )
        environment = {**os.environ, "DATABASE_URL": server.url("changed"), "SOURCE_URL": server.url("wide")}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "alembic_multidb", *arguments]
            return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)

        words = run("verify", "--source", "env:SOURCE_URL", "--data-only")
        assert words.returncode == 1 and "embedding" in words.stdout, words
        print(words.stdout.splitlines()[1].strip()[:160])
        helped = min(seconds(lambda: run("--help")) for _ in range(3))
        named = min(seconds(lambda: run("verify", "--source", "env:SOURCE_URL", "--data-only")) for _ in range(3))
        print(f"one bit named in {named:.2f} s, --help {helped:.2f} s: {named - helped:.2f} s more (bound 2)")


def main(counts: list[int]) -> None:
    """Run all of it on one server."""
    with running_server(embedded_18()) as server:
        server.create_database("wide")
        server.run(WIDE, "wide")
        ratio(server, "wide", "documents", 0.3)
        server.create_database("narrow")
        server.run(NARROW.format(rows=300_000), "narrow")
        ratio(server, "narrow", "events", 0.8)
        one_bit(server)
        memory(server, counts)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 400_000])
