"""The schemas of a split: made in each target under its lock, in batches, and compared with the source's part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.snapshot import read_snapshot
from alembic_multidb.env.connect import first_line, notice_a_dead_client
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.postgres import find_programs
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.abort import state_before
from alembic_multidb.split.archive import Archive, dumped
from alembic_multidb.split.compare import differences
from alembic_multidb.split.database import copy_to_database, missing_facts
from alembic_multidb.split.making import SchemaMaker
from alembic_multidb.split.model import Plan, Setting, SplitOptions
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.settings import missing, replay
from alembic_multidb.split.states import read_states, set_states
from alembic_multidb.stamp.schema import without_version_tables
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.target import opened
from alembic_multidb.verify.report import Finding

COMMAND = "split --schema-only"

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
    differences: tuple[Finding, ...] = ()
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
            done.append(_guarded(project, project.databases[name], ready, archive, options))
            report(done[-1])
    return done


def _guarded(
    project: Project, database: RegisteredDatabase, ready: Prepared, archive: Archive, options: SplitOptions
) -> Made:
    try:
        return _make_one(project, database, ready, archive, options)
    except (CommandError, SQLAlchemyError) as error:
        message = str(error) if isinstance(error, CommandError) else first_line(error)
        return Made(name=database.name, result="failed", message=f"failed: {message}")


def _make_one(
    project: Project, database: RegisteredDatabase, ready: Prepared, archive: Archive, options: SplitOptions
) -> Made:
    plan = ready.plan
    timeout = History.load(project, database.name).lock_timeout(options.lock_timeout)
    notes: list[str] = []
    with opened(project, database, Journal(), timeout) as target:
        notice_a_dead_client(target.connection)
        state = read_target(target.connection, project, database).state(plan)
        if state == "used":
            raise MultidbError("somebody else has begun to fill it; nothing was changed")
        settings = [item for item in plan.settings if database.name in item.homes]
        if state != "equal":
            target.begin(COMMAND, ready.identity, state_before(target.connection, plan, database), {})
            notes += SchemaMaker(target, plan, archive).run(archive.contents.of(database.name))
            set_states(target, read_states(ready.connection))
            with target.lead.transaction():
                target.journal.drop(target.lead)
        with target.connection.begin():
            notes += replay(target.connection, settings)
            notes += copy_to_database(target.connection, plan.database_facts)
        return _compared(project, database, plan, settings, notes, is_new=state != "equal")


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
    found = differences(plan, database, snapshot)
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
