"""A snapshot of many tables: seconds and queries, and how the time grows with the schema.

    python -m tests.benchmarks.snapshot [TABLES ...]

Each table has ten columns, a primary key, a foreign key, two checks, two indexes, a trigger, a comment and a view.
Printed are, for each number of tables, the rows, seconds (median of three, the parser's memory emptied before each),
the queries, and the time for each table as a ratio to that of the first number. Bounds: ratio 2, the same queries.
"""

from __future__ import annotations

import statistics
import sys
import time

from sqlalchemy import Engine, create_engine, event

from alembic_multidb.catalog.snapshot import read_snapshot
from alembic_multidb.sqltext import normalized_expression, normalized_query
from tests.servers import Server, embedded_18, running_server

ROUNDS = 3
# Tables in one transaction, which holds locks on all that it makes.
PART = 500

SHARED = """
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TYPE status AS ENUM ('new', 'old');
"""

SCHEMA = """
DO $do$
BEGIN
    FOR n IN {first}..{last} LOOP
        EXECUTE format($table$
            CREATE TABLE t%1$s (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent bigint REFERENCES t%1$s,
                name varchar(%2$s) NOT NULL DEFAULT 'x', kind varchar CHECK (kind IN ('a', 'b', 'c%1$s')),
                age int CHECK (age BETWEEN 0 AND %1$s), status status DEFAULT 'new', data jsonb DEFAULT '{{}}',
                created timestamptz DEFAULT now(), low text GENERATED ALWAYS AS (lower(name)) STORED, tags text[]);
            CREATE INDEX ON t%1$s (kind, age) WHERE status = 'new' AND age > %1$s;
            CREATE UNIQUE INDEX ON t%1$s (lower(name));
            CREATE TRIGGER touch BEFORE UPDATE ON t%1$s FOR EACH ROW EXECUTE FUNCTION touch();
            COMMENT ON TABLE t%1$s IS 'Table %1$s';
            CREATE VIEW v%1$s AS SELECT id, name, count(*) OVER () AS many FROM t%1$s
                WHERE kind IN ('a', 'b') AND age > %1$s
        $table$, n, n + 10);
    END LOOP;
END
$do$
"""


def build(server: Server, count: int) -> Engine:
    """Make a database with so many tables, a few hundred in each transaction."""
    server.create_database(f"t{count}")
    server.run(SHARED, f"t{count}")
    for first in range(1, count + 1, PART):
        server.run(SCHEMA.format(first=first, last=min(first + PART - 1, count)), f"t{count}")
    return create_engine(server.url(f"t{count}").replace("postgresql:", "postgresql+psycopg:"))


def measure(engine: Engine) -> tuple[int, float, int]:
    """Return the rows, the seconds and the queries of one snapshot."""
    queries: list[str] = []
    normalized_expression.cache_clear()
    normalized_query.cache_clear()
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
        start = time.perf_counter()
        snapshot = read_snapshot(connection)
        elapsed = time.perf_counter() - start
    return len(snapshot.rows), elapsed, len(queries)


def main(counts: list[int]) -> None:
    """Measure each size and compare it with the first."""
    with running_server(embedded_18()) as server:
        first = 0.0
        for count in counts:
            engine = build(server, count)
            found = [measure(engine) for _ in range(ROUNDS)]
            rows, seconds, queries = found[0][0], statistics.median(item[1] for item in found), found[0][2]
            first = first or seconds / count
            print(
                f"{count:5} tables: {rows} rows, {seconds:.3f} s, {queries} queries, "
                f"{seconds / count * 1000:.2f} ms a table, ratio {seconds / count / first:.2f} (bound 2)"
            )
            engine.dispose()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [42, 100, 1000])
