"""Which revision is stamped, and what is proven of it: the source's, a named one, or the one with this schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.errors import HistoryError, MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.build import Builder, CannotBuildError
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.options import Revisions, StampOptions
from alembic_multidb.stamp.scratch import ScratchServer
from alembic_multidb.stamp.search import Search, search
from alembic_multidb.stamp.source import Source
from alembic_multidb.stamp.write import CannotWriteError, Written, write_revision


class RefusedError(Exception):
    """The answer is no."""

    def __init__(self, message: str, differences: Sequence[Difference] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class _DiffersError(RefusedError):
    """No revision has the schema, and one may be written on top of the nearest."""

    def __init__(self, base: Revisions, differences: Sequence[Difference], *, is_searched: bool = False) -> None:
        super().__init__("", differences)
        self.base = base
        self.is_searched = is_searched


@dataclass(frozen=True)
class Choice:
    """A revision to stamp, and what was proven of it; or one that was written instead."""

    revisions: Revisions
    message: str
    drift: tuple[Difference, ...] | None = None
    written: Written | None = None


ScratchMaker = Callable[[], ScratchServer]


def choose(
    project: Project,
    history: History,
    database: RegisteredDatabase,
    source: Source,
    target: Schema,
    options: StampOptions,
    scratch: ScratchMaker,
) -> Choice:
    """Find the revision to stamp, or write it; the target is known to equal the source's part."""
    builder = Builder(project, history, scratch(), target.snapshot)
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
) -> Choice:
    if options.revision is not None:
        return _proven_revision(builder, _resolved(history, options.revision), target, options)
    revisions = source.revisions_for(database, options.version_table)
    known = history.without_implied([revision for revision in revisions if history.knows([revision])])
    if known:
        return _source_revision(builder, revisions, known, target, options)
    return _searched(builder, revisions, target, options)


def _write_revision(builder: Builder, error: _DiffersError, target: Schema, options: StampOptions) -> Choice:
    """Write the difference as a revision, unless one has it already."""
    found = None if error.is_searched else search(builder, target.snapshot)
    if found is not None and found.equal:
        raise RefusedError(
            f"the source differs from {words(error.base)}, but {_several(found.equal)} has exactly this schema: "
            f"nothing to write; stamp it with --revision {found.equal[-1][0]}",
            error.differences,
        )
    try:
        written = write_revision(builder, error.base, target, dry_run=options.dry_run)
    except CannotWriteError as reason:
        raise RefusedError(f"{reason}", reason.differences) from None
    verb = "would turn" if options.dry_run else "turns"
    message = f"it {verb} {words(error.base)} into the target's schema, and back, which was tried on a scratch database"
    return Choice((written.revision,) if written.revision else (), message, error.differences, written)


def forced(history: History, source: Source, database: RegisteredDatabase, options: StampOptions) -> Revisions:
    """Return what ``--force`` stamps: the named revision, or the source's."""
    if options.revision is not None:
        return _resolved(history, options.revision)
    revisions = source.revisions_for(database, options.version_table)
    if not history.knows(revisions):
        raise MultidbError(
            f'the history of "{history.name}" does not have the source\'s revision {", ".join(revisions)}; with '
            "--force nothing is looked for: say which revision it is at with --revision"
        )
    return history.without_implied(revisions)


def _resolved(history: History, revision: str) -> Revisions:
    if revision in ("head", "heads"):
        return history.without_implied(history.heads)
    named = [name.strip() for name in revision.split(",")]
    for name in named:
        if not history.has(name):
            raise HistoryError(f'the history of "{history.name}" has no revision "{name}"')
    scripts = history.script.get_revisions(named)
    return history.without_implied([script.revision for script in scripts if script is not None])


def _proven_revision(builder: Builder, revisions: Revisions, target: Snapshot, options: StampOptions) -> Choice:
    """Take the revision that the user names, if its schema is the target's."""
    built = builder.schema_at(revisions)
    wrong = [item for item in difference(built, target) if not item.is_reported]
    if wrong and options.write_revision:
        raise _DiffersError(revisions, wrong)
    if wrong:
        raise RefusedError(
            f"the schema is not that of {words(revisions)}: {counted(len(wrong), 'difference')}. Nothing was stamped",
            wrong,
        )
    return Choice(revisions, f"the schema is that of {words(revisions)}", ())


def _source_revision(
    builder: Builder, revisions: Revisions, known: Revisions, target: Snapshot, options: StampOptions
) -> Choice:
    """Take the source's revision, and say whether the source is what it says."""
    others = [revision for revision in revisions if not builder.history.knows([revision])]
    rest = f"; {words(others)} of the source belongs to another history" if others else ""
    try:
        drift = tuple(item for item in difference(builder.schema_at(known), target) if not item.is_reported)
    except CannotBuildError as error:
        if options.strict:
            raise RefusedError(f"{error}; --strict asks for that proof. Nothing was stamped") from None
        return Choice(known, f"equal to the source, which says {words(known)}; not compared with it: {error}{rest}")
    if drift and options.write_revision:
        raise _DiffersError(known, drift)
    if drift and options.strict:
        raise RefusedError(
            f"the source says {words(known)}, but differs from it in {counted(len(drift), 'thing')}, and --strict was "
            "given. Nothing was stamped",
            drift,
        )
    exactly = f"differs from it in {counted(len(drift), 'thing')}" if drift else "is exactly that"
    return Choice(known, f"equal to the source, which says {words(known)} and {exactly}{rest}", drift)


def _searched(builder: Builder, revisions: Revisions, target: Snapshot, options: StampOptions) -> Choice:
    """Find the revision by its schema: this history does not have the source's."""
    found = search(builder, target)
    if not found.equal and found.nearest and options.write_revision:
        differences = [item for item in found.differences if not item.is_reported]
        raise _DiffersError(found.nearest, differences, is_searched=True)
    if not found.equal:
        raise RefusedError(nothing_equal(builder.history, found), [i for i in found.differences if not i.is_reported])
    if found.unreadable and (options.strict or not options.latest):
        raise RefusedError(
            f"{_several(found.equal)} has this schema, but not every revision could be built, so that another may have "
            f"it as well: {found.unreadable[0]}. Say which one with --revision. Nothing was stamped"
        )
    if len(found.equal) > 1 and not options.latest:
        raise RefusedError(
            f"{_several(found.equal)} have this very schema (they change rows only, or nothing): say which one with "
            "--revision, or --latest for the last. Nothing was stamped"
        )
    chosen = found.equal[-1]
    return Choice(chosen, f"equal to the source; of {found.looked_at} revisions, {words(chosen)} has this schema", ())


def nothing_equal(history: History, found: Search) -> str:
    """Say that no revision has a schema, and which comes nearest."""
    why = f" ({found.unreadable[0]})" if found.unreadable else ""
    if not found.is_whole:
        why += f"; {found.looked_at} states of its branches were looked at, not all"
    if not found.nearest:
        return f'no revision of "{history.name}" could be built{why}; nothing can be said'
    number = sum(not item.is_reported for item in found.differences)
    return (
        f'no revision of "{history.name}" has this schema{why}; the nearest is {words(found.nearest)}, with '
        f"{counted(number, 'difference')}"
    )


def _several(equal: Sequence[Revisions]) -> str:
    return " and ".join(map(words, equal))


def words(revisions: Sequence[str]) -> str:
    """Name revisions, several heads together."""
    return " with ".join(revisions)
