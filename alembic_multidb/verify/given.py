"""What a transfer knows of its source, so that it need not be worked out a second time, or otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name


@dataclass(frozen=True)
class Given:
    """A source at the moment that was copied, and what each target was to get of it.

    Attributes:
        side: the source.
        schemas: the schema of each target, by its name.
        tables: the numbers of the source's tables that each target has, partitioned ones included.
        counts: tells whether a fact of a target, by the target's name, is one that the transfer answers for.
        places: where the sequences stood that were set.
        large_objects: which target has the large objects; None if they were left.
        others: tables and views of the targets that come from elsewhere.
        moved: what the source's schemas are called in the targets, where they are called otherwise.
    """

    side: Side
    schemas: Mapping[str, Snapshot]
    tables: Mapping[str, frozenset[int]]
    counts: Callable[[str, Row], bool]
    places: Mapping[Name, Place] = field(default_factory=dict)
    large_objects: str | None = None
    others: frozenset[Name] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
