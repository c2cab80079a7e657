"""The marker: a comment on the version table that says which database this is.

A comment survives ``downgrade base``, ``stamp --purge``, pg_dump and CREATE DATABASE ... TEMPLATE, and
autogenerate does not look at it. Only the table's owner may set it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.schema import SetTableComment

from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.registry.names import MARKER_PREFIX as PREFIX

_MARKER_LINE = re.compile(rf"^{PREFIX} database=(\S+).*$", re.MULTILINE)
_MARKED = text(
    """
    SELECT n.nspname, c.relname, d.description
    FROM pg_description AS d
    JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND position(:prefix IN d.description) > 0
    ORDER BY 1, 2
    """
)
_VERSION_TABLE = text(
    """
    SELECT obj_description(c.oid, 'pg_class') AS comment, pg_has_role(c.relowner, 'USAGE') AS is_owner
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = :name AND c.relkind IN ('r', 'p') AND n.nspname = coalesce(:schema, current_schema())
    """
)


@dataclass(frozen=True)
class Marker:
    """One marked version table of a live database.

    Attributes:
        table: the version table that carries the marker.
        database: the name that the marker says.
    """

    table: TableName
    database: str


@dataclass(frozen=True)
class VersionTable:
    """The version table of a live database.

    Attributes:
        comment: its comment as it stands, marker included.
        is_owner: whether this login may change the comment.
    """

    comment: str | None
    is_owner: bool

    @property
    def marked_as(self) -> str | None:
        """Return the database's name that the marker says, or None."""
        return read_marker(self.comment)


def read_marker(comment: str | None) -> str | None:
    """Return the database's name that a comment says, or None."""
    match = _MARKER_LINE.search(comment or "")
    return match.group(1) if match else None


def marker_comment(database: str, existing: str | None = None) -> str:
    """Return the comment that marks a version table, keeping what else its comment said."""
    kept = _MARKER_LINE.sub("", existing or "").strip()
    line = f"{PREFIX} database={database}"
    return f"{kept}\n{line}" if kept else line


def set_marker(database: RegisteredDatabase, existing: str | None = None) -> SetTableComment:
    """Return the statement that marks the version table."""
    name = database.declaration.version_table_name
    schema = database.declaration.version_table_schema
    comment = marker_comment(database.name, existing)
    return SetTableComment(Table(name.name, MetaData(), schema=schema, comment=comment))


def find_markers(connection: Connection) -> list[Marker]:
    """Return every marked version table of the connected database."""
    rows = connection.execute(_MARKED, {"prefix": PREFIX})
    found = [(TableName.of(row.nspname, row.relname), read_marker(row.description)) for row in rows]
    return [Marker(table, database) for table, database in found if database is not None]


def find_version_table(connection: Connection, database: RegisteredDatabase) -> VersionTable | None:
    """Return the version table of this database's history, or None if there is none yet."""
    declaration = database.declaration
    row = connection.execute(
        _VERSION_TABLE, {"name": declaration.version_table, "schema": declaration.version_table_schema}
    ).first()
    return VersionTable(row.comment, row.is_owner) if row else None


def foreign_markers(markers: Sequence[Marker], database: RegisteredDatabase) -> list[Marker]:
    """Return the markers that say that this is another database.

    The own version table must say nothing else than this database; on another one, the databases that
    this one may share a physical database with are welcome.
    """
    own = database.declaration.version_table_name
    return [
        marker
        for marker in markers
        if marker.database != database.name and (marker.table == own or marker.database not in database.may_share_with)
    ]
