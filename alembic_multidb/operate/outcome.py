"""One change on several databases: what came of it on each, and what was not begun because of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import DBAPIError

from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.status import DatabaseStatus
from alembic_multidb.registry import RegisteredDatabase

Result = Literal["done", "would run", "nothing to do", "failed", "not begun", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a change on one database.

    Attributes:
        name: the database's name.
        result: one word for it.
        steps: the revisions that ran, or would run, in their order.
        before: its revisions before; None if they could not be read.
        status: where it stands now; None if it was not asked.
        files: what was written.
        notes: what else was done.
        message: why, where ``result`` alone does not say it.
        error: what failed.
    """

    name: str
    result: Result
    steps: tuple[str, ...] = ()
    before: tuple[str, ...] | None = None
    status: DatabaseStatus | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    message: str = ""
    error: BaseException | None = None

    @property
    def is_good(self) -> bool:
        """Tell whether the database is now, or would be, as it was asked for."""
        return self.result in ("done", "would run", "nothing to do")


Report = Callable[[Outcome], None]


def failed(name: str, error: BaseException) -> Outcome:
    """Return the outcome of a change that raised."""
    result: Result = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    # A database's own message without the statement, which may hold what is nobody else's business.
    message = first_line(error) if isinstance(error, DBAPIError) else str(error) or type(error).__name__
    return Outcome(name=name, result=result, message=message, error=error)


def change_each(
    databases: Iterable[RegisteredDatabase],
    change: Callable[[RegisteredDatabase], Outcome],
    report: Report,
    *,
    needs: Callable[[RegisteredDatabase], Collection[str]] = lambda database: database.depends_on,
) -> list[Outcome]:
    """Change databases one after the other; a failure keeps those from being begun that need the failed one.

    Args:
        databases: in their order.
        change: changes one; what it raises is its failure.
        report: called with each outcome as soon as it is known.
        needs: which databases must be done before one is begun.

    Returns:
        The outcomes, in the order of the databases.

    Raises:
        KeyboardInterrupt: as it came; what was not begun has been reported.
    """
    outcomes: dict[str, Outcome] = {}
    interrupt: BaseException | None = None
    for database in databases:
        broken = [name for name in outcomes if name in needs(database) and not outcomes[name].is_good]
        if interrupt is not None:
            outcome = Outcome(name=database.name, result="not begun", message="the command was interrupted")
        elif broken:
            why = f'it comes after "{broken[0]}" (depends_on), which is not done'
            outcome = Outcome(name=database.name, result="not begun", message=why)
        else:
            try:
                outcome = change(database)
            except (
                Exception,
                KeyboardInterrupt,
                SystemExit,
            ) as error:  # whatever a revision raises is its database's failure
                outcome = failed(database.name, error)
        if outcome.result == "interrupted":
            interrupt = outcome.error
        outcomes[database.name] = outcome
        report(outcome)
    if interrupt is not None:
        raise interrupt
    return list(outcomes.values())
