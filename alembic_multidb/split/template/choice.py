"""Which way a split goes: row by row, or by cloning; and what keeps it from cloning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.classify import plain_name
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.split.model import Finding, Method, Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.template.against import (
    finding,
    missing_rights,
    new_extensions,
    old_extensions,
    owners,
    unfit,
    unfit_targets,
    unreadable,
    users,
)
from alembic_multidb.split.template.maintenance import Maintenance, database_of, maintenance
from alembic_multidb.split.template.source import unclonable
from alembic_multidb.urls import DatabaseURL

# What is found about making things anew, which a clone need not.
_OF_STREAM = frozenset(
    {
        *("programs", "needs-superuser", "encoding", "locale", "older-server", "tablespace-missing", "too-few-locks"),
        *("extension-missing", "extension-rights", "extension-version", "extension-schema", "extension-comment"),
        *("extension-rows", "target-rights", "target-not-owned", "source-collation", "graph-memory", "shared-memory"),
        *("owner-missing", "owner-rights", "role-missing"),
    }
)
_SERVER = """
    SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text
               || ' ' || pg_catalog.pg_postmaster_start_time()::text AS server
"""
_HERE = text(f"{_SERVER}, pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_database() AS name")
_LOGIN = "SELECT current_user AS login"
_SEEN = "SELECT datname AS name FROM pg_catalog.pg_stat_activity WHERE pid = %s"


@dataclass(frozen=True)
class Choice:
    """How a split goes.

    Attributes:
        method: stream or template.
        why: in words.
        url: where to clone from: a target's, whose login may; None if nothing is cloned.
        source: the source's name on its server.
    """

    method: Method
    why: str
    url: DatabaseURL | None = None
    source: str = ""


def choose(
    connection: Connection,
    project: Project,
    objects: Objects,
    plan: Plan,
    options: SplitOptions,
    found: Sequence[Finding],
) -> tuple[Choice, list[Finding]]:
    """Decide how a split goes, and return everything that stands in the way of going so.

    Args:
        connection: to the source.
        project: the repository.
        objects: what becomes of the source's objects.
        plan: what will be done.
        options: what was asked for.
        found: what stands in the way, or should be known, whatever the method.
    """
    if options.method == "stream":
        return Choice("stream", "it is the default, or was asked for"), list(found)
    with ExitStack() as stack:
        try:
            choice, against = _cloning(stack, connection, project, objects, plan, options, found)
        except MultidbError as error:
            choice, against = None, [finding("template-unreachable", str(error), severity="failed")]
    if options.method == "auto" and (choice is None or against):
        why = "; ".join(item.message for item in against)
        return Choice("stream", f"auto: the source cannot be cloned, since {why}"), list(found)
    cloned = _cloned(plan)
    others = [
        item
        for item in found
        if item.kind not in _OF_STREAM or (item.kind.startswith("extension-") and item.object not in cloned)
    ]
    if choice is None:
        return Choice("template", "it was asked for"), [*others, *against]
    return choice, [*others, *against]


def _cloning(
    stack: ExitStack,
    connection: Connection,
    project: Project,
    objects: Objects,
    plan: Plan,
    options: SplitOptions,
    found: Sequence[Finding],
) -> tuple[Choice, list[Finding]]:
    """Look at cloning from every target's login; the first that may does it."""
    here = connection.execute(_HERE).one()
    urls = {name: project.databases[name].migration_url(project.variables) for name in plan.databases}
    names = {name: database_of(url) for name, url in urls.items()}
    against = list(unfit(connection, plan, options, found))
    sessions: dict[str, Maintenance] = {}
    for name, url in urls.items():
        session = stack.enter_context(maintenance(url, {here.name, *names.values()}))
        if session.rows(_SERVER)[0]["server"] != here.server or session.rows(_SEEN, here.pid) != [{"name": here.name}]:
            against.append(finding("template-server", f'"{name}" is on another server than the source', name))
        else:
            sessions[name] = session
    why = "source and targets are on one server, and nobody is connected to the source"
    if options.terminates:
        why = "source and targets are on one server, and whoever is connected to the source is disconnected"
    if not sessions or _there(found) >= set(plan.databases):
        return Choice("template", why, next(iter(urls.values())), here.name), against
    needs = (
        here.name,
        list(names.values()),
        owners(connection, objects, plan),
        sorted(_extensions(plan) - _cloned(plan)),
    )
    reasons = {name: list(missing_rights(each, *needs)) for name, each in sessions.items()}
    chosen = min(sessions, key=lambda name: bool(reasons[name]))
    against += reasons[chosen]
    against += unclonable(connection, str(sessions[chosen].rows(_LOGIN)[0]["login"]))
    against += _in_clones(connection, project, plan, sessions)
    there = _there(found)
    replaced = {name: database for name, database in names.items() if name in sessions and name not in there}
    against += unfit_targets(sessions[chosen], here.name, replaced)
    against += users(sessions[chosen], here.name, here.pid, replaced, options)
    return Choice("template", why, urls[chosen], here.name), against


def _in_clones(
    connection: Connection, project: Project, plan: Plan, sessions: Mapping[str, Maintenance]
) -> list[Finding]:
    """Look at what the targets' own logins meet in their clones."""
    logins = {name: str(session.rows(_LOGIN)[0]["login"]) for name, session in sessions.items()}
    return [
        *unreadable(connection, logins, plan),
        *new_extensions(connection, logins, plan, _cloned(plan)),
        *old_extensions(connection, project.databases, plan),
    ]


def _cloned(plan: Plan) -> set[str]:
    """Return the extensions that the source has."""
    return {plain_name(item.identity) for item in plan.objects if item.type == "extension"}


def _extensions(plan: Plan) -> set[str]:
    """Return the extensions that some target needs or declares."""
    return {name for each in plan.extensions.values() for name in each}


def _there(found: Sequence[Finding]) -> set[str | None]:
    """Return the targets that an earlier run has filled, which stay in their places."""
    return {item.database for item in found if item.kind == "target-there"}
