"""States that no dump holds: constraints that are switched off, and those that children have proven for themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.session import raw
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.statements import Raw

# ALTER TABLE ... DISABLE TRIGGER ALL switches off the triggers behind constraints, too. Their own names are numbers.
_TRIGGERS = """
    SELECT n.nspname::text AS schema, c.relname::text AS table, k.conname::text AS constraint,
           tn.nspname::text AS on_schema, t.relname::text AS on_table, p.proname::text AS does,
           g.tgname::text AS name, g.tgenabled::text AS state
    FROM pg_catalog.pg_trigger AS g
    JOIN pg_catalog.pg_constraint AS k ON k.oid = g.tgconstraint
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class AS t ON t.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
    WHERE g.tgisinternal AND k.contype <> 't'
"""
# A child that was made after its parent's constraint has proven its own rows; a dump makes both at once.
_CONSTRAINTS = """
    SELECT n.nspname::text AS schema, c.relname::text AS table, k.conname::text AS constraint
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%'
"""
_PROVEN = f"{_CONSTRAINTS} AND k.convalidated AND k.coninhcount > 0"
_UNPROVEN = (
    f"{_CONSTRAINTS} AND NOT k.convalidated AND coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') = 'true'"
)
_WORDS = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}

Key = tuple[str, ...]


@dataclass(frozen=True)
class States:
    """What no dump says of constraints.

    Attributes:
        triggers: those behind constraints that are not in their usual state: of which constraint of which table, on
            which table, which function; and the state.
        proven: constraints of children that hold for their rows, by schema, table and name.
    """

    triggers: tuple[tuple[Key, str], ...]
    proven: frozenset[Key]


def read_states(connection: Connection) -> States:
    """Return the states of the source's constraints."""
    source = raw(connection)
    triggers = tuple((key, state) for key, _, state in _triggers(source, "AND g.tgenabled <> 'O'"))
    return States(triggers, frozenset(_keys(source, _PROVEN)))


def set_states(target: Target, states: States) -> None:
    """Give the constraints that a target has the source's states.

    Raises:
        MultidbError: the login may not, or a row is in the way.
    """
    try:
        with target.lead.transaction():
            target.journal.fence(target.lead)
            for statement in [*_proofs(target.lead, states.proven), *_switches(target.lead, dict(states.triggers))]:
                target.lead.execute(statement)
    except psycopg.Error as error:
        raise MultidbError(
            f'constraints of "{target.name}" could not be put into the state that they have in the source: '
            f"{first_line(error)}. When the cause is gone, the same command goes on"
        ) from None


def _proofs(connection: Raw, proven: Collection[Key]) -> Iterable[sql.Composed]:
    for schema, table, name in _keys(connection, _UNPROVEN) if proven else ():
        if (schema, table, name) in proven:
            yield sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                sql.Identifier(schema, table), sql.Identifier(name)
            )


def _switches(connection: Raw, states: dict[Key, str]) -> Iterable[sql.Composed]:
    for key, name, state in _triggers(connection) if states else ():
        wanted = states.get(key, state)
        if wanted != state:
            yield sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(
                sql.Identifier(*key[3:5]), sql.SQL(_WORDS[wanted]), sql.Identifier(name)
            )


def _keys(connection: Raw, statement: str) -> list[Key]:
    return [tuple(row) for row in connection.execute(statement.encode()).fetchall()]


def _triggers(connection: Raw, condition: str = "") -> list[tuple[Key, str, str]]:
    """Return of each trigger behind a constraint what it is told by, its name, and its state."""
    found = connection.execute(f"{_TRIGGERS} {condition}".encode()).fetchall()
    return [(tuple(row[:6]), row[6], row[7]) for row in found]
