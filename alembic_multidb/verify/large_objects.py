"""Large objects: all of them in the default database; in another one only what the source has, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.collect import EVERYTHING, Told
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.report import Expected, Finding, What
from alembic_multidb.verify.side import Side, Unreadable
from alembic_multidb.verify.statements import query

# By number: bytes, digest, owner, rights and comment of each.
Objects = Mapping[str, Mapping[str, str | None]]
Reading = Future[list[dict[str, Any]]]


def read_objects(side: Side) -> Reading:
    """Begin to read the large objects of one side."""
    return side.ask(query("large_objects"))


def objects_of(reading: Reading) -> Objects:
    """Return what was read, by number."""
    return {row.pop("oid"): row for row in map(dict, reading.result())}


def compare_large_objects(running: tuple[Reading, Reading], options: VerifyOptions, *, is_default: bool) -> list[Told]:
    """Compare large objects by their numbers.

    Args:
        running: what was begun.
        options: whether owners and rights count, and what is excluded.
        is_default: whether the target is the home of what no table uses.
    """
    try:
        source, target = map(objects_of, running)
    except Unreadable as error:
        return [_finding(EVERYTHING, "unknown", f"large objects could not be compared: {first_line(error)}")]
    return list(differing_objects(source, target, options, is_default=is_default))


def differing_objects(source: Objects, target: Objects, options: VerifyOptions, *, is_default: bool) -> Iterator[Told]:
    """Tell which objects differ, and which are excluded."""
    for number in sorted(source.keys() | target.keys(), key=int):
        one, other = source.get(number), target.get(number)
        if other is None and not is_default:
            continue
        excluded = options.excludes({"large object"}, number)
        if excluded is not None:
            yield Expected(kind="large object", object=number, reason=f"excluded by {excluded}")
        elif one is None:
            yield _finding(number, "extra", f"large object {number} is extra")
        elif other is None:
            yield _finding(number, "missing", f"large object {number} is missing")
        else:
            yield from _compare(number, one, other, options)


def _compare(
    number: str, one: Mapping[str, str | None], other: Mapping[str, str | None], options: VerifyOptions
) -> Iterator[Finding]:
    wanted = ["bytes", "digest", "comment", *(["owner"] * options.owners), *(["grants"] * options.grants)]
    changed = [name for name in wanted if one[name] != other[name]]
    if "bytes" in changed:
        changed = [name for name in changed if name != "digest"]
    if changed:
        words = ", ".join(f"{name} {one[name] or '(none)'} -> {other[name] or '(none)'}" for name in changed)
        yield _finding(number, "different", f"large object {number} differs: {words}")


def _finding(number: str, what: What, message: str) -> Finding:
    return Finding(kind="large object", object=number, what=what, message=message)
