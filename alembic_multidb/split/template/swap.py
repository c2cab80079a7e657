"""Clones take the places of empty targets: all of them, in one transaction, or none."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.template.clone import busy
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.split.template.sessions import connected


def swap(session: Maintenance, clones: Mapping[str, tuple[str, str]]) -> None:
    """Give each clone its target's name, and the target another one.

    Args:
        session: outside of all of them.
        clones: the clone, and what the old database is called from now on, by the target's name.

    Raises:
        MultidbError: somebody is connected to one of them, or the server refuses; then nothing was renamed.
    """
    try:
        _rename(session, clones)
    except psycopg.errors.ObjectInUse:
        # The server has waited five seconds for those who were just leaving.
        used = {name: connected(session.raw, name) for name in clones}
        name = next((name for name, sessions in used.items() if sessions), next(iter(clones)))
        raise busy(name, used[name], "let them reconnect later") from None
    except psycopg.Error as error:
        raise MultidbError(f"the clones could not be renamed: {first_line(error)}; nothing was changed") from None


def _rename(session: Maintenance, clones: Mapping[str, tuple[str, str]]) -> None:
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with session.raw.transaction():
        for target, (clone, old) in clones.items():
            session.run(rename.format(sql.Identifier(target), sql.Identifier(old)))
            session.run(rename.format(sql.Identifier(clone), sql.Identifier(target)))
