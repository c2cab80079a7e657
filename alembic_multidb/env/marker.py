"""The marker: a comment on the version table that says which database this is, and of which environment.

A comment survives ``downgrade base``, ``stamp --purge``, pg_dump and CREATE DATABASE ... TEMPLATE, and
autogenerate does not look at it. Only the table's owner may set it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SetTableComment

from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.registry.names import MARKER_PREFIX as PREFIX

log = logging.getLogger("alembic.multidb")

_LINE = re.compile(
    rf"^{PREFIX} database=(\S+)(?: environment=(\S+))?(?: stamped=(unproven))?.*$",
    re.MULTILINE,
)
_IS_OWN = """c.relname = :name AND CASE
        WHEN CAST(:schema AS name) IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = CAST(:schema AS name) END"""
_MARKED = text(
    f"""
    SELECT n.nspname, c.relname, d.description, {_IS_OWN} AS is_own
    FROM pg_description AS d
    JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND position(:prefix IN d.description) > 0
    ORDER BY 1, 2
    """  # noqa: S608  # put together from constants
)
_VERSION_TABLE = text(
    f"""
    SELECT obj_description(c.oid, 'pg_class') AS comment, pg_has_role(c.relowner, 'USAGE') AS is_owner
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {_IS_OWN}
    """  # noqa: S608  # put together from constants
)


@dataclass(frozen=True)
class Mark:
    """What a marker says.

    Attributes:
        database: the database's name in the registry.
        environment: production, staging, ...; None where no environment is declared.
        unproven: whether the database was stamped without a proof that its schema is its revision's.
    """

    database: str
    environment: str | None = None
    unproven: bool = False

    def __str__(self) -> str:
        return self.database if self.environment is None else f"{self.database} ({self.environment})"

    @classmethod
    def read(cls, comment: str | None) -> Mark | None:
        """Return what a comment says, or None if no line of it is a marker."""
        match = _LINE.search(comment or "")
        return cls(match.group(1), match.group(2), bool(match.group(3))) if match else None

    def comment(self, existing: str | None = None) -> str:
        """Return the comment that says this, keeping what else the existing one said."""
        kept = _LINE.sub("", existing or "").strip()
        environment = f" environment={self.environment}" if self.environment else ""
        line = f"{PREFIX} database={self.database}{environment}{' stamped=unproven' if self.unproven else ''}"
        return f"{kept}\n{line}" if kept else line


@dataclass(frozen=True)
class Marker:
    """One marked version table of a live database.

    Attributes:
        table: the version table.
        mark: what its marker says.
        is_own: whether it is the version table of the history that was asked for.
    """

    table: TableName
    mark: Mark
    is_own: bool


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
    def mark(self) -> Mark | None:
        """Return what its marker says, or None."""
        return Mark.read(self.comment)


def set_marker(database: RegisteredDatabase, comment: str) -> SetTableComment:
    """Return the statement that comments on the version table."""
    name = database.declaration.version_table_name
    schema = database.declaration.version_table_schema
    return SetTableComment(Table(name.name, MetaData(), schema=schema, comment=comment))


def printable(statement: SetTableComment) -> str:
    """Return a statement as somebody can paste it; for a driver, a percent sign would be doubled."""
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return f"{statement.compile(dialect=dialect)};"


def mark_version_table(
    execute: Callable[[SetTableComment], object],
    database: RegisteredDatabase,
    existing: VersionTable | None,
    mark: Mark,
) -> bool:
    """Mark the version table, and tell whether this login may; if not, it is logged what its owner has to run.

    Args:
        execute: runs the statement, or writes it down.
        database: whose version table it is.
        existing: the table as it was; None if it was only just created.
        mark: what the marker is to say.
    """
    comment = mark.comment(existing.comment if existing is not None else None)
    statement = set_marker(database, comment)
    if existing is not None and not existing.is_owner:
        log.warning(
            'only the owner of table "%s" may mark this database as "%s"; as the owner, run: %s',
            *(database.declaration.version_table_name, mark, printable(statement)),
        )
        return False
    execute(statement)
    return True


def find_markers(connection: Connection, database: RegisteredDatabase) -> list[Marker]:
    """Return every marked version table of the connected database, this database's own among them."""
    rows = connection.execute(_MARKED, {"prefix": PREFIX, **_own_table(database)})
    found = [(TableName.of(row.nspname, row.relname), Mark.read(row.description), row.is_own) for row in rows]
    return [Marker(table, mark, is_own) for table, mark, is_own in found if mark is not None]


def find_version_table(connection: Connection, database: RegisteredDatabase) -> VersionTable | None:
    """Return the version table of this database's history, or None if there is none yet."""
    row = connection.execute(_VERSION_TABLE, _own_table(database)).first()
    return VersionTable(row.comment, row.is_owner) if row else None


def _own_table(database: RegisteredDatabase) -> dict[str, str | None]:
    return {"name": database.version_table, "schema": database.version_table_schema}


def wrong_markers(markers: Sequence[Marker], database: RegisteredDatabase, expected: Mark) -> list[Marker]:
    """Return the markers that say that this is another database, or another environment.

    The own version table must say nothing else than this database; on another one, the databases that
    this one may share a physical database with are welcome.
    """

    def is_wrong(marker: Marker) -> bool:
        mark = marker.mark
        if mark.database != expected.database and (marker.is_own or mark.database not in database.may_share_with):
            return True
        return bool(mark.environment and expected.environment and mark.environment != expected.environment)

    return [marker for marker in markers if is_wrong(marker)]
