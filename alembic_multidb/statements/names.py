"""Names in PostgreSQL's parse tree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alembic_multidb.statements.facts import Kind, Thing

_DEFAULT_SCHEMA = "public"
_PLAIN = re.compile(r'(?:(?P<schema>\w+|"[^"]+")\.)?(?P<name>\w+|"[^"]+")')
# PostgreSQL cuts names after 63 bytes.
_LONGEST = 63


def relation(node: Any) -> Thing:
    """Return what a RangeVar names."""
    return thing("relation", (node.schemaname, node.relname))


def thing(kind: Kind, parts: Iterable[str]) -> Thing:
    """Build a thing from the parts of its name, the last one being its own."""
    *before, name = [part for part in parts if part] or [""]
    schema = before[-1] if before else None
    return Thing(kind, None if schema == _DEFAULT_SCHEMA else schema, name)


def parts_of(node: Any) -> tuple[str, ...]:
    """Return the parts of a name that the tree holds as a list of strings, a type, a function or one string."""
    which = node.WhichOneof("node")
    if which == "list":
        return strings(node.list.items)
    if which == "type_name":
        return strings(node.type_name.names)
    if which == "object_with_args":
        return strings(node.object_with_args.objname)
    if which == "range_var":
        return (node.range_var.schemaname, node.range_var.relname)
    return (node.string.sval,)


def strings(items: Iterable[Any]) -> tuple[str, ...]:
    """Return a list of strings."""
    return tuple(item.string.sval for item in items)


def quoted_name(kind: Kind, text: str) -> Thing | None:
    """Read a name out of a literal, as ``nextval('...')`` does; None if it can be none."""
    match = _PLAIN.fullmatch(text.strip())
    if match is None:
        return None
    return thing(kind, (_fold(match["schema"] or ""), _fold(match["name"])))


def made_name(*parts: str) -> str:
    """Return the name that PostgreSQL gives to what has none: ``table_column_fkey``."""
    *first, label = parts
    names = list(first)
    while len("_".join((*names, label)).encode()) > _LONGEST:
        longest = max(range(len(names)), key=lambda number: len(names[number].encode()))
        names[longest] = names[longest][:-1]
    return "_".join((*names, label))


def _fold(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text.lower()
