"""Objects are dropped: without CASCADE, so that whatever else stands on them keeps them, and is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from alembic_multidb.catalog.objects import LiveObject
from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.session import Raw
from alembic_multidb.verify.statements import rows

_AT_ONCE = 200
# These go with what they belong to.
_PARTS = frozenset({"index", "table constraint", "domain constraint", "trigger", "rule", "policy", "default acl"})
_WORDS = {
    **dict.fromkeys(("function", "procedure", "aggregate"), "ROUTINE"),
    "statistics object": "STATISTICS",
    "foreign-data wrapper": "FOREIGN DATA WRAPPER",
}
_FOREIGN_KEYS = """
    SELECT n.nspname AS schema, c.relname AS table, k.conname AS name
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY (%s::oid[])
"""
# One may call a function that stands on its own table.
_POLICIES = """
    SELECT n.nspname AS schema, c.relname AS table, p.polname AS name
    FROM pg_catalog.pg_policy AS p
    JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE p.polrelid = ANY (%s::oid[])
"""
# One without a schema is gone when it says what would be without it; one in a schema when it says nothing.
_DEFAULT_RIGHTS = """
    SELECT pg_catalog.pg_get_userbyid(d.defaclrole) AS role, n.nspname AS schema,
           CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kind,
           CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
           a.privilege, a.is_usual
    FROM pg_catalog.pg_default_acl AS d
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL (
        SELECT g.grantee, g.privilege_type AS privilege, false AS is_usual FROM pg_catalog.aclexplode(d.defaclacl) AS g
        UNION ALL
        SELECT u.grantee, u.privilege_type, true
        FROM pg_catalog.aclexplode(pg_catalog.acldefault(
            CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)) AS u
        WHERE d.defaclnamespace = 0
    ) AS a
    WHERE d.oid = ANY (%s::oid[])
    ORDER BY d.oid, a.is_usual
"""


def drop_objects(connection: Raw, objects: Sequence[LiveObject], *, breaks_circles: bool = False) -> None:
    """Drop objects of a database, whatever the order in which they stand on each other.

    Args:
        connection: to the database, outside of any transaction; what was dropped before an error stays dropped.
        objects: what to drop; their parts go with them.
        breaks_circles: whether a function goes with whatever stands on it, if that stands in a circle with it, as a
            type and the function that reads it do; only in a database whose rest is looked at afterwards.

    Raises:
        MultidbError: something else stands on one of them.
    """
    tables = [item.node.oid for item in objects if item.type == "table"]
    keys = [
        sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
            sql.Identifier(row["schema"], row["table"]), sql.Identifier(row["name"])
        )
        for row in rows(connection, _FOREIGN_KEYS, tables)
    ]
    policies = [
        sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(row["name"]), sql.Identifier(row["schema"], row["table"]))
        for row in rows(connection, _POLICIES, tables)
    ]
    connection.rollback()
    _run_all(connection, [*keys, *policies])
    _run_all(connection, _rights(connection, [item.node.oid for item in objects if item.type == "default acl"]))
    # What was made last usually stands on what was made before.
    left = sorted((item for item in objects if item.type not in _PARTS), key=lambda item: -item.node.oid)
    while left:
        remaining, problem = _drop_some(connection, left)
        if len(remaining) == len(left) and breaks_circles:
            remaining = _break_a_circle(connection, left)
        if len(remaining) == len(left):
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            raise MultidbError(
                f"{left[0].type} {left[0].identity}{more} cannot be dropped, since something else stands on "
                f"{'them' if more else 'it'}: {problem}. Drop that first, then run it again"
            )
        left = remaining


def _rights(connection: Raw, oids: Sequence[int]) -> list[sql.Composed]:
    found = rows(connection, _DEFAULT_RIGHTS, list(oids))
    connection.rollback()
    return [_right(row) for row in found]


def _right(row: dict[str, Any]) -> sql.Composed:
    where = sql.SQL("IN SCHEMA {} ").format(sql.Identifier(row["schema"])) if row["schema"] is not None else sql.SQL("")
    words = "ALTER DEFAULT PRIVILEGES FOR ROLE {} {}{} {} ON {} {} {}"
    return sql.SQL(words).format(
        sql.Identifier(row["role"]),
        where,
        sql.SQL("GRANT" if row["is_usual"] else "REVOKE"),
        sql.SQL(row["privilege"]),
        sql.SQL(row["kind"]),
        sql.SQL("TO" if row["is_usual"] else "FROM"),
        sql.Identifier(row["grantee"]) if row["grantee"] is not None else sql.SQL("PUBLIC"),
    )


def _run_all(connection: Raw, statements: Sequence[sql.Composed]) -> None:
    for start in range(0, len(statements), _AT_ONCE):
        with connection.transaction():
            for statement in statements[start : start + _AT_ONCE]:
                connection.execute(statement)


def _drop_some(connection: Raw, objects: Sequence[LiveObject]) -> tuple[list[LiveObject], str]:
    """Drop what nothing stands on; return the rest, and why one of it could not go."""
    left: list[LiveObject] = []
    problem = ""
    for start in range(0, len(objects), _AT_ONCE):
        with connection.transaction():
            connection.execute("SET LOCAL search_path = ''")
            for item in objects[start : start + _AT_ONCE]:
                try:
                    with connection.transaction():
                        connection.execute(drop_statement(item).encode())
                except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.UndefinedObject) as error:
                    if isinstance(error, psycopg.errors.DependentObjectsStillExist):
                        left.append(item)
                        problem = str(error.diag.message_detail or first_line(error)).splitlines()[0]
                except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
                    continue  # it went with another one
    return left, problem


def _break_a_circle(connection: Raw, objects: list[LiveObject]) -> list[LiveObject]:
    """Drop all tables at once, which may stand on each other, or else one function that others stand on."""
    tables = [item for item in objects if item.type == "table"]
    functions = [item for item in objects if _WORDS.get(item.type) == "ROUTINE"]
    attempts = [(tables, f"DROP TABLE {', '.join(item.identity for item in tables)}")] if len(tables) > 1 else []
    attempts += [([item], f"{drop_statement(item)} CASCADE") for item in functions[:1]]
    for chosen, statement in attempts:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL search_path = ''")
                connection.execute(statement.encode())
        except psycopg.errors.DependentObjectsStillExist:
            continue
        return [item for item in objects if item not in chosen]
    return objects


def drop_statement(item: LiveObject) -> str:
    """Return what drops an object; its identity is quoted by PostgreSQL."""
    return f"DROP {_WORDS.get(item.type, item.type.upper())} {item.identity}"


def described(objects: Iterable[LiveObject]) -> list[list[str]]:
    """Return objects as JSON has them."""
    return [[item.type, item.identity] for item in objects]
