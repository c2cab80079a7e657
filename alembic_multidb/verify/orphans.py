"""Soft references that point at nothing: looked up in the other database, a batch of values at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice

import psycopg
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import ColumnNames, RegisteredDatabase, SoftReference
from alembic_multidb.verify.report import Finding, Orphans, What
from alembic_multidb.verify.side import Side, Unreadable, raw, words_of
from alembic_multidb.verify.statements import Raw
from alembic_multidb.verify.tables import Name, Table, quoted_name, read_tables
from alembic_multidb.verify.values import Column

BATCH = 5000
_FIRST = 5
# The first version with pg_input_is_valid.
_TELLS_VALIDITY = 160000

Values = tuple[str, ...]


@dataclass(frozen=True)
class _End:
    """The table and columns at one end of a reference."""

    side: Side
    table: Table
    columns: tuple[str, ...]

    @property
    def relation(self) -> sql.Composable:
        """Return what stands behind FROM, with partitions."""
        return sql.Identifier(*self.table.name)


def orphans(project: Project, database: RegisteredDatabase) -> tuple[list[Orphans], list[Finding]]:
    """Look up every soft reference of a database.

    Returns:
        What points at nothing, and the same as findings, with the references that could not be looked up.
    """
    found: list[Orphans] = []
    findings: list[Finding] = []
    for reference in database.soft_references:
        name = f"{reference.column} -> {reference.target}"
        try:
            orphan = _look_up(project, database, reference)
        except (CommandError, *Unreadable) as error:
            message = f"soft reference {name} could not be looked up: {words_of(error)}"
            findings.append(_finding(database, name, "unknown", message))
            continue
        found.append(orphan)
        if orphan.rows:
            message = f"soft reference {name} points at nothing in {orphan.rows} rows: {', '.join(orphan.first)}"
            findings.append(
                _finding(database, name, "different", message + (", ..." if orphan.values > _FIRST else ""))
            )
    return found, findings


def _finding(database: RegisteredDatabase, name: str, what: What, message: str) -> Finding:
    return Finding(
        kind="soft reference",
        object=name,
        what=what,
        message=message,
        database=database.name,
    )


def count_orphans(source: Side, target: Side, reference: SoftReference) -> Orphans:
    """Count the values of a reference that point at nothing.

    Args:
        source: the database whose table points.
        target: the one that it points at.
        reference: which columns.

    Raises:
        ConfigurationError: a table or a column is not there.
    """
    ends = _end(source, reference.source_columns), _end(target, reference.target_columns)
    name = f"{reference.column} -> {reference.target}"
    return source.run(lambda connection: _count(raw(connection), *ends, name)).result()


def _look_up(project: Project, database: RegisteredDatabase, reference: SoftReference) -> Orphans:
    home = project.databases.homes.home(reference.target_columns.table)
    if home is None:
        raise ConfigurationError(f"no database is the home of {reference.target_columns.table}")
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Side(each.name, each.migration_url(project.variables), 1))
            for each in (database, project.databases[home])
        ]
        return count_orphans(sides[0], sides[1], reference)


def _end(side: Side, columns: ColumnNames) -> _End:
    default = side.lead.dialect.default_schema_name or "public"
    name: Name = (columns.table.schema or default, columns.table.name)
    table = read_tables(side).get(name)
    missing = [column for column in columns.columns if table is None or column not in table.columns]
    if table is None or missing:
        raise ConfigurationError(f'"{side.name}" has no {quoted_name((*name, *missing[:1]))}')
    return _End(side, table, columns.columns)


def _count(connection: Raw, source: _End, target: _End, name: str) -> Orphans:
    values = rows = 0
    first: list[str] = []
    for batch in _batches(connection, source):
        for missing in target.side.run(partial(_missing, target, list(batch))).result():
            values, rows = values + 1, rows + batch[missing]
            if len(first) < _FIRST:
                first.append(", ".join(missing))
    return Orphans(reference=name, values=values, rows=rows, first=tuple(first))


def _batches(connection: Raw, source: _End) -> Iterator[dict[Values, int]]:
    """Yield the values that point somewhere, with the number of rows that have each."""
    texts = [_text(source.table.columns[name]) for name in source.columns]
    places = sql.SQL(", ").join(map(sql.Literal, range(1, len(texts) + 1)))
    statement = sql.SQL("SELECT {}, count(*) FROM {} WHERE {} GROUP BY {}").format(
        sql.SQL(", ").join(texts),
        source.relation,
        sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in source.columns),
        places,
    )
    with connection.cursor(name="multidb_orphans") as cursor:
        cursor.itersize = BATCH
        cursor.execute(statement)
        while batch := {tuple(row[:-1]): row[-1] for row in islice(cursor, BATCH)}:
            yield batch


def _text(column: Column) -> sql.Composable:
    """Return a value as text, told apart byte by byte; blanks that pad characters point at nothing."""
    text = sql.SQL("{}::pg_catalog.text").format(column.value) if column.type.name == "bpchar" else column.text
    return sql.SQL('({} COLLATE pg_catalog."C")').format(text)


def _missing(target: _End, values: list[Values], connection: Connection) -> list[Values]:
    """Return which of these values the target does not have."""
    driver = raw(connection)
    try:
        with driver.transaction():
            return [tuple(row) for row in driver.execute(_statement(target, values))]
    except psycopg.DataError:
        # A value that the target's type cannot hold is nowhere in it; which one it is, halves tell.
        if len(values) == 1:
            return values
    middle = len(values) // 2
    return [*_missing(target, values[:middle], connection), *_missing(target, values[middle:], connection)]


def _statement(target: _End, values: list[Values]) -> sql.Composed:
    names = [sql.Identifier(f"v{place}") for place in range(len(target.columns))]
    columns = [target.table.columns[name] for name in target.columns]
    return sql.SQL(
        "SELECT {names} FROM unnest({arrays}) AS u ({names}) "
        "WHERE NOT EXISTS (SELECT FROM {relation} AS t WHERE {same})"
    ).format(
        names=sql.SQL(", ").join(names),
        arrays=sql.SQL(", ").join(
            sql.SQL("{}::pg_catalog.text[]").format(sql.Literal(list(column))) for column in zip(*values, strict=True)
        ),
        relation=target.relation,
        same=sql.SQL(" AND ").join(
            sql.SQL("t.{} {} {}").format(
                sql.Identifier(column.name), _equals(column), _as_type(column, name, target.side)
            )
            for column, name in zip(columns, names, strict=True)
        ),
    )


def _equals(column: Column) -> sql.Composable:
    """Return the type's own equality, as a foreign key takes it: an extension's lies in the type's schema."""
    schema = column.type.schema if column.type.has_equality else "pg_catalog"
    return sql.SQL("OPERATOR({}.=)").format(sql.Identifier(schema))


def _as_type(column: Column, name: sql.Identifier, side: Side) -> sql.Composable:
    value = sql.SQL("u.{}::{}").format(name, column.type_name)
    if side.server_version < _TELLS_VALIDITY:
        return value
    # Without an error in the server's log for each value that is not one of the type.
    is_valid = sql.SQL("pg_catalog.pg_input_is_valid(u.{}, {})")
    return sql.SQL("CASE WHEN {} THEN {} END").format(
        is_valid.format(name, sql.Literal(column.type_name.as_string())), value
    )
