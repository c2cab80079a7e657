"""``multidb verify``: every target against the source's part that belongs to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

from alembic.util.exc import CommandError
from psycopg.errors import InsufficientPrivilege

from alembic_multidb.env.lock import is_same_database
from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.against import compare_with_evidence
from alembic_multidb.verify.collect import excused
from alembic_multidb.verify.compare import Ground, Run, compare
from alembic_multidb.verify.evidence import Evidence
from alembic_multidb.verify.given import Given
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.orphans import orphans
from alembic_multidb.verify.output import private_file
from alembic_multidb.verify.progress import Meter, Show
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import UNKNOWN, DatabaseReport, Expected, Finding, Report
from alembic_multidb.verify.side import Side, Unreadable, words_of


def verify(
    project: Project,
    source_url: DatabaseURL,
    options: VerifyOptions | None = None,
    *,
    evidence: Evidence | None = None,
    given: Given | None = None,
    show: Show = lambda progress: None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Compare each database with the part of a source that belongs to it; nothing is changed anywhere.

    Args:
        project: the repository.
        source_url: where the databases came from.
        options: what to compare.
        evidence: of an earlier comparison: a table that had rows then and is empty on both sides now is suspicious.
        given: the source as a transfer has read it, and what it was to do.
        show: called with what has been read so far, from any thread.
        clock: tells the time, in seconds.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        ConnectionFailedError: the source cannot be reached.
        MultidbError: its catalog cannot be read.
        ConfigurationError: the file for the keys cannot be written, or an exclusion matches nothing.
    """
    options = options or VerifyOptions()
    databases, started, begin = project.select(options.names), datetime.now(timezone.utc), clock()
    with ExitStack() as stack:
        keys = stack.enter_context(private_file(options.keys)) if options.keys is not None else None
        source = given.side if given is not None else stack.enter_context(Side("source", source_url, options.jobs))
        run = Run(project, options, _read_ground(source, project, options, given), Meter(show, clock), keys)
        reports = [
            _opened(project, database, options, partial(_compare, run, database, evidence)) for database in databases
        ]
    if given is None:
        _refuse_unused(options, reports)
    if given is None and not options.names:
        reports[0] = replace(reports[0], findings=(*_homeless(run), *reports[0].findings))
    return Report(
        databases=tuple(reports),
        source=str(source_url),
        moment=source.moment,
        started=started.isoformat(timespec="seconds"),
        seconds=clock() - begin,
        strong=options.strong,
        options=options.compared,
    )


def _read_ground(source: Side, project: Project, options: VerifyOptions, given: Given | None) -> Ground:
    try:
        return Ground.read(source, project, options, given)
    except Unreadable as error:
        is_forbidden = isinstance(getattr(error, "orig", error), InsufficientPrivilege)
        advice = "; use a login that may read all of it" if is_forbidden else ""
        raise MultidbError(f"the source {source.url} cannot be read: {words_of(error)}{advice}") from None


def _refuse_unused(options: VerifyOptions, reports: Sequence[DatabaseReport]) -> None:
    """Refuse an exclusion that matches nothing, if everything was looked at: a name in it is mistyped."""
    if options.names or not (options.schema and options.data) or any(report.exit_code == UNKNOWN for report in reports):
        return
    reasons = {expected.reason for report in reports for expected in report.expected}
    unused = [str(each) for each in options.exclude if f"excluded by {each}" not in reasons]
    if unused:
        raise ConfigurationError(
            f"nothing is called {', '.join(unused)} on either side; take the --exclude away, or correct it"
        )


def _opened(
    project: Project, database: RegisteredDatabase, options: VerifyOptions, work: Callable[[Side], DatabaseReport]
) -> DatabaseReport:
    """Look at one database; one that cannot be had keeps no other from being looked at."""
    try:
        with Side(database.name, database.migration_url(project.variables), options.jobs) as target:
            report = work(target)
        if options.orphans:
            report = _with_orphans(report, project, database, options)
        return report
    except (CommandError, *Unreadable) as error:
        message = words_of(error)
        finding = Finding(
            kind="database", object=database.name, what="unknown", message=message, database=database.name
        )
        return DatabaseReport(name=database.name, findings=(finding,))


