"""The live schema against what its revision says, and the models against the head of their history.

Both need the history run on a scratch database; where it cannot be, or no scratch server is to be had, that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alembic_multidb.catalog.difference import difference
from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.checks.models import models_against
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus
from alembic_multidb.stamp.build import Builder, CannotBuildError, uses_our_env
from alembic_multidb.stamp.schema import home_of
from alembic_multidb.stamp.scratch import ScratchServer

SHOWN = 5

Say = Callable[[str], None]


def drift_of(builder: Builder, status: DatabaseStatus, live: Live, say: Say) -> Iterator[Finding]:
    """Compare a live database with its revision's schema, as far as it belongs to its home."""
    try:
        expected = builder.schema_at(status.revisions)
    except CannotBuildError as error:
        say(f"{status.name}: drift could not be looked at: {error}")
        return
    database = builder.project.databases[status.name]
    found = [item for item in difference(expected, home_of(live.snapshot, builder.project.databases, database))]
    counted = [item for item in found if not item.is_reported]
    if counted:
        more = f" and {len(counted) - SHOWN} more" if len(counted) > SHOWN else ""
        yield Finding(
            code="MDB403",
            database=status.name,
            object=status.name,
            message=f'database "{status.name}" is not what its revision {", ".join(status.revisions)} says: '
            f"{'; '.join(map(str, counted[:SHOWN]))}{more}",
            fix="undo what was changed by hand, or write a revision for it: see all of it with "
            f"multidb which-revision -n {status.name}",
        )


def models_and_history(builder: Builder) -> Iterator[Finding]:
    """Compare the models with the head of their history."""
    with builder.at_heads() as config:
        yield from models_against(builder.history, config)


def look_for_drift(
    project: Project, history: History, status: DatabaseStatus, live: Live, server: ScratchServer, say: Say
) -> list[Finding]:
    """Build one history on the scratch server, and compare it with its database and with its models."""
    builder = Builder(project, history, server)
    try:
        findings = [*drift_of(builder, status, live, say)] if status.revisions else []
        if uses_our_env(history):
            try:
                findings += models_and_history(builder)
            except CannotBuildError as error:
                say(f"{history.name}: models could not be compared with the history: {error}")
        return findings
    finally:
        builder.close()
