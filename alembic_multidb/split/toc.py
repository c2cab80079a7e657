"""The table of contents of a pg_dump archive: which entry goes where, by oid and dependency, never by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.split.model import shown
from alembic_multidb.split.objects import Objects

_ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)", re.DOTALL)
_DEPENDS = re.compile(r";\s+depends on: ([\d ]+)")
# What pg_restore writes by itself, and what no list can take.
_PREAMBLE = ("ENCODING ", "STDSTRINGS ", "SEARCHPATH ", "DATABASE PROPERTIES ")
# Rights and comments of what every database has from its template; nothing of a user's can be called so.
_EVERYWHERE = re.compile(
    r"(?:ACL|COMMENT) - SCHEMA (?:public|information_schema|pg_catalog) "
    r"|ACL - LANGUAGE (?:plpgsql|sql|c|internal) "
    r"|ACL (?:pg_catalog|information_schema) "
)
_NOWHERE = frozenset({"pg_database", "pg_extension"})


@dataclass(frozen=True)
class Entry:
    """One entry of an archive.

    Attributes:
        id: its number in this archive.
        node: what it creates or changes; None for comments, rights and other things that only depend on another entry.
        text: what pg_restore says of it; only for messages and for the few kinds that have neither oid nor dependency.
        depends: the numbers of the entries that it depends on, in the archive's order.
    """

    id: int
    node: ObjectId | None
    text: str
    depends: tuple[int, ...] = ()

    def __str__(self) -> str:
        return shown(self.text)

    @property
    def is_of_schema(self) -> bool:
        """Tell whether it makes a schema, or gives the rights to one, which the owners of what lies in it need."""
        is_schema = self.node is not None and self.node.catalog == "pg_namespace"
        return is_schema or self.text.startswith("ACL - SCHEMA ")

    @property
    def is_right(self) -> bool:
        """Tell whether pg_restore makes it after all objects of its script."""
        return self.text.startswith(("ACL ", "DEFAULT ACL "))


def read_entries(listing: str, catalogs: Mapping[int, str]) -> list[Entry]:
    """Read what ``pg_restore -l -v`` writes.

    Args:
        listing: its output; a line break in a name is a blank there.
        catalogs: the names of PostgreSQL's catalog tables by their oids.
    """
    found: list[Entry] = []
    # Not splitlines(), which also splits at what may stand in a name.
    for line in listing.split("\n"):
        if match := _ENTRY.fullmatch(line):
            catalog, oid = int(match[2]), int(match[3])
            # The entry that switches row security on names its table without a catalog.
            name = catalogs.get(catalog, str(catalog)) if catalog else "pg_class"
            found.append(Entry(int(match[1]), ObjectId(name, oid) if oid else None, match[4]))
        elif (match := _DEPENDS.fullmatch(line)) and found:
            last = found[-1]
            found[-1] = Entry(last.id, last.node, last.text, tuple(map(int, match[1].split())))
    return found


@dataclass(frozen=True)
class Contents:
    """The entries of an archive with their homes.

    Attributes:
        entries: in the archive's order.
        objects: what becomes of the objects.
        member_rights: what pg_dump calls the rights to an extension's member, which has no entry, to the extension;
            those to what else has no entry to an extension that is not there.
    """

    entries: Sequence[Entry]
    objects: Objects
    member_rights: Mapping[str, ObjectId]

    def of(self, database: str) -> list[Entry]:
        """Return what goes to a database, in the archive's order."""
        return [entry for entry in self.entries if database in (self.homes[entry.id] or ())]

    @property
    def unresolved(self) -> list[Entry]:
        """Return the entries of which it is not known what they belong to."""
        return [entry for entry in self.entries if self.homes[entry.id] is None]

    @cached_property
    def homes(self) -> dict[int, frozenset[str] | None]:
        """Return where each entry goes, by its number; None where that is not known."""
        found: dict[int, frozenset[str] | None] = {}
        for entry in self.entries:
            if entry.node is not None:
                found[entry.id] = self._homes_of(entry.node)
        pending = [entry for entry in self.entries if entry.id not in found]
        while pending:
            ready = [entry for entry in pending if all(item in found for item in self._parents(entry))]
            if not ready:
                return found | dict.fromkeys(entry.id for entry in pending)
            found |= {entry.id: self._from_parents(entry, found) for entry in ready}
            pending = [entry for entry in pending if entry.id not in found]
        return found

    @cached_property
    def _nodes(self) -> dict[int, ObjectId | None]:
        return {entry.id: entry.node for entry in self.entries}

    @cached_property
    def _dependents(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for entry in self.entries:
            for item in entry.depends:
                found.setdefault(item, []).append(entry.id)
        return found

    def _parents(self, entry: Entry) -> list[int]:
        if entry.text.startswith("SHELL TYPE "):
            return self._dependents.get(entry.id, [])
        return [item for item in entry.depends if item in self._nodes]

    def _homes_of(self, node: ObjectId) -> frozenset[str]:
        if node.catalog in _NOWHERE or not self.objects.is_made(node):
            return frozenset()
        return self.objects.homes_of(node)

    def _from_parents(self, entry: Entry, found: Mapping[int, frozenset[str] | None]) -> frozenset[str] | None:
        known = [homes for homes in (found[item] for item in self._parents(entry)) if homes is not None]
        if entry.text.startswith("SHELL TYPE "):
            return frozenset[str]().union(*known)
        if known and entry.text.startswith("SEQUENCE OWNED BY "):
            # A sequence that several homes have is owned by the table of one of them.
            sequences = [self._nodes[item] for item in self._parents(entry)]
            owners = [self._homes_of(self._owners[node]) for node in sequences if node in self._owners]
            if self.objects.adopted.intersection(filter(None, sequences)):
                return frozenset[str]().union(*owners)
            known += owners
        if known:
            return frozenset.intersection(*known)
        return self._special(entry)

    @cached_property
    def _owners(self) -> dict[ObjectId, ObjectId]:
        """Return which table owns each sequence."""
        rows = self.objects.classification.snapshot.rows
        return {row.node: ObjectId("pg_class", row.relation) for row in rows if row.kind == "sequence" and row.relation}

    def _special(self, entry: Entry) -> frozenset[str] | None:
        if entry.text.startswith((*_PREAMBLE, "USER MAPPING ")):
            return frozenset()
        if entry.text in self.member_rights:
            return self._homes_of_members(self.member_rights[entry.text])
        return frozenset(self.objects.databases) if _EVERYWHERE.match(entry.text) else None

    def _homes_of_members(self, extension: ObjectId) -> frozenset[str]:
        return self.objects.homes_of(extension) if self.objects.is_made(extension) else frozenset()


def list_file(entries: Iterable[Entry]) -> str:
    """Return what ``pg_restore -L`` takes: one number a line, whose order is followed."""
    return "".join(f"{entry.id};\n" for entry in entries)
