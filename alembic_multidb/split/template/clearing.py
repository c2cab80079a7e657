"""What killed runs have left beside their targets is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from alembic_multidb.checks.finding import shortened
from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.project import Project
from alembic_multidb.split.preflight.holds import large_objects_in, objects_in
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, stray_name, take_away, there

# A server that was stopped while it dropped one lets nobody connect to it again.
_HALF_DROPPED = "SELECT datname FROM pg_catalog.pg_database WHERE datname = %s AND datconnlimit = -2"


@dataclass
class Cleared:
    """What came of what was left.

    Attributes:
        gone: the databases that were dropped.
        kept: why one is still there whose place a clone has taken, by the target's name in the registry.
    """

    gone: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def clear(project: Project, session: Maintenance, targets: Mapping[str, str]) -> Cleared:
    """Drop clones and rehearsals that were not finished, and empty databases whose places clones have taken.

    Of the latter, one that somebody has filled, or that cannot be dropped, is kept, and said.

    Args:
        project: the repository.
        session: outside of them; under the locks of the targets' names.
        targets: their names on the server, by their names in the registry.

    Raises:
        MultidbError: a clone or a rehearsal cannot be dropped, or the server cannot be asked.
    """
    cleared = Cleared()
    for name, target in targets.items():
        ours = there(session, [stray_name(kind, target) for kind in (CLONE, REHEARSAL)])
        take_away(session, ours)
        cleared.gone += ours
        for old in there(session, [stray_name(OLD, target)]):
            if problem := _problem_with(project, session, name, old):
                cleared.kept[name] = problem
            else:
                cleared.gone.append(old)
    return cleared


def _problem_with(project: Project, session: Maintenance, name: str, old: str) -> str | None:
    """Drop what was a target, if nobody has put something into it at the last moment; return why it is kept."""
    what = f'database "{old}", whose place a clone has taken as "{name}",'
    if not session.rows(_HALF_DROPPED, old) and (things := _things_in(project.elsewhere({name: old}), name)):
        return f"{what} is not empty: {shortened(things)}. Take over what is needed from there, and drop it"
    try:
        session.run(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))
    except psycopg.Error as error:
        return f"{what} could not be dropped: {first_line(error)}. --abort drops it, and so does the next split"
    return None


def _things_in(project: Project, name: str) -> list[str]:
    database = project.databases[name]
    with project.connect(database) as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL search_path = ''")
        return [*objects_in(connection, database), *large_objects_in(connection)]
