"""``multidb history join``: one history of several whose databases were merged; ids stay, and so do stamps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import rev_id
from sqlalchemy import Connection

from alembic_multidb.env.lock import lock_scope, migration_lock
from alembic_multidb.env.marker import find_version_table
from alembic_multidb.errors import HistoryError, MultidbError
from alembic_multidb.merge.histories import same_revisions
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.stamp.record import recorded_revisions

# What a revision says that has no label.
_NO_LABEL = re.compile(r"^(branch_labels\b[^=\n]*=\s*)None\s*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What came of it.

    Attributes:
        file: the revision that joins the histories.
        revision: its id.
        labels: of each history whose first revision has its name as a label, that name.
        changes: what is to be changed in alembic.ini and registry, as lines to read.
    """

    file: Path
    revision: str
    labels: tuple[str, ...]
    changes: tuple[str, ...]


def join(project: Project, into: str, names: Sequence[str], message: str) -> Joined:
    """Write a revision that joins histories, and let one version table say what several said.

    Args:
        project: the repository; its databases of these names are one physical database.
        into: whose history goes on.
        names: the other histories.
        message: of the revision.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        HistoryError: two histories have an id in common, or one has several heads.
        MultidbError: a history is not at its head in the database, or has no version table there, or is in a schema of
            its own.
    """
    databases = project.select([into, *names])
    into_database = project.databases[into]
    _refuse_schemas(databases, into_database)
    histories = {database.name: History.load(project, database.name) for database in databases}
    _refuse(project, histories)
    with project.connect(into_database) as connection:
        timeout = histories[into].lock_timeout(None)
        with migration_lock(connection, into, lock_scope(into_database), timeout), connection.begin():
            _check_heads(connection, databases, histories)
            labels = tuple(_labelled(histories))
            file, revision = _write(histories, into, message)
            _one_version_table(connection, into_database, [each for each in databases if each.name != into])
    return Joined(file=file, revision=revision, labels=labels, changes=tuple(_changes(histories, into)))


def _refuse_schemas(databases: Sequence[RegisteredDatabase], into: RegisteredDatabase) -> None:
    for database in databases:
        if database.version_table_schema != into.version_table_schema:
            here, there = (each.version_table_schema or DEFAULT_SCHEMA for each in (database, into))
            raise MultidbError(
                f'"{database.name}" is in schema {here}, and "{into.name}" in {there}: in one history, revisions that '
                "name no schema would mean one of them alone. Keep a history for each"
            )


def _refuse(project: Project, histories: dict[str, History]) -> None:
    for finding in same_revisions(project, list(histories)):
        raise HistoryError(str(finding))
    for name, history in histories.items():
        if len(history.heads) != 1:
            raise HistoryError(f'the history of "{name}" has {len(history.heads)} heads: merge them first')


def _check_heads(
    connection: Connection, databases: Sequence[RegisteredDatabase], histories: dict[str, History]
) -> None:
    for database in databases:
        if find_version_table(connection, database) is None:
            raise MultidbError(
                f'the database has no version table "{database.version_table}" of "{database.name}": merge the '
                "databases first (multidb merge), and change the registry as it says"
            )
        found = recorded_revisions(connection, database)
        if found != histories[database.name].heads:
            raise MultidbError(
                f'"{database.name}" is at {", ".join(found) or "no revision"}, not at its head: '
                f"alembic -n {database.name} upgrade head"
            )


def _labelled(histories: dict[str, History]) -> Iterator[str]:
    """Give the first revision of each history its name as a label, if it has none and its file says so."""
    for name, history in histories.items():
        (base,) = history.script.get_bases()[:1]
        path = Path(history.revisions[base].path)
        text = path.read_text(encoding="utf-8")
        changed, count = _NO_LABEL.subn(rf'\g<1>("{name}",)', text)
        if count == 1:
            path.write_text(changed, encoding="utf-8")
        if count == 1 or name in history.revisions[base].branch_labels:
            yield name


def _write(histories: dict[str, History], into: str, message: str) -> tuple[Path, str]:
    """Write the revision that has all heads before it."""
    config = histories[into].config
    config.set_main_option("version_locations", os.pathsep.join(_locations(histories)).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    heads = [head for history in histories.values() for head in history.heads]
    made = script.generate_revision(
        rev_id(),
        message,
        head=heads,
        refresh=True,
        version_path=histories[into].script.version_locations[0],
        config=config,
    )
    if made is None:
        raise HistoryError("the revision that joins the histories could not be written: the template made no file")
    return Path(made.path), made.revision


def _locations(histories: dict[str, History]) -> list[str]:
    found = [str(place) for history in histories.values() for place in history.script.version_locations]
    return list(dict.fromkeys(found))


def _one_version_table(connection: Connection, into: RegisteredDatabase, others: Sequence[RegisteredDatabase]) -> None:
    """Let one version table say what all said, and drop the others."""
    contexts = [_context(connection, database) for database in (into, *others)]
    for context in contexts[1:]:
        for revision in context.get_current_heads():
            connection.execute(contexts[0]._version.insert().values(version_num=revision))
        context._version.drop(connection)


def _context(connection: Connection, database: RegisteredDatabase) -> MigrationContext:
    options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
    return MigrationContext.configure(connection, opts=options)


def _changes(histories: dict[str, History], into: str) -> Iterator[str]:
    others = ", ".join(name for name in histories if name != into)
    folder = Path(str(histories[into].config.config_file_name)).parent
    places = [os.path.relpath(place, folder) for place in _locations(histories)]
    yield "In alembic.ini:"
    yield f"  [{into}]"
    yield f"  version_locations = {os.pathsep.join(f'%(here)s/{place}' for place in places)}"
    yield f"  and without the section of {others}"
    yield "In the registry:"
    yield f'  one Database("{into}", default=True, ...) with the tables and extensions of all, without {others}'
    yield "Then:"
    yield f"  alembic -n {into} upgrade head"
