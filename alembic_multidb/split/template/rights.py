"""The rights to a database, as they are: of whom, granted by whom; given to another one in the same names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from alembic_multidb.env.connect import first_line
from alembic_multidb.transfer.session import raw

_RIGHTS = text(
    """
    SELECT pg_get_userbyid(a.grantor)::text AS grantor,
           CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END AS grantee,
           a.privilege_type AS privilege, a.is_grantable
    FROM pg_database AS d CROSS JOIN LATERAL aclexplode(d.datacl) AS a
    WHERE d.datname = current_database()
    """
)
_DATABASE = text(
    """
    SELECT datname AS name, pg_get_userbyid(datdba)::text AS owner, datacl IS NULL AS is_new
    FROM pg_database WHERE datname = current_database()
    """
)


@dataclass(frozen=True, kw_only=True)
class Right:
    """One right to a database.

    Attributes:
        grantor: who has granted it.
        grantee: who has it; None for everybody.
        privilege: one of PostgreSQL's words.
        is_grantable: whether he may grant it to others.
    """

    grantor: str
    grantee: str | None
    privilege: str
    is_grantable: bool

    def __str__(self) -> str:
        return f"{self.privilege} of {self.grantee or 'PUBLIC'}, granted by {self.grantor}"


def read_rights(connection: Connection) -> frozenset[Right] | None:
    """Return the rights to the connected database; None if they are those of a new one."""
    if connection.execute(_DATABASE).one().is_new:
        return None
    return frozenset(
        Right(grantor=row.grantor, grantee=row.grantee, privilege=row.privilege, is_grantable=row.is_grantable)
        for row in connection.execute(_RIGHTS)
    )


def give_rights(connection: Connection, rights: Collection[Right] | None) -> list[str]:
    """Give a new database exactly these rights, and return what could not be given.

    Args:
        connection: to it, in a transaction; its login may become whoever has granted them.
        rights: as :func:`read_rights` returns them.
    """
    if rights is None:
        return []
    database = connection.execute(_DATABASE).one()
    name, owner = sql.Identifier(database.name), sql.Identifier(database.owner)
    try:
        with connection.begin_nested():
            raw(connection).execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(name, owner))
            for right in _in_order(rights, database.owner):
                _grant(connection, name, right)
    except psycopg.Error as error:
        return [f"the rights to the database could not be given: {first_line(error)}"]
    missing = frozenset(rights) - (read_rights(connection) or frozenset())
    return sorted(f"{right}, could not be granted in that name" for right in missing)


def _grant(connection: Connection, name: sql.Identifier, right: Right) -> None:
    driver = raw(connection)
    role = sql.Identifier(right.grantee) if right.grantee is not None else sql.SQL("PUBLIC")
    option = sql.SQL(" WITH GRANT OPTION" if right.is_grantable else "")
    driver.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(right.grantor)))
    driver.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(sql.SQL(right.privilege), name, role, option))
    driver.execute("RESET ROLE")


def _in_order(rights: Collection[Right], owner: str) -> Iterator[Right]:
    """Yield whoever may grant before what he has granted; PostgreSQL lets nobody grant in a circle."""
    left = sorted(rights, key=str)
    may_grant = {(owner, right.privilege) for right in rights}
    while left:
        ready = [right for right in left if (right.grantor, right.privilege) in may_grant] or left
        yield from ready
        may_grant |= {(right.grantee or "", right.privilege) for right in ready if right.is_grantable}
        left = [right for right in left if right not in ready]
