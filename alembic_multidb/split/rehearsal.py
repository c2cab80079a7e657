"""``multidb split --rehearse``: the same code into scratch databases beside the targets, of which nothing remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import psycopg
from psycopg import sql
from sqlalchemy import URL

from alembic_multidb.env.connect import connected, first_line, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.folders import sweep
from alembic_multidb.operate.project import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.gauge import Gauge
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.moving import split
from alembic_multidb.split.outcome import SplitReport
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.template.kept import Kept
from alembic_multidb.split.template.maintenance import Maintenance, database_of, maintenance, session_at
from alembic_multidb.split.template.strays import REHEARSAL, stray_name, take_away
from alembic_multidb.stamp.choose import ScratchMaker
from alembic_multidb.transfer.progress import Show
from alembic_multidb.transfer.session import pin, raw
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.progress import Show as ShowVerify


def rehearse(
    project: Project,
    ready: Prepared,
    options: SplitOptions,
    scratch: ScratchMaker,
    *,
    require_stamp: bool = False,
    show: Show = lambda progress: None,
    show_verify: ShowVerify = lambda progress: None,
) -> SplitReport:
    """Do everything that a split does, proof included, but in scratch databases on the targets' servers.

    Args:
        project: the repository.
        ready: the split, planned with its tables held, with nothing in its way.
        options: what was asked for.
        scratch: returns the server for scratch databases, on which a stamp is proven.
        require_stamp: whether a database that cannot be stamped is a failure.
        show: told how far it is.
        show_verify: told how far the proof is.

    Returns:
        What came of it, with what the real run will need. No file was written, and no database is left.

    Raises:
        MultidbError: it could not be finished, or a scratch database could not be made.
        LockTimeoutError: somebody else rehearses into the same targets.
    """
    sweep()
    options = replace(options, rehearses=True)
    names = {name: stray_name(REHEARSAL, database_of(_url(project, name))) for name in ready.plan.databases}
    with ExitStack() as stack:
        elsewhere = project
        if ready.choice.method == "stream":
            with ready.connections.paused():
                stack.enter_context(scratch_databases(project, names, options))
            elsewhere = project.elsewhere(names)
        gauge = stack.enter_context(_gauge(project, ready, names))
        report = split(
            elsewhere,
            ready,
            options,
            Files(),
            scratch,
            require_stamp=require_stamp,
            show=show,
            show_verify=show_verify,
        )
        return replace(report, needs=gauge.needs(ready.seconds + sum(report.seconds.values())))


def _url(project: Project, name: str) -> DatabaseURL:
    return project.databases[name].migration_url(project.variables)


@contextmanager
def scratch_databases(
    project: Project, names: dict[str, str], options: SplitOptions, *, with_settings: bool = True
) -> Iterator[None]:
    """Make an empty database beside each target, like it in everything that a split does not bring; drop it at the end.

    Args:
        project: whose targets they are.
        names: what each is to be called, by the target's name.
        options: how long to wait for somebody else.
        with_settings: whether it has the target's settings.

    Raises:
        MultidbError: the login may not make databases.
    """
    sessions: dict[URL, Maintenance] = {}
    with ExitStack() as stack:
        for name, scratch_name in names.items():
            url, database = _url(project, name), project.databases[name]
            session = sessions.get(url.url)
            if session is None:
                session = stack.enter_context(maintenance(url, {database_of(url)}))
                stack.enter_context(session.locked([database_of(url)], options.lock_timeout))
                sessions[url.url] = session
            take_away(session, [scratch_name])
            with project.connect(database) as connection:
                kept = Kept.read(connection)
            stack.callback(take_away, session, [scratch_name])
            _make(session, scratch_name, kept)
            there = url.to(scratch_name)
            with connected(make_engine(name, there), name, there) as connection:
                pin(raw(connection))
                kept.give_rights(connection)
                if with_settings:
                    kept.give_settings(connection)
        yield


def _make(session: Maintenance, name: str, kept: Kept) -> None:
    try:
        session.run(
            sql.SQL("CREATE DATABASE {} {} {}").format(sql.Identifier(name), kept.options(), kept.locale_options)
        )
    except psycopg.Error as error:
        raise MultidbError(
            f'the scratch database "{name}" of the rehearsal could not be made: {first_line(error)}; its login needs '
            "CREATEDB for a rehearsal. Nothing was changed"
        ) from None


@contextmanager
def _gauge(project: Project, ready: Prepared, names: dict[str, str]) -> Iterator[Gauge]:
    """Look, from outside, at what the rehearsal takes."""
    source = database_of(ready.url)
    with ExitStack() as stack:
        with ready.connections.paused():
            sessions = [stack.enter_context(maintenance(_url(project, name), {source})) for name in names]
            if ready.choice.method == "stream":
                sessions.append(stack.enter_context(session_at(ready.url)))
        with Gauge(sessions, [source], list(names.values()), ready.connections) as gauge:
            yield gauge
