"""Between constructs of SQLAlchemy and their SQL, as PostgreSQL's own parser reads it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.schema import DDL
from sqlalchemy.sql.elements import ClauseElement

from alembic_multidb.routing.silent import numbered, silent_dialect

# As SQLAlchemy sees it.
_PARAMETER = re.compile(r"(?<![:\w$\\]):[\w$]+(?![:\w$])")
_DIALECT = silent_dialect()


def without_parameters(sql: str) -> str:
    """Return a text for ``sqlalchemy.text()`` in which nothing is taken for a parameter."""
    return _PARAMETER.sub(r"\\\g<0>", sql)


def sql_of(construct: Any) -> str:
    """Return the SQL of a text or construct, with its parameters numbered; empty for what is none."""
    if isinstance(construct, str):
        construct = text(construct)
    if not isinstance(construct, ClauseElement):
        return ""
    compiled = construct.compile(dialect=_DIALECT)
    return numbered(str(compiled), compiled.params).strip()


def values_of(construct: Any) -> Mapping[str, Any]:
    """Return the values that a construct has in itself."""
    return construct.compile(dialect=_DIALECT).params if isinstance(construct, ClauseElement) else {}


def as_ddl(sql: str) -> DDL:
    """Return a text that is sent as it is."""
    return DDL(sql.replace("%", "%%"))  # type: ignore[no-untyped-call]


def is_orm(construct: Any) -> bool:
    """Tell whether the ORM has made a statement, or flushes it now, and will look into its answer."""
    if getattr(construct, "_propagate_attrs", {}).get("compile_state_plugin") == "orm":
        return True
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != "sqlalchemy.orm.persistence":
        frame = frame.f_back
    return frame is not None
