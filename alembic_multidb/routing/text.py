"""The SQL of a construct, as PostgreSQL's own parser reads it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.sql.elements import ClauseElement

from alembic_multidb.routing.silent import numbered, silent_dialect

_DIALECT = silent_dialect()


def sql_of(construct: Any) -> str:
    """Return the SQL of a text or construct, with its parameters numbered; empty for what is none."""
    if isinstance(construct, str):
        construct = text(construct)
    if not isinstance(construct, ClauseElement):
        return ""
    compiled = construct.compile(dialect=_DIALECT)
    return numbered(str(compiled), compiled.params).strip()
