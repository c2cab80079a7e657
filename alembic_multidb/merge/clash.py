"""Clashes: what several databases have under one name, compared definition by definition before anything moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import ObjectId, Row, canonical
from alembic_multidb.classify import table_name
from alembic_multidb.errors import RegistryError
from alembic_multidb.merge.beside import RENAME, beside, called_alike
from alembic_multidb.merge.gather import object_name, settings_of
from alembic_multidb.merge.model import Part
from alembic_multidb.merge.standing import is_same_place, way_to_go_on
from alembic_multidb.registry import Databases
from alembic_multidb.registry.names import DEFAULT_SCHEMA, split_dotted
from alembic_multidb.split.model import Finding, shown
from alembic_multidb.verify.tables import Name

# What stands for itself; columns, constraints and the like belong to their tables.
_WHOLE = frozenset(
    {
        *("schema", "extension", "type", "collation", "function", "operator", "operator class", "cast", "text search"),
        *("foreign server", "sequence", "table", "view", "event trigger", "language", "default grants", "publication"),
    }
)
_OWNED = "owned by"
_PUBLIC = ("schema", DEFAULT_SCHEMA)
_MANY = 6
_SHOWN = 200


@dataclass
class Clashes:
    """What came of a comparison.

    Attributes:
        shared: of each database that comes later, what an earlier one has as well, defined alike.
        owners: of each database, its sequences that belong to a table of another one, which has the sequence as well: a
            split has given it to both. To which column they belong, by number.
        adopted: of each database that comes later, what of the shared are sequences that belong to a table of its own.
        names: what that is called.
        findings: what is defined otherwise.
    """

    shared: dict[str, set[ObjectId]] = field(default_factory=lambda: defaultdict(set))
    owners: dict[str, dict[ObjectId, str]] = field(default_factory=lambda: defaultdict(dict))
    adopted: dict[str, set[ObjectId]] = field(default_factory=lambda: defaultdict(set))
    names: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def find_clashes(parts: Sequence[Part], databases: Databases) -> Clashes:
    """Compare every two databases.

    Args:
        parts: what is there first, then what comes in.
        databases: the registry, which knows the home of a table.
    """
    found = Clashes()
    for one, other in combinations(parts, 2):
        known = _compare(one, other, found, databases)
        found.findings += _same_names(one, other, known)
        found.findings += [*beside(one, other), *beside(other, one), *called_alike(one, other)]
        found.findings += _shadows(one, other)
        found.findings += _shadows(other, one)
        found.findings += _settings(one, other)
    return found


def _compare(one: Part, other: Part, found: Clashes, databases: Databases) -> tuple[set[ObjectId], set[ObjectId]]:
    """Compare what both have; return what was looked at, in each of them."""
    first, second = _groups(one), _groups(other)
    before, after = _whole(one), _whole(other)
    known: tuple[set[ObjectId], set[ObjectId]] = (set(), set())
    for key in sorted(before.keys() & after.keys()):
        nodes = _owner(one, before[key]), _owner(other, after[key])
        if nodes[0] in known[0]:
            continue
        groups = first[nodes[0]], second[nodes[1]]
        same = key[0] != "table" and _is_same(*groups, adopts=one.ready is not None)
        if same and is_same_place(one, other, before[key], after[key]):
            found.shared[other.name].add(nodes[1])
            if owner := _owner_elsewhere(before[key], after[key]):
                found.owners[other.name][nodes[1]] = owner
            if owner := _owner_elsewhere(after[key], before[key]):
                found.owners[one.name][nodes[0]] = owner
                found.adopted[other.name].add(nodes[1])
            if key != _PUBLIC:
                found.names.append(f"{key[0]} {shown(key[1])}")
        else:
            clash = _clash(one, other, before[key], after[key], ([], []) if same else groups)
            found.findings.append(clash if key[0] != "table" else _with_home(clash, one, other, before[key], databases))
        known[0].add(nodes[0])
        known[1].add(nodes[1])
    return known


def _groups(part: Part) -> Mapping[ObjectId, list[Row]]:
    found: dict[ObjectId, list[Row]] = defaultdict(list)
    for row in part.expected.rows:
        found[_owner(part, row)].append(row)
    return found


def _owner(part: Part, row: Row) -> ObjectId:
    """Return the object that stands for itself to which a fact belongs."""
    if row.kind == "default grants":
        return row.node  # not its schema's: several databases' go side by side
    is_of_a_table = row.relation and row.kind != "sequence"
    return part.objects.owner(ObjectId("pg_class", row.relation) if is_of_a_table else row.node)


def _whole(part: Part) -> dict[tuple[str, str], Row]:
    return {row.key: row for row in part.expected.rows if row.kind in _WHOLE}


def _is_same(one: Sequence[Row], other: Sequence[Row], *, adopts: bool) -> bool:
    """Compare two things; ``adopts``: a sequence that is nobody's in the first may belong to a table of the other."""
    known = {row.key: row for row in one}
    if known.keys() != {row.key for row in other}:
        return False
    return all(
        canonical(_attributes(row, known[row.key]) if adopts else known[row.key].attributes)
        == canonical(_attributes(known[row.key], row))
        for row in other
    )


def _attributes(one: Row, other: Row) -> dict[str, object]:
    owner = _owner_elsewhere(one, other)
    return {**other.attributes, _OWNED: owner} if owner else other.attributes


def _owner_elsewhere(one: Row, other: Row) -> str:
    """Return whose a sequence is in one database, if it is nobody's in the other; else nothing."""
    if one.kind != "sequence" or other.attributes.get(_OWNED):
        return ""
    return str(one.attributes.get(_OWNED, ""))


def _clash(one: Part, other: Part, before: Row, after: Row, groups: tuple[list[Row], list[Row]]) -> Finding:
    kind, identity = before.key
    words = [
        str(item)[:_SHOWN]
        for item in difference(
            *(
                part.expected.only(lambda row, rows=rows: row in rows)  # type: ignore[misc]
                for part, rows in zip((one, other), groups, strict=True)
            )
        )
    ]
    if kind == "table":
        rest = f", and not alike: {_listed(words)}" if words else ", defined alike; rows of both are never put together"
        fix = f"or {RENAME}"
    else:
        rest = f", and not alike: {_listed(words)}" if words else ", and they stand at different values"
        further = way_to_go_on(one, other, before, after) if kind == "sequence" and not words else ""
        behind = f"or leave one behind, with what uses it (--exclude '{object_name(other, after.node)}')"
        fix = f"{further}make them alike, {RENAME}, {behind}"
    if before.key == _PUBLIC:
        fix = "make them alike: ALTER SCHEMA public OWNER TO, GRANT, REVOKE, COMMENT ON SCHEMA"
    if kind == "extension":
        fix = f"bring both to one version and schema: ALTER EXTENSION {shown(identity)} UPDATE, or SET SCHEMA"
    return Finding(
        kind=f"clash-{kind.replace(' ', '-')}",
        severity="refused",
        object=f"{kind} {shown(identity)}",
        message=f'{kind} {shown(identity)} is in "{one.name}" and in "{other.name}"{rest}',
        fix=fix,
    )


def _with_home(clash: Finding, one: Part, other: Part, row: Row, databases: Databases) -> Finding:
    """Say which of two copies of a table its home has; the other one is what is left behind."""
    name = table_name(row)
    try:
        home = databases.homes.home(
            databases.homes.resolve(name.schema or DEFAULT_SCHEMA, name.name, one.expected.default_schema)
        )
    except RegistryError:
        home = None
    copies = [part for part in (other, one) if part.ready is not None and part.name != home]
    said = f"; its home is {home}" if home else ""
    leave = (
        f"leave the copy and its rows behind: --exclude '{copies[0].name}/table:{shown(row.identity)}', "
        if copies
        else f'drop the copy in "{one.name}", '
    )
    return replace(clash, message=clash.message + said, fix=leave + clash.fix)


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words[:_MANY]) + (f" and {len(words) - _MANY} more" if len(words) > _MANY else "")


def _same_names(one: Part, other: Part, known: tuple[set[ObjectId], set[ObjectId]]) -> Iterator[Finding]:
    """Find names that one has for a relation or type, and the other for one of another kind, or of another table."""
    told: set[Name] = set()
    for catalog, first, second in (
        ("pg_class", one.relations, other.relations),
        ("pg_type", one.types, other.types),
    ):
        for name in sorted(first.keys() & second.keys() - told):
            nodes = ObjectId(catalog, first[name]), ObjectId(catalog, second[name])
            if one.objects.owner(nodes[0]) in known[0] and other.objects.owner(nodes[1]) in known[1]:
                continue
            told.add(name)
            words = [f'{_called(part, node)} in "{part.name}"' for part, node in zip((one, other), nodes, strict=True)]
            identity = shown(".".join(name))
            yield Finding(
                kind="clash-name",
                severity="refused",
                object=identity,
                message=f"the name {identity} is taken twice: {words[0]}, {words[1]}",
                fix=RENAME,
            )


def _called(part: Part, node: ObjectId) -> str:
    return part.objects.names.get(node) or f"part of {part.objects.names.get(part.objects.owner(node), 'something')}"


def _shadows(one: Part, other: Part) -> Iterator[Finding]:
    """Find what the other database puts before something in the search path of this one."""
    path = _schemas(one.search_path)
    for place, schema in enumerate(path):
        for earlier in path[:place]:
            for name in sorted(name for owner, name in one.relations if owner == schema):
                if (earlier, name) in other.relations and (earlier, name) not in one.relations:
                    yield _shadow(one, other, (earlier, schema), name)


def _shadow(one: Part, other: Part, schemas: tuple[str, str], name: str) -> Finding:
    first, second = (shown(f"{schema}.{name}") for schema in schemas)
    return Finding(
        kind="clash-shadow",
        severity="refused",
        object=first,
        message=f'{first} of "{other.name}" would hide {second} of "{one.name}" from everybody who writes '
        f'"{shown(name)}": {schemas[0]} comes first in its search_path ({one.search_path})',
        fix=f"{RENAME}, or take {schemas[0]} out of the search_path",
    )


def _schemas(search_path: str) -> Sequence[str]:
    parts = [part.strip() for part in search_path.split(",")]
    return [split_dotted(part)[0] for part in parts if part and part != '"$user"']


def _settings(one: Part, other: Part) -> Iterator[Finding]:
    """Find settings that both have, with different values; which may be secrets and are not told."""
    first, second = settings_of(one), settings_of(other)
    for role, name in sorted(first.keys() & second.keys(), key=str):
        if first[role, name] != second[role, name]:
            whose = f" of role {role}" if role else ""
            yield Finding(
                kind="clash-setting",
                severity="refused",
                object=f"setting {name}{whose}",
                message=f'setting {name}{whose} of the database has one value in "{one.name}" and another in '
                f'"{other.name}"',
                fix=f"leave one behind: --exclude '{other.name}/setting:{name}'"
                + (f" (or '{one.name}/setting:{name}')" if one.ready is not None else ""),
            )
