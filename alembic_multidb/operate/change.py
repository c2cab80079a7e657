"""Upgrade and downgrade on several databases, one after the other."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script

from alembic_multidb.errors import ConfigurationError, MultidbError, WrongDatabaseError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.outcome import Outcome, Report, change_each, failed
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus, look_at
from alembic_multidb.registry import RegisteredDatabase

Direction = Literal["upgrade", "downgrade"]

# Reading the state after a change must not fail because the server is busy.
_PATIENCE, _IMPATIENCE = 30.0, 2.0

# What stands for the newest revisions of any history.
_ALL_HEADS = ("head", "heads")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What to do with the databases.

    Attributes:
        direction: upgrade or downgrade.
        revision: as Alembic takes it; without names, a revision's id (or heads), for the histories that have it.
        names: which databases; all of them if empty.
        lock_timeout: seconds to wait for each database's lock; None for what alembic.ini says.
    """

    direction: Direction
    revision: str
    names: tuple[str, ...] = ()
    lock_timeout: float | None = None


def run(project: Project, change: Change, *, report: Report = lambda outcome: None) -> list[Outcome]:
    """Upgrade or downgrade databases; a failure stops those that depend on the failed one, and no other.

    Args:
        project: the repository.
        change: what to do.
        report: called with the outcome of each database when it is known.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        MultidbError: no history has the revision, or it must be said of which database it is meant.
    """
    return _on_each(project, change, lambda history: move(project, history, change), report)


def plan(project: Project, change: Change, *, report: Report = lambda outcome: None) -> list[Outcome]:
    """Say what :func:`run` would do now, and change nothing."""
    return _on_each(project, change, lambda history: _foresee(project, history, change), report)


def write_sql(
    project: Project, change: Change, folder: Path, *, report: Report = lambda outcome: None
) -> list[Outcome]:
    """Write what :func:`run` would send as ``NAME.sql`` for each database, as Alembic's ``--sql`` prints it.

    Nothing is connected to, so that a script begins at the base, or where ``FROM:TO`` says.

    Args:
        project: the repository.
        change: what to do.
        folder: is made if it is missing.
        report: called with the outcome of each database when it is known.

    Raises:
        MultidbError: as for :func:`run`, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from None
    return _on_each(project, change, lambda history: _write(history, change, folder), report, folder=folder)


def _on_each(
    project: Project,
    change: Change,
    do: Callable[[History], Outcome],
    report: Report,
    *,
    folder: Path | None = None,
) -> list[Outcome]:
    histories = {each.name: History.load(project, each.name) for each in project.select(change.names)}
    concerned = _concerned(histories, change)

    def change_one(database: RegisteredDatabase) -> Outcome:
        if database.name in concerned:
            return do(histories[database.name])
        message = f'its history has no revision "{change.revision}"'
        if folder is not None and _script(folder, database.name).exists():
            message += f", and {_script(folder, database.name)} is of an earlier run"
        return Outcome(name=database.name, result="nothing to do", message=message)

    def dependents(database: RegisteredDatabase) -> Collection[str]:
        return [other.name for other in databases if database.name in other.depends_on]

    databases = project.databases.in_order(histories)
    if change.direction == "upgrade":
        return change_each(databases, change_one, report)
    return change_each(databases[::-1], change_one, report, needs=dependents)


def _concerned(histories: Mapping[str, History], change: Change) -> Collection[str]:
    """Return the databases that the change is about: without names, those whose history has the revision."""
    if change.names or (change.direction == "upgrade" and change.revision in _ALL_HEADS):
        return histories.keys()
    target = change.revision.rpartition(":")[2]
    found = [name for name, history in histories.items() if history.has(target)]
    if not found:
        raise MultidbError(
            f'no history has a revision "{target}"; for all databases at once it must be the id of one. '
            "For anything else (base, -1, ...) say which database is meant: "
            f"multidb {change.direction} -n NAME {change.revision} (NAME: {', '.join(histories)})"
        )
    return found


def move(project: Project, history: History, change: Change) -> Outcome:
    """Run Alembic's command; which revisions it is about is only known under the lock."""
    history.lock_timeout(change.lock_timeout)
    before: list[tuple[str, ...]] = []
    steps: list[Script] = []

    # Alembic's own commands hand in functions of these names.
    def upgrade(current: Any, context: Any) -> Any:
        before.append(tuple(current))
        steps.extend(history.upgrade_steps(current, change.revision))
        return history.script._upgrade_revs(change.revision, current)

    def downgrade(current: Any, context: Any) -> Any:
        before.append(tuple(current))
        steps.extend(history.downgrade_steps(current, change.revision))
        return history.script._downgrade_revs(change.revision, current)

    function = upgrade if change.direction == "upgrade" else downgrade
    problem: BaseException | None = None
    try:
        with EnvironmentContext(
            history.config,
            history.script,
            fn=function,
            as_sql=False,
            starting_rev=None,
            destination_rev=change.revision,
            tag=None,
        ):
            history.script.run_env()
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # a revision may raise anything
        problem = error
    # Whoever has interrupted it does not want to wait for a database that does not answer.
    after = look_at(project, history, timeout=_IMPATIENCE if isinstance(problem, KeyboardInterrupt) else _PATIENCE)
    ran = _ran(history, change, steps, after)
    if problem is not None:
        outcome = failed(history.name, problem)
    else:
        outcome = Outcome(name=history.name, result="done" if steps else "nothing to do")
    return replace(outcome, steps=ran, before=before[0] if before else None, status=after)


def _ran(history: History, change: Change, steps: Sequence[Script], after: DatabaseStatus) -> tuple[str, ...]:
    """Return the steps that are done, told by where the database stands now."""
    if not after.is_reachable or not history.knows(after.revisions):
        return ()
    missing = {step.revision for step in history.upgrade_steps(after.revisions)}
    undone = change.direction == "downgrade"
    return tuple(step.revision for step in steps if (step.revision in missing) == undone)


def _foresee(project: Project, history: History, change: Change) -> Outcome:
    seen = look_at(project, history)
    if seen.state in ("unreachable", "wrong database", "ahead"):
        return failed(history.name, WrongDatabaseError(seen.detail))
    find = history.upgrade_steps if change.direction == "upgrade" else history.downgrade_steps
    steps = find(seen.revisions, change.revision)
    return Outcome(
        name=history.name,
        result="would run" if steps else "nothing to do",
        steps=tuple(step.revision for step in steps),
        before=seen.revisions,
        status=seen,
        notes=tuple(f"{step.revision}  {step.doc}" for step in steps),
    )


def _write(history: History, change: Change, folder: Path) -> Outcome:
    """Write one script; one that is only begun has another name."""
    buffer = io.StringIO()
    history.config.output_buffer = buffer
    revision = "heads" if change.revision in _ALL_HEADS else change.revision
    getattr(command, change.direction)(history.config, revision, sql=True)
    file = _script(folder, history.name)
    unfinished = file.with_suffix(".sql.part")
    unfinished.write_text(buffer.getvalue(), encoding="utf-8")
    unfinished.replace(file)
    return Outcome(name=history.name, result="done", files=(str(file),))


def _script(folder: Path, name: str) -> Path:
    return folder / f"{name}.sql"
