"""The SQL of a construct, as PostgreSQL's own parser reads it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.sql.elements import ClauseElement

from alembic_multidb.routing.silent import numbered, silent_dialect
from alembic_multidb.sqltext import without_placeholders

_DIALECT = silent_dialect()


def sql_of(construct: Any) -> str:
    """Return the SQL of a text or construct, with its parameters numbered; empty for what is none."""
    if isinstance(construct, DriverText):
        return without_placeholders(construct)
    if isinstance(construct, str):
        construct = text(construct)
    if not isinstance(construct, ClauseElement):
        return ""
    compiled = construct.compile(dialect=_DIALECT)
    return numbered(str(compiled), compiled.params).strip()


class DriverText(str):
    """SQL as it is given to the driver, with the driver's placeholders."""

    __slots__ = ()
