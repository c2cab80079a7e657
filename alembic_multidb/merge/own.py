"""What the target has of its own, and nobody may change: digests of its tables' rows before and after."""

from __future__ import annotations

from collections.abc import Collection

from alembic_multidb.merge.model import Place
from alembic_multidb.verify.digest import EVERYTHING, Digester
from alembic_multidb.verify.reader import Reader, Sides
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name, pairs, read_tables


def own_digests(place: Place, names: Collection[Name], jobs: int) -> dict[str, str]:
    """Return, for each of some tables of the target, how many rows it has and what they add up to.

    Args:
        place: the target.
        names: schema and name of what is its own.
        jobs: statements at a time.

    Raises:
        MultidbError: it cannot be read.
    """
    with Side(place.name, place.url, jobs) as side:
        tables = {name: table for name, table in read_tables(side).items() if name in names}
        sides = Sides(side, side)
        found, _ = pairs(tables, tables, lambda name: True)
        running = [
            (pair.source.identity, Reader(sides, Digester(pair, True)).start(False, EVERYTHING)) for pair in found
        ]
        digests = {name: future.result() for name, future in running}
    return {name: f"{digest.rows} {digest.text}" for name, digest in digests.items()}
