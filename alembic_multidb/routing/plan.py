"""What a shared history would do on one database, told without any database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.chronicle import Chronicle, read_history
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.decision import Decision
from alembic_multidb.routing.dependence import Dependent, dependents
from alembic_multidb.routing.items import State
from alembic_multidb.routing.presence import Move, Presence
from alembic_multidb.routing.record import Reader, Recorded
from alembic_multidb.routing.silent import Asked
from alembic_multidb.routing.surroundings import Surroundings
from alembic_multidb.statements import read


@dataclass(frozen=True, kw_only=True)
class PlannedStatement:
    """One statement of a revision, and what becomes of it.

    Attributes:
        decision: what becomes of it.
        recorded: the text that it comes from.
    """

    decision: Decision
    recorded: Recorded


@dataclass(frozen=True, kw_only=True)
class PlannedRevision:
    """One revision of a shared history on one database.

    Attributes:
        revision: its id.
        title: its docstring's first line.
        statements: what it would do, in its order.
        asks: whether some of that depends on what the database answers.
        error: why the revision could not be read to its end without a database; empty if it could.
    """

    revision: str
    title: str
    statements: tuple[PlannedStatement, ...]
    asks: bool
    error: str

    def count(self, verdict: str) -> int:
        """Return how many statements there are of a verdict."""
        return sum(item.decision.verdict == verdict for item in self.statements)


def plan_history(script: ScriptDirectory, config: Config, database: RegisteredDatabase) -> list[PlannedRevision]:
    """Return what each revision's upgrade would run, skip and separate on a database, ancestors first.

    Args:
        script: the revisions.
        config: Alembic's configuration, which revisions may ask for.
        database: of the registry; it is not connected to.
    """
    return plan_chronicle(
        read_history(Surroundings.without_env(config, script, database.registry), database.registry), script, database
    )


def plan_chronicle(
    chronicle: Chronicle, script: ScriptDirectory, database: RegisteredDatabase
) -> list[PlannedRevision]:
    """Return the same for a history that has been read already."""
    presence = Presence(chronicle)
    return [
        PlannedRevision(
            revision=chapter.revision,
            title=str(script.get_revision(chapter.revision).doc or ""),
            statements=plan_revision(
                presence, chapter.revision, database, chapter.statements, is_upgrade=True, reader=chapter.reader
            ),
            asks=chapter.asks,
            error=chapter.error,
        )
        for chapter in chronicle.chapters.values()
    ]


def plan_revision(
    presence: Presence,
    revision: str,
    database: RegisteredDatabase,
    statements: Sequence[Recorded],
    *,
    is_upgrade: bool,
    reader: Reader | None = None,
) -> tuple[PlannedStatement, ...]:
    """Return what becomes of a revision's statements, with what comes before them and leaves after them.

    Args:
        presence: what is where.
        revision: its id.
        database: where they would run.
        statements: what its function says.
        is_upgrade: which of the two functions it is.
        reader: of that function, if it shall be seen which of its statements depend on what is elsewhere.
    """
    decider = Decider(database, presence.homes(revision))
    state = presence.chronicle.state(revision, is_upgrade=is_upgrade)
    known = {}
    if reader is not None and not presence.chronicle.chapters[revision].says_all:
        elsewhere = decider.elsewhere(presence.chronicle.chapters[revision].after)
        known = dependents(reader, statements, state, decider, elsewhere)
    return (
        *_moved(presence.comes(revision, database.name, is_upgrade=is_upgrade), "it is used here from now on"),
        *_decided(decider, state, statements, known),
        *_moved(presence.leaves(revision, database.name, is_upgrade=is_upgrade), "nothing uses it here any more"),
    )


def is_all_of(
    presence: Presence,
    revision: str,
    databases: frozenset[str],
    statements: Sequence[Recorded],
    *,
    is_upgrade: bool,
) -> bool:
    """Tell whether what one of a revision's functions changes is all for some databases.

    Args:
        presence: what is where.
        revision: its id.
        databases: the ones.
        statements: what the function says.
        is_upgrade: which of the two functions it is.
    """
    registry = presence.chronicle.homes.databases
    return not any(
        _is_for(item, databases)
        for name in registry
        if registry[name].shares_history and name not in databases
        for item in plan_revision(presence, revision, registry[name], statements, is_upgrade=is_upgrade)
    )


def _is_for(item: PlannedStatement, others: frozenset[str]) -> bool:
    """Tell whether a statement changes something here, or may do so, without being only for others."""
    decision = item.decision
    if not item.recorded.lines or decision.is_idle or decision.statement.reads:
        return False
    is_theirs = bool(decision.homes) and decision.homes <= others
    return decision.verdict in ("runs", "separated") or (decision.verdict == "undecidable" and not is_theirs)


def _moved(moves: Sequence[Move], why: str) -> Iterator[PlannedStatement]:
    for move in moves:
        for statement in read(move.sql):
            decision = Decision(statement=statement, verdict="runs", sql=move.sql, why=why)
            yield PlannedStatement(decision=decision, recorded=Recorded(move.sql))


def _decided(
    decider: Decider, state: State, statements: Sequence[Recorded], known: Mapping[Asked, Dependent]
) -> Iterator[PlannedStatement]:
    """Decide about the statements of one revision, one after the other."""
    for recorded in statements:
        for each in recorded.statements:
            decision = decider.following(each, state, recorded.only)
            if recorded.only is None and recorded.asked in known:
                why = known[recorded.asked].why
                decision = Decision(statement=decision.statement, verdict="undecidable", sql=None, why=why)
            yield PlannedStatement(decision=decision, recorded=recorded)
