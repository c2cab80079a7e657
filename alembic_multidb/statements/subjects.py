"""What a statement is about, by its kind: the part of reading it that PostgreSQL's grammar has many forms for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.facts import Kind, Made, Role, Thing
from alembic_multidb.statements.mentions import is_catalog
from alembic_multidb.statements.names import parts_of, relation, strings, thing
from alembic_multidb.statements.tables import ROLES, Said, alter_table, create_index, create_table, role_of

_RELATIONS = frozenset(
    {
        nodes.OBJECT_TABLE,
        nodes.OBJECT_VIEW,
        nodes.OBJECT_MATVIEW,
        nodes.OBJECT_INDEX,
        nodes.OBJECT_SEQUENCE,
        nodes.OBJECT_FOREIGN_TABLE,
    }
)
_KINDS: dict[int, Kind] = {
    **dict.fromkeys(_RELATIONS, "relation"),
    nodes.OBJECT_TYPE: "type",
    nodes.OBJECT_DOMAIN: "type",
    nodes.OBJECT_FUNCTION: "function",
    nodes.OBJECT_PROCEDURE: "function",
    nodes.OBJECT_ROUTINE: "function",
    nodes.OBJECT_AGGREGATE: "function",
    nodes.OBJECT_SCHEMA: "schema",
    nodes.OBJECT_EXTENSION: "extension",
    nodes.OBJECT_STATISTIC_EXT: "statistics",
    nodes.OBJECT_OPERATOR: "operator",
    nodes.OBJECT_COLLATION: "collation",
    nodes.OBJECT_TSCONFIGURATION: "text search configuration",
    nodes.OBJECT_TSDICTIONARY: "text search dictionary",
    nodes.OBJECT_EVENT_TRIGGER: "event trigger",
    nodes.OBJECT_PUBLICATION: "publication",
}
# What is named by its table and a name of its own, the table first.
_OF_TABLES = frozenset(
    {
        nodes.OBJECT_COLUMN,
        nodes.OBJECT_TABCONSTRAINT,
        nodes.OBJECT_TRIGGER,
        nodes.OBJECT_POLICY,
        nodes.OBJECT_RULE,
    }
)


def said_by(which: str, node: Any) -> Said:
    """Return what a statement is about.

    Args:
        which: the parser's name of its kind, such as ``create_stmt``.
        node: the statement.
    """
    reader = _READERS.get(which)
    if reader is not None:
        return reader(node)
    for attribute in _TABLE_ATTRIBUTES.get(which, ()):
        target = getattr(node, attribute)
        if target.relname and not is_catalog(relation(target)):
            return Said(subjects=(relation(target),))
    return Said()


def _view(node: Any) -> Said:
    view = relation(node.view)
    return Said(subjects=(view,), makes=(Made(view, role="view"),))


def _table_as(node: Any) -> Said:
    table = relation(node.into.rel)
    role: Role = "view" if node.objtype == nodes.OBJECT_MATVIEW else role_of(node.into.rel)
    return Said(subjects=(table,), makes=(Made(table, role=role),), if_exists=node.if_not_exists)


def _publication(node: Any) -> Said:
    made = Thing("publication", None, node.pubname)
    return Said(subjects=(made,), makes=(Made(made, role="view"),))


def _event_trigger(node: Any) -> Said:
    made = Thing("event trigger", None, node.trigname)
    return Said(subjects=(made,), makes=(Made(made),))


def _select(node: Any) -> Said:
    if not node.into_clause.rel.relname:
        return Said()
    table = relation(node.into_clause.rel)
    return Said(subjects=(table,), makes=(Made(table, role=role_of(node.into_clause.rel)),))


def _sequence(node: Any) -> Said:
    sequence = relation(node.sequence)
    return Said(
        subjects=(sequence,), makes=(Made(sequence, _owner(node.options), "sequence"),), if_exists=node.if_not_exists
    )


def _alter_sequence(node: Any) -> Said:
    sequence, owner = relation(node.sequence), _owner(node.options)
    made = (Made(sequence, owner, "sequence"),) if owner is not None else ()
    return Said(subjects=(sequence,), role="sequence", makes=made, if_exists=node.missing_ok)


def _owner(options: Iterable[Any]) -> Thing | None:
    """Return the table of OWNED BY; None if there is none."""
    for item in options:
        names = strings(item.def_elem.arg.list.items) if item.def_elem.defname == "owned_by" else ()
        if len(names) > 1:
            return thing("relation", names[:-1])
    return None


def _type(attribute: str) -> Callable[[Any], Said]:
    def read(node: Any) -> Said:
        made = thing("type", strings(getattr(node, attribute)))
        return Said(subjects=(made,), makes=(Made(made),))

    return read


def _composite(node: Any) -> Said:
    made = thing("type", (node.typevar.schemaname, node.typevar.relname))
    return Said(subjects=(made,), makes=(Made(made),))


def _changed_type(node: Any) -> Said:
    return Said(subjects=(thing("type", strings(node.type_name)),))


def _function(node: Any) -> Said:
    made = thing("function", strings(node.funcname))
    return Said(subjects=(made,), makes=(Made(made),))


def _alter_function(node: Any) -> Said:
    return Said(subjects=(thing("function", strings(node.func.objname)),))


def _define(node: Any) -> Said:
    kind = _KINDS.get(node.kind)
    if kind is None:
        return Said()
    made = thing(kind, strings(node.defnames))
    return Said(subjects=(made,), makes=(Made(made),), if_exists=node.if_not_exists)


def _schema(node: Any) -> Said:
    made = Thing("schema", None, node.schemaname)
    return Said(subjects=(made,), makes=(Made(made),), if_exists=node.if_not_exists)


def _extension(node: Any) -> Said:
    return Said(subjects=(Thing("extension", None, node.extname),))


def _statistics(node: Any) -> Said:
    table = relation(node.relations[0].range_var)
    made = thing("statistics", strings(node.defnames)) if node.defnames else None
    makes = (Made(made, table),) if made is not None else ()
    return Said(subjects=(table,), makes=makes, if_exists=node.if_not_exists)


def _alter_statistics(node: Any) -> Said:
    return Said(subjects=(thing("statistics", strings(node.defnames)),), if_exists=node.missing_ok)


def _named(kind: int, node: Any) -> Thing | None:
    """Return the thing that a name in a list stands for; of what belongs to a table, the table."""
    if kind in _OF_TABLES:
        # A column may be one of a composite type.
        return thing("row" if kind == nodes.OBJECT_COLUMN else "relation", parts_of(node)[:-1])
    known = _KINDS.get(kind)
    return thing(known, parts_of(node)) if known is not None else None


def _drop(node: Any) -> Said:
    found = tuple(item for item in (_named(node.remove_type, each) for each in node.objects) if item is not None)
    is_whole = node.remove_type not in _OF_TABLES
    role = ROLES.get(node.remove_type, "other")
    return Said(subjects=found, role=role, is_list=True, drops=is_whole, if_exists=node.missing_ok)


def _comment(node: Any) -> Said:
    found = _named(node.objtype, node.object)
    constraints = frozenset(parts_of(node.object)[-1:] if node.objtype == nodes.OBJECT_TABCONSTRAINT else ())
    subjects = (found,) if found is not None else ()
    return Said(subjects=subjects, role=ROLES.get(node.objtype, "other"), constraints=constraints)


def _rename(node: Any) -> Said:
    if node.rename_type not in _KINDS:
        # A column, a constraint, a trigger: of a table, or of a type.
        constraints = frozenset({node.subname} if node.rename_type == nodes.OBJECT_TABCONSTRAINT else ())
        subjects = (relation(node.relation),) if node.relation.relname else ()
        return Said(subjects=subjects, constraints=constraints, if_exists=node.missing_ok)
    kind = _KINDS[node.rename_type]
    if kind == "schema":
        before = Thing(kind, None, node.subname)
    else:
        before = relation(node.relation) if node.relation.relname else thing(kind, parts_of(node.object))
    return Said(
        subjects=(before,),
        role=ROLES.get(node.rename_type, "other"),
        renames=((before, before._replace(name=node.newname)),),
        if_exists=node.missing_ok,
    )


def _move(node: Any) -> Said:
    kind = _KINDS.get(node.object_type)
    if kind is None:
        return Said()
    before = relation(node.relation) if node.relation.relname else thing(kind, parts_of(node.object))
    after = thing(kind, (node.newschema, before.name))
    return Said(subjects=(before,), renames=((before, after),), if_exists=node.missing_ok)


def _owner_change(node: Any) -> Said:
    kind = _KINDS.get(node.object_type)
    return Said(subjects=(thing(kind, parts_of(node.object)),) if kind is not None else ())


def _grant(node: Any) -> Said:
    if node.targtype == nodes.ACL_TARGET_ALL_IN_SCHEMA:
        kind: Kind | None = "schema"
    else:
        kind = _KINDS.get(node.objtype) if node.targtype == nodes.ACL_TARGET_OBJECT else None
    if kind is None:
        return Said()
    return Said(subjects=tuple(thing(kind, parts_of(item)) for item in node.objects), is_list=True)


def _default_privileges(node: Any) -> Said:
    schemas = tuple(Thing("schema", None, name) for name in strings(schemas_of(node)))
    return Said(subjects=schemas, is_list=True)


def schemas_of(node: Any) -> Any:
    """Return the schemas that ALTER DEFAULT PRIVILEGES names, as they stand in the tree."""
    options = (item.def_elem for item in node.options)
    return next((each.arg.list.items for each in options if each.defname == "schemas"), ())


def _constraints(node: Any) -> Said:
    return Said(constraints=frozenset(item.range_var.relname for item in node.constraints))


def _truncate(node: Any) -> Said:
    return Said(subjects=tuple(relation(item.range_var) for item in node.relations), is_list=True)


def _maintain(node: Any) -> Said:
    return Said(subjects=tuple(relation(item.vacuum_relation.relation) for item in node.rels), is_list=True)


def _reindex(node: Any) -> Said:
    if not node.relation.relname:
        return Said(subjects=(Thing("schema", None, node.name),) if node.name else ())
    role: Role = "index" if node.kind == nodes.REINDEX_OBJECT_INDEX else "table"
    return Said(subjects=(relation(node.relation),), role=role)


# Where the table stands that a statement is about.
_TABLE_ATTRIBUTES = {
    "insert_stmt": ("relation",),
    "update_stmt": ("relation",),
    "delete_stmt": ("relation",),
    "merge_stmt": ("relation",),
    "copy_stmt": ("relation",),
    "create_trig_stmt": ("relation",),
    "create_policy_stmt": ("table",),
    "alter_policy_stmt": ("table",),
    "rule_stmt": ("relation",),
    "refresh_mat_view_stmt": ("relation",),
    "cluster_stmt": ("relation",),
}
_READERS: dict[str, Callable[[Any], Said]] = {
    "create_stmt": create_table,
    "create_foreign_table_stmt": lambda node: create_table(node.base_stmt),
    "alter_table_stmt": alter_table,
    "index_stmt": create_index,
    "view_stmt": _view,
    "create_table_as_stmt": _table_as,
    "select_stmt": _select,
    "create_seq_stmt": _sequence,
    "alter_seq_stmt": _alter_sequence,
    "create_enum_stmt": _type("type_name"),
    "create_range_stmt": _type("type_name"),
    "create_domain_stmt": _type("domainname"),
    "composite_type_stmt": _composite,
    "alter_enum_stmt": _changed_type,
    "alter_domain_stmt": _changed_type,
    "alter_type_stmt": _changed_type,
    "create_function_stmt": _function,
    "alter_function_stmt": _alter_function,
    "define_stmt": _define,
    "create_schema_stmt": _schema,
    "create_publication_stmt": _publication,
    "alter_publication_stmt": lambda node: Said(subjects=(Thing("publication", None, node.pubname),)),
    "create_event_trig_stmt": _event_trigger,
    "alter_operator_stmt": lambda node: Said(subjects=(thing("operator", strings(node.opername.objname)),)),
    "alter_event_trig_stmt": lambda node: Said(subjects=(Thing("event trigger", None, node.trigname),)),
    "alter_tsconfiguration_stmt": lambda node: Said(
        subjects=(thing("text search configuration", strings(node.cfgname)),)
    ),
    "create_extension_stmt": _extension,
    "alter_extension_stmt": _extension,
    "create_stats_stmt": _statistics,
    "alter_stats_stmt": _alter_statistics,
    "drop_stmt": _drop,
    "comment_stmt": _comment,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _move,
    "alter_owner_stmt": _owner_change,
    "grant_stmt": _grant,
    "alter_default_privileges_stmt": _default_privileges,
    "constraints_set_stmt": _constraints,
    "truncate_stmt": _truncate,
    "lock_stmt": _truncate,
    "vacuum_stmt": _maintain,
    "sec_label_stmt": _comment,
    "reindex_stmt": _reindex,
}
