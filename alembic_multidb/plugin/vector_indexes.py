"""Autogenerate for vector indexes: Alembic's own comparison does not see kind, operator class or options.

Without this, hnsw to ivfflat, cosine to l2 distance, or m = 16 to 32 generate an empty revision.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column, Index

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import ModifyTableOps
    from alembic.runtime.plugins import Plugin
    from sqlalchemy import Table

log = logging.getLogger(__name__)

# pgvector's defaults: https://github.com/pgvector/pgvector#index-options
DEFAULT_OPTIONS = {"hnsw": {"m": "16", "ef_construction": "64"}, "ivfflat": {"lists": "100"}}


def compare_vector_indexes(
    autogen_context: AutogenContext,
    modify_table_ops: ModifyTableOps,
    schema: str | None,
    table_name: str,
    live: Table | None,
    model: Table | None,
) -> PriorityDispatchResult:
    """Replace a vector index whose kind, operator classes or options differ from the model's."""
    if live is None or model is None:
        return PriorityDispatchResult.CONTINUE
    replaced = {op.index_name for op in modify_table_ops.ops if isinstance(op, ops.DropIndexOp)}
    for before, after in _same_named_vector_indexes(live, model):
        name = str(after.name)
        if name in replaced or _definition(before, after) == _definition(after, before):
            continue
        if autogen_context.run_object_filters(after, name, "index", False, before):
            modify_table_ops.ops.append(ops.DropIndexOp.from_index(before))
            modify_table_ops.ops.append(ops.CreateIndexOp.from_index(after))
            log.info("Detected changed vector index %r on %r", name, table_name)
    return PriorityDispatchResult.CONTINUE


def setup(plugin: Plugin) -> None:
    """Register the comparison, after Alembic's own."""
    from alembic.util import DispatchPriority

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


def _definition(index: Index, other: Index) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return kind, options and operator classes, comparable between a model's and a reflected index."""
    kind = _kind(index)
    options = {key: str(value) for key, value in (index.dialect_options["postgresql"]["with"] or {}).items()}
    return kind, {**DEFAULT_OPTIONS.get(kind, {}), **options}, _operator_classes(index, other)


def _operator_classes(index: Index, other: Index) -> dict[str, str]:
    # An expression's operator class is keyed by a label, which the live index does not have.
    if not all(isinstance(item, Column) for item in (*index.expressions, *other.expressions)):
        return {}
    classes: dict[str, Any] = index.dialect_options["postgresql"]["ops"] or {}
    names = {column.key: column.name for column in index.columns}
    return {names.get(key, key): str(value).lower() for key, value in classes.items()}
