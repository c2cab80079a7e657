"""What is said of tables: CREATE TABLE, ALTER TABLE and CREATE INDEX, with all that comes along with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.facts import Made, Reference, Role, Thing
from alembic_multidb.statements.names import made_name, relation, strings

ROLES: dict[int, Role] = {
    nodes.OBJECT_INDEX: "index",
    nodes.OBJECT_SEQUENCE: "sequence",
    nodes.OBJECT_VIEW: "view",
    nodes.OBJECT_MATVIEW: "view",
    nodes.OBJECT_TABLE: "table",
}
_SERIALS = frozenset({"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"})
_KEYS = {nodes.CONSTR_PRIMARY: "pkey", nodes.CONSTR_UNIQUE: "key", nodes.CONSTR_EXCLUSION: "excl"}


@dataclass(frozen=True)
class Said:
    """The part of a ``Statement`` that depends on its kind."""

    subjects: tuple[Thing, ...] = ()
    role: Role = "other"
    is_list: bool = False
    makes: tuple[Made, ...] = ()
    drops: bool = False
    renames: tuple[tuple[Thing, Thing], ...] = ()
    references: tuple[Reference, ...] = ()
    constraints: frozenset[str] = frozenset()
    if_exists: bool = False


def create_table(node: Any) -> Said:
    """Return what CREATE TABLE says."""
    table = relation(node.relation)
    made: list[Made] = [Made(table, role=role_of(node.relation))]
    references: list[Reference] = []
    if node.partbound.strategy or node.partbound.is_default:
        made = [Made(table, relation(node.inh_relations[0].range_var), "table")]
    for element in node.table_elts:
        made += _made_by(table, element)
        references += references_of(table, element)
    return Said(subjects=(table,), makes=tuple(made), references=tuple(references), if_exists=node.if_not_exists)


def role_of(node: Any) -> Role:
    """Return which kind of table a statement makes that names it so."""
    return "temporary" if node.relpersistence == "t" else "table"


def _made_by(table: Thing, element: Any) -> Iterator[Made]:
    """Yield the sequences and indexes that a column or a constraint brings."""
    which = element.WhichOneof("node")
    if which == "constraint":
        yield from _index_of(table, element.constraint, ())
    elif which == "column_def":
        column = element.column_def
        is_serial = bool(column.type_name.names) and column.type_name.names[-1].string.sval in _SERIALS
        constraints = [item.constraint for item in column.constraints]
        if is_serial or any(item.contype == nodes.CONSTR_IDENTITY for item in constraints):
            yield _part(table, made_name(table.name, column.colname, "seq"), "sequence")
        for item in constraints:
            yield from _index_of(table, item, (column.colname,))


def _index_of(table: Thing, constraint: Any, columns: tuple[str, ...]) -> Iterator[Made]:
    label = _KEYS.get(constraint.contype)
    if label is not None:
        keys = () if label == "pkey" else (strings(constraint.keys) or columns)
        yield _part(table, constraint.conname or made_name(table.name, *keys, label), "index")


def references_of(table: Thing, element: Any) -> Iterator[Reference]:
    """Yield the foreign keys of a column or of a constraint."""
    which = element.WhichOneof("node")
    if which == "constraint" and element.constraint.contype == nodes.CONSTR_FOREIGN:
        yield _reference(table, element.constraint, strings(element.constraint.fk_attrs))
    elif which == "column_def":
        for item in element.column_def.constraints:
            if item.constraint.contype == nodes.CONSTR_FOREIGN:
                yield _reference(table, item.constraint, (element.column_def.colname,))


def _reference(table: Thing, constraint: Any, columns: tuple[str, ...]) -> Reference:
    name = constraint.conname or made_name(table.name, *columns, "fkey")
    return Reference(name, columns, relation(constraint.pktable))


def alter_table(node: Any) -> Said:
    """Return what ALTER TABLE says, of whatever kind of relation."""
    table = relation(node.relation)
    made: list[Made] = []
    references: list[Reference] = []
    constraints: set[str] = set()
    for item in node.cmds:
        command = item.alter_table_cmd
        if command.subtype == nodes.AT_AttachPartition:
            made.append(Made(relation(getattr(command, "def").partition_cmd.name), table, "table"))
        elif command.subtype in (nodes.AT_AddColumn, nodes.AT_AddConstraint):
            made += _made_by(table, getattr(command, "def"))
            references += references_of(table, getattr(command, "def"))
        elif command.subtype in CHANGES_CONSTRAINT:
            constraints.add(constraint_of(command))
    if node.objtype == nodes.OBJECT_TYPE:
        table = Thing("type", table.schema, table.name)
    return Said(
        subjects=(table,),
        makes=tuple(made),
        references=tuple(references),
        constraints=frozenset(constraints),
        role=ROLES.get(node.objtype, "other"),
        if_exists=node.missing_ok,
    )


CHANGES_CONSTRAINT = frozenset({nodes.AT_DropConstraint, nodes.AT_ValidateConstraint, nodes.AT_AlterConstraint})


def constraint_of(command: Any) -> str:
    """Return the constraint that a part of ALTER TABLE changes or drops."""
    definition = getattr(command, "def")
    altered = definition.WhichOneof("node")
    # An altered constraint is named by the new one, in one of two places, as the version of the grammar has it.
    return str(command.name or (getattr(definition, altered).conname if altered else ""))


def create_index(node: Any) -> Said:
    """Return what CREATE INDEX says."""
    table = relation(node.relation)
    columns = [item.index_elem.name or "expr" for item in node.index_params]
    name = node.idxname or made_name(table.name, *columns, "idx")
    return Said(subjects=(table,), makes=(_part(table, name, "index"),), if_exists=node.if_not_exists)


def _part(table: Thing, name: str, role: Role) -> Made:
    return Made(Thing("relation", table.schema, name), table, role)
