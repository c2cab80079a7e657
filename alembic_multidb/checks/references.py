"""Soft references against the live databases: is the target there, and of the same type?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.registry import ColumnNames, Databases, SoftReference

# A foreign key between these is allowed, as PostgreSQL compares them without conversion.
_ALIKE = frozenset({"text", "character varying"})


def soft_references(databases: Databases, lives: Mapping[str, Live]) -> Iterator[Finding]:
    """Find soft references whose columns are not there, or of different types.

    Args:
        databases: the registry.
        lives: the databases that were looked at; a reference is checked if both of its are among them.
    """
    for database in databases.values():
        for reference in database.soft_references:
            target_home = databases.homes.home(reference.target_columns.table)
            if database.name in lives and target_home is not None and target_home in lives:
                yield from _check(reference, database.name, target_home, lives)


def _check(reference: SoftReference, home: str, target_home: str, lives: Mapping[str, Live]) -> Iterator[Finding]:
    sides = ((home, reference.source_columns), (target_home, reference.target_columns))
    absent = [_absent(name, columns, lives[name]) for name, columns in sides]
    if any(absent):
        yield Finding(
            code="MDB701",
            database=home,
            object=str(reference),
            message=f'soft reference "{reference}": {" and ".join(filter(None, absent))}',
            fix="upgrade both databases, or correct the declaration",
        )
        return
    types = [[lives[name].columns[columns.table][column] for column in columns.columns] for name, columns in sides]
    for (source, target), (source_type, target_type) in zip(
        zip(reference.source_columns.columns, reference.target_columns.columns, strict=True),
        zip(*types, strict=True),
        strict=True,
    ):
        if source_type != target_type and not {source_type, target_type} <= _ALIKE:
            yield Finding(
                code="MDB702",
                database=home,
                object=str(reference),
                message=f'soft reference "{reference}": column "{source}" is {source_type} in "{home}", but '
                f'"{target}" is {target_type} in "{target_home}"',
                fix=f"give the two columns one type, in a revision of {home} or {target_home}",
            )


def _absent(name: str, columns: ColumnNames, live: Live) -> str:
    """Say what is not there; empty if all is."""
    present = live.columns.get(columns.table)
    if present is None:
        return f'"{name}" has no table "{columns.table}"'
    missing = [column for column in columns.columns if column not in present]
    return f'table "{columns.table}" of "{name}" has no column {", ".join(missing)}' if missing else ""
