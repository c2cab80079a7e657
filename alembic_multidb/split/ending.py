"""What a filled target gets last: its revision, with proof, and what no dump of a database holds."""

from __future__ import annotations

from collections.abc import Sequence

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.env.marker import find_version_table, mark_version_table
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.database import copy_to_database
from alembic_multidb.split.model import Setting
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.settings import replay
from alembic_multidb.split.work import Work
from alembic_multidb.stamp.choose import ScratchMaker
from alembic_multidb.stamp.options import StampOptions
from alembic_multidb.stamp.source import Source
from alembic_multidb.stamp.stamp import Stamp, stamp_connected
from alembic_multidb.transfer.session import pin, raw


def stamp(project: Project, ready: Prepared, work: Work, scratch: ScratchMaker) -> Stamp:
    """Stamp a filled target with proof; where that cannot be had, its version table is empty, and says whose it is.

    Args:
        project: the repository.
        ready: the split.
        work: the target, under its lock.
        scratch: returns the server for scratch databases.

    Raises:
        MultidbError: the database cannot be asked, or written to.
    """
    with work.target.connection.begin():
        # Where its version table is, too, depends on it; whatever cannot be set is told with the other settings.
        replay(work.target.connection, [item for item in _settings(ready, work) if item.name == "search_path"])
    with project.connect(work.target.database) as connection:
        pin(raw(connection))
        return _stamp(connection, project, ready, work, scratch)


def _stamp(connection: Connection, project: Project, ready: Prepared, work: Work, scratch: ScratchMaker) -> Stamp:
    """Stamp in a session that finds what is named without a schema where every later one will."""
    source = Source(ready.url, dict(ready.objects.survey.revisions), ready.objects.classification)
    database = work.target.database
    with connection.begin():
        path = connection.exec_driver_sql(
            "SELECT current_setting('search_path') WHERE current_schema() IS NULL"
        ).scalar()
    if path is not None and database.version_table_schema is None:
        message = (
            f"no schema of its search_path ({path}) is there, and so no place for its version table; change it there"
        )
        return Stamp(name=work.name, result="refused", message=message)
    try:
        source.revisions_for(database, None)
    except MultidbError as error:
        message = f"{error}, as options of: multidb stamp-from --source URL -n {work.name}"
        stamped = Stamp(name=work.name, result="refused", message=message)
    else:
        expected, options = ready.plan.expected[work.name], StampOptions(names=(work.name,))
        stamped = stamp_connected(connection, project, database, source, expected, options, scratch)
    if isinstance(stamped.error, SQLAlchemyError):
        raise MultidbError(
            f'"{work.name}" could not be stamped: {stamped.message}. Everything that is done is kept; the same '
            "command goes on"
        )
    if stamped.result not in ("stamped", "nothing to do"):
        _mark_empty(connection, project, database)
    return stamped


def recorded(name: str, revisions: Sequence[str]) -> Stamp:
    """Return what an earlier run has stamped."""
    if revisions:
        return Stamp(name=name, result="nothing to do", revisions=tuple(revisions), message="it was stamped before")
    message = f"its version table is empty: multidb stamp-from --source URL -n {name} stamps it with proof"
    return Stamp(name=name, result="refused", message=message)


def _mark_empty(connection: Connection, project: Project, database: RegisteredDatabase) -> None:
    options = {"version_table": database.version_table, "version_table_schema": database.version_table_schema}
    with connection.begin():
        existing = find_version_table(connection, database)
        if existing is None:
            MigrationContext.configure(connection, opts=options)._ensure_version_table()
        mark_version_table(connection.execute, database, existing, project.mark_of(database))


def make_settings(ready: Prepared, work: Work) -> list[str]:
    """Make what no dump of a database holds, last: it may forbid writing; return what could not be made."""
    connection = work.target.connection
    with connection.begin():
        notes = replay(connection, _settings(ready, work))
        return [*notes, *copy_to_database(connection, ready.plan.database_facts)]


def _settings(ready: Prepared, work: Work) -> list[Setting]:
    return [item for item in ready.plan.settings if work.name in item.homes]
