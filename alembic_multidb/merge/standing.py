"""Where a sequence stands that two databases have."""

from __future__ import annotations

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.merge.model import Part
from alembic_multidb.transfer.sequences import read_places
from alembic_multidb.transfer.session import raw
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.tables import Name, quoted_name


def is_same_place(one: Part, other: Part, before: Row, after: Row) -> bool:
    """Tell whether two sequences stand where the other does."""
    if before.kind != "sequence":
        return True
    return _place(one, before) == _place(other, after)


def _place(part: Part, row: Row) -> Place:
    oid = part.number(row.node.oid)
    return read_places(raw(part.connection), [oid])[oid][1]


def way_to_go_on(one: Part, other: Part, before: Row, after: Row) -> str:
    """Say how two sequences come to stand at the same value: that of the one that is further."""
    places = {one.name: _place(one, before), other.name: _place(other, after)}
    sign = 1 if int(before.definition["increment"]) > 0 else -1
    first, last = sorted(places, key=lambda name: (sign * places[name].last, places[name].is_called))
    part, row = (one, before) if first == one.name else (other, after)
    name, place = quoted_name(part.name_there(_name_of(part, row))), places[last]
    is_called = "" if place.is_called else ", false"
    return f"let both stand at the further one: in \"{first}\", SELECT setval('{name}', {place.last}{is_called}); or "


def _name_of(part: Part, row: Row) -> Name:
    return next(name for name, oid in part.relations.items() if oid == row.node.oid)
