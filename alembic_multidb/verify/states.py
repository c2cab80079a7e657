"""What is there, but not in force in the target; and what belongs to the database itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Expected, Finding
from alembic_multidb.verify.side import query
from alembic_multidb.verify.tables import Name


def compare_states(
    sides: Sides, is_ours: Callable[[Name], bool], options: VerifyOptions
) -> Iterator[Finding | Expected]:
    """Find indexes, constraints, triggers and materialized views that are in force in the source alone.

    Args:
        sides: source and target.
        is_ours: whether a table or view of the target belongs to the database that is looked at.
        options: what is excluded.
    """
    source, target = (side.ask(query("states")) for side in (sides.source, sides.target))
    before = {(row["kind"], row["object"], row["state"]) for row in source.result()}
    for row in target.result():
        key = row["kind"], row["object"], row["state"]
        if key in before or not is_ours((row["schema"], row["name"])):
            continue
        excluded = options.excludes({row["kind"]}, row["object"])
        if excluded is not None:
            yield Expected(kind=row["kind"], object=row["object"], reason=f"excluded by {excluded}")
        elif row["kind"] == "materialized view" and not options.data:
            yield Expected(kind=row["kind"], object=row["object"], reason="whether it is filled is a matter of rows")
        else:
            message = f"{row['kind']} {row['object']} {row['state']} in the target"
            yield Finding(kind=row["kind"], object=row["object"], what="different", message=message)


def compare_database(sides: Sides, options: VerifyOptions) -> Iterator[Finding | Expected]:
    """Compare owner, rights, comment and encoding of the databases themselves."""
    source, target = (side.ask(query("database")) for side in (sides.source, sides.target))
    one, other = source.result()[0], target.result()[0]
    left_out = {*(() if options.owners else ("owner",)), *(() if options.grants else ("grants",))}
    for name in one:
        if one[name] != other[name] and name not in left_out:
            excluded = options.excludes({"database"}, name)
            if excluded is not None:
                yield Expected(kind="database", object=name, reason=f"excluded by {excluded}")
                continue
            words = " -> ".join("(none)" if value is None else str(value) for value in (one[name], other[name]))
            message = f"{name} of the database differs: {words}"
            yield Finding(kind="database", object=name, what="different", message=message)
