"""What a target gets after its rows, as things to be built: what depends on what, and what locks which tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, text

from alembic_multidb.split.archive import Archive, without_settings
from alembic_multidb.split.estimate import graph_memory, lists_memory
from alembic_multidb.split.survey import Survey
from alembic_multidb.split.toc import Entry
from alembic_multidb.transfer.loosen import POST
from alembic_multidb.transfer.sites import FOREIGN_KEY, INDEX, PARALLEL, Build

# Nothing depends on these, so that many go together.
_LAST = ("COMMENT", "SECURITY LABEL", "DEFAULT ACL", "ACL")
_KINDS = (
    *("INDEX ATTACH", INDEX, FOREIGN_KEY, "CHECK CONSTRAINT", "CONSTRAINT", "STATISTICS"),
    *("MATERIALIZED VIEW", "VIEW", "TRIGGER", "RULE", "POLICY", "ROW SECURITY"),
    *_LAST,
)
_TOGETHER = 200
_ROOT = "CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END"
_LOCKED = text(
    f"""
    SELECT i.indexrelid AS oid, ARRAY[{_ROOT}]::oid[] AS tables, i.indrelid AS table,
           coalesce(pg_table_size(i.indrelid), 0) AS size, false AS is_not_null
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    UNION ALL
    SELECT k.oid, array_agg({_ROOT})::oid[], k.conrelid, coalesce(pg_table_size(k.conrelid), 0), k.contype = 'n'
    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid IN (k.conrelid, k.confrelid)
    GROUP BY k.oid, k.conrelid
    """  # noqa: S608  # put together from constants
)


@dataclass(frozen=True)
class Locked:
    """What is locked, and read, while an index or a constraint is made.

    Attributes:
        tables: the numbers of the outermost tables.
        table: the number of the table itself.
        size: its bytes on disk.
        is_not_null: whether it is a NOT NULL that old rows need not satisfy, which pg_dump calls by the name of
            constraints with an index.
    """

    tables: frozenset[int]
    table: int
    size: int
    is_not_null: bool = False


def read_locked(connection: Connection) -> dict[int, Locked]:
    """Return, for each index and constraint of the source, what is locked while it is made."""
    return {
        row.oid: Locked(frozenset(row.tables), row.table, row.size, row.is_not_null)
        for row in connection.execute(_LOCKED)
    }


def split_entries(archive: Archive, database: str) -> tuple[list[Entry], list[Entry]]:
    """Return what is made before the rows of a database, and what after them."""
    before: list[Entry] = []
    after: list[Entry] = []
    for entry in archive.contents.of(database):
        is_late = entry.id in archive.late or (entry.is_right and not entry.is_of_schema)
        (after if is_late else before).append(entry)
    return before, after


def builds(
    archive: Archive, entries: Sequence[Entry], locked: Mapping[int, Locked], memory: Mapping[int, int]
) -> list[Build]:
    """Return what is built.

    Args:
        archive: the source's schema.
        entries: of it, that are made after the rows.
        locked: what :func:`read_locked` says.
        memory: bytes that the graph of each vector index takes, by the index's number.
    """
    alone = [entry for entry in entries if kind_of(entry) not in _LAST]
    scripts = archive.each_sql(alone)
    found = [_build(scripts[entry.id], kind_of(entry), [entry], locked, memory) for entry in alone]
    for kind in _LAST:
        found += [_build(archive.sql(some), kind, some, locked, memory) for some in _together(entries, kind)]
    return found


def kind_of(entry: Entry) -> str:
    """Return what pg_dump calls the kind of an entry that is made after the rows."""
    for kind in _KINDS:
        if entry.text.startswith(f"{kind} ") and (kind not in PARALLEL or entry.node is not None):
            return kind
    return entry.text.split(" ")[0]


def _together(entries: Sequence[Entry], kind: str) -> Iterator[list[Entry]]:
    chosen = [entry for entry in entries if kind_of(entry) == kind]
    for start in range(0, len(chosen), _TOGETHER):
        yield chosen[start : start + _TOGETHER]


def _build(
    script: str, kind: str, entries: list[Entry], locked: Mapping[int, Locked], memory: Mapping[int, int]
) -> Build:
    first = entries[0]
    oid = first.node.oid if first.node is not None else 0
    where = locked.get(oid)
    if where is not None and where.is_not_null:
        kind = "CHECK CONSTRAINT"
    members = {entry.id for entry in entries}
    return Build(
        number=first.id,
        kind=kind,
        name=str(first) if len(entries) == 1 else f"{len(entries)} x {kind}",
        depends=frozenset(item for entry in entries for item in entry.depends) - members,
        tables=where.tables if where is not None else frozenset(),
        size=where.size if where is not None else 0,
        memory=memory.get(oid, 0),
        # The last entry of a script has fewer empty lines behind it.
        key=f"{POST}{kind}:{sha256(without_settings(script).strip().encode()).hexdigest()[:32]}",
        sql=script,
    )


def index_memory(survey: Survey, rows: Mapping[int, int]) -> dict[int, int]:
    """Return the bytes that building each vector index takes, by the index's number.

    Args:
        survey: of the source.
        rows: how many rows each table has, by its number.
    """
    found = {}
    for row in survey.vector_indexes:
        many = rows.get(row.table, max(row.rows, 0))
        if row.method == "hnsw":
            found[row.oid] = graph_memory(many, row.dimensions, row.type, row.m or 16)
        else:
            found[row.oid] = lists_memory(many, row.dimensions, row.type, row.lists or 100)
    return found
