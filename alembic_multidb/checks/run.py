"""All checks of all databases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy.exc import DBAPIError

from alembic_multidb.checks.drift import look_for_drift
from alembic_multidb.checks.finding import UNANSWERED, Finding, Ignored, remaining
from alembic_multidb.checks.histories import colliding_ids, load_histories, several_heads
from alembic_multidb.checks.homes import crossing_objects, homes_of, legacy_copies, moved_homes
from alembic_multidb.checks.live import Live, read_live
from alembic_multidb.checks.models import models_against_live
from alembic_multidb.checks.references import soft_references
from alembic_multidb.checks.standing import extensions_of, marker_of, shared_version_tables, state_of
from alembic_multidb.checks.watch import written_copies
from alembic_multidb.env.lock import is_same_database
from alembic_multidb.errors import ConnectionFailedError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus, Look, look
from alembic_multidb.operate.tables import TableFacts, list_tables
from alembic_multidb.stamp.scratch import ScratchServer

DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True)
class Checked:
    """What all checks found.

    Attributes:
        findings: what is wrong and not ignored, by code.
        databases: where each database stands.
    """

    findings: Sequence[Finding]
    databases: Sequence[DatabaseStatus]

    @property
    def is_complete(self) -> bool:
        """Tell whether every question could be answered."""
        return not any(finding.code in UNANSWERED for finding in self.findings)


def check(
    project: Project,
    names: Iterable[str] = (),
    *,
    ignored: Iterable[Ignored] = (),
    watch: float | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    scratch: Callable[[], ScratchServer | None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> Checked:
    """Look for everything that can be known to be wrong.

    Args:
        project: the repository.
        names: which databases; all of them if empty.
        ignored: what not to say.
        watch: for how many seconds to look whether copies of tables are written to; None: not at all.
        timeout: seconds for each database.
        scratch: returns a server for scratch databases, on which the histories are run; None: drift is not looked for.
        say: told what could not be looked at.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
    """
    wanted = [database.name for database in project.select(names)]
    histories, broken = load_histories(project)
    chosen = [histories[name] for name in wanted if name in histories]
    findings = [finding for finding in broken if finding.database in wanted]
    findings += [*several_heads(chosen), *colliding_ids(histories, wanted)]

    seen = look(
        project,
        chosen,
        lambda connection, database: read_live(connection, database, project.databases),
        timeout=timeout,
    )
    lives = {each.status.name: each.found for each in seen if each.found is not None}
    for each in seen:
        findings += _standing(project, each.status, each.found)
    same = _same_databases(project, lives, timeout)
    findings += shared_version_tables(project, lives, same)
    tables, across = _across(project, _as_declared(project, seen, lives, same), watch, timeout)
    at_head = {each.status.name for each in seen if each.status.state == "at head"}
    findings += [*across, *moved_homes(tables, {name for name in at_head if project.databases[name].shares_history})]
    findings += _models(project, list(zip(chosen, seen, strict=True)), scratch, timeout, say)
    return Checked(remaining(findings, ignored), [each.status for each in seen])


def _models(
    project: Project,
    pairs: Sequence[tuple[History, Look[Live]]],
    scratch: Callable[[], ScratchServer | None],
    timeout: float,
    say: Callable[[str], None],
) -> list[Finding]:
    """Compare databases with their revisions, and models with histories; live databases only where that cannot be."""
    findings: list[Finding] = []
    left: list[History] = []
    server = scratch() if pairs else None
    for history, each in pairs:
        compared = False
        if server is not None:
            found, compared = look_for_drift(project, history, each.status, each.found, server, say)
            findings += found
        is_comparable = each.status.state == "at head" and not project.databases[history.name].compares_nothing
        if not compared and is_comparable:
            left.append(history)
    return [*findings, *models_against_live(left, timeout=timeout)]


def _standing(project: Project, status: DatabaseStatus, live: Live | None) -> list[Finding]:
    findings = [*state_of(status)]
    if live is not None and status.state != "wrong database":
        database = project.databases[status.name]
        findings += [*marker_of(status, live), *extensions_of(database, status)]
    return findings


def _as_declared(
    project: Project,
    seen: Iterable[Look[Live]],
    lives: Mapping[str, Live],
    same: Iterable[frozenset[str]],
) -> dict[str, Live]:
    """Leave out databases that are not what they are taken for: what lies in them says nothing of theirs."""
    wrong = {each.status.name for each in seen if each.status.state == "wrong database"}
    for pair in same:
        first, second = sorted(pair)
        if second not in project.databases[first].may_share_with:
            wrong |= pair
    return {name: live for name, live in lives.items() if name not in wrong}


def _across(
    project: Project, lives: Mapping[str, Live], watch: float | None, timeout: float
) -> tuple[Sequence[TableFacts], list[Finding]]:
    tables = list_tables(project.databases, {name: live.tables for name, live in lives.items()})
    findings = [*homes_of(tables), *legacy_copies(tables), *soft_references(project.databases, lives)]
    for name, live in lives.items():
        findings += crossing_objects(project.databases[name], live)
    if watch is not None:
        findings += written_copies(project, tables, lives, watch, timeout=timeout)
    return tables, findings


def _same_databases(project: Project, lives: Mapping[str, Live], timeout: float) -> list[frozenset[str]]:
    """Return the pairs of names that are proven to be one physical database."""
    return [
        frozenset((first, second))
        for first, second in combinations(lives, 2)
        if lives[first].identity == lives[second].identity and _lead_to_one(project, first, second, timeout)
    ]


def _lead_to_one(project: Project, first: str, second: str, timeout: float) -> bool:
    """Tell whether two URLs lead to one physical database."""
    one, other = project.databases[first], project.databases[second]
    try:
        with project.read(one, timeout=timeout) as holding, project.read(other, timeout=timeout) as asking:
            return is_same_database(holding, asking)
    except (ConnectionFailedError, DBAPIError):
        return False  # it was there a moment ago; the next check says so
