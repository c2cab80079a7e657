"""Whether a database has something of a name: asked for now, or by a script when it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    "row": "to_regclass({}) IS NOT NULL",
    "operator": "EXISTS (SELECT FROM pg_operator WHERE oprname = {} AND oid >= 16384)",
    "collation": "to_regcollation({}) IS NOT NULL",
    "text search configuration": "EXISTS (SELECT FROM pg_ts_config WHERE cfgname = {})",
    "text search dictionary": "EXISTS (SELECT FROM pg_ts_dict WHERE dictname = {})",
    "event trigger": "EXISTS (SELECT FROM pg_event_trigger WHERE evtname = {})",
    "publication": "EXISTS (SELECT FROM pg_publication WHERE pubname = {})",
}
_NAMED = frozenset({"relation", "row", "type", "schema", "collation"})


def has(connection: Connection, thing: Thing) -> bool:
    """Tell whether a database has something of a name."""
    question = text(without_parameters(f"SELECT {_exists(thing)}")).execution_options(**{OURS: True})
    return connection.execute(question).scalar_one() is True


def unless_there(moves: Iterable[Move]) -> Iterator[str]:
    """Yield the statements of a script that make what is missing; some of it may be there, or not.

    What is made later may be needed to make what was there first what it is: a schema that a type is moved into.

    Args:
        moves: in their order.
    """
    every = list(moves)
    unsure = list(dict.fromkeys(move.thing for move in every if move.may_be_there))
    if not unsure:
        yield from (move.sql for move in every)
        return
    names = {move.thing: dict.fromkeys([move.thing, *move.names]) for move in every}
    flags = "".join(
        f"is_there_{number} bool := {' OR '.join(map(_exists, names[thing]))}; " for number, thing in enumerate(unsure)
    )
    yield f"DO $comes$ DECLARE {flags}BEGIN {' '.join(_made(move, unsure) for move in every)} END $comes$"


def _made(move: Move, unsure: list[Thing]) -> str:
    """Return what makes something inside a block, which knows of what may be there whether it is."""
    deed = f"EXECUTE {Literal(move.sql).as_string(None)};"
    if move.thing not in unsure:
        return deed
    return f"IF NOT is_there_{unsure.index(move.thing)} THEN {deed} END IF;"


def _exists(thing: Thing) -> str:
    name = thing.name
    if thing.kind in _NAMED:
        name = Identifier(*(part for part in (thing.schema, thing.name) if part)).as_string(None)
    return SQL(_EXISTS[thing.kind]).format(Literal(name)).as_string(None)
