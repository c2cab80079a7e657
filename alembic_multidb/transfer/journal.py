"""What of a transfer is done, written down in the target in the same transaction as the work."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from psycopg import sql
from psycopg.types.json import Json

from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.session import Raw

SCHEMA = "alembic_multidb"
FORMAT = 1

_CREATE = f"""
    CREATE SCHEMA {SCHEMA};
    CREATE TABLE {SCHEMA}.run (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), format integer NOT NULL, id text NOT NULL,
        command text NOT NULL, source text NOT NULL, begun timestamptz NOT NULL DEFAULT now(), before jsonb NOT NULL
    );
    CREATE TABLE {SCHEMA}.steps (
        key text PRIMARY KEY, digest text NOT NULL, facts jsonb, run text NOT NULL,
        finished timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""
_STEP = f"""
    INSERT INTO {SCHEMA}.steps (key, digest, facts, run) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING key
"""  # noqa: S608  # put together from constants


class TakenOverError(MultidbError):
    """Another process goes on with the transfer."""


@dataclass(frozen=True)
class Step:
    """Something that is done.

    Attributes:
        key: what it is.
        digest: of what exactly it consisted.
        facts: what was noted down with it.
    """

    key: str
    digest: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Begun:
    """What an earlier run has left.

    Attributes:
        command: what it was: split or merge.
        source: which database it reads, in words of the server.
        run: the last run that worked on it.
        before: what was there before it began.
    """

    command: str
    source: str
    run: str
    before: Mapping[str, Any]


class Journal:
    """The steps of a transfer into one database.

    Args:
        run: this run's name; what another run, which was thought dead, still does, is refused by it.
        part: of which of several sources the steps are; empty for a transfer that has one source.
    """

    TABLE: ClassVar[str] = "run"

    def __init__(self, run: str | None = None, part: str = "") -> None:
        self.run = run or secrets.token_hex(8)
        self._prefix = f"{part}/" if part else ""

    def of(self, part: str) -> Journal:
        """Return the same run's journal of the steps that one source of several takes."""
        return Journal(self.run, part)

    @staticmethod
    def begun(connection: Raw) -> Begun | None:
        """Return what an earlier run has left, if any.

        Raises:
            MultidbError: another version of this package has left it.
        """
        if connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.{Journal.TABLE}"]).fetchone() == (None,):
            return None
        row = connection.execute(
            f"SELECT format, command, source, id, before FROM {SCHEMA}.run".encode()  # noqa: S608
        ).fetchone()
        if row is None or row[0] != FORMAT:
            raise MultidbError(
                "another version of alembic-multidb has begun to fill this database; go on with that version, or "
                "create the database anew"
            )
        _, command, source, run, before = row
        return Begun(command, source, run, before)

    def begin(self, connection: Raw, command: str, source: str, before: Mapping[str, Any]) -> None:
        """Make the journal of a transfer that begins; inside a transaction."""
        connection.execute(_CREATE.encode())
        connection.execute(
            f"INSERT INTO {SCHEMA}.run (format, id, command, source, before) "  # noqa: S608
            "VALUES (%s, %s, %s, %s, %s)".encode(),
            [FORMAT, self.run, command, source, Json(before)],
        )

    def take_over(self, connection: Raw) -> None:
        """Go on instead of another run, whose transactions fail from now on; inside a transaction."""
        connection.execute(f"UPDATE {SCHEMA}.run SET id = %s".encode(), [self.run])  # noqa: S608

    def steps(self, connection: Raw) -> dict[str, Step]:
        """Return everything that is done, by its key."""
        rows = connection.execute(
            f"SELECT key, digest, facts FROM {SCHEMA}.steps WHERE starts_with(key, %s)".encode(),  # noqa: S608
            [self._prefix],
        ).fetchall()
        steps = [Step(str(row[0]).removeprefix(self._prefix), row[1], row[2] or {}) for row in rows]
        return {step.key: step for step in steps}

    @contextmanager
    def work(self, connection: Raw, *keys: tuple[str, str], facts: Mapping[str, Any] | None = None) -> Iterator[bool]:
        """Do one or more steps in a transaction that writes them down first.

        Args:
            connection: to the target, outside of any transaction.
            keys: key and digest of each.
            facts: to be noted down with them.

        Yields:
            Whether they are still to be done: another backend may just have committed them.

        Raises:
            TakenOverError: another run goes on.
        """
        with connection.transaction():
            self.fence(connection)
            yield self.record(connection, keys, facts)

    def fence(self, connection: Raw) -> None:
        """Make sure, until the transaction ends, that no other run has taken over.

        Raises:
            TakenOverError: one has.
        """
        row = connection.execute(
            f"SELECT 1 FROM {SCHEMA}.run WHERE id = %s FOR SHARE".encode(),  # noqa: S608
            [self.run],
        ).fetchone()
        if row is None:
            raise TakenOverError("another process goes on with this transfer; this one has ended")

    def record(self, connection: Raw, keys: Iterable[tuple[str, str]], facts: Mapping[str, Any] | None = None) -> bool:
        """Write steps down, and tell whether none of them was there; inside a transaction."""
        noted = json.dumps(facts) if facts is not None else None
        done = [
            connection.execute(_STEP.encode(), [self._prefix + key, digest, noted, self.run]).fetchone()
            for key, digest in keys
        ]
        return all(done)

    def tell(self, connection: Raw, key: str, facts: Mapping[str, Any]) -> None:
        """Note down what came of a step; inside its transaction."""
        connection.execute(
            f"UPDATE {SCHEMA}.steps SET facts = %s WHERE key = %s".encode(),  # noqa: S608
            [Json(dict(facts)), self._prefix + key],
        )

    def forget(self, connection: Raw, pattern: str) -> None:
        """Strike out the steps whose keys begin so; inside a transaction."""
        connection.execute(
            f"DELETE FROM {SCHEMA}.steps WHERE starts_with(key, %s)".encode(),  # noqa: S608
            [self._prefix + pattern],
        )

    @staticmethod
    def drop(connection: Raw) -> None:
        """Take the journal away: everything is done, or taken back; inside a transaction."""
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(SCHEMA)))
