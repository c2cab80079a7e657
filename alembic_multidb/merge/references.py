"""Which foreign keys come back: those that a split took away, or what the registry's soft references say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from psycopg import sql
from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.merge.model import Part, Reference
from alembic_multidb.registry import ColumnNames, Databases, SoftReference, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.verify.tables import Name, moved

_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(]+)'
# The columns, and what stands behind the name of the table that is pointed at.
_REFERENCES = re.compile(rf"(FOREIGN KEY \({_NAME}(?:, {_NAME})*\) REFERENCES ){_NAME}(?:\.{_NAME})?(\(.*)", re.DOTALL)


def references_of_evidence(path: Path) -> list[Reference]:
    """Return the foreign keys that a split took away, as its evidence tells.

    Raises:
        ConfigurationError: it is no evidence of a split, or of one by an earlier version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["split"]["foreign_keys"]
        return [
            Reference(
                name=str(item["name"]),
                definition=str(item["definition"]),
                comment=item["comment"],
                table=_pair(item["table"]),
                columns=tuple(map(str, item["columns"])),
                target=_pair(item["target"]),
                target_columns=tuple(map(str, item["target_columns"])),
            )
            for item in found
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} does not tell which foreign keys a split took away ({type(error).__name__}): name the evidence "
            "of multidb split, or leave --evidence out for the soft references of the registry"
        ) from None


def _pair(given: Sequence[str]) -> Name:
    schema, name = given
    return str(schema), str(name)


def references_of_registry(databases: Databases, parts: Sequence[Part]) -> list[Reference]:
    """Return the soft references between the databases of a merge as foreign keys.

    Args:
        databases: the registry.
        parts: what is there, and what comes in.
    """
    names = {part.name for part in parts}
    found = []
    for database in databases.values():
        for reference in database.soft_references if database.name in names else ():
            if databases.homes.home(reference.target_columns.table) in names:
                found.append(_planned(reference, database.metadata.naming_convention))
    return found


def _planned(reference: SoftReference, convention: object) -> Reference:
    source, target = reference.source_columns, reference.target_columns
    return Reference(
        name=reference.name or _name(reference, convention),
        definition=_definition(reference),
        comment=None,
        table=_live(source.table),
        columns=source.columns,
        target=_live(target.table),
        target_columns=target.columns,
    )


def _live(table: TableName) -> Name:
    return table.schema or DEFAULT_SCHEMA, table.name


def _definition(reference: SoftReference) -> str:
    source, target = reference.source_columns, reference.target_columns
    words = sql.SQL("FOREIGN KEY ({}) REFERENCES {}({})").format(
        _listed(source.columns), sql.Identifier(*_live(target.table)), _listed(target.columns)
    )
    more = f" ON DELETE {reference.ondelete}" if reference.ondelete else ""
    return words.as_string() + more + (" DEFERRABLE INITIALLY DEFERRED" if reference.deferrable else "")


def _listed(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _name(reference: SoftReference, convention: object) -> str:
    """Return the name that the models' naming convention gives, else the one that PostgreSQL would give."""
    source, target = reference.source_columns, reference.target_columns
    metadata = MetaData(naming_convention=convention)  # type: ignore[arg-type]
    columns: list[Column[object]] = [Column(name) for name in source.columns]
    key = ForeignKeyConstraint(
        list(source.columns), [f"{_key(target.table)}.{name}" for name in target.columns], link_to_name=True
    )
    Table(source.table.name, metadata, *columns, key, schema=source.table.schema)
    if key.name is not None:
        return str(key.name)
    return f"{source.table.name}_{'_'.join(source.columns)}_fkey"[:63]


def _key(table: TableName) -> str:
    return table.name if table.schema is None else f"{table.schema}.{table.name}"


def moved_reference(reference: Reference, databases: Databases, parts: Sequence[Part]) -> Reference:
    """Return a reference between the places that its tables have in the target.

    Args:
        reference: as it was declared, or taken away.
        databases: the registry, which knows the homes of tables.
        parts: what is there, and what comes in.

    Raises:
        ConfigurationError: a foreign key's definition is not written as PostgreSQL writes it.
    """
    table, target = (_moved(name, databases, parts) for name in (reference.table, reference.target))
    if (table, target) == (reference.table, reference.target):
        return reference
    found = _REFERENCES.fullmatch(reference.definition)
    if found is None:
        raise ConfigurationError(f"foreign key {reference}: {reference.definition} cannot be read")
    definition = f"{found[1]}{sql.Identifier(*target).as_string()}{found[2]}"
    return replace(reference, table=table, target=target, definition=definition)


def _moved(name: Name, databases: Databases, parts: Sequence[Part]) -> Name:
    home = databases.homes.home(TableName.of(None if name[0] == DEFAULT_SCHEMA else name[0], name[1]))
    return next((moved(name, part.moved) for part in parts if part.name == home), name)


def as_soft(reference: Reference) -> SoftReference:
    """Return a foreign key as the soft reference that it was."""
    source = ColumnNames(TableName.of(*reference.table), reference.columns)
    target = ColumnNames(TableName.of(*reference.target), reference.target_columns)
    return SoftReference(str(source), str(target))


def part_with(parts: Sequence[Part], table: Name) -> Part | None:
    """Return the database that has a table."""
    return next((part for part in parts if table in part.relations), None)


def ends_of(parts: Sequence[Part], references: Sequence[Reference]) -> Iterator[tuple[Reference, Part, Part]]:
    """Yield the references both of whose tables are there, with the databases that have them."""
    for reference in references:
        source, target = part_with(parts, reference.table), part_with(parts, reference.target)
        if source is not None and target is not None:
            yield reference, source, target
