"""What becomes of one statement of a shared history on one database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alembic_multidb.statements import Statement
from alembic_multidb.statements.rewrite import empty_answer

Verdict = Literal["runs", "skips", "separated", "undecidable"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of one statement on one database.

    Attributes:
        statement: what it says.
        verdict: ``separated`` runs what is left of it.
        sql: what is run; None if nothing is.
        why: where it belongs, what was left out, or why nobody knows.
        is_idle: whether it drops or changes, if it is there, what no revision makes.
        homes: of the undecidable, the databases that may have all that it needs.
        is_of_rows: of the undecidable, whether it does no more than to change or read rows.
    """

    statement: Statement
    verdict: Verdict
    sql: str | None
    why: str = ""
    is_idle: bool = False
    homes: frozenset[str] = frozenset()
    is_of_rows: bool = False


def what_is_left(sql: str, decisions: list[Decision]) -> str:
    """Return what is sent in place of a text: the statements that run here, or a query that answers with no rows."""
    kept = [decision.sql for decision in decisions if decision.sql is not None]
    if kept:
        return ";\n".join(kept)
    return empty_answer(sql) if decisions[-1].statement.reads else "SELECT NULL WHERE false"


def runs(statement: Statement) -> Decision:
    """Return the decision to run a statement as it is."""
    return Decision(statement=statement, verdict="runs", sql=statement.sql)


def skips(statement: Statement, why: str) -> Decision:
    """Return the decision to run nothing of a statement."""
    return Decision(statement=statement, verdict="skips", sql=None, why=why)
