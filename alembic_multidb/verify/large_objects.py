"""Large objects: all of them in the default database; in another one only what the source has, too."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Finding, What
from alembic_multidb.verify.side import Unreadable, query

Objects = list[dict[str, Any]]


def read_large_objects(sides: Sides) -> tuple[Future[Objects], Future[Objects]]:
    """Begin to read the large objects of both sides."""
    statement = query("large_objects")
    return sides.source.ask(statement), sides.target.ask(statement)


def compare_large_objects(
    running: tuple[Future[Objects], Future[Objects]], options: VerifyOptions, *, is_default: bool
) -> Iterator[Finding]:
    """Compare large objects by their numbers.

    Args:
        running: what was begun.
        options: whether owners and rights count.
        is_default: whether the target is the home of what no table uses.
    """
    try:
        source, target = ({row["oid"]: row for row in side.result()} for side in running)
    except Unreadable as error:
        yield _finding("all", "unknown", f"large objects could not be compared: {first_line(error)}")
        return
    for number in sorted(source.keys() | target.keys(), key=int):
        one, other = source.get(number), target.get(number)
        if one is None:
            yield _finding(number, "extra", f"large object {number} is extra")
        elif other is None:
            if is_default:
                yield _finding(number, "missing", f"large object {number} is missing")
        else:
            yield from _compare(number, one, other, options)


def _compare(number: str, one: dict[str, Any], other: dict[str, Any], options: VerifyOptions) -> Iterator[Finding]:
    wanted = ["bytes", "digest", *(["owner"] if options.owners else []), *(["grants"] if options.grants else [])]
    changed = [name for name in wanted if one[name] != other[name]]
    if "bytes" in changed:
        changed = [name for name in changed if name != "digest"]
    if changed:
        words = ", ".join(f"{name} {one[name]} -> {other[name]}" for name in changed)
        yield _finding(number, "different", f"large object {number} differs: {words}")


def _finding(number: str, what: What, message: str) -> Finding:
    return Finding(kind="large object", object=number, what=what, message=message)
