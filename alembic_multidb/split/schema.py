"""The schemas of a split: made in each target under its lock, in batches, and compared with the source's part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from alembic_multidb.catalog.difference import Difference
from alembic_multidb.catalog.snapshot import read_snapshot
from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.postgres import find_programs
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.archive import Archive, dumped
from alembic_multidb.split.compare import differences
from alembic_multidb.split.database import copy_to_database, missing_facts
from alembic_multidb.split.journal import Journal
from alembic_multidb.split.model import Plan, Setting, SplitOptions
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.settings import missing, replay
from alembic_multidb.split.toc import Entry
from alembic_multidb.stamp.schema import without_version_tables

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

Result = Literal["made", "unchanged", "different", "failed"]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of one target.

    Attributes:
        name: the database's name.
        result: made, unchanged (it was there already), different (it is not its part of the source), failed.
        message: the same in words.
        differences: how it differs from its part of the source.
        notes: what the server warned of, and what could not be set.
    """

    name: str
    result: Result
    message: str
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return what the command ends with because of it."""
        return {"made": 0, "unchanged": 0, "different": 1, "failed": 2}[self.result]

    def to_data(self) -> dict[str, Any]:
        """Return what JSON says of it."""
        return {
            "name": self.name,
            "state": None,
            "revisions": [],
            "heads": [],
            "result": self.result,
            "message": self.message,
            "differences": [str(item) for item in self.differences],
            "notes": list(self.notes),
        }


def make_schemas(
    project: Project, ready: Prepared, options: SplitOptions, *, report: Callable[[Made], None]
) -> list[Made]:
    """Make the schema of every target, from the source's own definitions.

    Args:
        project: the repository.
        ready: the split, planned, with nothing in its way.
        options: what was asked for.
        report: called with what came of each target.

    Raises:
        MultidbError: the source could not be dumped, or an entry of the dump belongs to nothing that is known.
    """
    plan = ready.plan
    programs = find_programs(plan.server_version // 10000, options.programs)
    restore = [
        *(["--no-owner"] if options.no_owner else []),
        *(["--no-acl"] if options.no_acl else []),
    ]
    done = []
    with dumped(ready.connection, ready.url, programs, ready.objects, options=restore) as archive:
        for name in plan.databases:
            done.append(_guarded(project, project.databases[name], plan, archive, options))
            report(done[-1])
    return done


def _guarded(
    project: Project, database: RegisteredDatabase, plan: Plan, archive: Archive, options: SplitOptions
) -> Made:
    try:
        return _make_one(project, database, plan, archive, options)
    except (CommandError, SQLAlchemyError) as error:
        message = str(error) if isinstance(error, CommandError) else first_line(error)
        return Made(name=database.name, result="failed", message=f"failed: {message}")


def _make_one(
    project: Project, database: RegisteredDatabase, plan: Plan, archive: Archive, options: SplitOptions
) -> Made:
    timeout = History.load(project, database.name).lock_timeout(options.lock_timeout)
    notes: list[str] = []
    with project.connect(database) as connection:
        refuse_transaction_pooler(connection, database)
        notice_a_dead_client(connection)
        with migration_lock(connection, database.name, lock_scope(database), timeout):
            state = read_target(connection, project, database).state(plan)
            if state == "used":
                raise MultidbError("somebody else has begun to fill it; nothing was changed")
            settings = [item for item in plan.settings if database.name in item.homes]
            if state != "equal":
                notes += _Transfer(connection, database, plan, archive).run()
            with connection.begin():
                notes += replay(connection, settings)
                notes += copy_to_database(connection, plan.database_facts)
            return _compared(project, database, plan, settings, notes, is_new=state != "equal")


@dataclass
class _Transfer:
    """The way of one schema into its target.

    Attributes:
        connection: to the target, under its lock.
        database: its declaration.
        plan: what is done.
        archive: the source's schema.
        warnings: what the server warned of.
    """

    connection: Connection
    database: RegisteredDatabase
    plan: Plan
    archive: Archive
    warnings: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """Make everything that an interrupted run has not made yet; return the server's warnings."""
        raw: Any = self.connection.connection.dbapi_connection
        raw.add_notice_handler(self._warn)
        journal = Journal.open(self.connection)
        for number, (entries, makes_extensions) in enumerate(self._batches()):
            script = self.archive.sql(entries) if entries else ""
            digest = sha256(script.encode()).hexdigest()
            if not journal.is_done(number, digest):
                self._run_batch(journal, number, digest, entries, script, makes_extensions=makes_extensions)
        journal.drop()
        return list(dict.fromkeys(self.warnings))

    def _batches(self) -> Iterator[tuple[Sequence[Entry], bool]]:
        """Yield schemas with their rights, then extensions in them, then the rest, some hundred entries at a time."""
        entries = self.archive.contents.of(self.database.name)
        schemas = [entry for entry in entries if entry.is_of_schema]
        yield schemas, True
        first = {entry.id for entry in schemas}
        rest = [entry for entry in entries if entry.id not in first]
        for start in range(0, len(rest), BATCH):
            yield rest[start : start + BATCH], False

    def _run_batch(
        self,
        journal: Journal,
        number: int,
        digest: str,
        entries: Sequence[Entry],
        script: str,
        *,
        makes_extensions: bool,
    ) -> None:
        try:
            with self.connection.begin():
                self._execute(script)
                if makes_extensions:
                    self._make_extensions()
                journal.record(number, digest)
        except DBAPIError as error:
            culprit = self._culprit(entries)
            where = f" at {culprit}" if culprit else ""
            raise MultidbError(
                f"the schema could not be made{where}: {first_line(error)}. What was made before is kept; when the "
                "cause is gone, the same command goes on"
            ) from None

    def _execute(self, script: str) -> None:
        self.connection.execute(_SESSION)
        if script.strip():
            self.connection.exec_driver_sql(script, execution_options={"no_parameters": True})

    def _make_extensions(self) -> None:
        default = self.connection.dialect.default_schema_name or DEFAULT_SCHEMA
        wanted = {name: schema or default for name, schema in self.plan.extensions[self.database.name].items()}
        declared = {name: self.database.extensions.get(name, "*") for name in wanted}
        ensure_extensions(self.connection, self.database.name, declared, schemas=wanted)

    def _culprit(self, entries: Sequence[Entry]) -> str:
        """Find the entry that fails, one after the other, in a transaction that is taken back."""
        with self.connection.begin() as transaction:
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


def _compared(
    project: Project,
    database: RegisteredDatabase,
    plan: Plan,
    settings: Sequence[Setting],
    notes: Sequence[str],
    *,
    is_new: bool,
) -> Made:
    """Look at the target again, in a new session, as others will see it."""
    with project.connect(database) as connection:
        snapshot = without_version_tables(read_snapshot(connection), project.databases)
        lost = [*missing(connection, settings), *missing_facts(connection, plan.database_facts)]
        # What could not be made was said with the reason.
        lost = [item for item in lost if not any(note.startswith(item.removesuffix(" is missing")) for note in notes)]
    found = differences(plan, database.name, snapshot)
    number = len(plan.expected[database.name].rows)
    if found or lost:
        message = f"its schema is not its part of the source: {counted(len(found) + len(lost), 'difference')}"
        return Made(
            name=database.name,
            result="different",
            message=message,
            differences=tuple(found),
            notes=(*notes, *lost),
        )
    what = "schema made" if is_new else "nothing to do: the schema was there"
    return Made(
        name=database.name,
        result="made" if is_new else "unchanged",
        message=f"{what}, equal to its part of the source ({counted(number, 'fact')})",
        notes=tuple(notes),
    )
