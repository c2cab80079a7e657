"""Soft references that point at nothing: looked up in the other database, a batch of values at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice

from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import ColumnNames, RegisteredDatabase, SoftReference
from alembic_multidb.verify.report import Finding, Orphans, What
from alembic_multidb.verify.side import Raw, Side, Unreadable, raw, words_of
from alembic_multidb.verify.tables import Name, Table, quoted_name, read_tables

BATCH = 5000
_FIRST = 5

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
            orphan = _look_up(project, database, reference, name)
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


def _look_up(project: Project, database: RegisteredDatabase, reference: SoftReference, name: str) -> Orphans:
    home = project.databases.homes.home(reference.target_columns.table)
    if home is None:
        raise ConfigurationError(f"no database is the home of {reference.target_columns.table}")
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Side(each.name, each.migration_url(project.variables), 1))
            for each in (database, project.databases[home])
        ]
        source, target = (
            _end(side, columns)
            for side, columns in zip(sides, (reference.source_columns, reference.target_columns), strict=True)
        )
        return source.side.run(lambda connection: _count(raw(connection), source, target, name)).result()


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
    columns = [source.table.columns[name] for name in source.columns]
    plain = sql.SQL(", ").join(sql.Identifier(name) for name in source.columns)
    statement = sql.SQL("SELECT {}, count(*) FROM {} WHERE {} GROUP BY {}").format(
        sql.SQL(", ").join(column.text for column in columns),
        source.relation,
        sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in source.columns),
        plain,
    )
    with connection.cursor(name="multidb_orphans") as cursor:
        cursor.itersize = BATCH
        cursor.execute(statement)
        while batch := {tuple(row[:-1]): row[-1] for row in islice(cursor, BATCH)}:
            yield batch


def _missing(target: _End, values: list[Values], connection: Connection) -> list[Values]:
    """Return which of these values the target does not have."""
    names = [sql.Identifier(f"v{place}") for place in range(len(target.columns))]
    statement = sql.SQL(
        "SELECT {names} FROM unnest({arrays}) AS u ({names}) "
        "WHERE NOT EXISTS (SELECT FROM {relation} AS t WHERE {same})"
    ).format(
        names=sql.SQL(", ").join(names),
        arrays=sql.SQL(", ").join(
            sql.SQL("{}::pg_catalog.text[]").format(sql.Literal(list(column))) for column in zip(*values, strict=True)
        ),
        relation=target.relation,
        same=sql.SQL(" AND ").join(
            sql.SQL("t.{} = u.{}::{}").format(sql.Identifier(column), name, target.table.columns[column].type_name)
            for column, name in zip(target.columns, names, strict=True)
        ),
    )
    return [tuple(row) for row in raw(connection).execute(statement)]
