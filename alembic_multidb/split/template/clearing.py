"""What killed runs have left beside their targets is taken away."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from alembic_multidb.catalog.objects import read_objects
from alembic_multidb.checks.finding import shortened
from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.split.preflight.beside import LARGE_OBJECTS
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, stray_name, take_away, there

# What an empty target may hold, beside its version table.
_ALLOWED = frozenset(
    {
        *("extension", "schema", "default acl", "language", "event trigger", "publication", "subscription"),
        *("foreign-data wrapper", "server", "user mapping"),
    }
)
# A server that was stopped while it dropped one lets nobody connect to it again.
_HALF_DROPPED = "SELECT datname FROM pg_catalog.pg_database WHERE datname = %s AND datconnlimit = -2"


def clear(project: Project, session: Maintenance, targets: Mapping[str, str]) -> list[str]:
    """Drop clones and rehearsals that were not finished, and empty databases whose places clones have taken.

    Args:
        project: the repository.
        session: outside of them; under the locks of the targets' names.
        targets: their names on the server, by their names in the registry.

    Returns:
        What was dropped.

    Raises:
        MultidbError: something cannot be dropped, or somebody has filled a database that was empty.
    """
    found = []
    for name, target in targets.items():
        ours = there(session, [stray_name(kind, target) for kind in (CLONE, REHEARSAL)])
        take_away(session, ours)
        found += ours
        for old in there(session, [stray_name(OLD, target)]):
            if not session.rows(_HALF_DROPPED, old):
                _refuse_filled(project, name, old)
            _drop_old(session, name, old)
            found.append(old)
    return found


def _refuse_filled(project: Project, name: str, old: str) -> None:
    """Keep what was a target if somebody has put something into it at the last moment."""
    if things := _things_in(project.elsewhere({name: old}), name):
        raise MultidbError(
            f'somebody has filled "{name}" while its clone was made: {shortened(things)}. It is in database "{old}" '
            "now: take it over from there, and drop that database"
        )


def _drop_old(session: Maintenance, name: str, old: str) -> None:
    try:
        session.run(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))
    except psycopg.Error as error:
        raise MultidbError(
            f'the empty database "{old}", whose place a clone has taken as "{name}", could not be dropped: '
            f"{first_line(error)}; the same command drops it the next time"
        ) from None


def _things_in(project: Project, name: str) -> list[str]:
    database = project.databases[name]
    with project.connect(database) as connection:
        schema = database.version_table_schema or connection.dialect.default_schema_name or "public"
        connection.exec_driver_sql("SET LOCAL search_path = ''")
        found = [item for item in read_objects(connection) if item.type not in _ALLOWED]
        large = connection.exec_driver_sql(LARGE_OBJECTS).scalar_one()
        connection.rollback()
    version = f"{schema}.{database.version_table}"
    return [
        *(
            f"{item.type} {item.identity}"
            for item in found
            if item.identity != version and not item.identity.endswith(f" on {version}")
        ),
        *([counted(large, "large object")] if large else []),
    ]
