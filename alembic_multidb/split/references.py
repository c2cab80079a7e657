"""Foreign keys that leave their home: the soft references that they become, as lines to paste into the registry."""

from __future__ import annotations

from typing import Any

from alembic_multidb.registry import ColumnNames, SoftReference, TableName
from alembic_multidb.registry.soft_reference import pairs_of
from alembic_multidb.split.model import PlannedReference
from alembic_multidb.split.objects import Objects


def planned_references(objects: Objects) -> tuple[PlannedReference, ...]:
    """Return the foreign keys that become soft references, by the identity of each."""
    declared = {reference.pairs for reference in objects.databases.soft_references}
    found = []
    for item in objects.planned:
        if item.treatment != "soft reference":
            continue
        key = objects.survey.foreign_keys[item.node]
        source = ColumnNames(_table(objects, key.schema, key.name), tuple(key.columns))
        target = ColumnNames(_table(objects, key.target_schema, key.target_name), tuple(key.target_columns))
        found.append(
            PlannedReference(
                database=objects.databases.homes.home(source.table) or "",
                constraint=item.identity,
                line=_line(key, source, target),
                is_declared=pairs_of(source, target) in declared,
                name=key.constraint,
                definition=key.definition,
                comment=key.comment,
                table=(key.schema, key.name),
                columns=source.columns,
                target=(key.target_schema, key.target_name),
                target_columns=target.columns,
            )
        )
    return tuple(found)


def _table(objects: Objects, schema: str, name: str) -> TableName:
    return objects.databases.homes.resolve(schema, name, objects.survey.snapshot.default_schema)


def _line(key: Any, source: ColumnNames, target: ColumnNames) -> str:
    on_delete = key.on_delete and key.on_delete + (f" ({', '.join(key.set_columns)})" if key.set_columns else "")
    reference = SoftReference(str(source), str(target), ondelete=on_delete)
    arguments = [_literal(reference.column), _literal(reference.target)]
    if reference.ondelete:
        arguments.append(f"ondelete={_literal(reference.ondelete)}")
    return f"SoftReference({', '.join(arguments)}),"


def _literal(text: str) -> str:
    plain = '"' not in text and "\\" not in text and text.isprintable()
    return f'"{text}"' if plain else repr(text)
