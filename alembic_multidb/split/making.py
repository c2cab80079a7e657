"""The schema of one target, made from the source's own definitions, in batches that the journal knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.archive import Archive
from alembic_multidb.split.model import Plan
from alembic_multidb.split.older import for_older
from alembic_multidb.split.toc import Entry
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.target import Target

# A transaction holds a lock on everything that it makes until it ends, and the server has room for some thousands.
BATCH = 500

# As pg_restore sets them, for one transaction.
_SESSION = text(
    """
    SELECT set_config(s.name, s.value, true) FROM (VALUES
        ('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
        ('client_encoding', 'UTF8'), ('standard_conforming_strings', 'on'), ('search_path', ''),
        ('check_function_bodies', 'off'), ('xmloption', 'content'), ('client_min_messages', 'warning'),
        ('row_security', 'off'), ('default_tablespace', '')
    ) AS s (name, value)
    """
)


@dataclass
class SchemaMaker:
    """Makes the schema of one target.

    Attributes:
        target: under its lock, with its journal begun.
        plan: what is done.
        archive: the source's schema.
        warnings: what the server warned of.
    """

    target: Target
    plan: Plan
    archive: Archive
    warnings: list[str] = field(default_factory=list)

    def run(self, entries: Sequence[Entry]) -> list[str]:
        """Make everything that an interrupted run has not made yet; return the server's warnings.

        Args:
            entries: of the archive, in its order.

        Raises:
            MultidbError: something cannot be made, or an interrupted run was about something else.
        """
        self.target.lead.add_notice_handler(self._warn)
        for number, (batch, makes_extensions) in enumerate(_batches(entries)):
            script = self.archive.sql(batch) if batch else ""
            digest = sha256(script.encode()).hexdigest()
            if not self._is_done(f"schema:{number}", digest):
                self._run_batch(f"schema:{number}", digest, batch, script, makes_extensions=makes_extensions)
        self.target.lead.remove_notice_handler(self._warn)
        return list(dict.fromkeys(self.warnings))

    def _is_done(self, key: str, digest: str) -> bool:
        step = self.target.steps.get(key)
        if step is not None and step.digest != digest:
            raise MultidbError(
                "an interrupted split is in this database, but the source's schema, the options or the version of "
                "pg_dump are not what they were; take it back with --abort, and begin again"
            )
        return step is not None

    def _run_batch(
        self, key: str, digest: str, entries: Sequence[Entry], script: str, *, makes_extensions: bool
    ) -> None:
        connection, journal = self.target.connection, self.target.journal
        try:
            with connection.begin():
                connection.execute(_SESSION)
                journal.fence(raw(connection))
                if not journal.record(raw(connection), [(key, digest)]):
                    return
                self._execute(script)
                if makes_extensions:
                    make_extensions(connection, self.target.database, self.plan)
        except DBAPIError as error:
            culprit = self._culprit(entries)
            where = f" at {culprit}" if culprit else ""
            raise MultidbError(
                f"the schema could not be made{where}: {first_line(error)}. What was made before is kept; when the "
                "cause is gone, the same command goes on"
            ) from None

    def _execute(self, script: str) -> None:
        self.target.connection.execute(_SESSION)
        if (self.target.connection.dialect.server_version_info or (0,)) < (18,):
            script = for_older(script)
        if script.strip():
            self.target.connection.exec_driver_sql(script, execution_options={"no_parameters": True})

    def _culprit(self, entries: Sequence[Entry]) -> str:
        """Find the entry that fails, one after the other, in a transaction that is taken back."""
        with self.target.connection.begin() as transaction:
            found = ""
            for entry in sorted(entries, key=lambda entry: entry.is_right):
                try:
                    self._execute(self.archive.sql([entry]))
                except DBAPIError:
                    found = str(entry)
                    break
            transaction.rollback()
            return found

    def _warn(self, notice: Any) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self.warnings.append(f"the server warned: {notice.message_primary}")


def make_extensions(connection: Connection, database: RegisteredDatabase, plan: Plan) -> None:
    """Create what is missing of the extensions that a target needs or declares, each in its schema.

    Args:
        connection: to the target, inside a transaction.
        database: the target.
        plan: what is done.
    """
    default = connection.dialect.default_schema_name or DEFAULT_SCHEMA
    wanted = {name: schema or default for name, schema in plan.extensions[database.name].items()}
    declared = {name: database.extensions.get(name, "*") for name in wanted}
    ensure_extensions(connection, database.name, declared, schemas=wanted)


def _batches(entries: Sequence[Entry]) -> Iterator[tuple[Sequence[Entry], bool]]:
    """Yield schemas with their rights, then extensions in them, then the rest, some hundred entries at a time."""
    schemas = [entry for entry in entries if entry.is_of_schema]
    yield schemas, True
    first = {entry.id for entry in schemas}
    rest = [entry for entry in entries if entry.id not in first]
    for start in range(0, len(rest), BATCH):
        yield rest[start : start + BATCH], False
