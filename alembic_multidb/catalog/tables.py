"""The tables of a live database, without those of the system, of extensions, of sessions, and without partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, text

_TABLES = text(
    """
    SELECT c.oid, n.nspname, c.relname, coalesce(current_schema(), 'public') AS default_schema
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
      AND NOT EXISTS (SELECT FROM pg_depend AS e
                      WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    ORDER BY n.nspname, c.relname
    """
)
# A domain counts as the type that it stands on; a length or precision is no difference between two columns.
_COLUMNS = text(
    """
    WITH RECURSIVE base (typ, oid) AS (
        SELECT t.oid, t.oid FROM pg_type AS t
        WHERE t.oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = ANY(CAST(:tables AS oid[])) AND attnum > 0)
        UNION ALL
        SELECT b.typ, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.oid WHERE t.typtype = 'd'
    )
    SELECT a.attrelid, a.attname, format_type(b.oid, NULL) AS type
    FROM pg_attribute AS a
    JOIN base AS b ON b.typ = a.atttypid
    JOIN pg_type AS t ON t.oid = b.oid AND t.typtype <> 'd'
    WHERE a.attrelid = ANY(CAST(:tables AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    """
)
# A partitioned table's rows lie in its partitions; TRUNCATE and rewrites are counted nowhere, but change the file.
_COUNTERS = text(
    """
    SELECT r.oid,
           sum(coalesce(pg_stat_get_tuples_inserted(t.relid), 0))::bigint AS inserted,
           sum(coalesce(pg_stat_get_tuples_updated(t.relid), 0))::bigint AS updated,
           sum(coalesce(pg_stat_get_tuples_deleted(t.relid), 0))::bigint AS deleted,
           string_agg(coalesce(pg_relation_filenode(t.relid), 0)::text, ' ' ORDER BY t.relid) AS files
    FROM unnest(CAST(:tables AS oid[])) AS r (oid)
    CROSS JOIN LATERAL (
        SELECT r.oid AS relid UNION SELECT relid::oid FROM pg_partition_tree(r.oid)) AS t
    WHERE EXISTS (SELECT FROM pg_class WHERE pg_class.oid = r.oid)
    GROUP BY r.oid
    """
)


@dataclass(frozen=True)
class LiveTable:
    """A table of a live database.

    Attributes:
        oid: its object identifier in this database.
        schema: its schema.
        name: its name.
        default_schema: the schema of the connection for names without one.
    """

    oid: int
    schema: str
    name: str
    default_schema: str


class WriteCounters(NamedTuple):
    """What the statistics say was written to a table since they were last reset.

    Attributes:
        inserted: rows.
        updated: rows.
        deleted: rows.
        files: the files that hold the table and its partitions.
    """

    inserted: int
    updated: int
    deleted: int
    files: str


def read_tables(connection: Connection) -> list[LiveTable]:
    """Return the tables by schema and name; a partitioned table is there once."""
    return [LiveTable(row.oid, row.nspname, row.relname, row.default_schema) for row in connection.execute(_TABLES)]


def read_columns(connection: Connection, tables: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return the types of the tables' columns, without length or precision: table's oid, column, type."""
    found: dict[int, dict[str, str]] = {oid: {} for oid in tables}
    if tables:
        for row in connection.execute(_COLUMNS, {"tables": list(tables)}):
            found[row.attrelid][row.attname] = row.type
    return found


def read_write_counters(connection: Connection, tables: Sequence[int]) -> dict[int, WriteCounters]:
    """Return the tables' statistics of writes; a table that is gone has none."""
    rows = connection.execute(_COUNTERS, {"tables": list(tables)}) if tables else ()
    return {row.oid: WriteCounters(row.inserted, row.updated, row.deleted, row.files) for row in rows}
