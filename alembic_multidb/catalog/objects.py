"""Every object of a live database by the name that PostgreSQL gives it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from alembic_multidb.catalog.snapshot import ObjectId, run_file


@dataclass(frozen=True)
class LiveObject:
    """One object of a live database.

    Attributes:
        type: what ``pg_identify_object`` calls its kind: ``table``, ``materialized view``, ``policy``, ...
        identity: its name there, qualified and quoted: ``t on public.users``, ``public.touch(integer)``.
        node: its catalog table and its oid there.
        schema: the schema that it lies in; None for what lies in none.
    """

    type: str
    identity: str
    node: ObjectId
    schema: str | None = None


def read_objects(connection: Connection) -> list[LiveObject]:
    """Return every object that has a name of its own, by type and identity; members of extensions are none.

    Args:
        connection: inside a transaction with an empty ``search_path``, as
            :func:`~alembic_multidb.catalog.snapshot.read_snapshot` leaves it.
    """
    rows = run_file(connection, "objects")
    return [LiveObject(row.type, row.identity, ObjectId(row.catalog, row.oid), row.schema) for row in rows]
