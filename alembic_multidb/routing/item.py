"""One thing that a history makes: a table, an index, a type and the like, through all of its names."""

from __future__ import annotations

from dataclasses import dataclass, field

from alembic_multidb.statements import Role, Thing


@dataclass(eq=False)
class Item:
    """One thing through all of its names.

    Attributes:
        role: what it is.
        names: what it was called, in order.
        part_of: the relation that it belongs to.
        stands_on: what a view, a type, a function or a table has ever needed; of a table what moves alone.
        speaks_of: what the body of a function has ever spoken of.
        dynamic: what a function puts together and runs; None if it does not.
        pinned: the databases that the revision itself says it is for; None if it says nothing.
    """

    role: Role
    names: list[Thing]
    part_of: Item | None = None
    stands_on: list[Item] = field(default_factory=list)
    speaks_of: list[Item] = field(default_factory=list)
    pinned: frozenset[str] | None = None
    dynamic: str | None = None

    @property
    def moves(self) -> bool:
        """Tell whether it comes and goes with those that use it: a type, function, sequence or schema by itself."""
        return self.role in ("other", "sequence") and self.part_of is None and self.pinned is None

    @property
    def whole(self) -> Item:
        """Return what it is a part of, as an index is of a table, or itself."""
        if self.part_of is None:
            return self
        item, seen = self, {id(self)}
        while item.part_of is not None and item.pinned is None and id(item.part_of) not in seen:
            item = item.part_of
            seen.add(id(item))
        return item

    @property
    def is_settled(self) -> bool:
        """Tell whether its home is that of what it stands on and who uses it, and may be another at another time."""
        return self.moves or (self.role in ("view", "temporary") and self.pinned is None and self.part_of is None)

    def __repr__(self) -> str:
        return f"<{self.role} {self.names[-1]}>"