def _with_orphans(
    report: DatabaseReport, project: Project, database: RegisteredDatabase, options: VerifyOptions
) -> DatabaseReport:
    lost, findings = orphans(project, database)
    told = list(excused(findings, options))
    return replace(
        report,
        orphans=tuple(lost),
        findings=(*report.findings, *(item for item in told if isinstance(item, Finding))),
        expected=(*report.expected, *(item for item in told if isinstance(item, Expected))),
    )


def _compare(run: Run, database: RegisteredDatabase, evidence: Evidence | None, target: Side) -> DatabaseReport:
    if is_same_database(target.lead, run.ground.side.lead):
        raise MultidbError(
            f'the URL of "{database.name}" leads to the source itself ({target.url}): it would be compared with '
            f'itself; give "{database.name}" the URL of its own database'
        )
    report = compare(run, database, Sides(run.ground.side, target))
    return report if evidence is None or not run.options.data else _suspect_empty(report, evidence, run.options)


def verify_against(
    project: Project,
    evidence: Evidence,
    options: VerifyOptions | None = None,
    *,
    show: Show = lambda progress: None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Compare databases with evidence of an earlier comparison; the source is not needed.

    Args:
        project: the repository.
        evidence: what was proven then; what was left out then is left out now.
        options: which databases, and how old the evidence may be.
        show: called with what has been read so far, from any thread.
        clock: tells the time, in seconds.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        ConfigurationError: the evidence is too old, or says nothing of a database.
    """
    given = options or VerifyOptions()
    evidence.refuse_old(given.max_age)
    options = evidence.options(given)
    started, begin, meter = datetime.now(timezone.utc), clock(), Meter(show, clock)
    names = options.names or tuple(evidence.names)
    reports = tuple(
        _opened(
            project,
            database,
            options,
            partial(compare_with_evidence, project, database, evidence, options, meter),
        )
        for database in project.select(names)
    )
    return Report(
        databases=reports,
        started=started.isoformat(timespec="seconds"),
        seconds=clock() - begin,
        strong=evidence.is_strong,
        options=options.compared,
    )


def _suspect_empty(report: DatabaseReport, evidence: Evidence, options: VerifyOptions) -> DatabaseReport:
    """Find tables that are empty, or not there, on both sides, but had rows when the evidence was taken."""
    before = {table.name: table.rows[1] for table in evidence.tables(report.name)}
    found = tuple(
        Finding(
            kind="rows",
            object=table.name,
            what="suspicious",
            message=f"rows of {table.name}: none on both sides, but {before[table.name]} when the evidence was taken",
            database=report.name,
        )
        for table in report.tables
        if table.rows == (0, 0) and before.get(table.name)
    )
    there = {table.name for table in report.tables}
    there |= {item.object for item in report.findings} | {item.object for item in report.expected}
    found += tuple(
        Finding(
            kind="table",
            object=name,
            what="suspicious",
            message=f"table {name} is on neither side, but had {rows} rows when the evidence was taken",
            database=report.name,
        )
        for name, rows in before.items()
        if rows and name not in there and not options.excludes({"table", "rows"}, name)
    )
    return replace(report, findings=(*report.findings, *found))


def _homeless(run: Run) -> Iterator[Finding]:
    """Find tables and large objects of the source that belong to no database, and so would be lost."""
    first = run.project.select()[0]
    has_default = any(database.default for database in run.project.databases.declarations)
    if run.options.data and not has_default and run.ground.has_large_objects:
        yield Finding(
            kind="large object",
            object="all",
            what="missing",
            message="the large objects of the source have no home: no database of the registry has default=True",
            database=first.name,
        )
    wanted = Wanted(run.project.databases, first, run.ground.default_schema, run.options)
    for name, table in run.ground.tables.items():
        if table.root == table.oid and not table.extension and wanted.home(name) is None and wanted.is_compared(table):
            yield Finding(
                kind="table",
                object=table.identity,
                what="missing",
                message=f"table {table.identity} of the source has no home: no database of the registry would have it",
                database=first.name,
            )
