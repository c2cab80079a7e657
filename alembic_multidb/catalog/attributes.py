"""Which attributes of a definition hold SQL, and so may be written differently by another version or after a dump."""

from __future__ import annotations

from typing import Any

from alembic_multidb.sqltext import normalized_expression, normalized_name, normalized_query

_EXPRESSIONS = frozenset(
    {
        *("default", "generated as", "definition", "index", "using", "with check"),
        *("partition key", "partition bound", "arguments", "sql body", "defaults", "tables"),
    }
)
# What a user wrote and PostgreSQL keeps as it is.
_VERBATIM = frozenset({"body", "comment", "labels", "settings", "initial", "moving initial"})


def normalized(attribute: str, value: Any) -> Any:
    """Return an attribute's value as every version has it, all the way down."""
    if isinstance(value, list):
        return [normalized(attribute, item) for item in value]
    if isinstance(value, dict):
        return {name: normalized(attribute, item) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if attribute in _VERBATIM:
        # The ends of lines are those of the system on which a revision was written, or a dump read.
        return value.replace("\r\n", "\n") if attribute == "body" else value
    if attribute == "query":
        return normalized_query(value)
    return normalized_expression(value) if attribute in _EXPRESSIONS else normalized_name(value)
