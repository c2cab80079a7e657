"""``merge --write-revision``: what is changed on purpose, as a revision of the history whose tables it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from psycopg import sql

from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.model import Cast, MergePlan, Part, Reference
from alembic_multidb.merge.undo import CAST, REVISION
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.split.model import Finding
from alembic_multidb.stamp.ddl.statements import Statements
from alembic_multidb.stamp.write import as_python
from alembic_multidb.transfer.target import Target

MESSAGE = "foreign keys in the place of soft references"


def unwritable(project: Project, plan: MergePlan) -> Iterator[Finding]:
    """Find the histories that no revision can be put on top of: the database is not at their one head."""
    for part in _changed(plan):
        heads = History.load(project, part.name).heads
        # A killed run may have written it, and not yet said so.
        is_written = heads == (_id(plan, part),)
        if len(heads) != 1 or not (is_written or part.revisions == heads):
            yield Finding(
                kind="write-revision",
                severity="refused",
                database=part.name,
                object=part.name,
                message=f"it is at {', '.join(part.revisions or ()) or 'no revision'}, and its history's head is "
                f"{', '.join(heads) or 'nowhere'}: a revision could not be written on top",
                fix=f"alembic -n {part.name} upgrade head, or leave --write-revision out",
            )


def write(project: Project, plan: MergePlan, target: Target) -> list[str]:
    """Write a revision into each history whose tables were changed, and say in the target that it was run.

    Done again, it writes nothing twice: the revision's id is told by what it does.

    Args:
        project: the repository.
        plan: the merge.
        target: with the changes made.

    Returns:
        What was written, as lines to read.

    Raises:
        MultidbError: a file could not be written.
    """
    done = []
    target.read_steps()
    # Of an earlier run as well: a column that has its new type is in no plan any more.
    casts = [_cast_of(step.facts) for step in target.done(CAST).values()]
    for part in _changed(plan):
        history = History.load(project, part.name)
        revision = _id(plan, part)
        if revision not in history.revisions:
            path = _write(history, revision, *_statements(plan, part, casts))
            done.append(f"revision {revision} of {part.name}: {path}")
        _record(target, part, revision)
    return done


def _changed(plan: MergePlan) -> Iterator[Part]:
    tables = {reference.table for reference in plan.references}
    for part in plan.all_parts:
        if tables & part.relations.keys():
            yield part


def _id(plan: MergePlan, part: Part) -> str:
    return sha256("\n".join([part.name, *map(_add, _references(plan, part))]).encode()).hexdigest()[:12]


def _references(plan: MergePlan, part: Part) -> list[Reference]:
    return [reference for reference in plan.references if reference.table in part.relations]


def _cast_of(facts: Mapping[str, Any]) -> Cast:
    schema, name = facts["table"]
    return Cast(table=(schema, name), column=facts["column"], old=facts["old"], new=facts["new"])


def _statements(plan: MergePlan, part: Part, all_casts: list[Cast]) -> tuple[list[str], list[str]]:
    casts = [cast for cast in all_casts if cast.table in part.relations]
    references = _references(plan, part)
    up = [*(_cast(cast, cast.new) for cast in casts), *map(_add, references)]
    down = [*map(_drop, references), *(_cast(cast, cast.old) for cast in casts)]
    return up, down


def _cast(cast: Cast, new: str) -> str:
    column = sql.Identifier(cast.column)
    statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {} USING {}::text::{}")
    return statement.format(sql.Identifier(*cast.table), column, sql.SQL(new), column, sql.SQL(new)).as_string()


def _add(reference: Reference) -> str:
    statement = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
    table, name = sql.Identifier(*reference.table), sql.Identifier(reference.name)
    return statement.format(table, name, sql.SQL(reference.definition)).as_string()


def _drop(reference: Reference) -> str:
    statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
    return statement.format(sql.Identifier(*reference.table), sql.Identifier(reference.name)).as_string()


def _write(history: History, revision: str, up: list[str], down: list[str]) -> Path:
    made = history.script.generate_revision(
        revision,
        MESSAGE,
        head=list(history.heads),
        config=history.config,
        imports="",
        upgrades=as_python(Statements((), tuple(up))),
        downgrades=as_python(Statements((), tuple(down))),
    )
    if made is None:
        raise MultidbError(f'the revision of "{history.name}" was not written; the template made no file')
    return Path(made.path)


def _record(target: Target, part: Part, revision: str) -> None:
    database = part.database
    options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
    where = (database.version_table_schema or target.connection.dialect.default_schema_name, database.version_table)
    with target.connection.begin():
        target.journal.fence(target.lead)
        before = {"version_table": where, "before": part.revisions or (), "revision": revision}
        target.journal.record(target.lead, [(f"{REVISION}{part.name}", "")], before)
        table = MigrationContext.configure(target.connection, opts=options)._version
        target.connection.execute(table.update().values(version_num=revision))
