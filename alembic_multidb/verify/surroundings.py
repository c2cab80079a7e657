"""What counts beside the schema and the rows: what is in force, the database itself, rights, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alembic_multidb.verify.collect import Collected, Told
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Expected, fact
from alembic_multidb.verify.rights import WITH_MAINTAIN, Rights, compare_rights, read_roles
from alembic_multidb.verify.settings import Settings, compare_settings
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.states import State, compare_database, compare_states, read_database, read_states

# Of each kind, name to hash.
Facts = Mapping[str, Mapping[str, str]]


def compare_surroundings(wanted: Wanted, sides: Sides, found: Collected) -> None:
    """Compare both sides, and keep what the target is like for the evidence."""
    found.take("state", lambda: _states(wanted, sides, found))
    found.take("database", lambda: _database(wanted, sides, found))
    found.take("right", lambda: _rights(wanted, sides, found))
    found.take("setting", lambda: _settings(wanted, sides, found))


def read_surroundings(wanted: Wanted, side: Side, names: set[str], older: int) -> dict[str, Mapping[str, str]]:
    """Return a hash of each fact of one side.

    Args:
        wanted: what is compared.
        side: where.
        names: settings of a new connection to look at, whether or not the database has them.
        older: the lowest version of a server whose rights these are compared with.
    """
    roles = read_roles(side)
    return {
        **_state_facts(read_states(side, wanted.is_ours)),
        **_database_facts(read_database(side, wanted.options)),
        **Rights.read(side, wanted.options, roles, with_maintain=older >= WITH_MAINTAIN).facts,
        **Settings.read(side, names).facts(roles),
    }


def _states(wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    found.add(_state_facts(read_states(sides.target, wanted.is_ours)))
    for told in compare_states(sides, wanted.is_ours, wanted.options):
        if isinstance(told, Expected) or (told.kind, told.object) not in found.named:
            yield told


def _state_facts(states: set[State]) -> Facts:
    return {"state": {f"{kind} {name} {state}": fact(state) for kind, name, state in states}}


def _database(wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    found.add(_database_facts(read_database(sides.target, wanted.options)))
    yield from compare_database(sides, wanted.options)


def _database_facts(database: Mapping[str, str | None]) -> Facts:
    return {"database": {name: fact(value) for name, value in database.items()}}


def _rights(wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    older = min(sides.source.server_version, sides.target.server_version)
    # Of the source's roles, others may have rights in other homes only.
    roles = read_roles(sides.target)
    source, target = (
        Rights.read(side, wanted.options, roles, with_maintain=older >= WITH_MAINTAIN)
        for side in (sides.source, sides.target)
    )
    found.add(target.facts)
    yield from compare_rights(source, target, is_default=wanted.database.declaration.default)


def _settings(wanted: Wanted, sides: Sides, found: Collected) -> Iterator[Told]:
    roles = read_roles(sides.target)
    source = Settings.read(sides.source)
    target = Settings.read(sides.target, source.names)
    found.add(target.facts(roles))
    yield from compare_settings(source, target, roles, wanted.options)
