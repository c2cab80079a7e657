"""Models against the live databases: what autogenerate would write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from alembic_multidb.checks.finding import Finding
from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.history import History
from alembic_multidb.operate.revise import compare

_SHOWN = 5


def models_ahead(history: History) -> Iterator[Finding]:
    """Compare the models with a database at head, whose history has then nothing more to give."""
    name = history.name
    try:
        comparison = compare(history)
        differences = [] if comparison.is_empty else [_words(item) for item in comparison.differences]
    except Exception as error:  # env.py, the models and their types may raise anything
        yield Finding(
            code="MDB402",
            database=name,
            object=name,
            message=f'the models of "{name}" could not be compared with its database: {_reason(error)}',
            fix=f"see it whole with: alembic -n {name} check",
        )
        return
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        yield Finding(
            code="MDB401",
            database=name,
            object=name,
            message=f'the models of "{name}" and its database at head differ: {"; ".join(differences[:_SHOWN])}{more}',
            fix=f'multidb revision -n {name} --autogenerate -m "..."; or, if somebody changed the database by hand, '
            "undo that",
        )


def _words(difference: Any) -> str:
    """Say one of Alembic's differences in a few words: ``add_column notes.summary``."""
    if isinstance(difference, list):  # several of one column
        return ", ".join(map(_words, difference))
    kind, *rest = difference
    if kind.endswith(("_column", "_nullable", "_type", "_default", "_comment")) and len(rest) >= 3:
        column = getattr(rest[2], "name", rest[2])
        return f"{kind} {rest[1]}.{column}"
    item = rest[0] if rest else ""
    table = getattr(item, "table", None)
    label = getattr(item, "name", None) or type(item).__name__
    return f"{kind} {label}" + (f" on {table.name}" if table is not None and table is not item else "")


def _reason(error: Exception) -> str:
    if isinstance(error, CommandError):
        return str(error).splitlines()[0]
    return f"{type(error).__name__}: {first_line(error)}" if isinstance(error, DBAPIError) else type(error).__name__
