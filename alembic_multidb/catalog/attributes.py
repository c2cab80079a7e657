"""Which attributes of a definition hold SQL, and so may be written differently by another version or after a dump."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


class Definition(Mapping[str, Any]):
    """An object's definition as every version has it: each attribute is worked out when it is first asked for.

    Most never are: to parse the SQL of a large schema takes longer than to read it.

    Args:
        written: attribute to value, as PostgreSQL has written it.
    """

    __slots__ = ("_known", "_written")

    def __init__(self, written: Mapping[str, Any]) -> None:
        self._written = written
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = normalized(name, self._written[name])
        return self._known[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value, or the default."""
        return self[name] if name in self._written else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __repr__(self) -> str:
        return repr(dict(self))

    def is_written_like(self, other: object) -> bool:
        """Tell whether another definition is the same, to the letter: then nothing needs to be worked out."""
        return isinstance(other, Definition) and repr(self._written) == repr(other._written)
