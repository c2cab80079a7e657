"""What ``multidb verify`` compares, and how strictly."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alembic_multidb.errors import ConfigurationError

# What one statement reads is enough to be worth its plan, and little enough to be read again where it differs.
CHUNK = 32 * 2**20
# A day: what was proven then need not be true any more.
MAX_AGE = 86_400.0


@dataclass(frozen=True)
class Exclusion:
    """Objects that may differ.

    Attributes:
        kind: table, view, function, setting, ...
        pattern: the names of the objects, as a shell pattern on what a difference calls them.
    """

    kind: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> Exclusion:
        """Read ``KIND:NAME``.

        Raises:
            ConfigurationError: there is no colon in it, or nothing on one of its sides.
        """
        kind, _, pattern = text.partition(":")
        if not kind.strip() or not pattern.strip():
            raise ConfigurationError(
                f'--exclude "{text}" is not KIND:NAME, as in "view:public.report" or "setting:work_mem*"'
            )
        return cls(kind.strip().replace("_", " ").replace("-", " ").lower(), pattern.strip())

    def __str__(self) -> str:
        return f"{self.kind}:{self.pattern}"

    def matches(self, kinds: set[str], name: str) -> bool:
        """Tell whether an object is meant, with or without its schema ``public``."""
        return self.kind in kinds and any(
            fnmatchcase(each, self.pattern) for each in {name, name.removeprefix("public.")}
        )


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """What to compare, and how strictly.

    Attributes:
        names: which databases; all of them if empty.
        exclude: objects that may differ.
        schema: compare the schemas and what depends on them alone.
        data: compare rows, sequences and large objects.
        strong: take two hashes of each row instead of one: 128 bits.
        jobs: how many statements run at a time on each side.
        recall_samples: how many stored vectors each vector index is asked for; 0 asks none.
        recall_tolerance: by how much recall may be lower in the target.
        orphans: look for soft references that point at nothing.
        max_rows: how many differing rows of each table are named.
        owners: compare owners.
        grants: compare rights.
        keys: a file for the keys of all differing rows.
        chunk: bytes that one statement reads, with values stored out of line.
        max_age: how old evidence may be that a database is compared with, in seconds.

    Raises:
        ConfigurationError: neither schemas nor rows are to be compared.
    """

    names: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    schema: bool = True
    data: bool = True
    strong: bool = False
    jobs: int = 2
    recall_samples: int = 20
    recall_tolerance: float = 0.05
    orphans: bool = False
    max_rows: int = 10
    owners: bool = True
    grants: bool = True
    keys: Path | None = None
    chunk: int = CHUNK
    max_age: float = MAX_AGE

    def __post_init__(self) -> None:
        if not self.schema and not self.data:
            raise ConfigurationError(
                "nothing is left to compare: of --schema-only and --data-only only one can be given, and evidence "
                "of the one says nothing of the other"
            )

    @property
    def compared(self) -> dict[str, Any]:
        """Return what says what was compared, and what was left out."""
        return {
            "exclude": [str(each) for each in self.exclude],
            "schema": self.schema,
            "data": self.data,
            "owners": self.owners,
            "grants": self.grants,
        }

    def excludes(self, kinds: set[str], name: str) -> Exclusion | None:
        """Return what excludes an object, if anything does."""
        return next((each for each in self.exclude if each.matches(kinds, name)), None)
