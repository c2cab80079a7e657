"""Whether soft references can become foreign keys: both ends, their types, and the rows that point at nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import text

from alembic_multidb.env.connect import first_line
from alembic_multidb.merge.model import Cast, Lost, MergeOptions, Part, Reference
from alembic_multidb.merge.references import as_soft, ends_of
from alembic_multidb.operate.status import counted
from alembic_multidb.split.model import Finding
from alembic_multidb.transfer.session import Raw
from alembic_multidb.verify.orphans import count_orphans
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Name, quoted_name

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
_IS_UNIQUE = text(
    """
    SELECT EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = :table AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
          AND i.indnkeyatts = cardinality(CAST(:columns AS text[]))
          AND (SELECT count(*) FROM pg_attribute AS a
               WHERE a.attrelid = i.indrelid AND a.attname = ANY (CAST(:columns AS text[]))
                 AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) = i.indnkeyatts)
    """
)
_CONSTRAINT = text("SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = :table AND conname = :name)")
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
_IS_PARTITIONED = text("SELECT relkind = 'p' FROM pg_class WHERE oid = :table")
_TELLS_VALIDITY = 160000
# From here on, a foreign key of a partitioned table need not be validated.
PARTITIONED_MAY_WAIT = 180000
_FIRST = 5


@dataclass
class Pointing:
    """What came of it.

    Attributes:
        references: those that become foreign keys.
        casts: columns that get another type.
        lost: rows that point at nothing.
        findings: what stands in the way, or should be known.
    """

    references: list[Reference] = field(default_factory=list)
    casts: list[Cast] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def look_at(
    parts: Sequence[Part],
    references: Sequence[Reference],
    options: MergeOptions,
    *,
    server_version: int,
    is_begun: bool,
) -> Pointing:
    """Look at references that shall become foreign keys.

    Args:
        parts: what is there, and what comes in.
        references: the references.
        options: whether columns may be cast, and what becomes of rows that point at nothing.
        server_version: of the target.
        is_begun: whether an interrupted merge may have made some of them already.
    """
    found = Pointing()
    there = [reference for reference, _, _ in ends_of(parts, references)]
    for reference in references:
        if reference not in there:
            found.findings.append(_missing(reference, parts))
    with ExitStack() as stack:
        # Both ends may be in one database: then one worker asks the other.
        sides = {part.name: stack.enter_context(Side(part.name, part.url, 2, part.snapshot_id)) for part in parts}
        for reference, source, target in ends_of(parts, references):
            found.references.append(reference)
            found.findings += _ends(reference, source, target, is_begun=is_begun)
            found.casts += _casts(reference, source, target)
            found.findings += _types(reference, source, target, options, sides[source.name])
            if not _has_columns(reference, source, target):
                found.findings.append(_no_column(reference))
            elif reference.is_valid:
                lost = _lost(reference, source, target, sides)
                found.lost += lost
                found.findings += [_orphans(item, source, options, server_version) for item in lost]
    return found


def _finding(kind: str, severity: str, reference: Reference, message: str, fix: str = "") -> Finding:
    return Finding(
        kind=kind,
        severity="warning" if severity == "warning" else "refused",
        object=str(reference),
        message=f"foreign key {reference}: {message}",
        fix=fix,
    )


def _missing(reference: Reference, parts: Sequence[Part]) -> Finding:
    missing = [quoted_name(each) for each in (reference.table, reference.target) if _part_of(parts, each) is None]
    return _finding(
        "foreign-key-end",
        "refused",
        reference,
        f"{' and '.join(missing)} is in none of the databases that are merged",
        "merge the database that has it, too, or take the line out of the evidence or of soft_references",
    )


def _part_of(parts: Sequence[Part], name: Name) -> Part | None:
    return next((part for part in parts if name in part.relations), None)


def _columns(part: Part, table: Name) -> dict[str, object]:
    rows_ = part.catalog.execute(_COLUMN, {"table": part.relations[table]})
    return {row.name: row for row in rows_}


def _has_columns(reference: Reference, source: Part, target: Part) -> bool:
    ends = ((source, reference.table, reference.columns), (target, reference.target, reference.target_columns))
    return all(set(columns) <= _columns(part, table).keys() for part, table, columns in ends)


def _no_column(reference: Reference) -> Finding:
    return _finding("foreign-key-column", "refused", reference, "a column of it is not there", "correct the reference")


def _ends(reference: Reference, source: Part, target: Part, *, is_begun: bool) -> Iterator[Finding]:
    is_unique = target.catalog.execute(
        _IS_UNIQUE, {"table": target.relations[reference.target], "columns": list(reference.target_columns)}
    ).scalar()
    columns = ", ".join(reference.target_columns)
    if not is_unique:
        yield _finding(
            "foreign-key-target",
            "refused",
            reference,
            f"no unique constraint of {quoted_name(reference.target)} is on ({columns})",
            f"ALTER TABLE {quoted_name(reference.target)} ADD UNIQUE ({columns})",
        )
    taken = source.catalog.execute(
        _CONSTRAINT, {"table": source.relations[reference.table], "name": reference.name}
    ).scalar()
    if taken and not (is_begun and source.ready is None):
        yield _finding(
            "foreign-key-name",
            "refused",
            reference,
            f"{quoted_name(reference.table)} has a constraint of this name already",
            "rename one of them (SoftReference(..., name=...))",
        )


def _casts(reference: Reference, source: Part, target: Part) -> Iterator[Cast]:
    one, other = _columns(source, reference.table), _columns(target, reference.target)
    for name, target_name in zip(reference.columns, reference.target_columns, strict=True):
        if name not in one or target_name not in other:
            continue
        before, after = one[name], other[target_name]
        types = {"source": before.base, "target": after.base}  # type: ignore[attr-defined]
        if not target.catalog.execute(_ARE_COMPARABLE, types).scalar():
            yield Cast(table=reference.table, column=name, old=before.type, new=after.type)  # type: ignore[attr-defined]


def _types(reference: Reference, source: Part, target: Part, options: MergeOptions, side: Side) -> Iterator[Finding]:
    columns = _columns(source, reference.table)
    for cast in _casts(reference, source, target):
        if not options.cast:
            yield _finding(
                "foreign-key-type",
                "refused",
                reference,
                f"{cast}: the types cannot be compared",
                "--cast gives the column the other type",
            )
            continue
        used_by = columns[cast.column].used_by  # type: ignore[attr-defined]
        if used_by:
            yield _finding(
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
        more = ", ..." if len(values) > _FIRST else ""
        yield _finding(
            "cast-value",
            "refused",
            reference,
            f"{cast}: these values are none of the new type: {', '.join(values[:_FIRST])}{more}",
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
            if len(bad) > _FIRST:
                break
    return bad


def _bad_values(connection: psycopg.Connection[tuple[object, ...]], cast: Cast, name: Name) -> list[str]:
    column, table = sql.Identifier(cast.column), sql.Identifier(*name)
    if connection.info.server_version >= _TELLS_VALIDITY:
        statement = sql.SQL(
            "SELECT DISTINCT {c}::text AS value FROM {t} WHERE {c} IS NOT NULL "
            "AND NOT pg_catalog.pg_input_is_valid({c}::text, {type}) ORDER BY 1 LIMIT {n}"
        ).format(c=column, t=table, type=sql.Literal(cast.new), n=sql.Literal(_FIRST + 1))
        return [str(row["value"]) for row in rows(connection, statement)]
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SELECT count({}::text::{}) FROM {}").format(column, sql.SQL(cast.new), table))
    except psycopg.DataError as error:
        return [first_line(error)]
    return []


def _lost(reference: Reference, source: Part, target: Part, sides: Mapping[str, Side]) -> list[Lost]:
    ends = source.name_there(reference.table), target.name_there(reference.target)
    soft = as_soft(replace(reference, table=ends[0], target=ends[1]))
    found = count_orphans(sides[source.name], sides[target.name], soft)
    partly = _partly(reference, ends[0], sides[source.name]) if reference.is_all_or_nothing else []
    number = found.rows + sum(row["rows"] for row in partly)
    if not number:
        return []
    first = (*found.first, *(row["value"] for row in partly))[:_FIRST]
    return [Lost(reference=reference, rows=number, values=found.values + len(partly), first=first)]


def _partly(reference: Reference, table: Name, side: Side) -> list[dict[str, Any]]:
    """Return the values of rows that are null in some of the columns, where none or all may be."""
    names = [sql.Identifier(name) for name in reference.columns]
    texts = sql.SQL(", ").join(sql.SQL("coalesce({}::text, 'NULL')").format(name) for name in names)
    statement = sql.SQL("SELECT concat_ws(', ', {}) AS value, count(*) AS rows FROM {} WHERE {} GROUP BY 1").format(
        texts, sql.Identifier(*table), partly_null(names)
    )
    return side.ask(statement).result()


def partly_null(columns: Sequence[sql.Composable]) -> sql.Composed:
    """Return the condition for rows with a value in some columns and none in others."""
    return sql.SQL("pg_catalog.num_nulls({}) BETWEEN 1 AND {}").format(
        sql.SQL(", ").join(columns), sql.Literal(len(columns) - 1)
    )


def _orphans(lost: Lost, source: Part, options: MergeOptions, server_version: int) -> Finding:
    reference, more = lost.reference, ", ..." if lost.values > len(lost.first) else ""
    message = (
        f"{counted(lost.rows, 'row')} of {quoted_name(reference.table)} pointing at nothing in "
        f"{quoted_name(reference.target)}: "
        f"{', '.join(lost.first)}{more}"
    )
    full = [name for name in reference.columns if _columns(source, reference.table)[name].is_full]  # type: ignore[attr-defined]
    if options.orphans == "refuse":
        ways = "correct them, or say with --orphans what becomes of them: keep (the key stays not validated), delete"
        return _finding("orphans", "refused", reference, message, f"{ways}{'' if full else ', null'}")
    if options.orphans == "null" and full:
        fix = "--orphans delete or keep, or correct them"
        return _finding("orphans", "refused", reference, f"{message}; {full[0]} cannot be null", fix)
    is_partitioned = source.catalog.execute(_IS_PARTITIONED, {"table": source.relations[reference.table]}).scalar()
    if options.orphans == "keep" and is_partitioned and server_version < PARTITIONED_MAY_WAIT:
        message += "; before PostgreSQL 18, a partitioned table cannot have a key that is not validated"
        return _finding("orphans", "refused", reference, message, "--orphans delete or null, or correct them")
    done = {"keep": "they stay, and the key is not validated", "delete": "they are deleted", "null": "they are nulled"}
    return _finding("orphans", "warning", reference, f"{message}; {done[options.orphans]}")
