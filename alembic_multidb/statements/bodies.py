"""What the body of a function speaks of, and what of it PostgreSQL looks for as it makes the function."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from alembic_multidb.statements.facts import Statement, Thing

_NOTHING: frozenset[Thing] = frozenset()


@dataclass(frozen=True)
class Body:
    """The text of a function.

    Attributes:
        statements: those in it.
        declared: the types of variables, which are looked for at once.
        dynamic: the text of an EXECUTE in it that is only known when it runs.
        is_early: whether all that it names is looked for as the function is made, as in SQL, or when it runs.
    """

    statements: tuple[Statement, ...] = ()
    declared: frozenset[Thing] = _NOTHING
    is_early: bool = False
    dynamic: str | None = None

    @property
    def mentions(self) -> frozenset[Thing]:
        """Return the relations that must be there when the function is made."""
        return self._relations if self.is_early else _NOTHING

    @property
    def uses(self) -> frozenset[Thing]:
        """Return the types and functions that must be there when the function is made."""
        return self._uses | self.declared if self.is_early else self.declared

    @property
    def literals(self) -> frozenset[Thing]:
        """Return what literals may name that are looked up when the function is made."""
        return self._literals if self.is_early else _NOTHING

    @property
    def spoken(self) -> frozenset[Thing]:
        """Return all that it speaks of."""
        return self._relations | self._uses | self._literals | self.declared

    @property
    def _relations(self) -> frozenset[Thing]:
        named = chain.from_iterable((*each.subjects, *each.mentions) for each in self.statements)
        return frozenset(item for item in named if item.kind == "relation")

    @property
    def _uses(self) -> frozenset[Thing]:
        return _NOTHING.union(*(each.uses for each in self.statements))

    @property
    def _literals(self) -> frozenset[Thing]:
        return _NOTHING.union(*(each.hints for each in self.statements))
