"""All that is read from the source for a plan: its catalog, once, with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from alembic_multidb.catalog.objects import LiveObject, read_objects
from alembic_multidb.catalog.settings import LiveSetting, read_live_settings
from alembic_multidb.catalog.snapshot import ObjectId, Snapshot, read_snapshot, run_file
from alembic_multidb.registry import TableName
from alembic_multidb.split.database import read_database
from alembic_multidb.split.model import DatabaseFact
from alembic_multidb.split.outside import read_outside
from alembic_multidb.stamp.source import read_revisions
from alembic_multidb.urls import DatabaseURL

# The validator loads the library, which brings its own parameters; it asks for no right that not everybody has.
_LIBRARIES = text(
    """
    SELECT e.extname, min(p.oid) AS function
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'c'
    WHERE has_function_privilege(p.oid, 'EXECUTE')
    GROUP BY e.extname, p.probin
    """
)
_LOAD = text("SELECT fmgr_c_validator(:function)")
_PARAMETERS = text("SELECT name FROM pg_settings WHERE name LIKE '%.%'")


@dataclass(frozen=True)
class Survey:
    """What was read from the source.

    Attributes:
        url: where it is.
        snapshot: its schema, version tables included.
        objects: every object with a name of its own.
        revisions: what each version table says, by its name.
        foreign_keys: columns and targets of every foreign key.
        texts: bodies of functions, with their language.
        extension_functions: schemas and names of the functions of extensions.
        sizes: of each leaf table, by its oid.
        vector_indexes: the indexes of pgvector.
        settings: of the database, and of roles in it.
        parameters: which extension brings a parameter.
        database_facts: rights to the database itself, and its comment.
        outside: large objects, roles, jobs.
    """

    url: DatabaseURL
    snapshot: Snapshot
    objects: tuple[LiveObject, ...]
    revisions: Mapping[TableName, tuple[str, ...]]
    foreign_keys: Mapping[ObjectId, Any]
    texts: Mapping[ObjectId, Any]
    extension_functions: tuple[Any, ...]
    sizes: Mapping[int, Any]
    vector_indexes: tuple[Any, ...]
    settings: tuple[LiveSetting, ...]
    parameters: Mapping[str, str]
    database_facts: tuple[DatabaseFact, ...]
    outside: tuple[LiveObject, ...]


def read_survey(connection: Connection, url: DatabaseURL) -> Survey:
    """Read the source.

    Args:
        connection: to the source, in a read-only transaction of one point in time.
        url: where it is, for messages.
    """
    settings = read_live_settings(connection)
    # Before anything else loads a library: a view with a vector in it does.
    parameters = read_parameters(connection) if any("." in row.name for row in settings) else {}
    # What the login may not read is a version table all the same; pg_dump says so.
    revisions = {table: found or () for table, found in read_revisions(connection).items()}
    snapshot = read_snapshot(connection)
    return Survey(
        url=url,
        snapshot=snapshot,
        objects=tuple(read_objects(connection)),
        revisions=revisions,
        foreign_keys={ObjectId("pg_constraint", row.oid): row for row in run_file(connection, "foreign_keys")},
        texts={ObjectId("pg_proc", row.oid): row for row in run_file(connection, "function_texts")},
        extension_functions=tuple(run_file(connection, "extension_functions")),
        sizes={row.oid: row for row in run_file(connection, "sizes")},
        vector_indexes=tuple(run_file(connection, "vector_indexes")),
        settings=settings,
        parameters=parameters,
        database_facts=read_database(connection),
        outside=read_outside(connection),
    )


def read_parameters(connection: Connection) -> dict[str, str]:
    """Return which extension brings each parameter with a dot in its name, after loading the extensions' libraries.

    Args:
        connection: the libraries stay loaded in its session.
    """
    found: dict[str, str] = {}
    known = set(connection.execute(_PARAMETERS).scalars())
    for row in connection.execute(_LIBRARIES).all():
        connection.execute(_LOAD, {"function": row.function})
        now = set(connection.execute(_PARAMETERS).scalars())
        found |= dict.fromkeys(now - known, row.extname)
        known = now
    return found
