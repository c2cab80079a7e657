"""What stands between a command and the wrong database, and what each revision must leave behind."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from alembic_multidb.env.marker import (
    Mark,
    Marker,
    VersionTable,
    find_markers,
    find_version_table,
    mark_version_table,
    wrong_markers,
)
from alembic_multidb.env.statements import StatementWatch
from alembic_multidb.errors import WrongDatabaseError
from alembic_multidb.plugin.extensions import installed_extensions, refuse_foreign_extensions
from alembic_multidb.registry import RegisteredDatabase

log = logging.getLogger("alembic.multidb")


def guard(connection: Connection, database: RegisteredDatabase, expected: Mark, *, refuse: bool) -> None:
    """Compare the database's markers with the database and environment that were asked for.

    Raises:
        WrongDatabaseError: it is marked as another one, and the command changes or compares (``refuse``);
            a mere read warns.
    """
    wrong = wrong_markers(find_markers(connection, database), database, expected)
    if not wrong:
        return
    error = wrong_database_error(connection, database, expected, wrong[0])
    if refuse:
        raise error
    log.warning("%s", error)


@dataclass
class Recorder:
    """What is checked and written when a revision is recorded, inside its transaction.

    Attributes:
        database: the database that the history belongs to.
        expected: what the marker is to say.
        marks: whether the marker has still to be written.
        existing: the version table before the run; None if there was none.
        present_before: extensions of other databases that were here before the run.
        watch: what the revision's statements told.
    """

    database: RegisteredDatabase
    expected: Mark
    marks: bool = True
    existing: VersionTable | None = None
    present_before: frozenset[str] = frozenset()
    watch: StatementWatch | None = field(default=None, repr=False)

    def look(self, connection: Connection) -> None:
        """Read what the database says before the run."""
        self.existing = find_version_table(connection, self.database)
        mark = self.existing.mark if self.existing is not None else None
        # An environment that is declared later is added to the marker.
        self.marks = mark is None or bool(self.expected.environment and not mark.environment)
        self.present_before = installed_extensions(connection, self.database.foreign_extensions)

    def record(self, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        """Check the revision that has just run and mark the version table; Alembic's ``on_version_apply``.

        Raises:
            ExtensionError: an extension is there that only another database declares.
            LeftoverIndexError: an index of the revision is invalid.
        """
        if not ctx.as_sql:
            refuse_foreign_extensions(
                ctx.connection, self.database.name, self.database.foreign_extensions, self.present_before
            )
            if self.watch is not None:
                self.watch.check_concurrent_indexes(ctx.connection)
        if self.marks:
            self._mark(ctx)

    def finish(self, ctx: Any) -> None:
        """Mark the version table after a change that recorded no revision."""
        if self.marks:
            self.existing = find_version_table(ctx.connection, self.database)
            if self.existing is not None:
                self._mark(ctx)

    def _mark(self, ctx: Any) -> None:
        self.marks = False
        is_marked = mark_version_table(ctx.execute, self.database, self.existing, self.expected)
        if is_marked and not ctx.as_sql:
            log.info('marked this database as "%s"', self.expected)


def wrong_database_error(
    connection: Connection, database: RegisteredDatabase, expected: Mark, marker: Marker
) -> WrongDatabaseError:
    """Build the error for a database that is marked as another one, with the way out for a copy."""
    name = connection.exec_driver_sql("SELECT current_database()").scalar()
    url = database.declaration.migration_url or database.declaration.url
    source = f" ({url})" if isinstance(url, str) and url.startswith("env:") else ""
    what = "database" if marker.mark.database != expected.database else "environment"
    return WrongDatabaseError(
        f'wrong {what}: "{name}" is marked as "{marker.mark}" (comment on table {marker.table}), but the command '
        f'is for "{expected}". Check the URL of "{database.name}"{source}'
        + (" and the environment" if what == "environment" else "")
        + f'; if this is a copy that shall become "{expected}", run: multidb adopt -n {database.name}'
    )
