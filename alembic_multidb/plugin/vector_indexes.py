"""Autogenerate for vector indexes: Alembic's own comparison does not see kind, operator class or options.

Without this, hnsw to ivfflat, cosine to l2 distance, or m = 16 to 32 generate an empty revision.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alembic.operations import ops
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Index, text

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import ModifyTableOps
    from alembic.runtime.plugins import Plugin
    from sqlalchemy import Connection, Table

log = logging.getLogger(__name__)

# pgvector's defaults: https://github.com/pgvector/pgvector#index-options
DEFAULT_OPTIONS: dict[str, dict[str, str]] = {"hnsw": {"m": "16", "ef_construction": "64"}, "ivfflat": {"lists": "100"}}

# SQLAlchemy's reflection knows operator classes only in its later versions of 2.0.
_LIVE_OPERATOR_CLASSES = text(
    """
    SELECT a.attname, o.opcname, o.opcdefault
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) AS k (attnum, opclass)
    JOIN pg_opclass AS o ON o.oid = k.opclass
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE c.relname = :index AND n.nspname = coalesce(:schema, current_schema())
    """
)


def compare_vector_indexes(
    autogen_context: AutogenContext,
    modify_table_ops: ModifyTableOps,
    schema: str | None,
    table_name: str,
    live: Table | None,
    model: Table | None,
) -> PriorityDispatchResult:
    """Replace a vector index whose kind, operator classes or options differ from the model's."""
    connection = autogen_context.connection
    if live is None or model is None or connection is None:
        return PriorityDispatchResult.CONTINUE
    replaced = {op.index_name for op in modify_table_ops.ops if isinstance(op, ops.DropIndexOp)}
    for before, after in _same_named_vector_indexes(live, model):
        name = str(after.name)
        _complete_operator_classes(before, after, connection, schema)
        if name in replaced or not _differ(before, after):
            continue
        if autogen_context.run_object_filters(after, name, "index", False, before):
            modify_table_ops.ops.append(ops.DropIndexOp.from_index(before))
            modify_table_ops.ops.append(ops.CreateIndexOp.from_index(after))
            log.info("Detected changed vector index %r on %r", name, table_name)
    return PriorityDispatchResult.CONTINUE


def setup(plugin: Plugin) -> None:
    """Register the comparison, after Alembic's own."""
    plugin.add_autogenerate_comparator(
        compare_vector_indexes,
        "table",
        "vector_indexes",
        qualifier="postgresql",
        priority=DispatchPriority.LAST,
    )


def _same_named_vector_indexes(live: Table, model: Table) -> Iterator[tuple[Index, Index]]:
    by_name = {index.name: index for index in live.indexes}
    for after in model.indexes:
        before = by_name.get(after.name)
        if before is not None and {_kind(before), _kind(after)} & DEFAULT_OPTIONS.keys():
            yield before, after


def _kind(index: Index) -> str:
    return str(index.dialect_options["postgresql"]["using"] or "btree").lower()


def _differ(before: Index, after: Index) -> bool:
    if _kind(before) != _kind(after) or _options(before) != _options(after):
        return True
    # An expression's operator class is keyed by a label, which the live index does not have.
    columns_only = all(isinstance(item, Column) for item in after.expressions)
    return columns_only and _operator_classes(before) != _operator_classes(after)


def _complete_operator_classes(before: Index, after: Index, connection: Connection, schema: str | None) -> None:
    """Give the reflected index its operator classes, and leave out defaults that the model leaves out too."""
    wanted = _operator_classes(after)
    rows = connection.execute(_LIVE_OPERATOR_CLASSES, {"index": before.name, "schema": schema})
    before.dialect_options["postgresql"]["ops"] = {
        row.attname: row.opcname for row in rows if not row.opcdefault or row.attname in wanted
    }


def _options(index: Index) -> dict[str, str]:
    given = index.dialect_options["postgresql"]["with"] or {}
    return {**DEFAULT_OPTIONS.get(_kind(index), {}), **{key: str(value) for key, value in given.items()}}


def _operator_classes(index: Index) -> dict[str, str]:
    given = index.dialect_options["postgresql"]["ops"] or {}
    names = {column.key: column.name for column in index.columns}
    return {names.get(key, key): str(value).lower() for key, value in given.items()}
