"""What a revision does here that depends on what is at home elsewhere: rows, or what the catalogs say of it.

Nobody can answer such a question here, and the answer that there is nothing would leave out what belongs here without a
word. Whether something depends on an answer is seen by reading the revision with either answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alembic_multidb.routing.catalogs import Elsewhere, foreign_names, is_told
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.items import State
from alembic_multidb.routing.record import Reader, Recorded, reading
from alembic_multidb.routing.silent import Asked
from alembic_multidb.statements import Statement


@dataclass(frozen=True)
class Dependent:
    """What depends on a question that cannot be answered here.

    Attributes:
        statement: the first statement that would be run here with one of the answers only.
        about: what the question is about.
        is_of_rows: whether it asks for rows, not for what the catalogs say.
    """

    statement: Statement
    about: str
    is_of_rows: bool

    @property
    def why(self) -> str:
        """Return it in words."""
        return f"it asks for {self.about}, and on the answer depends what belongs here: {self.statement.first_line}"


def dependents(
    reader: Reader, statements: Iterable[Recorded], before: State, decider: Decider, elsewhere: Elsewhere
) -> dict[Asked, Dependent]:
    """Return the questions of a revision's function on whose answers depends what it does here.

    Args:
        reader: runs the function without a server.
        statements: what it says.
        before: what there is before it.
        decider: decides where statements run.
        elsewhere: what is at home in other databases, after the revision.
    """
    found = {}
    for recorded, about, is_of_rows in _foreign_questions(statements, before.again(), decider, elsewhere):
        if recorded.asked not in found:
            statement = _first_that_runs(_differing(reader, recorded.asked, before), before, decider)
            if statement is not None:
                found[recorded.asked] = Dependent(statement, about, is_of_rows)
    return found


def _foreign_questions(
    statements: Iterable[Recorded], state: State, decider: Decider, elsewhere: Elsewhere
) -> Iterator[tuple[Recorded, str, bool]]:
    """Yield the questions about what is not here, outside of blocks, what they are about, and whether that is rows."""
    for recorded in statements:
        decisions = [decider.following(statement, state, recorded.only) for statement in recorded.statements]
        if recorded.only is None and decisions and all(each.statement.reads for each in decisions):
            whys = [each.why for each in decisions if each.verdict == "skips"]
            named = foreign_names(recorded.sql, elsewhere, recorded.values)
            if whys:
                yield recorded, whys[0], True
            elif named and not is_told(recorded.sql):
                yield recorded, ", ".join(sorted(named)), False


def _differing(reader: Reader, asked: Asked, before: State) -> Iterator[tuple[Recorded, Sequence[Recorded]]]:
    """Yield what is said with one of the answers only, each with all that is said with that answer."""
    for is_new in (True, False):
        with reading():
            yes, no = (reader.run(before.again() if is_new else None, {asked: answer}) for answer in (True, False))
        for run, other in ((yes, no), (no, yes)):
            known = {item.sql for item in other.statements}
            # What comes after the place where the other run broke off is missing there for no reason of the question's.
            if not other.error:
                yield from ((item, run.statements) for item in run.statements if item.sql not in known)


def _first_that_runs(
    differing: Iterable[tuple[Recorded, Sequence[Recorded]]], before: State, decider: Decider
) -> Statement | None:
    for recorded, every in differing:
        state = before.again()
        for item in every:
            for statement in item.statements:
                decision = decider.following(statement, state, item.only)
                is_ours = item is recorded and item.only is None and not statement.reads
                if is_ours and decision.verdict != "skips" and not decision.is_idle:
                    return decision.statement
    return None
