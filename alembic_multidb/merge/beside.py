"""Names that are no clash of two definitions, and yet cannot stand side by side, or mean something else there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from alembic_multidb.classify import plain_name
from alembic_multidb.merge.model import Part
from alembic_multidb.merge.names import member_names
from alembic_multidb.split.model import Finding, shown
from alembic_multidb.sqltext import normalized_name
from alembic_multidb.verify.tables import quoted_name

# The way out of names that meet.
RENAME = "rename it in one of the databases, or let one of them come into a schema of its own (--into-schema)"
# The name of a function before its arguments.
_CALLED = re.compile(r'(?:"(?:[^"]|"")+"|[^".(])+\.(?:"(?:[^"]|"")+"|[^".(]+)(?=\()')


def beside(one: Part, other: Part) -> Iterator[Finding]:
    """Find what a database has of its own under a name that an extension of the other one has."""
    there = {plain_name(row.identity) for row in one.expected.rows if row.kind == "extension"}
    own = {("function", row.identity): row.identity for row in one.expected.rows if row.kind == "function"}
    own |= {("name", normalized_name(quoted_name(name))): quoted_name(name) for name in (*one.relations, *one.types)}
    members = member_names(other.catalog)
    for key in sorted(own.keys() & members.keys()):
        if members[key] not in there:
            yield Finding(
                kind="clash-extension-member",
                severity="refused",
                object=own[key],
                message=f'{shown(own[key])} of "{one.name}" is called like something that extension {members[key]} has '
                f'in "{other.name}"',
                fix=RENAME,
            )


def called_alike(one: Part, other: Part) -> Iterator[Finding]:
    """Find statistics of one name, and tell of functions of one name with other arguments: a call may mean either."""
    statistics = [{row.identity for row in part.expected.rows if row.kind == "statistics"} for part in (one, other)]
    for identity in sorted(statistics[0] & statistics[1]):
        yield Finding(
            kind="clash-name",
            severity="refused",
            object=identity,
            message=f'the name {shown(identity)} is taken twice: statistics in "{one.name}" and in "{other.name}"',
            fix=RENAME,
        )
    first, second = _functions(one), _functions(other)
    for name in sorted(first.keys() & second.keys()):
        if first[name] != second[name]:
            yield Finding(
                kind="overloaded",
                severity="warning",
                object=name,
                message=f'"{one.name}" has {", ".join(sorted(map(shown, first[name])))}, and "{other.name}" has '
                f"{', '.join(sorted(map(shown, second[name])))}: a call of {shown(name)} may mean either, side by side",
                fix=RENAME,
            )


def _functions(part: Part) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in part.expected.rows:
        called = _CALLED.match(row.identity) if row.kind == "function" else None
        if called is not None:
            found[called[0]].add(row.identity)
    return found
