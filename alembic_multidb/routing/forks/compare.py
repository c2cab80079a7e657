"""Two runs of a function compared: where its history is shared, and in a fork of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from alembic_multidb.routing.forks.calls import changes_of, difference, idle_of, line_of
from alembic_multidb.routing.forks.edits import CannotCutError
from alembic_multidb.routing.plan import PlannedStatement
from alembic_multidb.routing.record import Run
from alembic_multidb.statements import read


class DiffersError(CannotCutError):
    """What is left of a file does something else, and it is not known why."""


class UnequalError(Exception):
    """A fork does not say the same as the shared history.

    Attributes:
        function: the name of the one that differs; empty if it is the whole file.
        problem: why.
        elsewhere: the lines of statements that it runs, and that belong elsewhere.
    """

    def __init__(self, function: str, problem: CannotCutError, elsewhere: Collection[tuple[int, ...]] = ()) -> None:
        super().__init__(str(problem))
        self.function = function
        self.problem = problem
        self.elsewhere = elsewhere


@dataclass(frozen=True)
class Reading:
    """One run of a function.

    Attributes:
        run: what it did.
        planned: what becomes of that on the database.
        about: by lines, what it asked about that is at home elsewhere.
        inside: the same of what blocks of PL/pgSQL ask.
    """

    run: Run
    planned: tuple[PlannedStatement, ...]
    about: dict[tuple[int, str], str]
    inside: dict[tuple[int, str], str]

    @cached_property
    def kept(self) -> Sequence[PlannedStatement]:
        """Return what is run on the database, as far as it is known: nobody knows what comes after an error."""
        known = list(self.planned)
        while self.run.error and known and not known[-1].recorded.lines:
            known.pop()
        return [item for item in known if item.decision.sql is not None]

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """Return the statements of these that change something."""
        return changes_of([str(item.decision.sql) for item in self.kept], idle_of(self.planned))


@dataclass(frozen=True)
class Comparison:
    """A fork's run beside the shared history's, in one world.

    Attributes:
        shared: the shared history's.
        its: the fork's.
        repeat: runs the shared history once more.
        told: runs the fork, told of what is at home elsewhere.
        original: the line of the revision's file for one of the fork's.
    """

    shared: Reading
    its: Reading
    repeat: Callable[[], Reading]
    told: Callable[[], Reading]
    original: Callable[[int], int]

    def problem(self) -> CannotCutError | None:
        """Return why the fork does not say the same; None if it does."""
        for item in self.shared.planned:
            if item.decision.verdict == "undecidable":
                return CannotCutError.at(next(iter(item.recorded.lines), 0), "nobody knows where this belongs")
        for (line, _), thing in self.its.inside.items():
            return CannotCutError.at(self.original(line), ASKS.format(f"about {thing}"))
        if self.its.run.error and not self.shared.run.error:
            return self._blamed or raising(self.its.run.error)
        return self._of_reads or self._of_changes

    @property
    def _of_changes(self) -> CannotCutError | None:
        texts = changes_of(self.its.run.texts, idle_of(self.shared.planned))
        is_begin = bool(self.shared.run.error)
        found = difference(self.shared.changes, texts, is_begin=is_begin)
        # What is drawn by lot, or tells the time, is another one each time.
        found = found and difference(self.shared.changes, texts, self.repeat().changes, is_begin=is_begin)
        if found is None:
            return None
        statement, is_more = found
        shown = next((each.first_line for each in read(statement)), statement)
        if is_more:
            line = self.original(self._line(self.its, statement))
            why = f"what is left of it runs {shown}, which the shared history does not run here"
        else:
            line = self._line(self.shared, statement)
            why = f"what is left of it does not run {shown}, as the shared history does here"
        return self._blamed or DiffersError(why, line)

    @property
    def _of_reads(self) -> CannotCutError | None:
        """Return why the fork may not read what it reads: that is at home elsewhere."""
        kept = {item.decision.sql for item in self.shared.kept}
        for item in self.its.planned:
            decision = item.decision
            if decision.statement.reads and decision.verdict != "runs" and decision.statement.sql not in kept:
                line = self.original(next(iter(item.recorded.lines), 0))
                return CannotCutError.at(line, ASKS.format(f"for rows of {decision.why}"))
        return None

    @property
    def _blamed(self) -> CannotCutError | None:
        """Return the question whose answer makes the difference; None if it is none."""
        about = {(self.original(line), thing): thing for (line, _), thing in self.its.about.items()} | self.shared.about
        if not about or self.its.run.texts == self.told().run.texts:
            return None
        (line, _), thing = min(about.items())
        return CannotCutError.at(line, ASKS.format(f"about {thing or 'all that is there'}"))

    @staticmethod
    def _line(reading: Reading, statement: str) -> int:
        """Return the line that runs a statement."""
        for item in reading.planned:
            texts = [item.decision.statement, *read(item.decision.sql or "")]
            if item.recorded.lines and statement in map(line_of, texts):
                return item.recorded.lines[0]
        return 0


ASKS = (
    "it asks {}, which is at home elsewhere, and what belongs here depends on the answer; take what belongs here out "
    "of that condition, or put all of it into one block"
)


def raising(raised: str) -> CannotCutError:
    """Return the error for what is left of a revision and raises."""
    return CannotCutError(f"what is left of it raises {raised}; let a block hold all that belongs together")
