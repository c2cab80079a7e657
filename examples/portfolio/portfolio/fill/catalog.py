"""What the database says about its tables; the filler asks it, so that every revision can be filled."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

COLUMNS = """
    SELECT c.relname, a.attname, t.typname, NOT a.attnotnull,
           CASE WHEN t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END,
           CASE WHEN t.typname = 'numeric' AND a.atttypmod > 0 THEN ((a.atttypmod - 4) >> 16) & 65535 END,
           CASE WHEN t.typname = 'numeric' AND a.atttypmod > 0 THEN (a.atttypmod - 4) & 2047 END,
           ARRAY(SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[],
           pg_get_serial_sequence(quote_ident(c.relname), a.attname)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname = ANY(%s)
    ORDER BY c.relname, a.attnum
"""
REFERENCES = """
    SELECT c.conrelid::regclass::text, a.attname, r.relname
    FROM pg_constraint AS c
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_class AS r ON r.oid = c.confrelid
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
"""
# The smallest key first: a single column that is unique makes every longer key unique, too.
UNIQUE_KEYS = """
    SELECT i.indrelid::regclass::text,
           ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place)::text[]
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE i.indisunique AND i.indexprs IS NULL AND c.relnamespace = current_schema()::regnamespace
    ORDER BY i.indrelid::regclass::text, i.indnatts, 2
"""


@dataclass(frozen=True)
class Column:
    """A column that takes values: generated ones are left out."""

    name: str
    type: str
    nullable: bool
    length: int | None
    precision: int | None
    scale: int | None
    labels: tuple[str, ...]
    sequence: str | None


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    references: dict[str, str]
    unique_keys: tuple[tuple[str, ...], ...]


def read_tables(connection: Connection[Any], names: Iterable[str]) -> dict[str, Table]:
    """Read those of the named tables that are there."""
    columns: dict[str, list[Column]] = {}
    for table, name, type_, nullable, length, precision, scale, labels, sequence in connection.execute(
        COLUMNS, [list(names)]
    ):
        column = Column(name, type_, nullable, length, precision, scale, tuple(labels), sequence)
        columns.setdefault(table, []).append(column)
    references = connection.execute(REFERENCES).fetchall()
    keys = connection.execute(UNIQUE_KEYS).fetchall()
    return {
        name: Table(
            name,
            tuple(found),
            {column: referred for table, column, referred in references if table == name},
            tuple(tuple(key) for table, key in keys if table == name),
        )
        for name, found in columns.items()
    }
