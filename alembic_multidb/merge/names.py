"""The names of relations and types that a database takes."""

from __future__ import annotations

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.split.objects import Objects
from alembic_multidb.sqltext import normalized_name
from alembic_multidb.transfer.journal import SCHEMA
from alembic_multidb.verify.tables import Name

_NAMES = r"""
    SELECT '{catalog}' AS catalog, x.oid, n.nspname AS schema, x.{prefix}name AS name
    FROM pg_catalog.{catalog} AS x JOIN pg_catalog.pg_namespace AS n ON n.oid = x.{prefix}namespace
    WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', '{journal}') AND {condition}
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                      WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = x.oid
                        AND d.deptype = 'e')
"""
_RELATIONS = text(
    _NAMES.format(
        catalog="pg_class", prefix="rel", journal=SCHEMA, condition="x.relkind IN ('r','p','v','m','f','S','i','I')"
    )
)
# PostgreSQL finds other names for arrays by itself.
_TYPES = text(_NAMES.format(catalog="pg_type", prefix="typ", journal=SCHEMA, condition="x.typcategory <> 'A'"))

# What extensions have, under names that nothing else can have beside them.
_MEMBERS = text(
    r"""
    SELECT e.extname AS extension, 'function' AS kind,
           format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS identity
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname <> 'pg_catalog'
    UNION ALL
    SELECT e.extname, 'name', format('%I.%I', n.nspname, x.name)
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN (SELECT 'pg_class'::regclass AS catalog, c.oid, c.relnamespace AS schema, c.relname AS name FROM pg_class AS c
          UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace, t.typname FROM pg_type AS t
          WHERE t.typcategory <> 'A') AS x ON x.catalog = d.classid AND x.oid = d.objid
    JOIN pg_namespace AS n ON n.oid = x.schema AND n.nspname <> 'pg_catalog'
    """
)


def member_names(connection: Connection) -> dict[tuple[str, str], str]:
    """Return what extensions have of functions, and of tables and types: kind and identity, to the extension's name.

    Args:
        connection: to the database.
    """
    return {(row.kind, normalized_name(row.identity)): row.extension for row in connection.execute(_MEMBERS)}


def names_of(
    connection: Connection, objects: Objects, *, is_there: bool = False
) -> tuple[dict[Name, int], dict[Name, int]]:
    """Return the names that are taken of relations and of types, without those of what stays behind.

    Args:
        connection: to the database.
        objects: what becomes of its objects.
        is_there: whether it is what is there already, all of which stays.
    """

    def is_taken(node: ObjectId) -> bool:
        if is_there:
            return not {node, objects.owner(node)} & objects.version_nodes
        return objects.is_carried(node)

    found: list[dict[Name, int]] = []
    for statement in (_RELATIONS, _TYPES):
        rows = connection.execute(statement).all()
        found.append({(row.schema, row.name): row.oid for row in rows if is_taken(ObjectId(row.catalog, row.oid))})
    return found[0], found[1]
