"""A statement without the parts that belong elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any

import postgast
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.facts import Thing
from alembic_multidb.statements.names import relation, strings
from alembic_multidb.statements.subjects import said_by, schemas_of
from alembic_multidb.statements.tables import CHANGES_CONSTRAINT, constraint_of, references_of

_LISTS: dict[str, Callable[[Any], Any]] = {
    "alter_table_stmt": attrgetter("cmds"),
    "constraints_set_stmt": attrgetter("constraints"),
    "drop_stmt": attrgetter("objects"),
    "grant_stmt": attrgetter("objects"),
    "truncate_stmt": attrgetter("relations"),
    "lock_stmt": attrgetter("relations"),
    "vacuum_stmt": attrgetter("rels"),
    "alter_default_privileges_stmt": schemas_of,
}


def without(
    sql: str,
    *,
    subjects: Collection[Thing] = (),
    references: Collection[str] = (),
    constraints: Collection[str] = (),
) -> str | None:
    """Return a statement without some of its parts; None if nothing is left of it.

    Args:
        sql: one statement that the parser can read.
        subjects: what to take out of its list.
        references: the names of the foreign keys that it shall not make.
        constraints: the names of the constraints that it shall leave alone.
    """
    tree = postgast.parse(sql)
    node = tree.stmts[0].stmt
    which = str(node.WhichOneof("node"))
    statement = getattr(node, which)
    if which == "create_stmt":
        _without_references(statement.table_elts, relation(statement.relation), references)
    elif which == "alter_table_stmt":
        _without_commands(statement, references, constraints)
    elif which == "constraints_set_stmt":
        _without_constraints(statement.constraints, constraints)
    elif which in _LISTS:
        _without_subjects(_LISTS[which](statement), said_by(which, statement).subjects, subjects)
    elif constraints:
        return None  # a comment on a constraint, or its new name
    if which in _LISTS and not _LISTS[which](statement):
        return None
    return str(postgast.deparse(tree))


def _without_references(elements: Any, table: Thing, names: Collection[str]) -> None:
    """Take foreign keys out of a list of columns and constraints."""
    for number in reversed(range(len(elements))):
        element = elements[number]
        if element.WhichOneof("node") == "column_def":
            _without_references_of_column(element, table, names)
        elif any(item.name in names for item in references_of(table, element)):
            del elements[number]


def _without_references_of_column(element: Any, table: Thing, names: Collection[str]) -> None:
    if not any(item.name in names for item in references_of(table, element)):
        return
    constraints = element.column_def.constraints
    kept, is_gone = [], False
    for item in constraints:
        # What follows a foreign key, such as DEFERRABLE, is said of it.
        if item.constraint.contype == nodes.CONSTR_FOREIGN:
            is_gone = True
        elif not (is_gone and item.constraint.contype in _SAID_OF_THE_LAST):
            is_gone = False
            kept.append(item)
    copies = [_copy(item) for item in kept]
    del constraints[:]
    constraints.extend(copies)


_SAID_OF_THE_LAST = frozenset(
    {
        nodes.CONSTR_ATTR_DEFERRABLE,
        nodes.CONSTR_ATTR_NOT_DEFERRABLE,
        nodes.CONSTR_ATTR_DEFERRED,
        nodes.CONSTR_ATTR_IMMEDIATE,
    }
)


def _without_commands(statement: Any, references: Collection[str], constraints: Collection[str]) -> None:
    table = relation(statement.relation)
    for number in reversed(range(len(statement.cmds))):
        command = statement.cmds[number].alter_table_cmd
        if command.subtype == nodes.AT_AddConstraint:
            if any(item.name in references for item in references_of(table, getattr(command, "def"))):
                del statement.cmds[number]
        elif command.subtype == nodes.AT_AddColumn:
            _without_references_of_column(getattr(command, "def"), table, references)
        elif command.subtype in CHANGES_CONSTRAINT and constraint_of(command) in constraints:
            del statement.cmds[number]


def _without_constraints(items: Any, names: Collection[str]) -> None:
    for number in reversed(range(len(items))):
        if items[number].range_var.relname in names:
            del items[number]


def _without_subjects(items: Any, named: Sequence[Thing], subjects: Collection[Thing]) -> None:
    for number in reversed(range(len(items))):
        if _is_among(named[number], subjects):
            del items[number]


def _is_among(thing: Thing, subjects: Collection[Thing]) -> bool:
    """Tell whether a name is one of these, which may be known by the schema where ``search_path`` has found them."""
    if thing in subjects:
        return True
    return thing.schema is None and any((each.kind, each.name) == (thing.kind, thing.name) for each in subjects)


def _copy(message: Any) -> Any:
    result = type(message)()
    result.CopyFrom(message)
    return result


_COUNTS = frozenset({"count"})
_AGGREGATES = frozenset(
    {"sum", "min", "max", "avg", "array_agg", "string_agg", "json_agg", "jsonb_agg", "bool_or", "bool_and"}
)


def empty_answer(sql: str) -> str:
    """Return a query that needs no table and answers as this one would if its tables were empty."""
    select = postgast.parse(sql).stmts[-1].stmt.select_stmt
    values = [(_name_of_nothing(item.res_target), _value_of_nothing(item.res_target)[0]) for item in select.target_list]
    targets = ", ".join(f"{'NULL' if value is None else str(value).lower()}{name}" for name, value in values) or "NULL"
    return f"SELECT {targets}" + ("" if row_of_nothing(sql) else " WHERE false")


def row_of_nothing(sql: str) -> tuple[object, ...]:
    """Return the one row that a query answers with if its tables are empty; an empty one if it answers with none."""
    try:
        statements = postgast.parse(sql).stmts
    except (postgast.PgQueryError, DecodeError):
        return ()
    select = statements[-1].stmt.select_stmt if statements else nodes.SelectStmt()
    values = [_value_of_nothing(item.res_target) for item in select.target_list]
    is_one_row = not select.group_clause and all(is_aggregate for _, is_aggregate in values)
    return tuple(value for value, _ in values) if is_one_row else ()


def _value_of_nothing(target: Any) -> tuple[object, bool]:
    """Return what a column of an answer is without any rows, and whether it is there even then."""
    if target.val.WhichOneof("node") == "func_call":
        function = strings(target.val.func_call.funcname)[-1]
        return (0, True) if function in _COUNTS else (None, function in _AGGREGATES)
    if _is_exists(target.val):
        return False, True
    return None, False


def _name_of_nothing(target: Any) -> str:
    which = target.val.WhichOneof("node")
    if target.name:
        return f' AS "{target.name}"'
    if which == "func_call":
        return f" AS {strings(target.val.func_call.funcname)[-1]}"
    if which == "column_ref":
        column = target.val.column_ref.fields[-1].string.sval
        return f' AS "{column}"' if column else ""
    return " AS exists" if _is_exists(target.val) else ""


def _is_exists(value: Any) -> bool:
    return bool(value.WhichOneof("node") == "sub_link" and value.sub_link.sub_link_type == nodes.EXISTS_SUBLINK)


def columns_of_answer(sql: str) -> list[str]:
    """Return the names of the columns that a query answers with; none if they cannot be told."""
    try:
        statements = postgast.parse(sql).stmts
    except (postgast.PgQueryError, DecodeError):
        return []
    node = statements[-1].stmt if statements else None
    if node is None or node.WhichOneof("node") != "select_stmt":
        return []
    return [_name_of_column(item.res_target) for item in node.select_stmt.target_list]


def _name_of_column(target: Any) -> str:
    if target.name:
        return str(target.name)
    which = target.val.WhichOneof("node")
    if which == "column_ref":
        return str(target.val.column_ref.fields[-1].string.sval or "*")
    return strings(target.val.func_call.funcname)[-1] if which == "func_call" else "?column?"
