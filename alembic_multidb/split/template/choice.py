"""Which way a split goes: row by row, or by cloning; and what keeps it from cloning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.checks.finding import shortened
from alembic_multidb.classify import plain_name
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.split.model import Finding, Method, Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.beside import KEEPS
from alembic_multidb.split.preflight.facts import read_facts
from alembic_multidb.split.template.maintenance import Maintenance, database_of, maintenance
from alembic_multidb.split.template.sessions import connected
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
_SEEN = "SELECT datname AS name FROM pg_catalog.pg_stat_activity WHERE pid = %s"
_RIGHTS = """
    SELECT r.rolname AS login, r.rolsuper AS is_superuser, r.rolcreatedb AS creates,
           ARRAY(SELECT d.datname::text FROM pg_catalog.pg_database AS d
                 WHERE d.datname = ANY (%s::text[]) AND NOT pg_catalog.pg_has_role(d.datdba, 'USAGE')
                 ORDER BY 1) AS others,
           ARRAY(SELECT o.rolname::text FROM pg_catalog.pg_roles AS o
                 WHERE o.rolname = ANY (%s::text[]) AND NOT pg_catalog.pg_has_role(o.oid, 'USAGE')
                 ORDER BY 1) AS owners,
           ARRAY(SELECT v.name::text FROM pg_catalog.pg_available_extension_versions AS v
                 JOIN pg_catalog.pg_available_extensions AS a ON a.name = v.name AND a.default_version = v.version
                 WHERE v.name = ANY (%s::text[]) AND NOT v.trusted
                 ORDER BY 1) AS extensions
    FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
"""


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
            choice, against = None, [_finding("template-unreachable", str(error), severity="failed")]
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
    against = list(_unfit(connection, plan, options, found))
    sessions: dict[str, Maintenance] = {}
    for name, url in urls.items():
        session = stack.enter_context(maintenance(url, {here.name, *names.values()}))
        if session.rows(_SERVER)[0]["server"] != here.server or session.rows(_SEEN, here.pid) != [{"name": here.name}]:
            against.append(_finding("template-server", f'"{name}" is on another server than the source', name))
        else:
            sessions[name] = session
    why = "source and targets are on one server, and nobody is connected to the source"
    if options.terminates:
        why = "source and targets are on one server, and whoever is connected to the source is disconnected"
    if not sessions or _is_all_there(plan, found):
        return Choice("template", why, next(iter(urls.values())), here.name), against
    needs = [here.name, *names.values()], _owners(objects), sorted(_extensions(plan) - _cloned(plan))
    reasons = {name: list(_missing_rights(each, *needs)) for name, each in sessions.items()}
    chosen = min(sessions, key=lambda name: bool(reasons[name]))
    against += reasons[chosen]
    against += _users(sessions[chosen], here.name, here.pid, names, options)
    return Choice("template", why, urls[chosen], here.name), against


def _unfit(connection: Connection, plan: Plan, options: SplitOptions, found: Sequence[Finding]) -> Iterator[Finding]:
    if options.no_owner or options.no_acl:
        yield _finding("template-options", "a clone has the owners and rights of the source; --no-owner and --no-acl")
    facts = read_facts(connection)
    if facts.collation_version and facts.collation_version != facts.library_version:
        yield _finding(
            "template-collation",
            f"the source was made with collation version {facts.collation_version}, its server has "
            f"{facts.library_version}: its indexes on text would be cloned as they are",
        )
    for item in found:
        if item.kind == KEEPS and not options.rehearses:
            what = item.message.partition(" is there")[0]
            yield _finding(
                "template-target", f'"{item.database}" has {what}, which would go with the database that is replaced'
            )
        if item.kind == "target-begun" and not options.rehearses:
            yield _finding(
                "template-begun", f'a split by stream has begun to fill "{item.database}"; go on with it, or --abort'
            )


def _owners(objects: Objects) -> list[str]:
    """Return whose objects the source holds, the schema public apart, which is never dropped."""
    rows = objects.survey.snapshot.rows
    return sorted({row.definition["owner"] for row in rows if row.kind == "owner" and row.identity != "schema public"})


def _cloned(plan: Plan) -> set[str]:
    """Return the extensions that the source has."""
    return {plain_name(item.identity) for item in plan.objects if item.type == "extension"}


def _extensions(plan: Plan) -> set[str]:
    """Return the extensions that some target needs or declares."""
    return {name for each in plan.extensions.values() for name in each}


def _missing_rights(
    session: Maintenance, databases: list[str], owners: list[str], extensions: list[str]
) -> Iterator[Finding]:
    row = session.rows(_RIGHTS, databases, owners, extensions)[0]
    if row["is_superuser"]:
        return
    login = f'role "{row["login"]}"'
    if not row["creates"]:
        yield _finding("template-rights", f"{login} may not create databases", severity="failed")
    if row["others"]:
        message = f"{login} does not own database {', '.join(row['others'])}"
        yield _finding("template-rights", message, severity="failed")
    if row["extensions"]:
        message = f"{login} may not create extension {', '.join(row['extensions'])}, which no clone has from the source"
        yield _finding("template-rights", message, severity="failed")
    if row["owners"]:
        message = f"{login} may not drop what belongs to {shortened(row['owners'])} in the source's clone"
        yield _finding("template-rights", message, severity="failed")


def _users(
    session: Maintenance, source: str, own: int, names: dict[str, str], options: SplitOptions
) -> Iterator[Finding]:
    sessions = connected(session.raw, source, [own])
    prepared = [words for words in sessions if words.startswith("prepared transaction")]
    if prepared or (sessions and not options.terminates):
        yield _finding(
            "source-busy",
            f"the source is used by {'; '.join(prepared or sessions)}",
            fix="a database can be cloned while nobody is connected to it: stop them, or let "
            "--terminate-source-connections end them",
        )
    for name, database in names.items():
        if not options.rehearses and (sessions := connected(session.raw, database)):
            yield _finding("target-busy", f'"{name}" is used by {"; ".join(sessions)}', name, fix="stop them")


def _is_all_there(plan: Plan, found: Sequence[Finding]) -> bool:
    return {item.database for item in found if item.kind == "target-there"} >= set(plan.databases)


def _finding(kind: str, message: str, database: str = "", fix: str = "", severity: str = "refused") -> Finding:
    return Finding(
        kind=kind,
        severity="failed" if severity == "failed" else "refused",
        database=database or None,
        object="method template",
        message=message,
        fix=fix or "or use --method stream",
    )
