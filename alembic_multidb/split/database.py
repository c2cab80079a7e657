"""What belongs to a database itself, and no dump makes: rights to it, comments on it and on its extensions."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.split.model import DatabaseFact

# The owner's own rights are those of whoever owns the target.
_RIGHTS = text(
    """
    WITH d AS (SELECT datacl AS given, acldefault('d', datdba) AS usual, datdba FROM pg_database
               WHERE datname = current_database() AND datacl IS NOT NULL),
         given AS (SELECT a.grantee, a.privilege_type, a.is_grantable FROM d, aclexplode(d.given) AS a),
         usual AS (SELECT a.grantee, a.privilege_type, a.is_grantable FROM d, aclexplode(d.usual) AS a)
    SELECT x.what, CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee)::text END AS role, x.privilege_type AS value
    FROM (SELECT CASE WHEN is_grantable THEN 'grant with option' ELSE 'grant' END AS what, grantee, privilege_type
          FROM (SELECT * FROM given EXCEPT SELECT * FROM usual) AS more
          UNION ALL
          SELECT 'revoke', grantee, privilege_type FROM (SELECT * FROM usual EXCEPT SELECT * FROM given) AS less
         ) AS x, d
    WHERE x.grantee <> d.datdba
    UNION ALL
    SELECT 'comment', NULL, shobj_description(oid, 'pg_database') FROM pg_database
    WHERE datname = current_database() AND shobj_description(oid, 'pg_database') IS NOT NULL
    ORDER BY 1, 2, 3
    """
)
# Comments that are not those that the extensions came with. A dump has all, and only an extension's owner may make one.
_COMMENTS = text(
    """
    SELECT e.extname AS extension, obj_description(e.oid, 'pg_extension') AS comment
    FROM pg_extension AS e LEFT JOIN pg_available_extensions AS a ON a.name = e.extname
    WHERE obj_description(e.oid, 'pg_extension') <> coalesce(a.comment, '')
    ORDER BY 1
    """
)
_EXTENSIONS = text("SELECT extname FROM pg_extension")


def read_database(connection: Connection) -> tuple[DatabaseFact, ...]:
    """Return the rights to the connected database that are not those of a new one, and comments of its owner's."""
    facts = [DatabaseFact(what=row.what, role=row.role, value=row.value) for row in connection.execute(_RIGHTS)]
    facts += [
        DatabaseFact(what="comment", role=None, value=row.comment, extension=row.extension)
        for row in connection.execute(_COMMENTS)
    ]
    return tuple(facts)


def copy_to_database(connection: Connection, facts: Iterable[DatabaseFact]) -> list[str]:
    """Give a target the same rights and comments, and return what could not be made.

    Args:
        connection: to the target, inside a transaction.
        facts: what the source has; comments on extensions that are not there are left out.
    """
    database = sql.Identifier(str(connection.exec_driver_sql("SELECT current_database()").scalar_one()))
    failed = []
    for fact in _of_what_is_there(connection, facts):
        statement = _statement(fact, database).as_string(connection.connection.dbapi_connection)  # type: ignore[arg-type]
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        except DBAPIError as error:
            failed.append(f"{fact} could not be made: {type(error.orig).__name__}")
    return failed


def opposite(fact: DatabaseFact) -> DatabaseFact:
    """Return what takes a fact back."""
    if fact.what == "comment":
        return DatabaseFact(what="comment", role=None, value="")
    return DatabaseFact(what="grant" if fact.what == "revoke" else "revoke", role=fact.role, value=fact.value)


def missing_facts(connection: Connection, facts: Iterable[DatabaseFact]) -> list[str]:
    """Return the rights that a target does not have, and the comments if it has other ones."""
    there = set(read_database(connection))
    return [f"{fact} is missing" for fact in _of_what_is_there(connection, facts) if fact not in there]


def _of_what_is_there(connection: Connection, facts: Iterable[DatabaseFact]) -> list[DatabaseFact]:
    extensions = {None, *connection.execute(_EXTENSIONS).scalars()}
    return [fact for fact in facts if fact.extension in extensions]


def _statement(fact: DatabaseFact, database: sql.Identifier) -> sql.Composed:
    if fact.what == "comment":
        kind = sql.SQL("EXTENSION" if fact.extension else "DATABASE")
        name = sql.Identifier(fact.extension) if fact.extension else database
        return sql.SQL("COMMENT ON {} {} IS {}").format(kind, name, sql.Literal(fact.value))
    # One of four words that PostgreSQL has for it.
    right = sql.SQL(fact.value)
    role = sql.Identifier(fact.role) if fact.role is not None else sql.SQL("PUBLIC")
    if fact.what == "revoke":
        return sql.SQL("REVOKE {} ON DATABASE {} FROM {}").format(right, database, role)
    option = sql.SQL(" WITH GRANT OPTION" if fact.what == "grant with option" else "")
    return sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(right, database, role, option)
