"""``multidb stamp-from``: stamp an imported schema, with proof that it is what its revision says.

The target must equal the part of the source that belongs to it. Then the source's revision is the target's, if this
history has it; else the revision is found whose schema is the target's. Only then is anything written, in one
transaction, under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.difference import Difference, difference, is_equal
from alembic_multidb.catalog.snapshot import Row, Snapshot, canonical
from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.choose import Choice, RefusedError, ScratchMaker, choose, forced
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.options import Revisions, StampOptions
from alembic_multidb.stamp.record import (
    is_same,
    locked,
    mark_database,
    recorded_revisions,
    refuse_recorded,
    refuse_the_source,
    refuse_wrong_marker,
    write_stamp,
)
from alembic_multidb.stamp.schema import home_of, read_schema
from alembic_multidb.stamp.source import Source, connect_source, read_source
from alembic_multidb.stamp.write import Written
from alembic_multidb.urls import DatabaseURL

# What a dump of some tables takes along of the others': it has no switch against these.
_LEFT_OVER = frozenset({"sequence", "type", "function", "schema", "collation", "cast", "operator", "text search"})

Result = Literal[
    "stamped", "would stamp", "nothing to do", "refused", "failed", "wrote revision", "would write revision"
]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What came of it for one database.

    Attributes:
        name: the database's name.
        result: one word for it.
        revisions: what is recorded now, or would be.
        before: what was recorded before.
        source_revisions: what the source says.
        objects: how many facts of the two schemas were found equal.
        differences: what keeps the target from being stamped, or, if it is, what is only told.
        drift: how the source differs from what its revision says; None if that could not be looked at.
        crossing: what of the source can live in no database alone, and was left out.
        files: the revision that was written instead of a stamp.
        statements: what that revision's upgrade holds, or would hold.
        message: what was proven, or why nothing was stamped.
        error: what failed.
    """

    name: str
    result: Result
    revisions: Revisions = ()
    before: Revisions = ()
    source_revisions: Revisions = ()
    objects: int = 0
    differences: tuple[Difference, ...] = ()
    drift: tuple[Difference, ...] | None = None
    crossing: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    message: str = ""
    error: BaseException | None = None


def stamp_from(
    project: Project,
    source_url: DatabaseURL,
    options: StampOptions,
    scratch: ScratchMaker,
    *,
    report: Callable[[Stamp], None] = lambda stamp: None,
) -> list[Stamp]:
    """Stamp the databases that were imported from a source, each with proof.

    Args:
        project: the repository.
        source_url: the database that the schemas came from; it is only read.
        options: what to do.
        scratch: returns the server for scratch databases; called when the first one is needed.
        report: called with what came of each database.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        ConnectionFailedError: the source cannot be reached.
    """
    done = []
    databases = project.databases.in_order(database.name for database in project.select(options.names))
    with connect_source(source_url) as connection:
        source = read_source(connection, source_url, project, options.version_table)
    for database in databases:
        done.append(_guarded(database, partial(_stamp, project, database, source, options, scratch)))
        report(done[-1])
    return done


