"""What of a schema's transfer is done, written down in the target in the same transaction as the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, text

from alembic_multidb.errors import MultidbError

SCHEMA = "alembic_multidb"

_CREATE = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.split_batches (number integer PRIMARY KEY, digest text NOT NULL)",
)
_DONE = text(f"SELECT number, digest FROM {SCHEMA}.split_batches ORDER BY number")  # noqa: S608
_RECORD = text(f"INSERT INTO {SCHEMA}.split_batches (number, digest) VALUES (:number, :digest)")  # noqa: S608


@dataclass(frozen=True)
class Journal:
    """The batches of SQL that were run in a target.

    Attributes:
        connection: to the target, under its lock.
        done: what was run before, in order: the digest of each batch.
    """

    TABLE: ClassVar[str] = "split_batches"

    connection: Connection
    done: tuple[str, ...]

    @classmethod
    def open(cls, connection: Connection) -> Journal:
        """Make the journal, or read the one that an interrupted run left."""
        with connection.begin():
            for statement in _CREATE:
                connection.exec_driver_sql(statement)
            rows = connection.execute(_DONE).all()
        return cls(connection, tuple(row.digest for row in rows))

    def is_done(self, number: int, digest: str) -> bool:
        """Tell whether a batch was run already.

        Raises:
            MultidbError: another one was: the source's schema or the options are not what they were.
        """
        if number >= len(self.done):
            return False
        if self.done[number] != digest:
            raise MultidbError(
                "an interrupted split is in this database, but the source's schema, the options or the version of "
                "pg_dump are not what they were; create the database anew and begin again"
            )
        return True

    def record(self, number: int, digest: str) -> None:
        """Write down that a batch is run, in its transaction."""
        self.connection.execute(_RECORD, {"number": number, "digest": digest})

    def drop(self) -> None:
        """Take the journal away: everything is done."""
        with self.connection.begin():
            self.connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
