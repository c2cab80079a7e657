"""Whether a database has something of a name: asked for now, or by a script when it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Connection, text

from alembic_multidb.routing.presence import Move
from alembic_multidb.routing.router import OURS
from alembic_multidb.routing.text import without_parameters
from alembic_multidb.statements import Thing

_EXISTS = {
    "relation": "to_regclass({}) IS NOT NULL",
    "type": "to_regtype({}) IS NOT NULL",
    "function": "EXISTS (SELECT FROM pg_proc WHERE proname = {})",
    "statistics": "EXISTS (SELECT FROM pg_statistic_ext WHERE stxname = {})",
    "schema": "to_regnamespace({}) IS NOT NULL",
}
_UNLESS_THERE = "DO $comes$ BEGIN IF NOT ({}) THEN {} END IF; END $comes$"


def has(connection: Connection, thing: Thing) -> bool:
    """Tell whether a database has something of a name."""
    question = text(without_parameters(f"SELECT {_exists(thing)}")).execution_options(**{OURS: True})
    return connection.execute(question).scalar_one() is True


def unless_there(moves: Iterable[Move]) -> Iterator[str]:
    """Yield the statements of a script that make what is missing; some of it may be there, or not.

    Args:
        moves: in their order.
    """
    groups: dict[Thing, list[Move]] = {}
    for move in moves:
        groups.setdefault(move.thing, []).append(move)
    for group in groups.values():
        if not group[0].may_be_there:
            yield from (move.sql for move in group)
            continue
        names = dict.fromkeys(chain([group[0].thing], group[0].names))
        deeds = " ".join(f"EXECUTE {Literal(move.sql).as_string(None)};" for move in group)
        yield _UNLESS_THERE.format(" OR ".join(map(_exists, names)), deeds)


def _exists(thing: Thing) -> str:
    name = thing.name
    if thing.kind not in ("function", "statistics"):
        name = Identifier(*(part for part in (thing.schema, thing.name) if part)).as_string(None)
    return SQL(_EXISTS[thing.kind]).format(Literal(name)).as_string(None)
