"""``multidb stamp-from``: stamp an imported schema, with proof that it is what its revision says.

The target must equal the part of the source that belongs to it. Then the source's revision is the target's, if this
history has it; else the revision is found whose schema is the target's. Only then is anything written, in one
transaction, under the lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.config import lock_timeout as read_lock_timeout
from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.marker import Mark, find_markers, find_version_table, set_marker, wrong_markers
from alembic_multidb.env.pooler import refuse_transaction_pooler
from alembic_multidb.errors import HistoryError, MultidbError, WrongDatabaseError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.stamp.build import Builder, CannotBuildError
from alembic_multidb.stamp.ddl_schema import Schema
from alembic_multidb.stamp.schema import read_schema
from alembic_multidb.stamp.scratch import ScratchServer
from alembic_multidb.stamp.search import Search, search
from alembic_multidb.stamp.source import Source, connect_source, read_source
from alembic_multidb.stamp.write import CannotWriteError, Written, write_revision
from alembic_multidb.urls import DatabaseURL

Result = Literal[
    "stamped", "would stamp", "nothing to do", "refused", "failed", "wrote revision", "would write revision"
]
Revisions = tuple[str, ...]

_TAKE = text("SELECT pg_try_advisory_xact_lock(:key)")


@dataclass(frozen=True, kw_only=True)
class StampOptions:
    """What to do, and how strictly.

    Attributes:
        names: which databases; all of them if empty.
        revision: the revision to stamp, instead of the source's own; it is proven, too.
        version_table: the source's version table, if it has another name than the database's own.
        latest: of several revisions with one schema, take the latest.
        strict: refuse where the source is not exactly what its revision says.
        dry_run: say what would be stamped, and change nothing.
        purge: replace what is recorded already.
        force: stamp without any proof; the marker then says so.
        write_revision: where no revision has the schema, or the source differs from its own, write one that does.
        lock_timeout: seconds to wait for each database's lock; None for what alembic.ini says.
    """

    names: tuple[str, ...] = ()
    revision: str | None = None
    version_table: TableName | None = None
    latest: bool = False
    strict: bool = False
    dry_run: bool = False
    purge: bool = False
    force: bool = False
    write_revision: bool = False
    lock_timeout: float | None = None


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
    files: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    message: str = ""
    error: BaseException | None = None


class RefusedError(Exception):
    """The answer is no."""

    def __init__(self, message: str, differences: Sequence[Difference] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class _DiffersError(RefusedError):
    """No revision has the schema, and one may be written on top of the nearest."""

    def __init__(self, base: Revisions, differences: Sequence[Difference]) -> None:
        super().__init__("", differences)
        self.base = base


@dataclass(frozen=True)
class _Choice:
    """A revision to stamp, and what was proven of it; or one that was written instead."""

    revisions: Revisions
    message: str
    drift: tuple[Difference, ...] | None = None
    written: Written | None = None


ScratchMaker = Callable[[], ScratchServer]


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
    also = (options.version_table,) if options.version_table else ()
    done = []
    databases = project.databases.in_order(database.name for database in project.select(options.names))
    with connect_source(source_url) as connection:
        source = read_source(connection, source_url, project, *also)
        for database in databases:
            done.append(_guarded(project, database, source, connection, options, scratch))
            report(done[-1])
    return done


def _guarded(
    project: Project,
    database: RegisteredDatabase,
    source: Source,
    source_connection: Connection,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Stamp:
    try:
        return _stamp(project, database, source, source_connection, options, scratch)
    except RefusedError as error:
        return Stamp(
            name=database.name, result="refused", message=str(error), differences=error.differences, error=None
        )
    except MultidbError as error:
        return Stamp(name=database.name, result="failed", message=str(error), error=error)


def _stamp(
    project: Project,
    database: RegisteredDatabase,
    source: Source,
    source_connection: Connection,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Stamp:
    history = History.load(project, database.name)
    expected = source.schema_for(database)
    with _locked(project, database, history, options) as connection:
        _refuse_the_source(connection, source_connection, database, source)
        before = _recorded(connection, database)
        target = read_schema(connection, project.databases)
        connection.exec_driver_sql("RESET search_path")
        told = difference(expected, target)
        wrong = [item for item in told if not item.is_reported]
        if wrong and not options.force:
            raise RefusedError(_not_the_source(database, source, wrong), wrong)
        if options.force:
            choice = _Choice(_forced(history, source, database, options), "without any proof (--force)")
        else:
            schema = _with_texts(connection, target, options)
            choice = _choose(project, history, database, source, schema, options, scratch)
        stamp = Stamp(
            name=database.name,
            result="would stamp",
            revisions=choice.revisions,
            before=before,
            source_revisions=source.revisions.get(options.version_table or database.declaration.version_table_name, ()),
            objects=len(target.rows),
            differences=tuple(told),
            drift=choice.drift,
            message=choice.message,
        )
        if choice.written is not None:
            return _written_stamp(stamp, choice.written)
        if _same(history, before, choice.revisions) and not options.force:
            if not options.dry_run:
                _mark(connection, database, project.mark_of(database))
            return replace(stamp, result="nothing to do")
        _refuse_recorded(connection, project, database, before, choice.revisions, options)
        if options.dry_run:
            return stamp
        _write(connection, history, database, choice.revisions, purge=options.purge)
        _mark(connection, database, replace(project.mark_of(database), unproven=options.force))
    return replace(stamp, result="stamped")


def _with_texts(connection: Connection, target: Snapshot, options: StampOptions) -> Schema:
    """Read what functions and views are made with, which only a revision needs."""
    if not options.write_revision:
        return Schema(target)
    schema = Schema.read(connection, target)
    connection.exec_driver_sql("RESET search_path")
    return schema


@contextmanager
def _locked(
    project: Project, database: RegisteredDatabase, history: History, options: StampOptions
) -> Iterator[Connection]:
    """Connect to the target and hold its lock; what is done inside is one transaction."""
    timeout = options.lock_timeout
    if timeout is None:
        timeout = read_lock_timeout(history.config, {})
    with project.connect(database) as connection:
        refuse_transaction_pooler(connection, database)
        with migration_lock(connection, database.name, lock_scope(database), timeout), connection.begin():
            yield connection


def _refuse_the_source(
    target: Connection, source_connection: Connection, database: RegisteredDatabase, source: Source
) -> None:
    """Refuse a target that is the source itself: a lock that nobody can know of is seen from the other side."""
    key = {"key": secrets.randbits(63)}
    target.execute(_TAKE, key)
    if not source_connection.execute(_TAKE, key).scalar():
        raise MultidbError(
            f'the URL of "{database.name}" leads to the source itself ({source.url}), which is only ever read; give '
            f'"{database.name}" the URL of the database that was imported'
        )


def _not_the_source(database: RegisteredDatabase, source: Source, wrong: Sequence[Difference]) -> str:
    return (
        f'the schema of "{database.name}" is not the part of {source.url} that belongs to it: '
        f"{len(wrong)} differences. Nothing was stamped; import it again, or bring the two together"
    )


def _recorded(connection: Connection, database: RegisteredDatabase) -> Revisions:
    options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
    return tuple(sorted(MigrationContext.configure(connection, opts=options).get_current_heads()))


def _same(history: History, before: Revisions, revisions: Revisions) -> bool:
    return bool(before) and set(before) == set(revisions)


def _forced(history: History, source: Source, database: RegisteredDatabase, options: StampOptions) -> Revisions:
    if options.revision is not None:
        return _resolved(history, options.revision)
    revisions = source.revisions_for(database, options.version_table)
    if not history.knows(revisions):
        raise MultidbError(
            f'the history of "{history.name}" does not have the source\'s revision {", ".join(revisions)}; with '
            "--force nothing is looked for: say which revision it is at with --revision"
        )
    return revisions


def _resolved(history: History, revision: str) -> Revisions:
    if revision in ("head", "heads"):
        return history.heads
    if not history.has(revision):
        raise HistoryError(f'the history of "{history.name}" has no revision "{revision}"')
    return tuple(sorted(script.revision for script in history.script.get_revisions(revision) if script is not None))


def _choose(
    project: Project,
    history: History,
    database: RegisteredDatabase,
    source: Source,
    target: Schema,
    options: StampOptions,
    scratch: ScratchMaker,
) -> _Choice:
    """Find the revision to stamp, or write it; the target is known to equal the source's part."""
    builder = Builder(project, history, scratch())
    try:
        return _existing(builder, history, database, source, target.snapshot, options)
    except _DiffersError as error:
        return _write_revision(builder, error, target, options)
    finally:
        builder.close()


