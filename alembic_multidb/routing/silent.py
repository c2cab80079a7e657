"""A server that is not there: SQLAlchemy works with it as with any other, and every statement is written down.

Revisions are run against it to learn what they say. What they ask gets one of two answers, the same for every question:
nothing is there, or everything is. What a server says of itself has an answer either way: that it is new, or old.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from alembic_multidb.routing.extensions import asks
from alembic_multidb.routing.indexes import index_of
from alembic_multidb.routing.reflect import tell_always
from alembic_multidb.sqltext import without_placeholders
from alembic_multidb.statements import Thing
from alembic_multidb.statements.rewrite import columns_of_answer, row_of_nothing
from alembic_multidb.statements.server import NEW, OLD, said_of_server, something

# A statement as PostgreSQL would get it, the values that are sent along, and the table of the index that it drops.
Record = Callable[[str, object, "Thing | None"], None]
# A question: its text, and the texts that are sent along with it.
Asked = tuple[str, frozenset[str]]
_NOTHING: Mapping[Asked, bool] = {}
_PLACEHOLDER = r"(?<!:):({})\b"
_READS = re.compile(r"\s*(?:SELECT|WITH|SHOW|VALUES|TABLE|EXPLAIN)\b", re.IGNORECASE)
# Who asks the same so often takes rows in turns, until there are no more.
_PATIENT = 20


@contextmanager
def silent_connection(
    record: Record,
    *,
    answers: bool,
    extensions: frozenset[str] = frozenset(),
    answered: Mapping[Asked, bool] = _NOTHING,
) -> Iterator[Connection]:
    """Open a connection without a server.

    Args:
        record: told every statement, as PostgreSQL would get it.
        answers: whether every question is answered with a row, or with none.
        extensions: which are there in any case.
        answered: the questions that have an answer of their own.
    """
    with _engine(answers).connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, _Connection)
        driver.record, driver.extensions, driver.answered = record, extensions, answered
        yield connection


@lru_cache
def _engine(answers: bool) -> Engine:
    dialect = silent_dialect()
    tell_always(dialect, answers)
    pool = NullPool(lambda: _Connection(answers), dialect=dialect)  # type: ignore[arg-type]
    return Engine(pool, dialect, URL.create("postgresql"))


def silent_dialect() -> SilentDialect:
    """Return the dialect by itself, with named parameters, so that no percent sign is doubled."""
    return SilentDialect(paramstyle="named")  # type: ignore[no-untyped-call]


def is_silent(connection: object) -> bool:
    """Tell whether a driver's connection is one without a server."""
    return isinstance(connection, _Connection)


def texts_in(values: object) -> frozenset[str]:
    """Return the texts among the values that are sent along with a statement."""
    if isinstance(values, str):
        return frozenset({values})
    if isinstance(values, Mapping):
        return texts_in(list(values.values()))
    if isinstance(values, list | tuple | set | frozenset):
        return frozenset[str]().union(*map(texts_in, values))
    return frozenset()


def numbered(statement: str, parameters: object) -> str:
    """Return a statement with its parameters numbered, as PostgreSQL's own parser reads them.

    Those of SQLAlchemy's constructs are named here; what is given to the driver as it is has the driver's own.
    """
    if not parameters:
        return statement
    if not isinstance(parameters, Mapping) or any(f"%({name})s" in statement for name in parameters):
        return without_placeholders(statement)
    names = "|".join(sorted(map(re.escape, parameters), key=len, reverse=True))
    return re.sub(_PLACEHOLDER.format(names), "$1", statement)


class SilentDialect(PGDialect):
    """PostgreSQL without a driver, and without questions of its own."""

    supports_statement_cache = True
    server_version_info = (18, 0)
    default_schema_name = "public"
    _backslash_escapes = False

    def initialize(self, connection: Any) -> None:
        """Ask nothing about the server."""

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Execute, and tell what the construct knows more than its text."""
        cursor.execute(statement, parameters, index_of(getattr(getattr(context, "compiled", None), "statement", None)))

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Say what every connection has."""
        return "READ COMMITTED"

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:
        """Say what there is, AUTOCOMMIT as drivers have it included."""
        return ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT")

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Let every level be the same."""

    def reset_isolation_level(self, dbapi_connection: Any) -> None:
        """Let every level be the same."""

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """Say what every connection has."""
        return "READ COMMITTED"

    def on_connect(self) -> None:
        """Set nothing up."""
        return


@dataclass
class _Cursor:
    record: Record
    answers: bool
    extensions: frozenset[str]
    answered: Mapping[Asked, bool]
    asked: Counter[str]
    arraysize: int = 1
    rowcount: int = 0
    description: list[tuple[Any, ...]] | None = None
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def execute(self, statement: str, parameters: object = None, table: Thing | None = None) -> _Cursor:
        text = numbered(statement, parameters).strip()
        self.record(text, parameters, table)
        self.description, self.rows = None, []
        if _READS.match(text) or " RETURNING " in text:
            columns = columns_of_answer(text) or [f"column{number}" for number in range(text.count(",") + 1)]
            self.description = [(name,) + (None,) * 6 for name in columns]
            self.asked[text] += 1
            is_there = self.answers or self._has_extension(text, parameters)
            is_there = self.answered.get((text, texts_in(parameters)), is_there) if self.answered else is_there
            row = tuple(map(something, columns)) if is_there else row_of_nothing(text)
            row = said_of_server(text, OLD if self.answers else NEW) or row
            self.rows = [row] if row and self.asked[text] < _PATIENT else []
        return self

    def _has_extension(self, text: str, parameters: object) -> bool:
        """Tell whether a question is about an extension that is there."""
        return asks(text) and any(name in text or name in str(parameters) for name in self.extensions)

    def executemany(self, statement: str, parameters: Sequence[object]) -> None:
        self.execute(statement, parameters[0] if parameters else None)

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows.pop(0) if self.rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        return self.fetchall()

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self.rows = self.rows, []
        return rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.fetchall())

    def close(self) -> None:
        self.rows = []

    @contextmanager
    def copy(self, statement: str, parameters: object = None) -> Iterator[_Cursor]:
        """Take part in a COPY, as psycopg's cursors do."""
        self.execute(statement, parameters)
        yield self

    def write(self, _: object) -> None:
        """Let go what is written to a COPY."""

    write_row = set_types = write

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class _Connection:
    answers: bool
    asked: Counter[str] = field(default_factory=Counter)
    record: Record = field(init=False)
    extensions: frozenset[str] = frozenset()
    answered: Mapping[Asked, bool] = field(default_factory=dict)

    def cursor(self, *arguments: Any, **options: Any) -> _Cursor:
        return _Cursor(self.record, self.answers, self.extensions, self.answered, self.asked)

    def execute(self, statement: str, parameters: object = None) -> _Cursor:
        cursor = self.cursor()
        cursor.execute(statement, parameters)
        return cursor

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass
