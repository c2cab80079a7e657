"""Who may do what by other ways than a schema tells: members of roles, what the system and extensions brought along.

Options of user mappings, which let somebody in elsewhere, are compared, too, but their values are never told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.report import Finding, What, fact
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.statements import query

# PostgreSQL 17 has a right more, which GRANT ALL gives.
WITH_MAINTAIN = 170000


@dataclass(frozen=True)
class Rights:
    """What one database has of it.

    Attributes:
        memberships: of each member of a role, in which way.
        changed: of each object of the system or of an extension, the rights that were granted or revoked.
        extension: of each of these objects, whose it is; None for the system's.
        mappings: of each user mapping, its options by name; None where this login may not see them.
        extensions: the extensions that are there.
    """

    memberships: Mapping[str, str]
    changed: Mapping[str, list[str]]
    extension: Mapping[str, str | None]
    mappings: Mapping[str, Mapping[str, str] | None]
    extensions: frozenset[str]

    @classmethod
    def read(cls, side: Side, options: VerifyOptions, roles: Collection[str], *, with_maintain: bool) -> Rights:
        """Read it; memberships and rights only if rights are compared.

        Args:
            side: where.
            options: what is compared.
            roles: whose members are told.
            with_maintain: whether both sides know the right to maintain.
        """
        changed = side.ask(query("changed_rights")).result() if options.grants else []
        members = side.ask(query("memberships"), list(roles)).result() if options.grants else []
        rights = {row["name"]: [each for each in row["changes"] if _counts(each, with_maintain)] for row in changed}
        return cls(
            {row["name"]: row["words"] for row in members},
            {name: changes for name, changes in rights.items() if changes},
            {row["name"]: row["extension"] for row in changed},
            {
                row["name"]: _options(row["options"]) if row["is_visible"] else None
                for row in side.ask(query("mappings")).result()
            },
            side.extensions,
        )

    @property
    def facts(self) -> dict[str, dict[str, str]]:
        """Return a hash of each fact, by kind and name, as evidence keeps them."""
        return {
            "membership": {name: fact(words) for name, words in self.memberships.items()},
            "changed grants": {name: fact(changes) for name, changes in self.changed.items()},
            "user mapping options": {name: fact(found) for name, found in self.mappings.items() if found is not None},
        }


def compare_rights(source: Rights, target: Rights, *, is_default: bool) -> Iterator[Finding]:
    """Compare them.

    Args:
        source: those of the source.
        target: those of the target.
        is_default: whether the target is the home of what no table uses.
    """
    for name in sorted(source.memberships.keys() | target.memberships.keys()):
        one, other = source.memberships.get(name), target.memberships.get(name)
        if one != other:
            yield _finding("membership", name, one, other)
    for name in sorted(source.changed.keys() | target.changed.keys()):
        before, after = source.changed.get(name), target.changed.get(name)
        if before != after and (after is not None or _is_expected(source, target, name, is_default)):
            one, other = (None if each is None else ", ".join(each) for each in (before, after))
            yield _finding("changed grants", name, one, other)
    for name in sorted(source.mappings.keys() & target.mappings.keys()):
        yield from _compare_mappings(name, source.mappings[name], target.mappings[name])


def _is_expected(source: Rights, target: Rights, name: str, is_default: bool) -> bool:
    """Tell whether the target should have changed rights that the source has."""
    extension = source.extension[name]
    return is_default if extension is None else extension in target.extensions


def read_roles(side: Side) -> frozenset[str]:
    """Return the roles that own something in a database or have rights there, and their members."""
    return frozenset(row["name"] for row in side.ask(query("roles")).result())


def _compare_mappings(name: str, one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> Iterator[Finding]:
    if one is None or other is None:
        message = f"options of user mapping {name} could not be compared: this login may not see them"
        yield Finding(kind="user mapping", object=name, what="unknown", message=message)
        return
    names = sorted(each for each in one.keys() | other.keys() if one.get(each) != other.get(each))
    if names:
        message = f"user mapping {name} differs in {', '.join(names)}"
        yield Finding(kind="user mapping", object=name, what="different", message=message)


def _finding(kind: str, name: str, one: str | None, other: str | None) -> Finding:
    what: What = "missing" if other is None else "extra" if one is None else "different"
    words = f"{kind} {name} is {what}" if what != "different" else f"{kind} {name} differs: {one} -> {other}"
    return Finding(kind=kind, object=name, what=what, message=words)


def _counts(change: str, with_maintain: bool) -> bool:
    return with_maintain or ": MAINTAIN" not in change


def _options(options: list[str] | None) -> dict[str, str]:
    return dict(option.split("=", 1) for option in options or ())
