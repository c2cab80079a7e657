"""Where sequences stand: read from the source after the rows were seen, and set in the target."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from psycopg import sql

from alembic_multidb.transfer.session import Raw
from alembic_multidb.transfer.tables import query
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.sequences import Place
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Name

_AT_ONCE = 200


def read_places(source: Raw, oids: Collection[int]) -> dict[int, tuple[Name, Place]]:
    """Return where sequences of the source stand now, by their numbers.

    A sequence is not part of any snapshot: what is read is at least what the rows of the snapshot have used.

    Args:
        source: in its snapshot.
        oids: of the sequences.
    """
    found: dict[int, tuple[Name, Place]] = {}
    known = rows(source, query("sequences"), list(oids))
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        statement = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}::int8, last_value, is_called FROM {}").format(
                sql.Literal(row["oid"]), sql.Identifier(row["schema"], row["name"])
            )
            for row in some
        )
        names = {row["oid"]: (row["schema"], row["name"]) for row in some}
        for oid, last, is_called in source.execute(statement).fetchall():
            found[oid] = names[oid], Place(last, is_called)
    return found


def extension_places(source: Raw, extensions: Collection[str]) -> dict[Name, Place]:
    """Return where those sequences of extensions stand whose values are the users'.

    Args:
        source: in its snapshot.
        extensions: by their names.
    """
    oids = [row["oid"] for row in rows(source, query("extension_sequences"), list(extensions))]
    return dict(read_places(source, oids).values())


def set_places(target: Target, places: Mapping[Name, Place]) -> None:
    """Let sequences of the target stand where those of the source do; done again, it does no harm."""
    items = list(places.items())
    for start in range(0, len(items), _AT_ONCE):
        with target.lead.transaction():
            target.journal.fence(target.lead)
            for name, place in items[start : start + _AT_ONCE]:
                target.lead.execute(
                    "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s, %s)",
                    [sql.Identifier(*name).as_string(target.lead), place.last, place.is_called],
                )
