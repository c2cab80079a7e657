"""A revision that holds exactly what a live schema has beyond a history's, written and proven before it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.util import rev_id
from sqlalchemy import Connection

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.status import counted
from alembic_multidb.stamp.build import Builder
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.ddl.statements import Statements, statements

MESSAGE = "what the source has beyond {base}"
# What text(), which op.execute() makes of a string, takes for a parameter, or for one that was escaped.
_PARAMETER = re.compile(r"\\:|(?<![:\w$]):(?=[\w$])")


class CannotWriteError(MultidbError):
    """No revision can be written that makes a history's schema the live one.

    Attributes:
        differences: what would be left.
    """

    def __init__(self, message: str, differences: Sequence[Difference] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


@dataclass(frozen=True)
class Written:
    """A revision that was proven.

    Attributes:
        revision: its id; empty if it was not written.
        file: where it is; empty likewise.
        upgrade: its statements.
        downgrade: those that take it back.
        is_branch: whether it stands beside revisions that its parent has already.
    """

    revision: str
    file: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]
    is_branch: bool


def write_revision(builder: Builder, base: Sequence[str], target: Schema, *, dry_run: bool) -> Written:
    """Write a revision on top of others that makes their schema a live one, and whose downgrade takes that back.

    It is run on a scratch database, both ways, before it is kept.

    Args:
        builder: of the history.
        base: the revisions to start from; several heads are merged.
        target: the live schema, restricted to the history's home.
        dry_run: write no file; the statements are still run.

    Raises:
        CannotWriteError: the statements do not make the one schema the other.
    """
    old = _built(builder, base)
    up, down = statements(old, target), statements(target, old)
    wanted = [item for item in difference(old.snapshot, target.snapshot) if not item.is_reported]
    is_branch = not set(base) <= set(builder.history.heads)
    if dry_run:
        _try_out(builder, up, down, old.snapshot, target.snapshot, wanted)
        return Written("", "", (*up.first, *up.rest), (*down.first, *down.rest), is_branch)
    script = _write(builder.history, base, up, down)
    path = Path(script.file)
    written = replace(script, is_branch=is_branch)
    try:
        _prove(builder, written.revision, old.snapshot, target.snapshot, wanted)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


def _built(builder: Builder, base: Sequence[str]) -> Schema:
    snapshot = builder.schema_at(base)
    assert builder.current is not None
    with builder.server.connect(builder.current) as connection, connection.begin():
        return Schema.read(connection, snapshot)


def _write(history: History, base: Sequence[str], up: Statements, down: Statements) -> Written:
    """Write the file as ``alembic revision`` does: the project's template, names and hooks."""
    revision = rev_id()
    try:
        script = history.script.generate_revision(
            revision,
            MESSAGE.format(base=" and ".join(base)),
            head=list(base),
            splice=True,
            config=history.config,
            imports="",
            upgrades=as_python(up),
            downgrades=as_python(down),
        )
    except BaseException as error:  # a template or a hook of the project's may raise anything
        _remove(history, revision)
        if isinstance(error, Exception):
            raise CannotWriteError(f"the revision cannot be written: {error}") from error
        raise
    if script is None:
        raise CannotWriteError("the revision was not written; Alembic's script directory refused it")
    return Written(script.revision, script.path, (*up.first, *up.rest), (*down.first, *down.rest), False)


def _remove(history: History, revision: str) -> None:
    """Delete the file of a revision, wherever the project's settings have put it, under whatever name."""
    for folder in history.script._version_locations:
        for file in Path(folder).rglob("*.py"):
            if revision in file.read_text(encoding="utf-8", errors="replace"):
                file.unlink()


def as_python(made: Statements) -> str:
    """Return statements as the body of upgrade() or downgrade(), its first line without indentation."""
    lines = []
    if made.first:
        lines.append("with op.get_context().autocommit_block():")
        lines += [f"    {_call(statement, 8)}" for statement in made.first]
    lines += [_call(statement, 4) for statement in made.rest]
    return "\n    ".join(lines)


def _call(statement: str, indent: int) -> str:
    """Return the call that executes a statement, in as few quotes as it takes."""
    text = _PARAMETER.sub(lambda match: "\\" + match[0], statement)
    prefix = "r" if "\\" in text else ""
    if "\n" not in text and len(text) + indent < 100 and '"' not in text and not text.endswith("\\"):
        return f'op.execute({prefix}"{text}")'
    if '"""' in text or text.endswith("\\"):
        return f"op.execute({text!r})"
    # A line of its own for each end, which SQL does not mind.
    return f'op.execute({prefix}"""\n{text}\n""")'


def _prove(builder: Builder, revision: str, old: Snapshot, new: Snapshot, wanted: Sequence[Difference]) -> None:
    """Run the revision as it is in the file, on a scratch database, up and down."""
    builder.history = History.load(builder.project, builder.history.name)
    try:
        upgraded = builder.schema_at((revision,))
        _refuse_unequal(upgraded, new)
        downgraded = builder.downgrade_one()
    except CannotWriteError:
        raise
    except Exception as error:  # what a revision does may raise anything
        builder.forget()
        raise CannotWriteError(_cannot(str(error)), wanted) from error
    _refuse_unequal(downgraded, old, back=True)


def _try_out(
    builder: Builder,
    up: Statements,
    down: Statements,
    old: Snapshot,
    new: Snapshot,
    wanted: Sequence[Difference],
) -> None:
    assert builder.current is not None
    try:
        with builder.server.connect(builder.current) as connection:
            _run(connection, up)
            _refuse_unequal(builder.read(connection), new)
            connection.rollback()
            _run(connection, down)
            _refuse_unequal(builder.read(connection), old, back=True)
    except CannotWriteError:
        raise
    except Exception as error:  # see above
        raise CannotWriteError(_cannot(str(error)), wanted) from error
    finally:
        builder.forget()


def _run(connection: Connection, made: Statements) -> None:
    for part in ([statement] for statement in made.first), [made.rest]:
        _run_each(connection, part)


def _run_each(connection: Connection, transactions: Iterable[Sequence[str]]) -> None:
    for statements_of_one in transactions:
        with connection.begin():
            for statement in statements_of_one:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _refuse_unequal(built: Snapshot, wanted: Snapshot, *, back: bool = False) -> None:
    left = [item for item in difference(built, wanted) if not item.is_reported]
    if left:
        way = "downgraded" if back else "upgraded"
        raise CannotWriteError(
            _cannot(f"{counted(len(left), 'difference')} would be left of a database that is {way}"), left
        )


def _cannot(why: str) -> str:
    first = why.splitlines()[0] if why else "it failed"
    return f"no revision can be written that is proven to be the difference: {first}. These are left to you:"
