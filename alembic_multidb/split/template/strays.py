"""Databases that a split makes for a while: what they are called, which were left by a killed run, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import psycopg
from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.template.maintenance import Maintenance

# A clone on its way to be a target; an empty target that a clone has taken the place of; what a rehearsal fills.
CLONE, OLD, REHEARSAL = "multidb_split_new_", "multidb_split_old_", "multidb_rehearsal_"
# Where a merge makes a schema to be renamed.
STAGE = "multidb_stage_"
# Every database of the server that a split or a rehearsal has made and not taken away yet.
STRAYS = """
    SELECT datname AS name FROM pg_catalog.pg_database
    WHERE datname ~ '^multidb_(split_new|split_old|rehearsal)_[0-9a-f]{16}$' ORDER BY 1
"""
_THERE = "SELECT datname AS name FROM pg_catalog.pg_database WHERE datname = ANY (%s::text[]) ORDER BY 1"


def stray_name(kind: str, target: str) -> str:
    """Return what a database is called that stands in for a target: the same in every run.

    Args:
        kind: CLONE, OLD, REHEARSAL or STAGE.
        target: the target's name on its server.
    """
    return kind + sha256(target.encode()).hexdigest()[:16]


def there(session: Maintenance, names: Iterable[str]) -> list[str]:
    """Return those of some databases that are there."""
    return [row["name"] for row in session.rows(_THERE, list(names))]


def take_away(session: Maintenance, names: Iterable[str]) -> None:
    """Drop databases that only a split has filled, with whoever is still connected.

    Raises:
        MultidbError: one cannot be dropped.
    """
    for name in there(session, names):
        try:
            session.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise MultidbError(
                f'database "{name}", which only this split has used, could not be dropped: {first_line(error)}; the '
                "same command drops it the next time, or drop it by hand"
            ) from None
