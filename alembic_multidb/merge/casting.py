"""Columns that have to get another type before a foreign key can be made of them, and whether they can."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql
from sqlalchemy import text

from alembic_multidb.env.connect import first_line
from alembic_multidb.merge.model import Cast, MergeOptions, Part, Reference
from alembic_multidb.split.model import Finding
from alembic_multidb.transfer.session import Raw
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Name

_COLUMN = text(
    """
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_full,
           (WITH RECURSIVE b (oid) AS (
                SELECT a.atttypid UNION ALL
                SELECT t.typbasetype FROM b JOIN pg_type AS t ON t.oid = b.oid AND t.typtype = 'd')
            SELECT format_type(b.oid, -1) FROM b JOIN pg_type AS t ON t.oid = b.oid WHERE t.typtype <> 'd') AS base,
           coalesce(
               (SELECT 'the partition key' FROM pg_partitioned_table AS p
                WHERE p.partrelid = a.attrelid AND (p.partexprs IS NOT NULL OR a.attnum = ANY (p.partattrs::int2[]))),
               (SELECT min(pg_describe_object(d.classid, d.objid, 0)) FROM pg_depend AS d
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                  AND (d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
                       OR d.classid = 'pg_constraint'::regclass AND EXISTS (
                           SELECT FROM pg_constraint AS k WHERE k.oid = d.objid AND k.contype IN ('c', 'f', 'x'))
                       OR d.classid = 'pg_attrdef'::regclass AND EXISTS (
                           SELECT FROM pg_attrdef AS f WHERE f.oid = d.objid AND f.adnum <> a.attnum)
                       OR d.classid = 'pg_class'::regclass AND EXISTS (
                           SELECT FROM pg_index AS i
                           WHERE i.indexrelid = d.objid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))))
           ) AS used_by
    FROM pg_attribute AS a
    WHERE a.attrelid = :table AND a.attnum > 0 AND NOT a.attisdropped
    """
)
_ARE_COMPARABLE = text(
    """
    WITH t AS (SELECT to_regtype(:target)::oid AS target, to_regtype(:source)::oid AS source)
    SELECT coalesce(t.target = t.source
        OR EXISTS (SELECT FROM pg_amop AS m JOIN pg_am AS a ON a.oid = m.amopmethod AND a.amname = 'btree'
                   WHERE m.amopstrategy = 3 AND m.amoplefttype = t.target AND m.amoprighttype = t.source)
        OR EXISTS (SELECT FROM pg_cast AS c
                   WHERE c.castsource = t.source AND c.casttarget = t.target AND c.castcontext = 'i'), false)
    FROM t
    """
)
_TELLS_VALIDITY = 160000
# How many values are named.
FIRST = 5


def finding(kind: str, severity: str, reference: Reference, message: str, fix: str = "") -> Finding:
    """Return what stands in the way of a foreign key, or should be known of it.

    Args:
        kind: a word for it that never changes.
        severity: ``warning``, or else it is refused.
        reference: the foreign key.
        message: what is so.
        fix: what to do about it.
    """
    return Finding(
        kind=kind,
        severity="warning" if severity == "warning" else "refused",
        object=str(reference),
        message=f"foreign key {reference}: {message}",
        fix=fix,
    )


def columns_of(part: Part, table: Name) -> dict[str, object]:
    """Return the columns of a table by name: ``type``, ``is_full``, ``base`` type and what it is ``used_by``."""
    rows_ = part.catalog.execute(_COLUMN, {"table": part.relations[table]})
    return {row.name: row for row in rows_}


def casts_of(reference: Reference, source: Part, target: Part) -> Iterator[Cast]:
    """Yield the columns that point and whose values cannot be compared with those pointed at."""
    one, other = columns_of(source, reference.table), columns_of(target, reference.target)
    for name, target_name in zip(reference.columns, reference.target_columns, strict=True):
        if name not in one or target_name not in other:
            continue
        before, after = one[name], other[target_name]
        types = {"source": before.base, "target": after.base}  # type: ignore[attr-defined]
        if not target.catalog.execute(_ARE_COMPARABLE, types).scalar():
            yield Cast(table=reference.table, column=name, old=before.type, new=after.type)  # type: ignore[attr-defined]


def type_findings(
    reference: Reference, source: Part, target: Part, options: MergeOptions, side: Side
) -> Iterator[Finding]:
    """Tell which columns would need another type, and what keeps them from having it.

    Args:
        reference: the foreign key.
        source: whose column points.
        target: what it points at.
        options: whether columns may be cast.
        side: a way to the rows of the database that points.
    """
    columns = columns_of(source, reference.table)
    for cast in casts_of(reference, source, target):
        if not options.cast:
            yield finding(
                "foreign-key-type",
                "refused",
                reference,
                f"{cast}: the types cannot be compared",
                "--cast gives the column the other type",
            )
            continue
        used_by = columns[cast.column].used_by  # type: ignore[attr-defined]
        if used_by:
            yield finding(
                "cast-used",
                "refused",
                reference,
                f"{cast}: {used_by} uses the column, whose type cannot be changed under it",
                "drop it before, and make it anew afterwards",
            )
        yield from _uncastable(reference, cast, source.name_there(cast.table), side, target)


def _uncastable(reference: Reference, cast: Cast, table: Name, side: Side, target: Part) -> Iterator[Finding]:
    """Name the values that are none of the new type."""
    if side.ask("SELECT pg_catalog.to_regtype(%s) IS NULL AS is_elsewhere", cast.new).result()[0]["is_elsewhere"]:
        values = _bad_elsewhere(side, raw(target.catalog), cast, table)
    else:
        values = side.run(lambda connection: _bad_values(raw(connection), cast, table)).result()
    if values:
        more = ", ..." if len(values) > FIRST else ""
        yield finding(
            "cast-value",
            "refused",
            reference,
            f"{cast}: these values are none of the new type: {', '.join(values[:FIRST])}{more}",
            "correct or delete them in the database that has them",
        )


def _bad_elsewhere(side: Side, other: Raw, cast: Cast, table: Name) -> list[str]:
    """Return the first values that are none of a type which only the other database has."""
    statement = sql.SQL("SELECT DISTINCT {c}::text AS value FROM {t} WHERE {c} IS NOT NULL ORDER BY 1").format(
        c=sql.Identifier(cast.column), t=sql.Identifier(*table)
    )
    bad: list[str] = []
    for row in side.ask(statement).result():
        try:
            with other.transaction():
                other.execute(sql.SQL("SELECT {}::{}").format(sql.Literal(row["value"]), sql.SQL(cast.new)))
        except psycopg.Error:
            bad.append(str(row["value"]))
            if len(bad) > FIRST:
                break
    return bad


def _bad_values(connection: psycopg.Connection[tuple[object, ...]], cast: Cast, name: Name) -> list[str]:
    column, table = sql.Identifier(cast.column), sql.Identifier(*name)
    if connection.info.server_version >= _TELLS_VALIDITY:
        statement = sql.SQL(
            "SELECT DISTINCT {c}::text AS value FROM {t} WHERE {c} IS NOT NULL "
            "AND NOT pg_catalog.pg_input_is_valid({c}::text, {type}) ORDER BY 1 LIMIT {n}"
        ).format(c=column, t=table, type=sql.Literal(cast.new), n=sql.Literal(FIRST + 1))
        return [str(row["value"]) for row in rows(connection, statement)]
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SELECT count({}::text::{}) FROM {}").format(column, sql.SQL(cast.new), table))
    except psycopg.DataError as error:
        return [first_line(error)]
    return []
