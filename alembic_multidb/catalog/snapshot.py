"""The schema of a live database as data: rows of kind, identity and definition, and which object depends on which.

Everything is asked of PostgreSQL's catalog and its own deparsers, with a fixed number of queries: one ``.sql`` file a
kind, under ``sql/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from alembic_multidb.catalog.attributes import Definition
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.sqltext import normalized_name

# Kind of row by file; the files are read in this order.
COMPARED = {
    "schemas": "schema",
    "extensions": "extension",
    "types": "type",
    "collations": "collation",
    "functions": "function",
    "operators": "operator",
    "operator_classes": "operator class",
    "casts": "cast",
    "text_search": "text search",
    "foreign_servers": "foreign server",
    "sequences": "sequence",
    "tables": "table",
    "columns": "column",
    "constraints": "constraint",
    "indexes": "index",
    "views": "view",
    "rules": "rule",
    "triggers": "trigger",
    "policies": "policy",
    "statistics": "statistics",
    "event_triggers": "event trigger",
    "languages": "language",
}
# What is told, but makes no schema another one.
REPORTED = {
    "column_orders": "column order",
    "extension_versions": "extension version",
    "comments": "comment",
    "owners": "owner",
    "grants": "grants",
    "default_grants": "default grants",
    "settings": "settings",
    "publications": "publication",
    "user_mappings": "user mapping",
}
REPORTED_KINDS = frozenset(REPORTED.values())

FORMAT = 1

# What PostgreSQL writes depends on these, which a role or a database may set. With an empty search_path every name is
# qualified.
_SETTINGS = {
    "client_encoding": "UTF8",
    "search_path": "",
    "quote_all_identifiers": "off",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "xmlbinary": "base64",
    "jit": "off",
}

# Kinds of what other objects have: those that a snapshot has, not those of an extension or of the system.
_ATTACHED = frozenset({"column order", "comment", "owner", "grants"})


class ObjectId(NamedTuple):
    """An object of one live database: the name of its catalog table, and its oid there."""

    catalog: str
    oid: int


class Edge(NamedTuple):
    """One object depends on another, in one of PostgreSQL's ways (``n`` normal, ``a`` automatic, ``i`` internal)."""

    source: ObjectId
    target: ObjectId
    kind: str


@dataclass(frozen=True)
class Row:
    """One fact about the schema.

    Attributes:
        kind: table, column, constraint, ...
        identity: what it is about, qualified and quoted as PostgreSQL does; unique within its kind.
        definition: attribute to value, as JSON has them.
        node: the object in the live database that the fact is about.
        relation: the oid of the table or view that it belongs to; 0 if to none.
    """

    kind: str
    identity: str
    definition: Mapping[str, Any]
    node: ObjectId
    relation: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes two rows the same fact."""
        return self.kind, self.identity

    @property
    def attributes(self) -> dict[str, Any]:
        """Return the definition without what has no value, which is the same as not being there."""
        return {name: value for name, value in self.definition.items() if value is not None}


@dataclass(frozen=True)
class Snapshot:
    """The schema of a live database, or the part of it that belongs to one home.

    Attributes:
        rows: all facts, by kind and identity.
        edges: dependencies between objects, those of extensions included.
        server_version: of the server that was asked, as a number (``180006``).
        default_schema: where names without a schema lie for that login.
    """

    rows: tuple[Row, ...]
    edges: tuple[Edge, ...] = ()
    server_version: int = 0
    default_schema: str = "public"

    @property
    def fingerprint(self) -> str:
        """Return a hash of what is compared; equal for equal schemas, whatever server they are on."""
        lines = sorted(canonical([*row.key, row.attributes]) for row in self.rows if row.kind not in REPORTED_KINDS)
        return sha256("\n".join(lines).encode()).hexdigest()

    def only(self, keep: Callable[[Row], bool]) -> Snapshot:
        """Return the snapshot with the rows for which a question is answered with yes."""
        return replace(self, rows=tuple(row for row in self.rows if keep(row)))

    def to_json(self) -> str:
        """Return the snapshot as text."""
        data = {
            "alembic_multidb_snapshot": FORMAT,
            "server_version": self.server_version,
            "default_schema": self.default_schema,
            "fingerprint": self.fingerprint,
            "rows": [[row.kind, row.identity, dict(row.definition), *row.node, row.relation] for row in self.rows],
            "edges": [[*edge.source, *edge.target, edge.kind] for edge in self.edges],
        }
        return json.dumps(data, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, *, of: str = "the snapshot") -> Snapshot:
        """Read what :meth:`to_json` wrote.

        Raises:
            ConfigurationError: the text is no snapshot, or one of a later version.
        """
        try:
            data = json.loads(text)
            version = data["alembic_multidb_snapshot"]
            rows = [Row(row[0], row[1], row[2], ObjectId(row[3], row[4]), row[5]) for row in data["rows"]]
            edges = [Edge(ObjectId(*item[:2]), ObjectId(*item[2:4]), item[4]) for item in data["edges"]]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            raise ConfigurationError(f"{of} is no snapshot; multidb snapshot writes one") from None
        if version != FORMAT:
            raise ConfigurationError(f"{of} is a snapshot of format {version}; this version reads format {FORMAT}")
        return cls(tuple(rows), tuple(edges), data.get("server_version", 0), data.get("default_schema", "public"))

    @classmethod
    def from_file(cls, path: Path) -> Snapshot:
        """Read a file that ``multidb snapshot`` wrote.

        Raises:
            ConfigurationError: it cannot be read, or is no snapshot.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read as a snapshot: {type(error).__name__}") from None
        return cls.from_json(text, of=str(path))


