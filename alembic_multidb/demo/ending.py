"""What the demo has come to, read from the databases themselves and from the evidence of the split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic_multidb.demo.place import Demo
from alembic_multidb.demo.scenario import EVIDENCE

if TYPE_CHECKING:
    from psycopg import Connection

_TABLES = (
    "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' "
    "ORDER BY 1"
)
_EXTENSIONS = "SELECT extname || ' ' || extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_VECTOR_INDEXES = (
    "SELECT c.relname || CASE WHEN i.indisvalid THEN ' (valid)' ELSE ' (INVALID)' END "
    "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
    "JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname IN ('hnsw', 'ivfflat') ORDER BY 1"
)
_REVISIONS = "SELECT version_num FROM alembic_version ORDER BY 1"


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """What one database holds at the end.

    Attributes:
        name: the old one, or the database's name in the registry.
        tables: how many tables it has, without the version table.
        rows: how many rows these have.
        extensions: its extensions, with versions, without plpgsql.
        vector_indexes: its vector indexes, with their validity.
        revision: what the version table says.
    """

    name: str
    tables: int
    rows: int
    extensions: tuple[str, ...]
    vector_indexes: tuple[str, ...]
    revision: str

    @property
    def has_pgvector(self) -> bool:
        """Tell whether the extension is installed."""
        return any(each.startswith("vector ") for each in self.extensions)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What the demo has come to.

    Attributes:
        databases: what each holds, the old one first.
        moved: how many rows the split copied into each of the new ones.
        facts: how many facts of their schemas it compared.
        split_seconds: how long moving and proving took.
        seconds: how long the whole demo took.
    """

    databases: tuple[DatabaseFacts, ...]
    moved: int
    facts: int
    split_seconds: float
    seconds: float

    def lines(self) -> Iterator[str]:
        """Yield the sentences that sum it up."""
        old, *new = self.databases
        homes = " and ".join(f"{each.tables} in {each.name}" for each in new)
        yield f"{old.tables} tables became {homes}. The old database was only read, and is still at {old.revision}."
        yield (
            f"{self.moved} rows were copied. Each was compared with the old database, and so were {self.facts} facts "
            "of the schemas: all are equal."
        )
        for each in new:
            has = "has pgvector" if each.has_pgvector else "has no pgvector"
            yield f"{each.name} {has}, and has gone on to revision {each.revision} of its own history."
        yield f"The split took {self.split_seconds:.0f} s, proof included; the whole demo {self.seconds:.0f} s."


def read_ending(demo: Demo) -> Ending:
    """Ask every database what it holds, and the evidence what was moved and proven."""
    proof = json.loads((demo.project / EVIDENCE).read_text())
    return Ending(
        databases=tuple(_facts(name, url) for name, url in demo.urls.items()),
        moved=sum(each["rows"] for each in proof["split"]["databases"]),
        facts=sum(each["facts"] for each in proof["databases"]),
        split_seconds=sum(proof["split"]["seconds"].values()),
        seconds=demo.seconds,
    )


def _facts(name: str, url: str) -> DatabaseFacts:
    import psycopg  # needs libpq, which only the embedded extra brings for certain

    with psycopg.connect(url) as connection:
        tables = _column(connection, _TABLES)
        return DatabaseFacts(
            name=name,
            tables=len(tables),
            rows=sum(int(_column(connection, f"SELECT count(*) FROM {table}")[0]) for table in tables),  # noqa: S608
            extensions=_column(connection, _EXTENSIONS),
            vector_indexes=_column(connection, _VECTOR_INDEXES),
            revision=", ".join(_column(connection, _REVISIONS)),
        )


def _column(connection: Connection[Any], query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query.encode()))
