"""SQL as PostgreSQL's own parser sees it: one text for what several versions, or a dump, write differently.

The only module that knows the parser. What it cannot read is left as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import postgast
from postgast import pg_query_pb2 as nodes

# What makes two texts of one expression differ: see _push_casts().
_ARRAY = "ARRAY["


@lru_cache(maxsize=16384)
def normalized_query(sql: str) -> str:
    """Return a view's query so that PostgreSQL 15 to 18 give the same text.

    PostgreSQL 15 qualifies every column of a view, 16 and later only where there are several relations.
    """
    try:
        tree = postgast.parse(sql)
        for statement in tree.stmts:
            _unqualify(statement.stmt.select_stmt)
        _push_casts(tree)
        return str(postgast.deparse(tree))
    except postgast.PgQueryError:
        return sql.strip()


@lru_cache(maxsize=16384)
def normalized_expression(sql: str) -> str:
    """Return an expression, or a definition that holds one, the same before and after a dump.

    ``CHECK (status IN ('a', 'b'))`` on a varchar reads ``(ARRAY['a'::varchar, ...])::text[]`` where it was written,
    ``ARRAY[('a'::varchar)::text, ...]`` where it came from a dump.
    """
    if _ARRAY not in sql:
        return sql
    for before, after in (("SELECT ", ""), ("ALTER TABLE t ADD ", ""), ("", "")):
        try:
            tree = postgast.parse(f"{before}{sql}{after}")
            _push_casts(tree)
            return str(postgast.deparse(tree))
        except postgast.PgQueryError:
            continue
    return sql


def _push_casts(tree: Any) -> None:
    """Turn the cast of an array of values into an array of cast values, wherever there is one."""
    for node in _nodes(tree):
        if not isinstance(node, nodes.Node) or node.WhichOneof("node") != "type_cast":
            continue
        cast = node.type_cast
        if cast.arg.WhichOneof("node") != "a_array_expr" or not cast.type_name.array_bounds:
            continue
        array = nodes.A_ArrayExpr()
        array.CopyFrom(cast.arg.a_array_expr)
        element_type = nodes.TypeName()
        element_type.CopyFrom(cast.type_name)
        del element_type.array_bounds[:]
        for element in array.elements:
            inner = nodes.Node()
            inner.CopyFrom(element)
            element.type_cast.arg.CopyFrom(inner)
            element.type_cast.type_name.CopyFrom(element_type)
        node.a_array_expr.CopyFrom(array)


def _unqualify(select: Any) -> None:
    """Take the relation's name from the columns of a query that reads one relation only, not inside its subqueries."""
    name = _only_relation(select)
    for part in (
        *(select.target_list, select.group_clause, select.sort_clause, select.distinct_clause, select.window_clause),
        *([select.where_clause], [select.having_clause], [select.limit_count], [select.limit_offset]),
    ):
        for node in part:
            for column in _nodes(node, into_queries=False):
                two_parts = isinstance(column, nodes.ColumnRef) and len(column.fields) == 2
                if name and two_parts and column.fields[0].string.sval == name:
                    del column.fields[0]


def _only_relation(select: Any) -> str:
    """Return what the only relation of a query is called in it; empty if there are several, or one without a name."""
    if select.op != nodes.SETOP_NONE or len(select.from_clause) != 1:
        return ""
    source = select.from_clause[0]
    kind = source.WhichOneof("node")
    if kind not in ("range_var", "range_subselect", "range_function"):
        return ""
    item = getattr(source, kind)
    return str(item.alias.aliasname or (item.relname if kind == "range_var" else ""))


def _nodes(message: Any, *, into_queries: bool = True) -> list[Any]:
    """Return a message of the parse tree and all those inside it."""
    found, pending = [], [message]
    while pending:
        current = pending.pop()
        if not into_queries and isinstance(current, nodes.SelectStmt):
            continue
        found.append(current)
        for field, value in current.ListFields():
            if field.type == field.TYPE_MESSAGE:
                pending.extend(value if hasattr(value, "add") or isinstance(value, list) else [value])
    return found
