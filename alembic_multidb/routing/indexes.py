"""The table of an index that goes: an operation may name it, ``DROP INDEX`` does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.schema import DropIndex

from alembic_multidb.statements import Statement, Thing, read

# What Alembic calls the table of ``op.drop_index()`` where no table is named.
_NONE = "no_table"


def index_of(construct: Any) -> Thing | None:
    """Return the table whose index a construct drops; None if it does not, or does not say it."""
    table = construct.element.table if isinstance(construct, DropIndex) else None
    if table is None or table.name == _NONE:
        return None
    return Thing("relation", None if table.schema == "public" else table.schema, table.name)


def statements_of(sql: str, table: Thing | None) -> tuple[Statement, ...]:
    """Return what a text says, whose index is that table's."""
    statements = read(sql)
    return tuple(replace(each, index_of=table) for each in statements) if table is not None else statements
