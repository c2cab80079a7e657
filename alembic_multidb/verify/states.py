"""What is there, but not in force in the target; and what belongs to the database itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Expected, Finding
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.statements import query
from alembic_multidb.verify.tables import Name

# Kind, name and state of something.
State = tuple[str, str, str]


def compare_states(
    sides: Sides, is_ours: Callable[[Name], bool], options: VerifyOptions
) -> Iterator[Finding | Expected]:
    """Find indexes, constraints, triggers and materialized views that are in force in the source alone.

    Args:
        sides: source and target.
        is_ours: whether a table or view of the target belongs to the database that is looked at.
        options: what is excluded.
    """
    source, target = (read_states(side, is_ours) for side in (sides.source, sides.target))
    for kind, name, state in sorted(target - source):
        excluded = options.excludes({kind}, name)
        if excluded is not None:
            yield Expected(kind=kind, object=name, reason=f"excluded by {excluded}")
        elif kind == "materialized view" and not options.data:
            yield Expected(kind=kind, object=name, reason="whether it is filled is a matter of rows")
        else:
            message = f"{kind} {name} {state} in the target"
            yield Finding(kind=kind, object=name, what="different", message=message)


def read_states(side: Side, is_ours: Callable[[Name], bool]) -> set[State]:
    """Return kind and name of what is not in force, each with its state."""
    found = side.ask(query("states")).result()
    return {(row["kind"], row["object"], row["state"]) for row in found if is_ours((row["schema"], row["name"]))}


def read_database(side: Side, options: VerifyOptions) -> dict[str, str | None]:
    """Return owner, rights, comment and encoding of a database, as far as they are compared."""
    left_out = {*(() if options.owners else ("owner",)), *(() if options.grants else ("grants",))}
    found = side.ask(query("database")).result()[0]
    return {name: value for name, value in found.items() if name not in left_out}


def compare_database(sides: Sides, options: VerifyOptions) -> Iterator[Finding]:
    """Compare owner, rights, comment and encoding of the databases themselves."""
    one, other = read_database(sides.source, options), read_database(sides.target, options)
    for name in one:
        if one[name] != other[name]:
            words = " -> ".join("(none)" if value is None else value for value in (one[name], other[name]))
            message = f"{name} of the database differs: {words}"
            yield Finding(kind="database", object=name, what="different", message=message)
