"""Autogenerate for vector indexes: Alembic's own comparison does not see kind, operator class or options.

Without this, hnsw to ivfflat, cosine to l2 distance, or m = 16 to 32 generate an empty revision.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Index, text

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import ModifyTableOps
    from alembic.runtime.plugins import Plugin
    from sqlalchemy import Table

log = logging.getLogger("alembic.multidb")

# pgvector's defaults: https://github.com/pgvector/pgvector#index-options
DEFAULT_OPTIONS: dict[str, dict[str, str]] = {"hnsw": {"m": "16", "ef_construction": "64"}, "ivfflat": {"lists": "100"}}

# By position, since an expression has no name; SQLAlchemy reflects operator classes only in its later 2.0 versions.
_LIVE_OPERATOR_CLASSES = text(
    """
    SELECT a.attname, o.opcname, o.opcdefault
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN unnest(i.indclass::oid[]) WITH ORDINALITY AS k (opclass, position)
    JOIN pg_opclass AS o ON o.oid = k.opclass
    LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.position::int - 1] AND a.attnum > 0
    WHERE c.relname = :index AND n.nspname = coalesce(:schema, current_schema())
    ORDER BY k.position
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
        live_classes = connection.execute(_LIVE_OPERATOR_CLASSES, {"index": before.name, "schema": schema}).all()
        if name in replaced or not _differ(before, after, live_classes):
            continue
        _complete_operator_classes(before, live_classes)
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


def _differ(before: Index, after: Index, live_classes: Sequence[Any]) -> bool:
    if _kind(before) != _kind(after) or _options(before) != _options(after):
        return True
    wanted = [_operator_class(after, expression) for expression in after.expressions]
    if len(wanted) != len(live_classes):
        return False  # other columns: Alembic's own comparison has seen that
    return any(
        live.opcname != name if name is not None else not live.opcdefault
        for name, live in zip(wanted, live_classes, strict=True)
    )


def _operator_class(index: Index, expression: object) -> str | None:
    """Return the operator class that a model gives a column, or an expression by its label."""
    classes = index.dialect_options["postgresql"]["ops"] or {}
    name = classes.get(getattr(expression, "key", None))
    return str(name).lower() if name is not None else None


def _complete_operator_classes(before: Index, live_classes: Sequence[Any]) -> None:
    """Give the reflected index the operator classes of its columns, so that it can be created again."""
    named = {row.attname: row.opcname for row in live_classes if row.attname and not row.opcdefault}
    reflected = before.dialect_options["postgresql"]["ops"] or {}
    before.dialect_options["postgresql"]["ops"] = {**reflected, **named}


def _options(index: Index) -> dict[str, str]:
    given = index.dialect_options["postgresql"]["with"] or {}
    return {**DEFAULT_OPTIONS.get(_kind(index), {}), **{key: str(value) for key, value in given.items()}}