def read_snapshot(connection: Connection) -> Snapshot:
    """Read the schema of a live database; what belongs to an extension is left out.

    Args:
        connection: inside a transaction, whose ``search_path`` is set for the rest of it.
    """
    settings = "SELECT set_config(s.name, s.value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)"
    connection.exec_driver_sql(settings, (list(_SETTINGS), list(_SETTINGS.values())))
    edges = tuple(
        Edge(ObjectId(row.catalog, row.oid), ObjectId(row.used_catalog, row.used_oid), row.kind)
        for row in run_file(connection, "edges")
    )
    rows = _read_rows(connection, edges)
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    default_schema = connection.dialect.default_schema_name or "public"
    return Snapshot(tuple(sorted(rows, key=lambda row: row.key)), edges, version, default_schema)


def _read_rows(connection: Connection, edges: Iterable[Edge]) -> list[Row]:
    members = {edge.source for edge in edges if edge.kind == "e"}
    member_tables = {node.oid for node in members if node.catalog == "pg_class"}

    def is_own(row: Row) -> bool:
        return row.node not in members and row.relation not in member_tables

    rows = [row for file, kind in COMPARED.items() for row in _read_kind(connection, file, kind) if is_own(row)]
    known = {row.node for row in rows} | {ObjectId("pg_class", row.relation) for row in rows if row.relation}
    for file, kind in REPORTED.items():
        for row in _read_kind(connection, file, kind):
            is_attached = row.node in known or ObjectId("pg_class", row.relation) in known
            if is_own(row) and (is_attached or kind not in _ATTACHED):
                rows.append(row)
    return rows


def _read_kind(connection: Connection, file: str, kind: str) -> Iterable[Row]:
    for found in run_file(connection, file):
        node = ObjectId(found.catalog, found.oid)
        yield Row(kind, normalized_name(found.identity), Definition(found.definition), node, found.relation)


@cache
def _text(file: str) -> str:
    return files(__package__).joinpath("sql").joinpath(f"{file}.sql").read_text(encoding="utf-8")


def run_file(connection: Connection, file: str) -> Iterable[Any]:
    """Run one of the queries under ``sql/`` and return its rows."""
    # Without parameters, a percent sign is only a percent sign.
    return connection.exec_driver_sql(_text(file), execution_options={"no_parameters": True}).all()


def canonical(value: Any) -> str:
    """Return a value as one text; values that JSON writes differently (1, 1.0 and true) are different."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
