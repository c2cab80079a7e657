"""Models against a database at the head of their history: what autogenerate would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from alembic_multidb.checks.finding import Finding, shortened
from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.gather import gather
from alembic_multidb.operate.history import History
from alembic_multidb.operate.revise import compare

# Reflecting many tables takes longer than looking at one database.
_LONGER = 6.0


def models_against_live(histories: Sequence[History], *, timeout: float) -> Iterator[Finding]:
    """Compare models with live databases at head, one after the other, as Alembic can only do one at a time.

    Args:
        histories: of databases at head.
        timeout: seconds for each database to answer a question.
    """
    hangs = ""
    for history in histories:
        if hangs:
            yield _not_compared(history, f'"{hangs}" still hangs, and only one can be compared at a time')
            continue
        ((is_late, findings),) = gather(
            [history],
            lambda item: (False, list(models_against(item, on_scratch=False))),
            timeout=timeout * _LONGER,
            late=lambda item: (True, [_not_compared(item, f"no answer within {timeout * _LONGER:g} seconds")]),
        )
        hangs = history.name if is_late else ""
        yield from findings


def models_against(history: History, *, on_scratch: bool) -> Iterator[Finding]:
    """Compare models with the database that the history's configuration leads to.

    Args:
        history: its configuration may hold a connection.
        on_scratch: whether that is a scratch database, which is exactly what the history makes; else a live one may
            have been changed by hand as well.
    """
    try:
        comparison = compare(history)
        differences = [] if comparison.is_empty else sorted(_words(item) for item in comparison.differences)
    except (Exception, SystemExit) as error:  # env.py, the models and their types may raise anything
        yield _not_compared(history, _reason(error))
        return
    if not on_scratch:
        yield from _models_ahead(history, differences, "or, if somebody changed the database by hand, undo that")
        return
    removed = [item for item in differences if item.startswith("remove_")]
    yield from _models_ahead(history, [item for item in differences if item not in removed], "then multidb upgrade")
    if removed:
        yield Finding(
            code="MDB404",
            database=history.name,
            object=history.name,
            message=f'the history of "{history.name}" makes what no model declares: {shortened(removed)}',
            fix=f'put it into the models; or drop it: multidb revision -n {history.name} --autogenerate -m "..."',
        )


def _models_ahead(history: History, differences: Sequence[str], otherwise: str) -> Iterator[Finding]:
    if differences:
        yield Finding(
            code="MDB401",
            database=history.name,
            object=history.name,
            message=f'the models of "{history.name}" are ahead of its history: {shortened(differences)}',
            fix=f'multidb revision -n {history.name} --autogenerate -m "..."; {otherwise}',
        )


def _not_compared(history: History, reason: str) -> Finding:
    return Finding(
        code="MDB402",
        database=history.name,
        object=history.name,
        message=f'the models of "{history.name}" could not be compared: {reason}',
        fix=f"see it whole with: alembic -n {history.name} check",
    )


def _words(difference: Any) -> str:
    """Say one of Alembic's differences in a few words: ``add_column notes.summary``."""
    if isinstance(difference, list):  # several of one column
        return ", ".join(map(_words, difference))
    kind, *rest = difference
    if kind.endswith(("_column", "_nullable", "_type", "_default", "_comment")) and len(rest) >= 3:
        column = getattr(rest[2], "name", rest[2])
        return f"{kind} {'.'.join(str(part) for part in (rest[0], rest[1]) if part)}.{column}"
    item = rest[0] if rest else ""
    table = getattr(item, "table", None)
    label = getattr(item, "fullname", None) or getattr(item, "name", None) or type(item).__name__
    return f"{kind} {label}" + (f" on {table.fullname}" if table is not None and table is not item else "")


def _reason(error: BaseException) -> str:
    if isinstance(error, CommandError):
        return str(error).splitlines()[0]
    if isinstance(error, DBAPIError):
        return f"{type(error).__name__}: {first_line(error)}"
    # Names of code, no values.
    text = str(error).splitlines()[0] if isinstance(error, (ImportError, NameError, AttributeError)) else ""
    return type(error).__name__ + (f" ({text})" if text else "")
