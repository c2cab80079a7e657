"""Names, literals and options in the SQL of schemas; names are quoted as PostgreSQL writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Definition = Mapping[str, Any]

_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_BEFORE_ARGUMENTS = re.compile(r'(?:"(?:[^"]|"")*"|[^"(])+')
# Between these, and from or to one of them, PostgreSQL casts a value itself; others go by way of their text.
_FAMILIES = (
    frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean"}),
    frozenset({"date", "timestamp without time zone", "timestamp with time zone", "time without time zone"}),
    frozenset({"json", "jsonb"}),
)
_TEXTS = frozenset({"text", "character varying", "character", "name"})


def parts(identity: str) -> list[str]:
    """Split a qualified name at its dots, quotes kept."""
    return _PART.findall(identity)


def last_part(identity: str) -> str:
    """Return the name without what it is qualified with."""
    return parts(identity)[-1]


def owner_of(identity: str) -> str:
    """Return a qualified name without its last part: a column's table, a table's schema."""
    return identity[: -len(last_part(identity)) - 1]


def quoted(name: str) -> str:
    """Quote a name that is not quoted yet."""
    return '"' + name.replace('"', '""') + '"'


def plain(name: str) -> str:
    """Return a name without quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def name_of(name: str) -> str:
    """Quote a bare name where it is needed."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


def literal(text: str) -> str:
    """Return a string as SQL has it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in escaped else "E'" + escaped.replace("\\", "\\\\") + "'"


def mentions(definition: Definition | str, name: str) -> bool:
    """Tell whether a definition has a name somewhere; one that only looks like it counts, too."""
    text = definition if isinstance(definition, str) else " ".join(_strings(definition))
    return re.search(rf'(?<![\w"]){re.escape(name)}(?![\w"])', text) is not None or ".*" in text


def is_masked(definition: Definition) -> bool:
    """Tell whether a value was left out because its name sounds like a secret's."""
    lists = [definition.get(name) or () for name in ("settings", "options", "foreign options")]
    return any(str(item).endswith("=...") for items in lists for item in items)


def arguments_of(identity: str) -> str:
    """Return a function's or operator's name without its arguments."""
    name = _BEFORE_ARGUMENTS.match(identity)
    return name[0] if name else identity


def cast(column: str, before: str, after: str) -> str:
    """Return the expression that makes a column's values those of another type."""
    one, other = base_type(before), base_type(after)
    is_direct = one == other or one in _TEXTS or other in _TEXTS
    is_direct = is_direct or any(one in family and other in family for family in _FAMILIES)
    return f"{column}::{after}" if is_direct else f"{column}::text::{after}"


def base_type(name: str) -> str:
    """Return a type's name without length and brackets."""
    return re.sub(r"\(.*?\)|\[\]", "", name).strip()


def options(items: Iterable[str] | None, prefix: str = "") -> dict[str, str]:
    """Return storage options, ``name=value`` each, as a mapping."""
    pairs = (item.partition("=") for item in items or ())
    return {prefix + name: value for name, _, value in pairs}


def option_list(values: Mapping[str, str]) -> str:
    """Return storage options as WITH and SET take them."""
    return ", ".join(f"{name} = {literal(value)}" for name, value in values.items())


def option_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what turns storage options into others: ``SET (...)`` and ``RESET (...)``."""
    gone = [name for name in before if name not in after]
    new = {name: value for name, value in after.items() if before.get(name) != value}
    return [*([f"RESET ({', '.join(gone)})"] if gone else []), *([f"SET ({option_list(new)})"] if new else [])]


def foreign_options(before: Iterable[str] | None, after: Iterable[str] | None) -> str:
    """Return what turns foreign options into others, as ``OPTIONS (...)`` takes it."""
    old, new = options(before), options(after)
    changes = [f"DROP {name_of(name)}" for name in old if name not in new]
    for name, value in new.items():
        if old.get(name) != value:
            changes.append(f"{'SET' if name in old else 'ADD'} {name_of(name)} {literal(value)}")
    return ", ".join(changes)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value
