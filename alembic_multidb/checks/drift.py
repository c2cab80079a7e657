"""The live schema against what its revision says, and the models against what their history makes.

Both need the history run on a scratch database; where it cannot be, that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.checks.finding import Finding, shortened
from alembic_multidb.checks.live import Live
from alembic_multidb.checks.models import models_against
from alembic_multidb.classify import plain_name
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.build import Builder, CannotBuildError, uses_our_env
from alembic_multidb.stamp.scratch import ScratchServer

Say = Callable[[str], None]


def look_for_drift(
    project: Project, history: History, status: DatabaseStatus, live: Live | None, server: ScratchServer, say: Say
) -> tuple[list[Finding], bool]:
    """Build one history on the scratch server, and compare it with its database and with its models.

    Returns:
        What was found, and whether the models were compared.
    """
    builder = Builder(project, history, server, live.classification.snapshot if live is not None else None)
    try:
        findings: list[Finding] = []
        if live is not None and status.state in ("at head", "behind") and status.revisions:
            findings += drift_of(builder, status, live)
        if not history.heads or project.databases[history.name].compares_nothing or not uses_our_env(history):
            return findings, False
        with builder.at_heads():
            findings += models_against(history, on_scratch=True)
    except CannotBuildError as error:
        say(f"{history.name}: drift could not be looked at: {error}")
        return [], False
    finally:
        builder.close()
    return findings, True


def drift_of(builder: Builder, status: DatabaseStatus, live: Live) -> Iterator[Finding]:
    """Compare a live database with its revision's schema, as far as it belongs to its home.

    Raises:
        CannotBuildError: the history does not run on an empty database.
    """
    database = builder.project.databases[status.name]
    mine = live.classification.restrict({database.name})
    # Partitions come and go while a database is in use.
    mine = without_partitions(mine)
    found = difference(without_partitions(builder.schema_at(status.revisions)), mine)
    counted = [item for item in found if not item.is_reported and not _has_its_own_finding(item, database)]
    if counted:
        yield Finding(
            code="MDB403",
            database=status.name,
            object=status.name,
            message=f'database "{status.name}" is not what its revision {", ".join(status.revisions)} says: '
            f"{shortened(counted)}",
            fix="undo what was changed by hand, or write a revision for it; see all of it with "
            f"multidb which-revision -n {status.name}",
        )


def _has_its_own_finding(item: Difference, database: RegisteredDatabase) -> bool:
    """Tell whether an extension that is extra (MDB501), or declared and missing (MDB502), is reported already."""
    return item.kind == "extension" and (item.what == "extra" or plain_name(item.identity) in database.extensions)


def without_partitions(snapshot: Snapshot) -> Snapshot:
    """Leave out partitions with all that belongs to them; their root says what they are like."""
    partitions = {row.relation for row in snapshot.rows if row.kind == "table" and "partition of" in row.definition}
    return snapshot.only(lambda row: row.relation not in partitions)
