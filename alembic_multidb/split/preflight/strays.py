"""Which databases a killed split, merge or rehearsal has left: those that stand for a target, and all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from alembic_multidb.split.model import Finding
from alembic_multidb.split.preflight.target import Target, finding
from alembic_multidb.split.template.strays import CLONE, OLD, REHEARSAL, STRAYS, stray_name

_KIND = "stray-database"
_AWAY = "--abort takes it away, and so does the next split by cloning, or rehearsal, into the same target"


def left_behind(targets: Sequence[Target]) -> Iterator[Finding]:
    """Name every database that was made for a while and is still there, once, on the servers of some targets.

    Args:
        targets: connected, outside of any transaction.
    """
    others: set[str] = set()
    for target in targets:
        own = beside(target.connection, target.facts.database)
        others |= set(_strays(target.connection)).difference(*(_names(each.facts.database) for each in targets))
        for name in own:
            message = (
                f'beside it, database "{name}" was left by a split, a merge or a rehearsal that was killed, or one is '
                "running"
            )
            yield finding(target, _KIND, "note", message, _AWAY, name)
    for name in sorted(others):
        yield Finding(
            kind=_KIND,
            severity="note",
            object=name,
            message=f'database "{name}", for none of these targets, was left by a killed run, or one is running',
            fix="--abort takes it away where that target is declared",
        )


def beside(connection: Connection, database: str) -> list[str]:
    """Return those of the databases that were made for a while which stand for one target.

    Args:
        connection: to any database of its server, outside of any transaction.
        database: the target's name there.
    """
    return [name for name in _strays(connection) if name in _names(database)]


def still_beside(connection: Connection, database: str) -> list[str]:
    """Say which of them are still there, in words; as :func:`beside`."""
    return [
        f'database "{name}", which a run that was killed has left, is still beside it: --abort takes it away'
        for name in beside(connection, database)
    ]


def _names(database: str) -> set[str]:
    return {stray_name(kind, database) for kind in (CLONE, OLD, REHEARSAL)}


def _strays(connection: Connection) -> list[str]:
    with connection.begin():
        options = {"no_parameters": True}
        return list(connection.exec_driver_sql(STRAYS, execution_options=options).scalars())
