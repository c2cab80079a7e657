"""``multidb split --abort``: what a split that was not finished has made is taken back, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.objects import LiveObject, read_objects
from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.database import copy_to_database, opposite, read_database
from alembic_multidb.split.model import DatabaseFact, Plan, Setting, SplitOptions
from alembic_multidb.split.preflight.strays import beside
from alembic_multidb.split.settings import read_settings, replay, reset
from alembic_multidb.split.template.clearing import clear
from alembic_multidb.split.template.maintenance import database_of, maintenance
from alembic_multidb.transfer.drop import described, drop_objects
from alembic_multidb.transfer.journal import Begun, Journal
from alembic_multidb.transfer.session import pin
from alembic_multidb.transfer.target import Target, opened

COMMANDS = frozenset({"split", "split --schema-only"})

Result = Literal["taken back", "nothing to do", "failed"]


@dataclass(frozen=True, kw_only=True)
class Aborted:
    """What came of one target.

    Attributes:
        name: the database's name.
        result: taken back, nothing to do (no split had begun there), failed.
        message: the same in words.
        left: what is there now that neither was there before nor was made by the split.
    """

    name: str
    result: Result
    message: str
    left: tuple[str, ...] = ()


def state_before(connection: Connection, plan: Plan, database: RegisteredDatabase) -> dict[str, Any]:
    """Return what is to be known to take a split back: what is there, and what will be made.

    Args:
        connection: to a target that is empty, outside of any transaction.
        plan: what will be done.
        database: the target.
    """
    with connection.begin():
        connection.exec_driver_sql("SET LOCAL search_path = ''")
        there = described(read_objects(connection))
        settings = [[item.role, item.name, item.value] for item in read_settings(connection)]
        facts = [[fact.what, fact.role, fact.value] for fact in read_database(connection)]
    planned = [[item.type, item.identity] for item in plan.objects if database.name in item.homes]
    planned += [["extension", name] for name in plan.extensions[database.name]]
    return {
        "objects": there,
        "planned": planned,
        "settings": settings,
        "planned settings": [[item.role, item.name] for item in plan.settings if database.name in item.homes],
        "facts": facts,
        "planned facts": [[fact.what, fact.role, fact.value] for fact in plan.database_facts],
    }


def abort(
    project: Project, options: SplitOptions, *, report: Callable[[Aborted], None] = lambda aborted: None
) -> list[Aborted]:
    """Take back what a split has made in the targets; the source is not needed.

    Args:
        project: the repository.
        options: which databases.
        report: called with what came of each target.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
    """
    done = []
    for database in project.databases.in_order(each.name for each in project.select(options.names)):
        try:
            with opened(project, database, Journal(), options.lock_timeout) as target:
                done.append(without_strays(project, target, take_back(target, "split")))
        except (MultidbError, psycopg.Error, SQLAlchemyError) as error:
            message = str(error) if isinstance(error, MultidbError) else first_line(error)
            done.append(Aborted(name=database.name, result="failed", message=message))
        report(done[-1])
    return done


def take_back(target: Target, what: str, *, first: Callable[[Begun], Sequence[str]] = lambda begun: ()) -> Aborted:
    """Take back what an unfinished transfer has made.

    Args:
        target: under its lock.
        what: split, which has a version table of the target's own made, too; or merge, which has not.
        first: does what has to be done before anything is dropped, and returns what is to be said of it.

    Raises:
        MultidbError: what is there is none of these, or cannot be taken back.
    """
    pin(target.lead)
    begun = Journal.begun(target.lead)
    target.lead.rollback()
    if begun is None:
        return Aborted(name=target.name, result="nothing to do", message=f"no unfinished {what} is there")
    if begun.command not in (COMMANDS if what == "split" else {what}):
        raise MultidbError(f"a {begun.command} has begun to fill it, not a {what}: take that back")
    target.take_over(begun)
    notes = first(begun)
    _reset_settings(target, begun)
    now = _objects(target)
    before = {tuple(item) for item in begun.before["objects"]}
    planned = {tuple(item) for item in begun.before["planned"]}
    ours = [
        item
        for item in now
        if (item.type, item.identity) in planned - before or (what == "split" and _is_version_table(target, item))
    ]
    made = [item for item in ours if (item.type, item.identity) not in before]
    _empty_version_table(target, [item for item in ours if (item.type, item.identity) in before])
    _unlink(target)
    drop_objects(target.lead, made)
    with target.lead.transaction():
        Journal.drop(target.lead)
    left = [f"{item.type} {item.identity}" for item in _objects(target) if (item.type, item.identity) not in before]
    words = f"what the {what} had made is taken back ({counted(len(made), 'object')})"
    if left:
        words += f"; somebody else has made {counted(len(left), 'object')}, left alone"
    message = "; ".join((words, *notes))
    return Aborted(name=target.name, result="taken back", message=message, left=tuple(left))


def without_strays(project: Project, target: Target, aborted: Aborted) -> Aborted:
    """Take away what a split by cloning, or a rehearsal, has left beside the target.

    Args:
        project: the repository.
        target: under its lock.
        aborted: what came of the target itself.

    Returns:
        The same, with what was dropped.

    Raises:
        MultidbError: something cannot be dropped, or somebody has filled it.
    """
    name = database_of(target.url)
    if not beside(target.connection, name):
        return aborted
    with maintenance(target.url, {name}) as session, session.locked([name], None):
        cleared = clear(project, session, {target.name: name})
    if cleared.kept:
        raise MultidbError("; ".join([aborted.message, *cleared.kept.values()]))
    if not cleared.gone:
        return aborted
    words = f"database {', '.join(cleared.gone)}, which a killed run has left, is dropped"
    is_first = aborted.result == "nothing to do"
    return replace(aborted, result="taken back", message=words if is_first else f"{aborted.message}; {words}")


def _objects(target: Target) -> list[LiveObject]:
    with target.connection.begin():
        target.connection.exec_driver_sql("SET LOCAL search_path = ''")
        return read_objects(target.connection)


def _is_version_table(target: Target, item: LiveObject) -> bool:
    database = target.database
    schema = database.version_table_schema or target.connection.dialect.default_schema_name or "public"
    return item.type == "table" and item.schema == schema and item.identity.endswith(f".{database.version_table}")


def _empty_version_table(target: Target, tables: list[LiveObject]) -> None:
    for item in tables:
        with target.lead.transaction():
            target.lead.execute(f"DELETE FROM {item.identity}".encode())  # noqa: S608  # quoted by PostgreSQL


def _unlink(target: Target) -> None:
    target.read_steps()
    with target.lead.transaction():
        for key in target.steps:
            # Of several sources, each has its name before.
            kind, _, number = key.rpartition("/")[2].partition(":")
            if kind == "lo":
                target.lead.execute("SELECT pg_catalog.lo_unlink(%s::oid)", [int(number)])


def _reset_settings(target: Target, begun: Begun) -> None:
    """Let the database's own settings, rights and comment be what they were."""
    old = {(role, name): value for role, name, value in begun.before["settings"]}
    planned = {(role, name) for role, name in begun.before["planned settings"]}
    with target.connection.begin():
        there = {(item.role, item.name) for item in read_settings(target.connection)}
        notes = reset(target.connection, sorted(planned & there - old.keys(), key=str))
        again = [
            Setting(name=name, value=value, role=role, homes=())
            for (role, name), value in old.items()
            if (role, name) in planned
        ]
        notes += replay(target.connection, again)
        facts = {DatabaseFact(what=what, role=role, value=value) for what, role, value in begun.before["facts"]}
        made = {DatabaseFact(what=what, role=role, value=value) for what, role, value in begun.before["planned facts"]}
        now = set(read_database(target.connection))
        notes += copy_to_database(target.connection, sorted((opposite(fact) for fact in made & now - facts), key=str))
        notes += copy_to_database(target.connection, sorted(facts - now, key=str))
    if notes:
        raise MultidbError(f"not everything could be taken back: {'; '.join(notes)}")
