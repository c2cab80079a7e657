"""All findings at once: the source, every target, and the way between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.extensions import read_extensions
from alembic_multidb.checks.finding import shortened
from alembic_multidb.env.connect import first_line
from alembic_multidb.env.lock import is_same_database
from alembic_multidb.env.pooler import is_transaction_pooler, refuse_transaction_pooler
from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.postgres import Programs, find_programs
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.beside import beside_findings
from alembic_multidb.split.preflight.extensions import extension_findings
from alembic_multidb.split.preflight.facts import read_facts
from alembic_multidb.split.preflight.grantors import granted_by_others, grantor_findings
from alembic_multidb.split.preflight.holds import changed_rights
from alembic_multidb.split.preflight.machine import memory_for_graphs
from alembic_multidb.split.preflight.regvalues import foreign_values
from alembic_multidb.split.preflight.roles import role_findings
from alembic_multidb.split.preflight.source import source_findings, tablespaces
from alembic_multidb.split.preflight.strays import left_behind
from alembic_multidb.split.preflight.target import Target, missing_tablespaces, read_target, target_findings
from alembic_multidb.stamp.build import Builder, CannotBuildError
from alembic_multidb.stamp.scratch import ScratchServer

ScratchMaker = Callable[[], ScratchServer | None]


def preflight(
    connection: Connection, project: Project, objects: Objects, plan: Plan, options: SplitOptions
) -> tuple[Finding, ...]:
    """Look at source and targets, and say everything that stands in the way.

    Args:
        connection: to the source, in the transaction of the plan.
        project: the repository.
        objects: what becomes of the source's objects.
        plan: what will be done.
        options: what was asked for.
    """
    found: list[Finding] = []
    _, program_findings = programs(plan, options)
    found += program_findings
    source = read_facts(connection)
    found += source_findings(connection, objects, source)
    found += foreign_values(connection, objects)
    versions = {item.name: item.installed or "" for item in read_extensions(connection, ())}
    spaces, granted = tablespaces(connection), granted_by_others(connection)
    changed = None if options.method == "stream" else changed_rights(connection)
    with open_targets(project, plan) as (targets, problems):
        found += problems
        found += same_databases(connection, targets)
        found += left_behind(targets)
        for target in targets:
            found += target_findings(target, source, plan)
            found += beside_findings(target, plan, options, changed)
            found += extension_findings(target, plan, versions, options)
            found += role_findings(target, plan, options)
            found += grantor_findings(target, objects, granted, options)
            found += missing_tablespaces(target, spaces)
            found += memory_for_graphs(target.name, target.facts, plan)
    return tuple(found)


def programs(plan: Plan, options: SplitOptions) -> tuple[Programs | None, list[Finding]]:
    """Find pg_dump and pg_restore, or say that they are missing."""
    try:
        return find_programs(plan.server_version // 10000, options.programs), []
    except ConfigurationError as error:
        return None, [Finding(kind="programs", severity="failed", object="pg_dump", message=str(error))]


@contextmanager
def open_targets(project: Project, plan: Plan) -> Iterator[tuple[list[Target], list[Finding]]]:
    """Connect to all targets; those that cannot be looked at are findings."""
    targets: list[Target] = []
    problems: list[Finding] = []
    with ExitStack() as stack:
        for name in plan.databases:
            database = project.databases[name]
            try:
                connection = stack.enter_context(project.connect(database))
                refuse_transaction_pooler(connection, database)
                targets.append(read_target(connection, project, database))
            except (MultidbError, SQLAlchemyError) as error:
                message = str(error) if isinstance(error, MultidbError) else first_line(error)
                problems.append(
                    Finding(kind="target-unreachable", severity="failed", database=name, object=name, message=message)
                )
        yield targets, problems


def same_databases(connection: Connection, targets: Sequence[Target]) -> Iterator[Finding]:
    """Refuse a target that is the source itself, and two that are one."""
    for target in targets:
        if is_same_database(target.connection, connection):
            yield _same(target, "its URL leads to the source itself, which is only ever read")
        target.connection.rollback()
    for one, other in combinations(targets, 2):
        if is_same_database(one.connection, other.connection):
            yield _same(other, f'its URL leads to the same database as that of "{one.name}"')
        one.connection.rollback()
        other.connection.rollback()


def _same(target: Target, message: str) -> Finding:
    return Finding(
        kind="same-database",
        severity="refused",
        database=target.name,
        object=target.name,
        message=message,
        fix=f'give "{target.name}" the URL of an empty database',
    )


def source_pooler(connection: Connection) -> Iterator[Finding]:
    """Refuse a source behind a transaction pooler: one point in time needs one session of the server's.

    Args:
        connection: outside of any transaction.
    """
    if is_transaction_pooler(connection):
        yield Finding(
            kind="source-pooler",
            severity="failed",
            object="source",
            message="--source leads through a transaction pooler, behind which pg_dump cannot share our point in time",
            fix="give the direct address",
        )


def drift(project: Project, plan: Plan, revisions: Sequence[str], scratch: ScratchMaker) -> Iterator[Finding]:
    """Compare each part of the source with what the source's revision says, where the database's history has it.

    Args:
        project: the repository.
        plan: what will be done.
        revisions: what the source's version tables say.
        scratch: returns the server for scratch databases; None if there is none.
    """
    for name in plan.databases:
        history = History.load(project, name)
        known = tuple(item for item in revisions if history.knows([item]))
        if not known:
            yield _drift(name, "note", f"the source's revision is not in its history: {_words(revisions)}")
            continue
        server = scratch()
        if server is None:
            yield _drift(name, "note", "whether the source has drifted from its revision was not looked at")
            return
        yield _drift_of(project, plan, history, known, server)


def _drift_of(project: Project, plan: Plan, history: History, known: Sequence[str], server: ScratchServer) -> Finding:
    expected = plan.expected[history.name]
    builder = Builder(project, history, server, expected)
    try:
        built = builder.schema_at(known)
    except CannotBuildError as error:
        return _drift(history.name, "note", f"drift of the source was not looked at: {error}")
    finally:
        builder.close()
    found = [item for item in difference(built, expected) if not item.is_reported]
    if not found:
        return _drift(history.name, "note", f"its part of the source is exactly what revision {_words(known)} says")
    return _drift(
        history.name,
        "warning",
        f"its part of the source differs from revision {_words(known)} in {counted(len(found), 'thing')}: "
        f"{shortened(found)}",
        "it is carried over as it is; multidb stamp-from --write-revision writes the difference as a revision",
    )


def _words(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "none"


def _drift(database: str, severity: str, message: str, fix: str = "") -> Finding:
    return Finding(
        kind="drift",
        severity="warning" if severity == "warning" else "note",
        database=database,
        object="revision",
        message=message,
        fix=fix,
    )