def _existing(
    builder: Builder,
    history: History,
    database: RegisteredDatabase,
    source: Source,
    target: Snapshot,
    options: StampOptions,
) -> _Choice:
    if options.revision is not None:
        return _proven_revision(builder, _resolved(history, options.revision), target, options)
    revisions = source.revisions_for(database, options.version_table)
    known = tuple(revision for revision in revisions if history.knows([revision]))
    if known:
        return _source_revision(builder, revisions, known, target, options)
    return _searched(builder, revisions, target, options)


def _write_revision(builder: Builder, error: _DiffersError, target: Schema, options: StampOptions) -> _Choice:
    """Write the difference as a revision, unless one has it already."""
    found = search(builder, target.snapshot)
    if found.equal:
        raise RefusedError(
            f"the source differs from {_words(error.base)}, but {_several(found.equal)} has exactly this schema: "
            f"nothing to write; stamp it with --revision {found.equal[-1][0]}",
            error.differences,
        )
    try:
        written = write_revision(builder, error.base, target, dry_run=options.dry_run)
    except CannotWriteError as reason:
        raise RefusedError(f"{reason}", reason.differences) from None
    verb = "would turn" if options.dry_run else "turns"
    message = (
        f"it {verb} {_words(error.base)} into the target's schema, and back, which was tried on a scratch database"
    )
    return _Choice((written.revision,) if written.revision else (), message, error.differences, written)


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


