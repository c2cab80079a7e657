"""Values that name objects by their oid (``regclass`` and its like): they cannot be loaded where the object is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.split.model import Finding
from alembic_multidb.split.objects import Objects

_CATALOGS = {
    "regclass": "pg_class",
    "regtype": "pg_type",
    "regproc": "pg_proc",
    "regprocedure": "pg_proc",
    "regoper": "pg_operator",
    "regoperator": "pg_operator",
    "regconfig": "pg_ts_config",
    "regdictionary": "pg_ts_dict",
    "regnamespace": "pg_namespace",
    "regcollation": "pg_collation",
}
# The columns of these types, of arrays and domains of them, and of composite types with such an attribute.
_COLUMNS = text(
    """
    WITH RECURSIVE base (typ, oid, is_array, is_inside) AS (
        SELECT t.oid, t.oid, false, false FROM pg_type AS t WHERE t.oid IN (SELECT atttypid FROM pg_attribute)
        UNION
        SELECT b.typ, x.oid, x.is_array, x.is_inside
        FROM base AS b JOIN pg_type AS t ON t.oid = b.oid
        CROSS JOIN LATERAL (
            SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END, b.is_array OR t.typtype <> 'd',
                   b.is_inside
            WHERE t.typtype = 'd' OR (t.typcategory = 'A' AND t.typelem <> 0)
            UNION ALL
            SELECT a.atttypid, false, true FROM pg_attribute AS a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS x (oid, is_array, is_inside)
    )
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS table, quote_ident(a.attname) AS column,
           t.typname AS type, b.is_array, b.is_inside
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\\_%'
                          AND n.nspname <> 'information_schema'
    JOIN base AS b ON b.typ = a.atttypid
    JOIN pg_type AS t ON t.oid = b.oid AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY(:types)
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 2, 3
    """
)


def columns_of_oids(connection: Connection, objects: Objects) -> list[str]:
    """Return the columns of such types, of all tables that go anywhere, each as ``schema.table.column``.

    Args:
        connection: to the source.
        objects: what becomes of its objects.
    """
    found = connection.execute(_COLUMNS, {"types": list(_CATALOGS)}).all()
    return [f"{row.table}.{row.column}" for row in found if objects.is_carried(ObjectId("pg_class", row.oid))]


def foreign_values(connection: Connection, objects: Objects) -> Iterator[Finding]:
    """Find values in tables that name an object which does not go where the table goes.

    Args:
        connection: to the source.
        objects: what becomes of its objects.
    """
    found = connection.execute(_COLUMNS, {"types": list(_CATALOGS)}).all()
    for row in found:
        if row.is_inside and objects.is_carried(ObjectId("pg_class", row.oid)):
            yield _inside(objects, row)
    if columns := [row for row in found if not row.is_inside]:
        yield from _wrong_values(connection, objects, columns)


def _inside(objects: Objects, row: Any) -> Finding:
    return Finding(
        kind="value-not-looked-at",
        severity="warning",
        database=min(objects.homes_of(ObjectId("pg_class", row.oid)), default=None),
        object=f"{row.table}.{row.column}",
        message=f"column {row.table}.{row.column} holds values of {row.type} inside others, which were not looked at: "
        "one that names what does not go there cannot be loaded",
        rows_only=True,
    )


def _wrong_values(connection: Connection, objects: Objects, columns: Sequence[Any]) -> Iterator[Finding]:
    parts = []
    for number, row in enumerate(columns):
        value = f"unnest({row.column})" if row.is_array else row.column
        # Names come quoted from the server.
        parts.append(
            f"SELECT DISTINCT {number} AS number, v.value::oid AS oid FROM ONLY {row.table} "  # noqa: S608
            f"CROSS JOIN LATERAL (SELECT {value} AS value) AS v WHERE v.value IS NOT NULL AND v.value::oid >= 16384"
        )
    statement = " UNION ALL ".join(parts)
    found: dict[int, set[ObjectId]] = {}
    for item in connection.exec_driver_sql(statement, execution_options={"no_parameters": True}):
        found.setdefault(item.number, set()).add(ObjectId(_CATALOGS[columns[item.number].type], item.oid))
    for number, nodes in found.items():
        row = columns[number]
        homes = objects.homes_of(ObjectId("pg_class", row.oid))
        wrong = sorted(_name(objects, node) for node in nodes if not homes <= _places(objects, node))
        if wrong:
            yield Finding(
                kind="value-names-another-home",
                severity="refused",
                database=min(homes, default=None),
                object=f"{row.table}.{row.column}",
                message=f"column {row.table}.{row.column} ({row.type}) holds {wrong[0]}"
                f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}, which does not go there: the value cannot "
                "be loaded",
                fix="set it to NULL, or make the column text, in the source",
                rows_only=True,
            )


def _name(objects: Objects, node: ObjectId) -> str:
    """Return what an object is called, or what it is a part of: a row type belongs to its table."""
    return objects.names.get(node) or objects.names.get(objects.owner(node), "something unnamed")


def _places(objects: Objects, node: ObjectId) -> frozenset[str]:
    """Return where an object can be named; an oid that nothing has is only a number, everywhere."""
    if node not in objects.names and node not in objects.classification.owners:
        return frozenset(objects.databases)
    return objects.homes_of(node) if objects.is_carried(node) else frozenset()
