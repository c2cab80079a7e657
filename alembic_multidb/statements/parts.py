"""The parts of what a statement makes or changes, each with the types, functions and sequences that it stands on.

A type is used as long as a column has it, a function as long as a trigger calls it: so it can be told when the last of
them goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as nodes

from alembic_multidb.sqltext import walk
from alembic_multidb.statements.bodies import Body
from alembic_multidb.statements.facts import Part, Thing
from alembic_multidb.statements.mentions import literals_of, mentions_of, uses_of
from alembic_multidb.statements.names import parts_of, strings, thing
from alembic_multidb.statements.tables import constraint_of

# How parts are told apart that are no columns.
_LABELS = {
    nodes.OBJECT_TABCONSTRAINT: "constraint",
    nodes.OBJECT_TRIGGER: "trigger",
    nodes.OBJECT_POLICY: "policy",
    nodes.OBJECT_RULE: "rule",
}
_COLUMNS = (nodes.OBJECT_COLUMN, nodes.OBJECT_ATTRIBUTE)
_FUNCTIONS = (nodes.OBJECT_FUNCTION, nodes.OBJECT_PROCEDURE, nodes.OBJECT_ROUTINE)
_OUT = (nodes.FUNC_PARAM_OUT, nodes.FUNC_PARAM_TABLE)
WHOLE = ""


def parts_made(which: str, node: Any, body: Body) -> tuple[Part, ...]:
    """Return the parts that a statement makes or makes anew.

    Args:
        which: the parser's name of its kind.
        node: the statement.
        body: of the function that it makes.
    """
    if which == "create_function_stmt":
        return (_function(node, body),)
    reader = _MADE.get(which)
    if reader is not None:
        return tuple(reader(node))
    return (_part(WHOLE, node),) if which in _WHOLE else ()


def columns_made(which: str, node: Any) -> tuple[str, ...]:
    """Return the columns that a statement gives to a table."""
    if which == "create_stmt":
        elements = list(node.table_elts)
    elif which == "alter_table_stmt":
        commands = (item.alter_table_cmd for item in node.cmds)
        elements = [getattr(each, "def") for each in commands if each.subtype == nodes.AT_AddColumn]
    else:
        return ()
    return tuple(item.column_def.colname for item in elements if item.WhichOneof("node") == "column_def")


def parts_lost(which: str, node: Any) -> frozenset[str]:
    """Return the parts that are gone after a statement."""
    if which == "drop_stmt" and node.remove_type in _LABELS:
        return frozenset(f"{_LABELS[node.remove_type]} {parts_of(item)[-1]}" for item in node.objects)
    if which == "alter_table_stmt":
        return frozenset(name for item in node.cmds for name in _lost(item.alter_table_cmd))
    return frozenset()


def part_renamed(which: str, node: Any) -> tuple[str, str] | None:
    """Return the names of a part before and after a statement that renames it."""
    if which != "rename_stmt":
        return None
    if node.rename_type in _COLUMNS:
        return node.subname, node.newname
    label = _LABELS.get(node.rename_type)
    return (f"{label} {node.subname}", f"{label} {node.newname}") if label is not None else None


def _part(name: str, *messages: Any) -> Part:
    inside = [node for message in messages for node in walk(message)]
    return Part(name, frozenset({*uses_of(inside), *literals_of(inside)}))


def signatures_of(which: str, node: Any) -> tuple[tuple[Thing, str], ...]:
    """Return the functions that a statement makes or drops, each with the types of its arguments, if it says them."""
    if which == "create_function_stmt":
        return ((thing("function", strings(node.funcname)), _signature(node)),)
    if which != "drop_stmt" or node.remove_type not in _FUNCTIONS:
        return ()
    named = [item.object_with_args for item in node.objects if not item.object_with_args.args_unspecified]
    types = ((item, [each.type_name for each in item.objargs]) for item in named)
    return tuple((thing("function", strings(item.objname)), _listed(those)) for item, those in types)


def _signature(node: Any) -> str:
    inputs = [item.function_parameter for item in node.parameters]
    return _listed(item.arg_type for item in inputs if item.mode not in _OUT)


def _listed(types: Iterable[Any]) -> str:
    """Return types in one text; their schemas may be left out, or not."""
    return ", ".join(strings(each.names)[-1] + "[]" * len(each.array_bounds) for each in types)


def _function(node: Any, body: Body) -> Part:
    """Return a function, which is told from others of its name by its arguments, and stands on relations as well."""
    part = _part(f"({_signature(node)})", node)
    uses = {*part.uses, *mentions_of(walk(node)), *body.uses, *body.mentions, *body.literals}
    return part._replace(uses=frozenset(uses), body=body.spoken)


def _of_table(node: Any) -> Iterator[Part]:
    for element in node.table_elts:
        yield from _of_element(element)
    yield _part(WHOLE, node.of_typename, node.partspec)


def _of_element(element: Any) -> Iterator[Part]:
    """Yield the parts that a column or a constraint is; a default can go before its column."""
    which = element.WhichOneof("node")
    if which == "constraint":
        yield _part(f"constraint {element.constraint.conname}", element)
    elif which == "column_def":
        column = element.column_def
        defaults = [item for item in column.constraints if item.constraint.contype == nodes.CONSTR_DEFAULT]
        others = [item for item in column.constraints if item.constraint.contype != nodes.CONSTR_DEFAULT]
        yield _part(column.colname, column.type_name, *others)
        yield _part(f"default {column.colname}", *defaults)


def _of_changes(node: Any) -> Iterator[Part]:
    for item in node.cmds:
        command = item.alter_table_cmd
        definition = getattr(command, "def")
        if command.subtype in (nodes.AT_AddColumn, nodes.AT_AddConstraint):
            yield from _of_element(definition)
        elif command.subtype == nodes.AT_AlterColumnType:
            yield _part(command.name, definition.column_def.type_name)
        elif command.subtype == nodes.AT_ColumnDefault and definition.WhichOneof("node"):
            yield _part(f"default {command.name}", definition)


def _lost(command: Any) -> Iterator[str]:
    if command.subtype == nodes.AT_DropColumn:
        yield from (command.name, f"default {command.name}")
    elif command.subtype == nodes.AT_DropConstraint:
        yield f"constraint {constraint_of(command)}"
    elif command.subtype == nodes.AT_ColumnDefault and not getattr(command, "def").WhichOneof("node"):
        yield f"default {command.name}"


_MADE: dict[str, Callable[[Any], Iterator[Part]]] = {
    "create_stmt": _of_table,
    "create_foreign_table_stmt": lambda node: _of_table(node.base_stmt),
    "alter_table_stmt": _of_changes,
    "create_trig_stmt": lambda node: iter((_part(f"trigger {node.trigname}", node),)),
    "create_policy_stmt": lambda node: iter((_part(f"policy {node.policy_name}", node),)),
    "rule_stmt": lambda node: iter((_part(f"rule {node.rulename}", node),)),
}
_WHOLE = frozenset(
    {
        *("index_stmt", "view_stmt", "create_table_as_stmt", "composite_type_stmt"),
        *("create_domain_stmt", "create_range_stmt", "define_stmt", "create_event_trig_stmt"),
        *("create_publication_stmt", "alter_tsconfiguration_stmt"),
    }
)