def _proven_revision(builder: Builder, revisions: Revisions, target: Snapshot, options: StampOptions) -> _Choice:
    """Take the revision that the user names, if its schema is the target's."""
    built = builder.schema_at(revisions)
    wrong = [item for item in difference(built, target) if not item.is_reported]
    if wrong and options.write_revision:
        raise _DiffersError(revisions, wrong)
    if wrong:
        raise RefusedError(
            f"the schema is not that of {_words(revisions)}: {len(wrong)} differences. Nothing was stamped", wrong
        )
    return _Choice(revisions, f"the schema is that of {_words(revisions)}", ())


def _source_revision(
    builder: Builder, revisions: Revisions, known: Revisions, target: Snapshot, options: StampOptions
) -> _Choice:
    """Take the source's revision, and say whether the source is what it says."""
    others = [revision for revision in revisions if revision not in known]
    rest = f"; {_words(others)} of the source belongs to another history" if others else ""
    try:
        drift = tuple(item for item in difference(builder.schema_at(known), target) if not item.is_reported)
    except CannotBuildError as error:
        if options.strict:
            raise RefusedError(f"{error}; --strict asks for that proof. Nothing was stamped") from None
        return _Choice(known, f"equal to the source, which says {_words(known)}; not compared with it: {error}{rest}")
    if drift and options.write_revision:
        raise _DiffersError(known, drift)
    if drift and options.strict:
        raise RefusedError(
            f"the source says {_words(known)}, but differs from it in {len(drift)} things, and --strict was given. "
            "Nothing was stamped",
            drift,
        )
    exactly = f"differs from it in {len(drift)} things" if drift else "is exactly that"
    return _Choice(known, f"equal to the source, which says {_words(known)} and {exactly}{rest}", drift)


def _searched(builder: Builder, revisions: Revisions, target: Snapshot, options: StampOptions) -> _Choice:
    """Find the revision by its schema: this history does not have the source's."""
    found = search(builder, target)
    if not found.equal and found.nearest and options.write_revision:
        raise _DiffersError(found.nearest, [item for item in found.differences if not item.is_reported])
    if not found.equal:
        raise RefusedError(nothing_equal(builder.history, found), [i for i in found.differences if not i.is_reported])
    if len(found.equal) > 1 and not options.latest:
        raise RefusedError(
            f"{_several(found.equal)} have this very schema (they change rows only, or nothing): say which one with "
            "--revision, or --latest for the last. Nothing was stamped"
        )
    chosen = found.equal[-1]
    return _Choice(chosen, f"equal to the source; of {found.looked_at} revisions, {_words(chosen)} has this schema", ())


def nothing_equal(history: History, found: Search) -> str:
    """Say that no revision has a schema, and which comes nearest."""
    why = f" ({found.unreadable[0]})" if found.unreadable else ""
    if not found.nearest:
        return f'no revision of "{history.name}" could be built{why}; nothing can be said'
    counted = sum(not item.is_reported for item in found.differences)
    return (
        f'no revision of "{history.name}" has this schema{why}; the nearest is {_words(found.nearest)}, with '
        f"{counted} differences"
    )


def _several(equal: Sequence[Revisions]) -> str:
    return " and ".join(map(_words, equal))


def _words(revisions: Sequence[str]) -> str:
    return " with ".join(revisions)


def _refuse_recorded(
    connection: Connection,
    project: Project,
    database: RegisteredDatabase,
    before: Revisions,
    revisions: Revisions,
    options: StampOptions,
) -> None:
    if before and not options.purge:
        raise RefusedError(
            f'"{database.name}" is stamped already, as {_words(before)}; it would be {_words(revisions)}. If that came '
            "along with a copy, replace it with --purge. Nothing was stamped"
        )
    others = [marker for marker in find_markers(connection, database) if not marker.is_own]
    wrong = wrong_markers(others, database, project.mark_of(database))
    if wrong:
        raise WrongDatabaseError(
            f'table {wrong[0].table} of the same database is marked as "{wrong[0].mark}"; drop it if it came along '
            f'with a copy, or check the URL of "{database.name}"'
        )


def _write(
    connection: Connection, history: History, database: RegisteredDatabase, revisions: Revisions, *, purge: bool
) -> None:
    """Record the revisions, as Alembic's own stamp does."""
    schema = database.version_table_schema
    if schema is not None and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema))
    options = {"version_table": database.version_table, "version_table_schema": schema}
    context = MigrationContext.configure(connection, opts=options)
    if purge and find_version_table(connection, database) is not None:
        connection.execute(context._version.delete())
    context.stamp(history.script, revisions)  # type: ignore[arg-type]
    recorded = _recorded(connection, database)
    if set(recorded) != set(revisions):
        raise MultidbError(f"the version table says {recorded} after the stamp, not {revisions}; nothing was stamped")


def _mark(connection: Connection, database: RegisteredDatabase, mark: Mark) -> None:
    existing = find_version_table(connection, database)
    if existing is not None and existing.is_owner and existing.mark != mark:
        connection.execute(set_marker(database, mark.comment(existing.comment)))
