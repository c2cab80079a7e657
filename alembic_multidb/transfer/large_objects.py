"""Large objects, with their numbers, owners, rights and comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.rows import Moment
from alembic_multidb.transfer.session import Raw, raw
from alembic_multidb.transfer.tables import query
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.side import Side

_PIECE = 2**20


def copy_large_objects(source: Side, target: Target, *, owners: bool = True, grants: bool = True) -> int:
    """Copy all large objects, and return how many there are.

    Args:
        source: in its snapshot.
        target: where they go.
        owners: whether they keep their owners.
        grants: whether they keep their rights.

    Raises:
        MultidbError: one could not be copied.
    """
    moment = Moment.of(source)
    found = source.ask(query("large_objects")).result()
    for row in found:
        step = target.steps.get(f"lo:{row['oid']}")
        if step is None or not moment.is_same(step.digest):
            source.run(_copying(target, row, moment, _statements(row, owners=owners, grants=grants))).result()
    return len(found)


def _copying(
    target: Target, row: Mapping[str, Any], moment: Moment, statements: Sequence[sql.Composed]
) -> Callable[[Connection], None]:
    return lambda connection: _copy(raw(connection), target, row, moment, statements)


def _copy(
    source: Raw, target: Target, row: Mapping[str, Any], moment: Moment, statements: Sequence[sql.Composed]
) -> None:
    key, oid = f"lo:{row['oid']}", int(row["oid"])
    try:
        with target.session() as session, session.transaction():
            target.journal.fence(session)
            if not target.journal.record(session, [(key, moment.text)]):
                session.execute("SELECT pg_catalog.lo_unlink(%s::oid)", [oid])
                target.journal.forget(session, key)
                target.journal.record(session, [(key, moment.text)])
            session.execute("SELECT pg_catalog.lo_create(%s::oid)", [oid])
            _copy_bytes(source, session, oid)
            for statement in statements:
                session.execute(statement)
    except psycopg.Error as error:
        raise MultidbError(
            f'large object {oid} could not be copied into "{target.name}": {first_line(error)}. When the cause is '
            "gone, the same command goes on"
        ) from None


def _copy_bytes(source: Raw, session: Raw, oid: int) -> None:
    place = 0
    while True:
        row = source.execute("SELECT pg_catalog.lo_get(%s::oid, %s, %s)", [oid, place, _PIECE], binary=True).fetchone()
        assert row is not None
        piece = row[0]
        if piece:
            session.execute("SELECT pg_catalog.lo_put(%s::oid, %s, %b)", [oid, place, piece])
        if len(piece) < _PIECE:
            return
        place += _PIECE


def _statements(row: Mapping[str, Any], *, owners: bool, grants: bool) -> Sequence[sql.Composed]:
    number = sql.Literal(int(row["oid"]))
    found = []
    if row["comment"] is not None:
        found.append(sql.SQL("COMMENT ON LARGE OBJECT {} IS {}").format(number, sql.Literal(row["comment"])))
    for right in row["grants"] or () if grants else ():
        role = sql.SQL("PUBLIC") if right["role"] is None else sql.Identifier(right["role"])
        option = sql.SQL(" WITH GRANT OPTION" if right["is_grantable"] else "")
        found.append(
            sql.SQL("GRANT {} ON LARGE OBJECT {} TO {}{}").format(sql.SQL(right["right"]), number, role, option)
        )
    if owners:
        found.append(sql.SQL("ALTER LARGE OBJECT {} OWNER TO {}").format(number, sql.Identifier(row["owner"])))
    return found
