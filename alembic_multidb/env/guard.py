"""What stands between a command and the wrong database, and what each revision must leave behind."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from alembic_multidb.env.marker import (
    Marker,
    VersionTable,
    find_markers,
    find_version_table,
    foreign_markers,
    marker_comment,
    set_marker,
)
from alembic_multidb.env.statements import StatementWatch
from alembic_multidb.errors import WrongDatabaseError
from alembic_multidb.plugin.extensions import installed_extensions, refuse_foreign_extensions
from alembic_multidb.registry import RegisteredDatabase

log = logging.getLogger(__name__)


def guard(connection: Connection, database: RegisteredDatabase, *, refuse: bool) -> None:
    """Compare the database's markers with the one that was asked for.

    Raises:
        WrongDatabaseError: it is marked as another one, and the command changes or compares (``refuse``);
            a mere read warns.
    """
    wrong = foreign_markers(find_markers(connection), database)
    if not wrong:
        return
    error = _wrong_database(connection, database, wrong[0])
    if refuse:
        raise error
    log.warning("%s", error)


@dataclass
class Recorder:
    """What is checked and written when a revision is recorded, inside its transaction.

    Attributes:
        database: the database that the history belongs to.
        marks: whether the marker has still to be written.
        existing: the version table before the run; None if there was none.
        present_before: extensions of other databases that were here before the run.
        watch: what the revision's statements told.
    """

    database: RegisteredDatabase
    marks: bool = True
    existing: VersionTable | None = None
    present_before: frozenset[str] = frozenset()
    watch: StatementWatch | None = field(default=None, repr=False)

    def look(self, connection: Connection) -> None:
        """Read what the database says before the run."""
        self.existing = find_version_table(connection, self.database)
        self.marks = self.existing is None or self.existing.marked_as is None
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
        comment = self.existing.comment if self.existing else None
        statement = set_marker(self.database, comment)
        if self.existing is not None and not self.existing.is_owner:
            log.warning(
                'only the owner of table "%s" may mark this database as "%s"; as the owner, run: '
                "COMMENT ON TABLE %s IS '%s';",
                *(self.database.declaration.version_table_name, self.database.name),
                *(self.database.declaration.version_table_name, marker_comment(self.database.name, comment)),
            )
            return
        ctx.execute(statement)
        log.info('marked this database as "%s"', self.database.name)


def _wrong_database(connection: Connection, database: RegisteredDatabase, marker: Marker) -> WrongDatabaseError:
    name = connection.exec_driver_sql("SELECT current_database()").scalar()
    url = database.declaration.migration_url or database.declaration.url
    source = f" ({url})" if isinstance(url, str) and url.startswith("env:") else ""
    return WrongDatabaseError(
        f'wrong database: "{name}" is marked as "{marker.database}" (comment on table {marker.table}), but the '
        f'command is for "{database.name}". Check the URL of "{database.name}"{source}; if this is a copy that '
        f'shall become "{database.name}", its owner runs: COMMENT ON TABLE {marker.table.quoted} IS '
        f"'{marker_comment(database.name)}';"
    )
