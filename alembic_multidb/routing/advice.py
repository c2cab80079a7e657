"""What to do about a statement of which nobody knows where it belongs: words that work when they are followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alembic_multidb.errors import UndecidableError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.decision import Decision
from alembic_multidb.routing.dependence import Dependent
from alembic_multidb.statements import Statement

_OLD_ROWS = "with op.on_database(): if only old rows need it, which new databases do not have"
_IMPORT = "(from alembic_multidb import only)"


@dataclass(frozen=True)
class Advice:
    """What can be said about one revision on one database.

    Attributes:
        revision: its id.
        database: where it runs.
        is_all_of: tells whether these databases, and no others, have something to do in the function that runs.
    """

    revision: str
    database: RegisteredDatabase
    is_all_of: Callable[[frozenset[str]], bool]

    def undecidable(self, decision: Decision) -> UndecidableError:
        """Build the error for a statement of which nobody knows where it belongs."""
        return self._error(decision.statement, decision.why, self._place(decision.homes, decision.is_of_rows))

    def unanswerable(self, question: Statement, dependent: Dependent) -> UndecidableError:
        """Build the error for a question that nobody can answer here, and on which depends what belongs here."""
        own = f', {_block({self.database.name})}: if "{self.database.name}" itself has the answer'
        return UndecidableError(
            f'revision {self.revision} of the shared history: nobody on "{self.database.name}" can answer this '
            f"question: {question.first_line}\n  because {dependent.why}\n  Run what belongs here without asking, "
            "before the question, or put both into one block: with op.on_database(): if only old databases need it"
            f"{'' if dependent.is_of_rows else own}"
        )

    def waiting(self, statement: Statement, homes: frozenset[str]) -> UndecidableError:
        """Build the error for a statement that is skipped while Python waits for its rows."""
        return self._error(statement, "the ORM waits for rows of it", f"Do that only there: {self.apart(homes)}")

    def connects(self) -> UndecidableError:
        """Build the error for a revision that connects by itself."""
        return UndecidableError(
            f"revision {self.revision} of the shared history connects by an engine of its own, and what is done there "
            f"is not seen: use the connection of op.get_bind(), or put that into a function of its own with "
            f"{_only(frozenset({self.database.name}))} {_IMPORT}"
        )

    def apart(self, homes: frozenset[str]) -> str:
        """Return how to keep the Python of what belongs to these databases from being called elsewhere."""
        if self.is_all_of(homes):
            return f"put {_only(homes)} on its function, all of which belongs there {_IMPORT}"
        return (
            f"put it into a function of its own with {_only(homes)}, and call that from this one, which has to do "
            f"elsewhere, too {_IMPORT}"
        )

    def _error(self, statement: Statement, why: str, words: str) -> UndecidableError:
        return UndecidableError(
            f'revision {self.revision} of the shared history: it cannot be told whether "{self.database.name}" runs '
            f"this statement: {statement.first_line}\n  because {why}\n  {words}"
        )

    def _place(self, homes: frozenset[str], is_rows: bool) -> str:
        """Say how the revision can say where a statement belongs."""
        if not homes:
            nowhere = _OLD_ROWS if is_rows else "with op.on_database(): if it shall be nowhere"
            return f"No database has all that it needs: take it apart by homes, or put it into a block, {nowhere}"
        old = f"{_OLD_ROWS}, or " if is_rows else ""
        if len(homes) > 1:
            choice = ", or ".join(f"{_block({name})}:" for name in sorted(homes))
            return (
                f"Say in the revision where it belongs: put it into a block, {old}{choice} (several names, or none, "
                "may be given)"
            )
        words = f"Say in the revision where it belongs: put it into a block, {old}{_block(homes)}:"
        return f"{words}, or put {_only(homes)} on its function {_IMPORT}" if self.is_all_of(homes) else words


def _block(names: frozenset[str] | set[str]) -> str:
    return f"with op.on_database({_listed(names)})"


def _only(names: frozenset[str]) -> str:
    return f"@only({_listed(names)})"


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))
