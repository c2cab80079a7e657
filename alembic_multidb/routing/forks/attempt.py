"""The search for what a revision's file is for one database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alembic_multidb.routing.forks.compare import DiffersError, UnequalError
from alembic_multidb.routing.forks.edits import CannotCutError, with_body
from alembic_multidb.routing.forks.places import original_line
from alembic_multidb.routing.forks.proof import Proof
from alembic_multidb.routing.forks.source import Call, Cut


@dataclass
class Attempt:
    """The search for what a file is for one database.

    Attributes:
        proof: knows whether a text is it.
        result: the text that is, and whether it asks the database for something.
        found: statements for elsewhere that are seen only where what comes before them is gone.
    """

    proof: Proof
    result: tuple[str, bool] = ("", False)
    found: list[Call] = field(default_factory=list)
    _failed: list[tuple[str, UnequalError]] = field(default_factory=list)
    _cannot: list[CannotCutError] = field(default_factory=list)

    @property
    def problem(self) -> CannotCutError:
        """Return why no text was it."""
        problems = [error.problem for _, error in self._failed]
        known = [problem for problem in problems if not isinstance(problem, DiffersError)]
        return next(iter([*known, *self._cannot, *problems]))

    def holds(self, text: str) -> bool:
        """Tell whether a text says the same as the shared history."""
        try:
            self.result = text, self.proof.check(text)
        except UnequalError as error:
            self._failed.append((text, error))
            return False
        return True

    def cuts(self, way: Cut, moves: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> bool:
        """Tell whether a way leads to a text that does."""
        try:
            return self.holds(way.result(moves))
        except CannotCutError as error:
            self._cannot.append(error)
            return False

    def learns(self) -> bool:
        """Take in which statements for elsewhere the texts had that were not it; tell whether there are more now."""
        count, known = len(self.found), {call.lines for call in self.found}
        for text, error in self._failed:
            for lines in error.elsewhere:
                places = tuple(original_line(self.proof.source, text, line) for line in lines)
                if all(places) and places not in known:
                    known.add(places)
                    self.found.append(Call(places, "skips", (), False, False))
        return len(self.found) > count

    def settles(self) -> bool:
        """Tell whether functions can be written out, since they do the same whatever a database answers."""
        for text, error in list(self._failed):
            done = set[str]()
            while error.function not in {"", *done} and (body := self.proof.settled(error.function)) is not None:
                done.add(error.function)
                text = with_body(text, error.function, body)
                if self.holds(text):
                    return True
                error = self._failed[-1][1]
        return False
