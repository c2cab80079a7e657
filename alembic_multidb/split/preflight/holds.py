"""What a database holds that would go with it, tables or none: odd objects, large objects, rights that were changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, text

from alembic_multidb.catalog.objects import read_objects
from alembic_multidb.operate.status import counted
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.registry.names import DEFAULT_SCHEMA

_LARGE_OBJECTS = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"
# What an empty target may hold, beside its version table.
_ALLOWED = frozenset(
    {
        *("extension", "schema", "default acl", "language", "event trigger", "publication", "subscription"),
        *("foreign-data wrapper", "server", "user mapping"),
    }
)
_NAME = text("SELECT format('%I.%I', CAST(:schema AS text), CAST(:name AS text))")
_VERSION_TABLE = text(
    """
    SELECT pg_get_userbyid(c.relowner)::text AS owner, c.relowner = current_user::regrole AS is_own,
           c.relacl IS NOT NULL AND EXISTS (
               (SELECT * FROM aclexplode(c.relacl) EXCEPT SELECT * FROM aclexplode(acldefault('r', c.relowner)))
               UNION ALL
               (SELECT * FROM aclexplode(acldefault('r', c.relowner)) EXCEPT SELECT * FROM aclexplode(c.relacl))
           ) AS has_rights
    FROM pg_class AS c WHERE c.oid = to_regclass(:name)
    """
)
# initdb notes the rights that what it makes has from then on, but not of what is in information_schema, which are all
# returned; of schema public a split looks at more than that.
_CHANGED = text(
    """
    SELECT x.name, x.acl::text AS acl
    FROM (SELECT 'pg_class'::regclass AS catalog, c.oid, 0 AS number, c.relacl AS acl,
                 acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS usual,
                 c.oid::regclass::text AS name
          FROM pg_class AS c
          UNION ALL
          SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, acldefault('c', c.relowner),
                 format('%s.%I', a.attrelid::regclass, a.attname)
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
          UNION ALL
          SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, acldefault('f', p.proowner), p.oid::regprocedure::text
          FROM pg_proc AS p
          UNION ALL
          SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, acldefault('T', t.typowner), t.oid::regtype::text
          FROM pg_type AS t
          UNION ALL
          SELECT 'pg_language'::regclass, l.oid, 0, l.lanacl, acldefault('l', l.lanowner), 'language ' || l.lanname
          FROM pg_language AS l
          UNION ALL
          SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspacl, acldefault('n', n.nspowner), 'schema ' || n.nspname
          FROM pg_namespace AS n WHERE n.nspname <> 'public') AS x
    LEFT JOIN pg_init_privs AS i ON i.classoid = x.catalog AND i.objoid = x.oid AND i.objsubid = x.number
    WHERE x.oid < 16384 AND x.acl IS DISTINCT FROM i.initprivs
      AND (x.name LIKE 'information\\_schema.%'
           OR EXISTS ((SELECT * FROM aclexplode(coalesce(x.acl, x.usual))
                       EXCEPT SELECT * FROM aclexplode(coalesce(i.initprivs, x.usual)))
                      UNION ALL
                      (SELECT * FROM aclexplode(coalesce(i.initprivs, x.usual))
                       EXCEPT SELECT * FROM aclexplode(coalesce(x.acl, x.usual)))))
    ORDER BY 1
    """
)


def changed_rights(connection: Connection) -> dict[str, str | None]:
    """Return the rights to what PostgreSQL itself has made that may be not those of a new database, by its name.

    Args:
        connection: to a database, in a transaction with an empty ``search_path``.
    """
    return {row.name: row.acl for row in connection.execute(_CHANGED)}


def objects_in(connection: Connection, database: RegisteredDatabase) -> list[str]:
    """Name the objects of a database beside extensions, schemas, a version table, and what runs the server.

    Args:
        connection: to it, in a transaction with an empty ``search_path``.
        database: its declaration.
    """
    version = _version_table(connection, database)
    found = [item for item in read_objects(connection) if item.type not in _ALLOWED and item.identity != version]
    parts = f" on {version}"
    return [
        f"{item.type} {item.identity}"
        for item in found
        if not (item.type == "table constraint" and item.identity.endswith(parts))
    ]


def large_objects_in(connection: Connection) -> list[str]:
    """Count the large objects of a database, in words, if there are any."""
    number = connection.exec_driver_sql(_LARGE_OBJECTS).scalar_one()
    return [counted(number, "large object")] if number else []


def rights_in(
    connection: Connection, database: RegisteredDatabase, in_source: Mapping[str, str | None]
) -> Iterator[str]:
    """Name the rights in an empty database that a clone of the source has not.

    Args:
        connection: to it, in a transaction with an empty ``search_path``.
        database: its declaration.
        in_source: the rights that were changed in the source, which a clone has, too.
    """
    version = _version_table(connection, database)
    row = connection.execute(_VERSION_TABLE, {"name": version}).one_or_none()
    if row is not None and row.has_rights:
        yield f"rights to {version}"
    if row is not None and not row.is_own:
        yield f"{version} of role {row.owner}"
    for name, rights in changed_rights(connection).items():
        if rights != in_source.get(name, ""):
            yield f"changed rights to {name}"


def _version_table(connection: Connection, database: RegisteredDatabase) -> str:
    """Return the version table's name as PostgreSQL writes it."""
    schema = database.version_table_schema or connection.dialect.default_schema_name or DEFAULT_SCHEMA
    names = {"schema": schema, "name": database.version_table}
    return str(connection.execute(_NAME, names).scalar_one())
