"""What a merge was asked for, and what it works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.split.model import Finding, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.run import Prepared
from alembic_multidb.urls import DatabaseURL
from alembic_multidb.verify.tables import Name, moved

OrphanRule = Literal["refuse", "keep", "delete", "null"]
ORPHAN_RULES: tuple[OrphanRule, ...] = ("refuse", "keep", "delete", "null")
SETTING = "setting:"
# What follows rows that were deleted or nulled: where their keys are.
KEYS = "; keys are "


@dataclass(frozen=True, kw_only=True)
class MergeOptions:
    """What a merge was asked for.

    Attributes:
        into: the registered database that the others come into; None for a fresh one.
        names: the databases that are brought together; all of the registry if empty.
        exclude: what shall stay behind, each ``DATABASE/KIND:IDENTITY``, as ``core/setting:work_mem``.
        restore_foreign_keys: whether soft references become foreign keys.
        evidence: what a split has left, whose foreign keys come back; None for those of the registry.
        cast: whether a column that points gets the type of the one that it points at.
        orphans: what becomes of rows that point at nothing.
        other_collation: whether texts may be sorted otherwise than before.
        large_objects: whether large objects are brought along.
        write_revision: whether what is changed on purpose is written as revisions, too.
        into_schema: for each database whose schema ``public`` is called otherwise in the target, what.
        common: what every transfer is asked for; its own names and exclusions are not used.
    """

    into: str | None = None
    names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    restore_foreign_keys: bool = False
    evidence: Path | None = None
    cast: bool = False
    orphans: OrphanRule = "refuse"
    other_collation: bool = False
    large_objects: bool = False
    write_revision: bool = False
    into_schema: Mapping[str, str] = field(default_factory=dict)
    common: SplitOptions = field(default_factory=SplitOptions)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything is brought together.

    Attributes:
        name: what it is called in messages: ``target``, or the database's name.
        url: where it is.
        into: the registered database that it is; None if it is a fresh one.
    """

    name: str
    url: DatabaseURL
    into: RegisteredDatabase | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one database brings along; or, of the database that the others come into, what is there.

    Attributes:
        name: the database's name.
        url: where it is.
        connection: to it, in a transaction of one point in time that only reads.
        snapshot_id: of its point in time, for others to see; empty for the present.
        objects: what becomes of its objects.
        expected: its schema, as far as it is brought along.
        relations: its tables, views, indexes and sequences by schema and name, each with its number.
        types: the same of its types.
        search_path: where a new session of this login looks for names.
        revisions: what its version table says; None if it has none.
        ready: how it is read; None for what is there already.
        project: a registry in which everything of it is at home in this one database, which lies in the target.
        left_settings: settings that stay behind.
        origin: how the database itself is read, if its schema is read where it was renamed; else the same as ``ready``.
        moved: what its schemas are called in the target, where they are called otherwise.
        numbers: the numbers of its relations in the database, by those where its schema was renamed.
        is_known: whether its schema is what it will be in the target: not, if it cannot come into another schema.
    """

    name: str
    url: DatabaseURL
    connection: Connection
    snapshot_id: str
    objects: Objects
    expected: Snapshot
    relations: Mapping[Name, int]
    types: Mapping[Name, int]
    search_path: str
    revisions: tuple[str, ...] | None
    ready: Prepared | None
    project: Project
    left_settings: frozenset[str] = frozenset()
    origin: Prepared | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[int, int] = field(default_factory=dict)
    is_known: bool = True

    @property
    def here(self) -> Prepared:
        """Return how the database itself is read; only of what is not there already."""
        assert self.origin is not None
        return self.origin

    @property
    def catalog(self) -> Connection:
        """Return where its schema is read: from the database itself, or where it was renamed."""
        return self.ready.connection if self.ready is not None else self.connection

    def number(self, oid: int) -> int:
        """Return the number of one of its relations in the database itself."""
        return self.numbers.get(oid, oid)

    def name_there(self, name: Name) -> Name:
        """Return the name of one of its relations in the database itself."""
        return moved(name, {new: old for old, new in self.moved.items()})

    @property
    def source(self) -> Prepared:
        """Return how it is read; only of what is not there already."""
        assert self.ready is not None
        return self.ready

    @property
    def keys(self) -> set[tuple[str, str]]:
        """Return the facts of its schema."""
        return {row.key for row in self.expected.rows}

    @property
    def database(self) -> RegisteredDatabase:
        """Return its declaration, as it will be in the target."""
        return self.project.databases[self.name]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A soft reference that becomes a foreign key.

    Attributes:
        name: of the constraint.
        definition: of the constraint, as PostgreSQL writes it.
        comment: on the constraint.
        table: that points.
        columns: that point.
        target: the table pointed at.
        target_columns: the columns pointed at.
    """

    name: str
    definition: str
    comment: str | None
    table: Name
    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Tell whether every row is to fulfil it."""
        return not self.definition.endswith((" NOT VALID", " NOT ENFORCED"))

    @property
    def is_all_or_nothing(self) -> bool:
        """Tell whether no row may have a value in some of its columns and none in others (MATCH FULL)."""
        return len(self.columns) > 1 and ") MATCH FULL" in self.definition

    def __str__(self) -> str:
        return f"{self.name} on {'.'.join(self.table)}"


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Rows that point at nothing.

    Attributes:
        reference: by which reference.
        rows: how many.
        values: how many different values.
        first: the first of these.
    """

    reference: Reference
    rows: int
    values: int
    first: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cast:
    """A column that gets another type.

    Attributes:
        table: its table.
        column: its name.
        old: its type.
        new: the type that it gets, with schema, as SQL writes it.
    """

    table: Name
    column: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{'.'.join(self.table)}.{self.column}: {self.old} -> {self.new}"


@dataclass(frozen=True, kw_only=True)
class MergePlan:
    """What a merge will do.

    Attributes:
        place: where.
        there: what is there already; None for a fresh database.
        parts: what comes in, in the registry's order.
        shared: what several databases define alike, and which is made once.
        references: the soft references that become foreign keys.
        casts: the columns that get another type.
        lost: the rows that point at nothing.
        version_tables: of each history, where its revision is written.
        is_begun: whether an interrupted merge is there.
        findings: what stands in the way, or should be known.
    """

    place: Place
    there: Part | None
    parts: tuple[Part, ...]
    shared: tuple[str, ...]
    references: tuple[Reference, ...]
    casts: tuple[Cast, ...]
    lost: tuple[Lost, ...]
    version_tables: Mapping[str, TableName]
    is_begun: bool
    findings: tuple[Finding, ...]

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """Return what is there and what comes in."""
        return (*((self.there,) if self.there is not None else ()), *self.parts)


def exclusions_of(given: Iterable[str], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what stays behind, by the database that has it.

    Raises:
        ConfigurationError: it is not said of which database it is.
    """
    found: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    for item in given:
        name, separator, rest = item.partition("/")
        if not separator or name not in found or ":" not in rest:
            raise ConfigurationError(
                f'--exclude "{item}" is not of the form DATABASE/KIND:NAME with one of {", ".join(found)}, as in '
                f"{next(iter(found), 'core')}/view:public.v_report; --plan prints kinds and names"
            )
        found[name] = (*found[name], rest)
    return found
