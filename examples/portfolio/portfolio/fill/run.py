"""Fill an empty database in one transaction: rows, documents, then the vector indexes that were taken away before."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from psycopg import Connection, errors, sql
from psycopg.types.json import Jsonb

from portfolio.fill.catalog import Table, read_tables
from portfolio.fill.rows import SHARES, VOCABULARY, in_order, rows_of, spread
from portfolio.fill.values import document, moment, prose, uuid
from portfolio.fill.vectors import Embeddings, register

Database = Connection[tuple[Any, ...]]

DOCUMENTS = "ai_kb_documents"
# What a revision inserts is left as it is; more rows are put beside it.
SEEDED = {"factor_definitions"}
DIMENSIONS = 1536

VECTOR_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = c.relam
    WHERE i.indrelid = %s::regclass AND m.amname IN ('hnsw', 'ivfflat')
"""


class CannotFillError(Exception):
    """The database is not as it has to be; the text says what to do."""


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    rows: int
    documents: int
    seed: int
    memory: str
    workers: int


@dataclass(frozen=True)
class Seconds:
    """How long each part took."""

    rows: float
    documents: float
    vector_indexes: float


def fill(connection: Database, order: Order) -> Seconds:
    """Fill the database; the caller commits.

    Raises:
        CannotFillError: tables are missing or not empty.
        ValueError: too few rows.
    """
    counts = spread(order.rows)
    tables = read_tables(connection, [*counts, DOCUMENTS])
    _look(connection, tables)
    documents = tables.pop(DOCUMENTS)
    begin = time.monotonic()
    _fill_tables(connection, tables, counts, order.seed)
    after_rows = time.monotonic()
    indexes = _take_vector_indexes(connection)
    _copy_documents(connection, documents, order.documents, Random(f"{order.seed} {DOCUMENTS}"))
    after_documents = time.monotonic()
    _build(connection, indexes, order)
    after_indexes = time.monotonic()
    connection.execute("ANALYZE")
    return Seconds(after_rows - begin, after_documents - after_rows, after_indexes - after_documents)


def _look(connection: Database, tables: dict[str, Table]) -> None:
    missing = sorted({*SHARES, DOCUMENTS} - tables.keys())
    if missing:
        raise CannotFillError(
            f"there is no table {_some(missing)}; first run: alembic -c mixed/alembic.ini upgrade head"
        )
    full = [name for name in sorted(tables.keys() - SEEDED) if _has_rows(connection, name)]
    if full:
        raise CannotFillError(f"only an empty database is filled, and there are rows in {_some(full)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _has_rows(connection: Database, table: str) -> bool:
    return bool(connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))).fetchall())


def _fill_tables(connection: Database, tables: dict[str, Table], counts: dict[str, int], seed: int) -> None:
    keys: dict[str, list[str]] = {}
    for table in in_order(tables):
        # Every table that others refer to has its key in its first column.
        key = table.columns[0].name
        known = connection.execute(
            sql.SQL("SELECT {key}::text FROM {table} ORDER BY {key}").format(
                key=sql.Identifier(key), table=sql.Identifier(table.name)
            )
        )
        keys[table.name] = [value for (value,) in known]
        first_number = 1 + max(map(int, keys[table.name]), default=0) if table.columns[0].sequence else 1
        rows = rows_of(table, counts[table.name], keys, first_number, Random(f"{seed} {table.name}"))
        with connection.cursor().copy(_copy_statement(table)) as copy:
            for row in rows:
                keys[table.name].append(str(row[key]))
                copy.write_row([row[column.name] for column in table.columns])
        _set_sequences(connection, table)


def _set_sequences(connection: Database, table: Table) -> None:
    for column in table.columns:
        if column.sequence is not None:
            connection.execute(
                sql.SQL("SELECT setval({}::regclass, max({})) FROM {}").format(
                    sql.Literal(column.sequence), sql.Identifier(column.name), sql.Identifier(table.name)
                )
            )


def _copy_documents(connection: Database, table: Table, count: int, random: Random) -> None:
    """Copy documents in binary form: as text, their vectors would take minutes."""
    names = [column.name for column in table.columns]
    if "embedding" in names:
        register(connection)
    embeddings = Embeddings(random, DIMENSIONS)
    with connection.cursor().copy(_copy_statement(table) + sql.SQL(" WITH (FORMAT binary)")) as copy:
        copy.set_types([column.type for column in table.columns])
        for number in range(count):
            row = _document(number, embeddings, random)
            copy.write_row([row[name] for name in names])


def _document(number: int, embeddings: Embeddings, random: Random) -> dict[str, object]:
    created = moment(random)
    return {
        "id": UUID(uuid(random)),
        "scope": random.choice(VOCABULARY["scope"]),
        "title": f"{prose(random, 4)} {number}",
        "content": prose(random, random.choice((0, 20, 100, 100, 300))),
        "metadata": Jsonb(document(random)),
        "embedding": embeddings.make(),
        "created_at": created,
        "updated_at": created + timedelta(seconds=random.randrange(100_000)),
    }


def _copy_statement(table: Table) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)


def _take_vector_indexes(connection: Database) -> list[str]:
    """Drop the indexes that are many times faster built than grown; return the statements that build them."""
    found = connection.execute(VECTOR_INDEXES, [DOCUMENTS]).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in found]


def _build(connection: Database, indexes: Iterable[str], order: Order) -> None:
    _set(connection, "maintenance_work_mem", order.memory)
    for statement in indexes:
        try:
            with connection.transaction():
                _set(connection, "max_parallel_maintenance_workers", str(order.workers))
                connection.execute(statement.encode())
        except errors.DiskFull:
            # Workers share that memory, and a container's /dev/shm may be smaller: one process needs none of it.
            _set(connection, "max_parallel_maintenance_workers", "0")
            connection.execute(statement.encode())


def _set(connection: Database, name: str, value: str) -> None:
    """Set a parameter until the transaction ends."""
    connection.execute("SELECT set_config(%s, %s, true)", [name, value])
