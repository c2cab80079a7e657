"""What the migration's own statements tell: extensions that do not belong here, indexes left half-done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.errors import LeftoverIndexError
from alembic_multidb.plugin.extensions import GAP, foreign_extension_error, foreign_extension_in

DUPLICATE_TABLE = "42P07"  # PostgreSQL reports an index that is already there under this code

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_CREATE_INDEX = re.compile(
    rf"CREATE{GAP}(?:UNIQUE{GAP})?INDEX{GAP}(?P<concurrently>CONCURRENTLY{GAP})?(?:IF{GAP}NOT{GAP}EXISTS{GAP})?"
    rf"(?P<index>{_NAME}){GAP}ON{GAP}(?:ONLY{GAP})?(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE | re.DOTALL,
)
_INDEX = text(
    """
    SELECT format('%I.%I', n.nspname, c.relname) AS qualified, i.indisvalid AS is_valid
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = :index AND i.indrelid = to_regclass(:table)
    """
)


class IndexStatement(NamedTuple):
    """The index and the table of a CREATE INDEX, as its text names them."""

    name: str
    table: str
    concurrently: bool

    @classmethod
    def read(cls, statement: str) -> IndexStatement | None:
        """Find CREATE INDEX in a statement; None if it holds none, or one without a name."""
        match = _CREATE_INDEX.search(statement)
        if match is None:
            return None
        text = match["index"]
        name = text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
        return cls(name, match["table"], match["concurrently"] is not None)


class StatementWatch:
    """Looks at every statement of a migration before it is sent.

    Attributes:
        concurrent_indexes: what the running revision builds with CREATE INDEX CONCURRENTLY.
    """

    def __init__(self, database: str, foreign_extensions: Mapping[str, str]) -> None:
        self._database = database
        self._foreign = foreign_extensions
        self.concurrent_indexes: list[IndexStatement] = []

    def before(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        """Refuse a CREATE EXTENSION that belongs to another database; remember concurrent indexes."""
        extension = foreign_extension_in(statement, self._foreign)
        if extension is not None:
            raise foreign_extension_error(self._database, extension, self._foreign[extension])
        index = IndexStatement.read(statement)
        if index is not None and index.concurrently:
            self.concurrent_indexes.append(index)

    def check_concurrent_indexes(self, connection: Connection) -> None:
        """Refuse to record a revision whose index is there but invalid (IF NOT EXISTS passes over it).

        Raises:
            LeftoverIndexError: an index of this revision is invalid.
        """
        for statement in self.concurrent_indexes:
            row = connection.execute(_INDEX, {"index": statement.name, "table": statement.table}).first()
            if row is not None and not row.is_valid:
                raise _leftover(self._database, statement, row.qualified, is_valid=False)
        self.concurrent_indexes.clear()


@contextmanager
def watch_statements(
    connection: Connection, database: str, foreign_extensions: Mapping[str, str]
) -> Iterator[StatementWatch]:
    """Watch a connection while the block runs, and turn "index already exists" into what can be done.

    Raises:
        LeftoverIndexError: a CREATE INDEX found its index there.
    """
    watch = StatementWatch(database, foreign_extensions)
    event.listen(connection, "before_cursor_execute", watch.before)
    try:
        yield watch
    except DBAPIError as error:
        explained = _explain_leftover(connection, database, error)
        if explained is not None:
            raise explained from error
        raise
    finally:
        event.remove(connection, "before_cursor_execute", watch.before)


def _explain_leftover(connection: Connection, database: str, error: DBAPIError) -> LeftoverIndexError | None:
    statement = IndexStatement.read(error.statement or "")
    # psycopg calls it sqlstate, psycopg2 pgcode.
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code != DUPLICATE_TABLE or statement is None:
        return None
    if connection.in_transaction():
        return None  # the caller's own transaction has failed with the statement: nothing more can be asked
    row = connection.execute(_INDEX, {"index": statement.name, "table": statement.table}).first()
    connection.rollback()
    return _leftover(database, statement, row.qualified, is_valid=row.is_valid) if row else None


def _leftover(database: str, statement: IndexStatement, qualified: str, *, is_valid: bool) -> LeftoverIndexError:
    state = "is valid" if is_valid else "is INVALID (it was never finished, and no query uses it)"
    return LeftoverIndexError(
        f'index "{statement.name}" on table {statement.table} of database "{database}" is already there and '
        f"{state}, but this revision is not recorded: an interrupted run may have left it. Drop it, then run "
        f"the same command again: DROP INDEX CONCURRENTLY {qualified}; "
        "(a revision that begins with DROP INDEX CONCURRENTLY IF EXISTS can be run again as it is)"
    )
