"""What an earlier run has copied, compared with what the source holds now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from alembic_multidb.transfer.tables import Table
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.digest import EVERYTHING, Digester
from alembic_multidb.verify.reader import Reader, Sides
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Pair, moved_tables, pairs
from alembic_multidb.verify.tables import read_tables as read_all


def equal_tables(source: Side, target: Target, tables: Sequence[Table]) -> set[int]:
    """Return the numbers of the tables of which source and target hold the same rows, by their digests.

    Args:
        source: at the moment that is copied.
        target: that holds what an earlier run has copied.
        tables: to compare.
    """
    if not tables:
        return set()
    wanted = {table.oid for table in tables}
    with Side(target.name, target.url, source.jobs) as side:
        schemas = {table.name[0]: table.place[0] for table in tables if table.moved is not None}
        before, now = moved_tables(read_all(source), schemas), read_all(side)
        members = defaultdict(list)
        for each in before.values():
            members[each.root].append(each.oid)
        found, _ = pairs(before, now, lambda name: True)
        sides = Sides(source, side)
        chosen = [(pair, oids) for pair in found if (oids := _oids(pair, members) & wanted)]
        readers = [(oids, Reader(sides, Digester(pair, False))) for pair, oids in chosen]
        running = [(oids, reader.start(False, EVERYTHING), reader.start(True, EVERYTHING)) for oids, reader in readers]
        return {oid for oids, one, other in running if one.result() == other.result() for oid in oids}


def _oids(pair: Pair, members: dict[int, list[int]]) -> set[int]:
    return set(members[pair.source.oid]) if pair.is_whole else {pair.source.oid}
