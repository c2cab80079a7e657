"""What a split will do, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from alembic_multidb.catalog.snapshot import ObjectId, Snapshot
from alembic_multidb.errors import ConfigurationError

# home: it goes there; crossing: it can live in no database; soft reference: a foreign key that crosses, and goes;
# outside: it belongs to how a database is run, and stays; homeless: no rule says where its table belongs.
Treatment = Literal["home", "crossing", "soft reference", "outside", "version table", "excluded", "homeless"]
Severity = Literal["note", "warning", "refused", "failed"]
Method = Literal["stream", "template"]
DEFAULT_MEMORY = 2**30
_UNITS = {"kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
EXIT_CODES = {"note": 0, "warning": 0, "refused": 1, "failed": 2}


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """What a split was asked for.

    Attributes:
        names: the databases to make; all of the registry if empty.
        exclude: objects that shall not be carried over, each ``TYPE:IDENTITY``.
        no_owner: whether owners are left out.
        no_acl: whether grants and default privileges are left out.
        programs: the folder of ``pg_dump`` and ``pg_restore``; None to look for it.
        lock_timeout: seconds to wait for a database's lock; None for as long as a killed process may still be seen.
        jobs: how many tables are copied, and indexes built, at a time.
        memory: bytes that building indexes may take, of all together.
        large_objects: the database that gets the large objects; None to leave them.
        method: stream copies rows, template clones the source and drops what is not at home, auto is the second where
            it can be.
        terminates: whether those who are connected to the source are disconnected, so that it can be cloned.
        rehearses: whether scratch databases are filled instead of the targets, and dropped at the end.
    """

    names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    no_owner: bool = False
    no_acl: bool = False
    programs: str | None = None
    lock_timeout: float | None = None
    jobs: int = 2
    memory: int = DEFAULT_MEMORY
    large_objects: str | None = None
    method: Literal["stream", "template", "auto"] = "stream"
    terminates: bool = False
    rehearses: bool = False


@dataclass(frozen=True, kw_only=True)
class PlannedObject:
    """One object of the source, and what becomes of it.

    Attributes:
        type: its kind, as ``pg_identify_object`` says it.
        identity: its name, as ``pg_identify_object`` says it.
        homes: the databases that it goes to, in the registry's order.
        treatment: what becomes of it.
        why: why so, where its home alone does not say it.
        node: where it stands in the source's catalog.
    """

    type: str
    identity: str
    homes: tuple[str, ...]
    treatment: Treatment
    why: str = ""
    node: ObjectId

    @property
    def name(self) -> str:
        """Return what ``--exclude`` calls it."""
        return f"{self.type}:{shown(self.identity)}"


@dataclass(frozen=True, kw_only=True)
class PlannedReference:
    """A foreign key that leaves its home, and becomes a soft reference.

    Attributes:
        database: the home of its table.
        constraint: its identity in the source.
        line: what to paste into ``soft_references=[...]`` of that database.
        is_declared: whether the registry has it already.
        name: the constraint's own name.
        definition: it as PostgreSQL writes it, with which it can be made again.
        comment: the constraint's comment.
        table: schema and name of its table.
        columns: its columns.
        target: schema and name of the table that it points at.
        target_columns: the columns that it points at.
    """

    database: str
    constraint: str
    line: str
    is_declared: bool
    name: str
    definition: str
    comment: str | None
    table: tuple[str, str]
    columns: tuple[str, ...]
    target: tuple[str, str]
    target_columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DatabaseFact:
    """A right to the source database itself that a new one has not, or the other way round, or a comment.

    Attributes:
        what: grant, grant with option, revoke, comment.
        role: who has the right, or has it no more; None for everybody.
        value: the right, or the comment.
        extension: the extension that the comment is on; None for the database.
    """

    what: str
    role: str | None
    value: str
    extension: str | None = None

    def __str__(self) -> str:
        if self.what == "comment":
            return f"comment on extension {self.extension}" if self.extension else "comment on the database"
        return f"{self.what} {self.value} on the database: {self.role or 'PUBLIC'}"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of the source database, or of a role in it, which no dump of it holds.

    Attributes:
        name: the parameter.
        value: what it is set to; it may be a secret of the application's.
        role: whose it is in this database; None for everybody's.
        homes: the databases that get it.
    """

    name: str
    value: str = field(repr=False)
    role: str | None
    homes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """How large a table is, its partitions included.

    Attributes:
        table: its identity.
        home: where it goes.
        rows: as the last ANALYZE saw them; None where none has.
        bytes: on disk, with TOAST.
        index_bytes: of all its indexes.
    """

    table: str
    home: str
    rows: int | None
    bytes: int
    index_bytes: int


