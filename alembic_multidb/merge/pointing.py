"""Whether soft references can become foreign keys: both ends, their types, and the rows that point at nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql
from sqlalchemy import text

from alembic_multidb.merge.casting import FIRST, casts_of, columns_of, finding, type_findings
from alembic_multidb.merge.model import Cast, Lost, MergeOptions, Part, Reference
from alembic_multidb.merge.references import as_soft, ends_of
from alembic_multidb.operate.status import counted
from alembic_multidb.split.model import Finding
from alembic_multidb.verify.orphans import count_orphans
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name, quoted_name

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
_IS_PARTITIONED = text("SELECT relkind = 'p' FROM pg_class WHERE oid = :table")
# From here on, a foreign key of a partitioned table need not be validated.
PARTITIONED_MAY_WAIT = 180000


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
            found.casts += casts_of(reference, source, target)
            found.findings += type_findings(reference, source, target, options, sides[source.name])
            if not _has_columns(reference, source, target):
                found.findings.append(_no_column(reference))
            elif reference.is_valid:
                lost = _lost(reference, source, target, sides)
                found.lost += lost
                found.findings += [_orphans(item, source, options, server_version) for item in lost]
    return found


def _missing(reference: Reference, parts: Sequence[Part]) -> Finding:
    missing = [quoted_name(each) for each in (reference.table, reference.target) if _part_of(parts, each) is None]
    return finding(
        "foreign-key-end",
        "refused",
        reference,
        f"{' and '.join(missing)} is in none of the databases that are merged",
        "merge the database that has it, too, or take the line out of the evidence or of soft_references",
    )


def _part_of(parts: Sequence[Part], name: Name) -> Part | None:
    return next((part for part in parts if name in part.relations), None)


def _has_columns(reference: Reference, source: Part, target: Part) -> bool:
    ends = ((source, reference.table, reference.columns), (target, reference.target, reference.target_columns))
    return all(set(columns) <= columns_of(part, table).keys() for part, table, columns in ends)


def _no_column(reference: Reference) -> Finding:
    return finding("foreign-key-column", "refused", reference, "a column of it is not there", "correct the reference")


def _ends(reference: Reference, source: Part, target: Part, *, is_begun: bool) -> Iterator[Finding]:
    is_unique = target.catalog.execute(
        _IS_UNIQUE, {"table": target.relations[reference.target], "columns": list(reference.target_columns)}
    ).scalar()
    columns = ", ".join(reference.target_columns)
    if not is_unique:
        yield finding(
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
        yield finding(
            "foreign-key-name",
            "refused",
            reference,
            f"{quoted_name(reference.table)} has a constraint of this name already",
            "rename one of them (SoftReference(..., name=...))",
        )


def _lost(reference: Reference, source: Part, target: Part, sides: Mapping[str, Side]) -> list[Lost]:
    ends = source.name_there(reference.table), target.name_there(reference.target)
    soft = as_soft(replace(reference, table=ends[0], target=ends[1]))
    found = count_orphans(sides[source.name], sides[target.name], soft)
    partly = _partly(reference, ends[0], sides[source.name]) if reference.is_all_or_nothing else []
    number = found.rows + sum(row["rows"] for row in partly)
    if not number:
        return []
    first = (*found.first, *(row["value"] for row in partly))[:FIRST]
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
    full = [name for name in reference.columns if columns_of(source, reference.table)[name].is_full]  # type: ignore[attr-defined]
    if options.orphans == "refuse":
        ways = "correct them, or say with --orphans what becomes of them: keep (the key stays not validated), delete"
        return finding("orphans", "refused", reference, message, f"{ways}{'' if full else ', null'}")
    if options.orphans == "null" and full:
        fix = "--orphans delete or keep, or correct them"
        return finding("orphans", "refused", reference, f"{message}; {full[0]} cannot be null", fix)
    is_partitioned = source.catalog.execute(_IS_PARTITIONED, {"table": source.relations[reference.table]}).scalar()
    if options.orphans == "keep" and is_partitioned and server_version < PARTITIONED_MAY_WAIT:
        message += "; before PostgreSQL 18, a partitioned table cannot have a key that is not validated"
        return finding("orphans", "refused", reference, message, "--orphans delete or null, or correct them")
    done = {"keep": "they stay, and the key is not validated", "delete": "they are deleted", "null": "they are nulled"}
    return finding("orphans", "warning", reference, f"{message}; {done[options.orphans]}")
