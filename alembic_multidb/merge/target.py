"""The target of a merge: what it is to a registry, what it was like before, and how it becomes that again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.gather import COMMAND
from alembic_multidb.merge.model import MergePlan, Place
from alembic_multidb.merge.own import own_digests
from alembic_multidb.merge.staging import take_away_stages
from alembic_multidb.merge.undo import undo
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import Database, Databases, RegisteredDatabase
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.abort import Aborted, take_back, without_strays
from alembic_multidb.split.abort import state_before as state_of_split
from alembic_multidb.split.preflight.target import read_target
from alembic_multidb.transfer.journal import Journal
from alembic_multidb.transfer.target import Target, opened
from alembic_multidb.verify.tables import Name

_QUOTED = text(
    "SELECT quote_ident(n) FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS x (n, place) ORDER BY place"
)


def target_of(project: Project, place: Place) -> tuple[Project, RegisteredDatabase]:
    """Return the target as a database of a registry, with that registry."""
    if place.into is not None:
        return project, place.into
    databases = Databases(Database(place.name, url=place.url.url, default=True))
    return Project(project.config_file, databases), databases[place.name]


def refuse_used(target: Target, plan: MergePlan) -> None:
    """Refuse a fresh target that is not empty any more; under its lock.

    Raises:
        MultidbError: somebody has made something there since it was planned.
    """
    part = plan.parts[0]
    if plan.place.into is None:
        state = read_target(target.connection, part.project, part.database).state(part.source.plan)
        if state in ("used", "equal"):
            raise MultidbError("somebody else has begun to fill the target; nothing was changed")


def state_before(target: Target, plan: MergePlan, jobs: int) -> dict[str, Any]:
    """Return what is to be known to go on, and to take a merge back: what is there, and what will be made.

    Args:
        target: under its lock.
        plan: what will be done.
        jobs: statements at a time.
    """
    found = _state(target, plan)
    there = plan.there
    if there is None:
        return found
    return {
        **found,
        "keys": [list(key) for key in sorted(there.keys)],
        "relations": [list(name) for name in sorted(there.relations)],
        "types": [list(name) for name in sorted(there.types)],
        "digests": own_digests(plan.place, _own_names(plan), jobs),
    }


def own_changed(target: Target, plan: MergePlan, jobs: int) -> tuple[str, ...]:
    """Return the tables of the target's own whose rows are not what they were before."""
    if plan.there is None:
        return ()
    begun = Journal.begun(target.lead)
    target.lead.rollback()
    assert begun is not None
    before = begun.before["digests"]
    now = own_digests(plan.place, _own_names(plan), jobs)
    return tuple(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))


def _own_names(plan: MergePlan) -> set[Name]:
    assert plan.there is not None
    versions = {(table.schema or "public", table.name) for table in plan.version_tables.values()}
    return set(plan.there.relations) - versions


def _state(target: Target, plan: MergePlan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in plan.parts:
        for key, items in state_of_split(target.connection, part.source.plan, part.database).items():
            known = found.setdefault(key, [])
            known += [item for item in items if item not in known]
    names = [table for name, table in plan.version_tables.items() if plan.there is None or name != plan.there.name]
    with target.connection.begin():
        for item in plan.references:
            where = f"{_quoted(target.connection, item.name)} on {_quoted(target.connection, *item.table)}"
            found["planned"].append(["table constraint", where])
        for table in names:
            found["planned"].append(["table", _quoted(target.connection, table.schema or DEFAULT_SCHEMA, table.name)])
    return found


def _quoted(connection: Connection, *names: str) -> str:
    """Return a name as the server writes it."""
    statement = text(
        "SELECT quote_ident(n) FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS x (n, place) ORDER BY place"
    )
    return ".".join(connection.execute(statement, {"names": list(names)}).scalars())


def abort(project: Project, place: Place, lock_timeout: float | None = None) -> Aborted:
    """Take back what an unfinished merge has made; the sources are not needed.

    Args:
        project: the repository.
        place: where it was to bring everything together.
        lock_timeout: seconds to wait for somebody else.

    Raises:
        MultidbError: rows of the target's own were deleted or nulled on purpose already, or it cannot be taken back.
        LockTimeoutError: somebody else works on the target.
    """
    owner, database = target_of(project, place)
    take_away_stages(place, project.databases)
    with opened(owner, database, Journal(), lock_timeout) as target:
        aborted = take_back(target, COMMAND, first=lambda begun: undo(target, begun, place.name))
        return without_strays(owner, target, aborted)
