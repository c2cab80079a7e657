"""SQL of enums, domains, composite and range types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.ddl.text import (
    Definition,
    arguments_of,
    last_part,
    literal,
    owner_of,
    plain,
    quoted,
)


def kind_word(definition: Definition) -> str:
    """Return what stands after DROP."""
    return "DOMAIN" if definition["kind"] == "domain" else "TYPE"


def set_aside(identity: str) -> str:
    """Return the name that a type has while the one that replaces it is there."""
    return f"{owner_of(identity)}.{quoted(plain(last_part(identity)) + '_before')}"


def is_replaced(before: Definition, after: Definition) -> bool:
    """Tell whether no ALTER TYPE or ALTER DOMAIN makes one definition the other."""
    kind = after["kind"]
    if before["kind"] != kind:
        return True
    if kind == "enum":
        return added_labels(before["labels"] or [], after["labels"] or []) is None
    if kind == "domain":
        return any(before.get(name) != after.get(name) for name in ("base", "collation"))
    return kind != "composite" and not _is_renamed_multirange(before, after)


def added_labels(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]] | None:
    """Return the labels that are new, each with its place; None if one is gone or moved."""
    if [label for label in after if label in before] != list(before):
        return None
    found, there = [], list(before)
    for number, label in enumerate(after):
        if label in before:
            continue
        if there == list(after[:number]):
            place = ""
        else:
            place = f" AFTER {literal(after[number - 1])}" if number else f" BEFORE {literal(there[0])}"
        found.append((label, place))
        there.insert(number, label)
    return found


def create(row: Row, schema: Schema) -> list[str]:
    """Return what makes a type; nothing for one that is written in C."""
    found = row.definition
    make = {"enum": _enum, "domain": _domain, "composite": _composite, "range": _range}.get(found["kind"])
    text = make(found) if make else None
    word = kind_word(found)
    return [f"CREATE {word} {row.identity} AS {text}"] if text else []


def alter(before: Row, after: Row, schema: Schema) -> list[str]:
    """Return what makes a type another one in place; an enum's new labels come before everything else."""
    old, new, name = before.definition, after.definition, after.identity
    if new["kind"] == "domain":
        return [f"ALTER DOMAIN {name} {change}" for change in _domain_changes(old, new)]
    if new["kind"] == "composite":
        changes = _attribute_changes(old.get("attributes") or [], new.get("attributes") or [])
        return [f"ALTER TYPE {name} {', '.join(changes)}"] if changes else []
    if new["kind"] == "range":
        return [f"ALTER TYPE {old['multirange']} RENAME TO {last_part(new['multirange'])}"]
    return []


def new_labels(before: Row, after: Row) -> list[tuple[str, str]]:
    """Return each new label of an enum with the statement that adds it."""
    if after.definition["kind"] != "enum":
        return []
    added = added_labels(before.definition["labels"] or [], after.definition["labels"] or []) or []
    return [(label, f"ALTER TYPE {after.identity} ADD VALUE IF NOT EXISTS {literal(label)}{at}") for label, at in added]


def _enum(found: Definition) -> str:
    return f"ENUM ({', '.join(map(literal, found.get('labels') or []))})"


def _domain(found: Definition) -> str:
    text = str(found["base"])
    text += f" COLLATE {found['collation']}" if "collation" in found else ""
    text += f" DEFAULT {found['default']}" if "default" in found else ""
    return text + (" NOT NULL" if found["not null"] else "")


def _composite(found: Definition) -> str:
    return f"({', '.join(map(_attribute, found.get('attributes') or []))})"


def _attribute(attribute: Sequence[Any]) -> str:
    name, kind, collation = attribute
    return f"{quoted(name)} {kind}" + (f" COLLATE {collation}" if collation else "")


def _range(found: Definition) -> str | None:
    if "canonical" in found:
        return None
    values = [f"subtype = {found['subtype']}", f"subtype_opclass = {found['operator class']}"]
    values += [f"collation = {found['range collation']}"] if "range collation" in found else []
    values += [f"subtype_diff = {arguments_of(found['difference'])}"] if "difference" in found else []
    values += [f"multirange_type_name = {found['multirange']}"] if "multirange" in found else []
    return f"RANGE ({', '.join(values)})"


def _is_renamed_multirange(before: Definition, after: Definition) -> bool:
    same = {**before, "multirange": 0} == {**after, "multirange": 0}
    return same and "multirange" in after and owner_of(before["multirange"]) == owner_of(after["multirange"])


def _domain_changes(before: Definition, after: Definition) -> list[str]:
    found = []
    if before.get("default") != after.get("default"):
        found.append(f"SET DEFAULT {after['default']}" if "default" in after else "DROP DEFAULT")
    if before["not null"] != after["not null"]:
        found.append("SET NOT NULL" if after["not null"] else "DROP NOT NULL")
    return found


def _attribute_changes(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    """Return the actions of ALTER TYPE; attributes that moved are made anew, at the end."""
    old, new = {item[0]: item for item in before}, {item[0]: item for item in after}
    kept = [name for name in old if name in new]
    moved: list[str] = []
    if list(new)[: len(kept)] != kept:
        good = 0
        while good < len(kept) and list(new)[good] == kept[good]:
            good += 1
        moved, kept = kept[good:], kept[:good]
    changes = [f"DROP ATTRIBUTE {quoted(name)}" for name in old if name not in new or name in moved]
    for name in kept:
        if old[name] != new[name]:
            kind, collation = new[name][1:]
            changes.append(
                f"ALTER ATTRIBUTE {quoted(name)} TYPE {kind}" + (f" COLLATE {collation}" if collation else "")
            )
    changes += [f"ADD ATTRIBUTE {_attribute(new[name])}" for name in new if name not in kept]
    return changes