@dataclass(frozen=True, kw_only=True)
class VectorBuild:
    """An index of pgvector that has to be built again.

    Attributes:
        index: its identity.
        home: where it goes.
        method: hnsw or ivfflat.
        rows: of its table.
        dimensions: of its vectors.
        memory: bytes of ``maintenance_work_mem`` with which the graph does not spill to disk.
    """

    index: str
    home: str
    method: str
    rows: int
    dimensions: int
    memory: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one database will take, roughly.

    Attributes:
        database: its name.
        tables: how many.
        rows: of all its tables, where they are known.
        bytes: on disk, indexes included.
        seconds: to copy the rows and build the indexes.
        memory: the largest amount that one index wants, in bytes.
    """

    database: str
    tables: int
    rows: int
    bytes: int
    seconds: int
    memory: int


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a split will take, roughly, if it goes one way.

    Attributes:
        method: stream or template.
        seconds: until all databases are filled; without the proof, which takes the same either way.
        bytes: of disk that is taken meanwhile, on all servers together.
        needs: what it needs, in words.
    """

    method: Method
    seconds: int
    bytes: int
    needs: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that stands in the way of a split, or that should be known.

    Attributes:
        kind: a word for it that never changes.
        severity: a note or a warning stop nothing; refused: the answer is no; failed: it cannot be done or looked at.
        database: which target it is about; None for the source or for all.
        object: what it is about.
        message: what is so.
        fix: what to do about it; empty where there is nothing to do.
        rows_only: whether it matters only when rows are moved.
    """

    kind: str
    severity: Severity
    database: str | None = None
    object: str = ""
    message: str
    fix: str = ""
    rows_only: bool = False

    def __str__(self) -> str:
        where = f"{self.database}: " if self.database else ""
        return f"{where}{self.message}{f'. {self.fix}' if self.fix else ''}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a split will do: every object of the source exactly once.

    Attributes:
        source: where the source is, without a password.
        server_version: of its server, as a number.
        databases: the targets, in the registry's order.
        extensions: for each target, the extensions to create there, each with its schema.
        objects: every object, by type and identity.
        references: the foreign keys that become soft references.
        left_out: kinds of facts that are left out by option: owners, grants.
        settings: of the source database, and of roles in it.
        database_facts: rights to the source database, and its comment, which every target gets.
        sizes: of the tables, largest first.
        vector_builds: the indexes of pgvector.
        estimates: for each target.
        findings: what stands in the way, or should be known.
        expected: the schema that each target has afterwards.
        ways: what each method will take.
        method: the one that is chosen.
        why: why so.
    """

    source: str
    server_version: int
    databases: tuple[str, ...]
    extensions: dict[str, dict[str, str]]
    objects: tuple[PlannedObject, ...]
    references: tuple[PlannedReference, ...]
    left_out: tuple[str, ...]
    settings: tuple[Setting, ...]
    database_facts: tuple[DatabaseFact, ...]
    sizes: tuple[TableSize, ...]
    vector_builds: tuple[VectorBuild, ...]
    estimates: tuple[Estimate, ...]
    findings: tuple[Finding, ...]
    expected: dict[str, Snapshot] = field(repr=False)
    ways: tuple[Way, ...] = ()
    method: Method = "stream"
    why: str = ""

    def exit_code(self, *, with_rows: bool) -> int:
        """Return what the run would end with; 0 if nothing stands in its way.

        Args:
            with_rows: whether rows are moved, too.
        """
        codes = [EXIT_CODES[item.severity] for item in self.findings if with_rows or not item.rows_only]
        return max(codes, default=0)

    def to_data(self) -> dict[str, Any]:
        """Return the plan as JSON has it; the values of settings may be secrets and are left out."""
        return {
            "source": self.source,
            "server_version": self.server_version,
            "extensions": self.extensions,
            "objects": [
                {
                    "type": item.type,
                    "identity": item.identity,
                    "homes": list(item.homes),
                    "treatment": item.treatment,
                    "why": item.why,
                }
                for item in self.objects
            ],
            "soft_references": [vars(item) for item in self.references],
            "left_out": list(self.left_out),
            "settings": [{"name": item.name, "role": item.role, "homes": list(item.homes)} for item in self.settings],
            "database": [str(item) for item in self.database_facts],
            "sizes": [vars(item) for item in self.sizes],
            "vector_indexes": [vars(item) for item in self.vector_builds],
            "estimates": [vars(item) for item in self.estimates],
            "methods": [vars(item) for item in self.ways],
            "method": self.method,
            "why": self.why,
            "findings": [vars(item) for item in self.findings],
        }


def parse_size(text: str, *, of: str) -> int:
    """Read a size as PostgreSQL writes it, ``512MB`` or ``4GB``, and return it in bytes.

    Raises:
        ConfigurationError: it is no such size, or too small to build anything.
    """
    match = re.fullmatch(r"\s*(\d+)\s*([kMGT]B)\s*", text)
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size < _UNITS["MB"]:
        raise ConfigurationError(f'{of} "{text}" is no size: write 512MB or 4GB, at least 1MB')
    return size


def shown(name: str) -> str:
    """Return a name on one line: what cannot be printed is written as an escape."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)