def stamp_connected(
    connection: Connection,
    project: Project,
    database: RegisteredDatabase,
    source: Source,
    expected: Snapshot,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Stamp:
    """Stamp one database on a connection of the caller's, with proof.

    Args:
        connection: to the target, under its lock, outside of any transaction.
        project: the repository.
        database: the target.
        source: where it came from.
        expected: what of the source's schema it was to get.
        options: what to do.
        scratch: returns the server for scratch databases.
    """

    def stamp() -> Stamp:
        with connection.begin():
            history = History.load(project, database.name)
            return _stamp_under_lock(connection, project, history, database, source, expected, options, scratch)

    return _guarded(database, stamp)


def _guarded(database: RegisteredDatabase, stamp: Callable[[], Stamp]) -> Stamp:
    try:
        return stamp()
    except RefusedError as error:
        return Stamp(
            name=database.name, result="refused", message=str(error), differences=error.differences, error=None
        )
    except (CommandError, SQLAlchemyError) as error:
        message = str(error) if isinstance(error, CommandError) else first_line(error)
        return Stamp(name=database.name, result="failed", message=message, error=error)


def _stamp(
    project: Project,
    database: RegisteredDatabase,
    source: Source,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Stamp:
    history = History.load(project, database.name)
    policies = [row.identity for row in source.crossing(database) if row.kind == "policy"]
    if policies and options.strict:
        raise RefusedError(
            f"the policy {policies[0]} of the source crosses homes and is left out: rows would be unguarded"
        )
    with locked(project, database, history, options) as connection:
        refuse_the_source(connection, database, source)
        expected = source.schema_for(database)
        return _stamp_under_lock(connection, project, history, database, source, expected, options, scratch)


def _stamp_under_lock(
    connection: Connection,
    project: Project,
    history: History,
    database: RegisteredDatabase,
    source: Source,
    expected: Snapshot,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Stamp:
    before = recorded_revisions(connection, database)
    target = _read_target(connection, project, database, source)
    told = _told(source, expected, target)
    wrong = [item for item in told if not item.is_reported]
    if wrong and not options.force:
        raise RefusedError(_not_the_source(database, source, wrong), wrong)
    if options.force:
        choice = Choice(forced(history, source, database, options), "without any proof (--force)")
    else:
        schema = _with_texts(connection, _without_left_over(target, told), options)
        choice = choose(project, history, database, source, schema, options, scratch)
    stamp = Stamp(
        name=database.name,
        result="would stamp",
        revisions=choice.revisions,
        before=before,
        source_revisions=source.known_revisions(database, options.version_table),
        objects=len(target.rows),
        differences=tuple(told),
        drift=choice.drift,
        crossing=tuple(f"{row.definition.get('kind', row.kind)} {row.identity}" for row in source.crossing(database)),
        message=choice.message,
    )
    if choice.written is not None:
        return _written_stamp(stamp, choice.written)
    _refuse_changed(_read_target(connection, project, database, source), target, database)
    return _record(connection, project, history, database, stamp, options)


def _record(
    connection: Connection,
    project: Project,
    history: History,
    database: RegisteredDatabase,
    stamp: Stamp,
    options: StampOptions,
) -> Stamp:
    """Write what was chosen, unless it is recorded already, or nothing shall be written."""
    if is_same(stamp.before, stamp.revisions):
        refuse_wrong_marker(connection, project, database)
        if not options.dry_run and not options.force:
            mark_database(connection, history, database, project.mark_of(database))
        return replace(stamp, result="nothing to do")
    refuse_recorded(connection, project, database, stamp.before, stamp.revisions, options)
    if options.dry_run:
        return stamp
    write_stamp(connection, history, database, stamp.revisions, purge=options.purge)
    mark_database(connection, history, database, replace(project.mark_of(database), unproven=options.force))
    return replace(stamp, result="stamped")


def _read_target(connection: Connection, project: Project, database: RegisteredDatabase, source: Source) -> Snapshot:
    """Read the target's schema: all of it, unless other databases may lie in it, too."""
    schema = read_schema(connection, project.databases, *source.version_tables)
    connection.exec_driver_sql("RESET search_path")
    return home_of(schema, project.databases, database) if database.may_share_with else schema


def _told(source: Source, expected: Snapshot, target: Snapshot) -> list[Difference]:
    """Compare; what pg_dump cannot leave out of another home's is only told, if it is as it was in the source."""
    there = {row.key: _as_left_over(row) for row in source.classification.snapshot.rows if row.kind in _LEFT_OVER}
    here = {row.key: _as_left_over(row) for row in target.rows if row.kind in _LEFT_OVER}

    def is_left_over(item: Difference) -> bool:
        key = item.kind, item.identity
        return item.what == "extra" and key in there and there[key] == here[key]

    told = [replace(item, is_reported=True) if is_left_over(item) else item for item in difference(expected, target)]
    return sorted(told, key=lambda item: item.is_reported)


def _as_left_over(row: Row) -> str:
    """Return a definition without the column that owns a sequence, which stayed in the source."""
    return canonical({name: value for name, value in row.attributes.items() if name != "owned by"})


def _without_left_over(target: Snapshot, told: Sequence[Difference]) -> Snapshot:
    """Return the target without what a dump took along of another home's: no revision of this history makes that."""
    keys = {(item.kind, item.identity) for item in told if item.is_reported and item.kind in _LEFT_OVER}
    nodes = {row.node for row in target.rows if row.key in keys}
    return target.only(lambda row: row.node not in nodes)


def _refuse_changed(now: Snapshot, before: Snapshot, database: RegisteredDatabase) -> None:
    """Refuse a schema that somebody changed while its proof was made."""
    if not is_equal(now, before):
        raise RefusedError(
            f'the schema of "{database.name}" was changed by somebody else while it was compared; nothing was stamped. '
            "Run it again",
            [item for item in difference(before, now) if not item.is_reported],
        )


def _with_texts(connection: Connection, target: Snapshot, options: StampOptions) -> Schema:
    """Read what functions and views are made with, which only a revision needs."""
    if not options.write_revision:
        return Schema(target)
    schema = Schema.read(connection, target)
    connection.exec_driver_sql("RESET search_path")
    return schema


def _not_the_source(database: RegisteredDatabase, source: Source, wrong: Sequence[Difference]) -> str:
    return (
        f'the schema of "{database.name}" is not the part of {source.url} that belongs to it: '
        f"{counted(len(wrong), 'difference')}. Nothing was stamped; import it again, or bring the two together"
    )


def _written_stamp(stamp: Stamp, written: Written) -> Stamp:
    """Say what was written, and what comes next; nothing was stamped."""
    branch = " It begins a branch: merge it with alembic merge heads." if written.is_branch else ""
    if not written.file:
        return replace(
            stamp,
            result="would write revision",
            statements=written.upgrade,
            message=f"{stamp.message}.{branch} Nothing was written or stamped",
        )
    then = f"multidb stamp-from --source ... -n {stamp.name} --revision {written.revision}"
    return replace(
        stamp,
        result="wrote revision",
        files=(written.file,),
        statements=written.upgrade,
        message=f"{stamp.message}.{branch} Nothing was stamped: review the file, then run: {then}",
    )
