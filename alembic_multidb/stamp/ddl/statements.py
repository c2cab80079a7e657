"""Two schemas to the SQL that makes one of them the other: what must be dropped, altered and made, in which order.

What cannot be altered in place is dropped and made anew, and so is whatever stands on it. What no statement is known
for is left out: whoever runs the statements compares the schemas afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl import objects, tables, types
from alembic_multidb.stamp.ddl.functions import checks_its_body
from alembic_multidb.stamp.ddl.plan import Plan, make_plan
from alembic_multidb.stamp.ddl.schema import Key, Schema, is_identity_sequence
from alembic_multidb.stamp.ddl.text import Definition, last_part, literal

# What columns may still be of until they are altered.
_AT_THE_END = ("type", "collation", "extension", "schema")
# What goes and comes with its table or view, the foreign keys excepted, which may lead to each other.
_PARTS = ("constraint", "index", "trigger", "rule", "policy", "statistics", "sequence")


@dataclass(frozen=True)
class Statements:
    """What makes a schema another one.

    Attributes:
        first: new labels of enums that the others use; each is committed before the others begin.
        rest: all others, in one transaction.
    """

    first: tuple[str, ...]
    rest: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.first or self.rest)


def statements(before: Schema, after: Schema) -> Statements:
    """Return what makes one schema the other.

    Args:
        before: as it is.
        after: as it is to be.
    """
    plan = make_plan(before, after)
    rest = [
        *_defaults_away(plan),
        *_leave_parents(plan),
        *_drops(plan),
        *_set_aside(plan),
        *_makes(plan),
        *_late(plan),
        *_drops_at_the_end(plan),
    ]
    labels = _labels(plan)
    is_used = any(literal(label) in statement for label, _ in labels for statement in rest)
    added = tuple(statement for _, statement in labels)
    return Statements(added, tuple(rest)) if is_used else Statements((), (*added, *rest))


def _labels(plan: Plan) -> list[tuple[str, str]]:
    found = []
    for key in sorted(plan.altered):
        if key[0] == "type":
            found += types.new_labels(plan.before.rows[key], plan.after.rows[key])
    return found


def _defaults_away(plan: Plan) -> list[str]:
    return [
        f"ALTER TABLE {plan.before.table_of(row)} ALTER COLUMN {plan.before.quoted_column(row)} DROP DEFAULT"
        for row in (plan.before.rows[key] for key in sorted(plan.redefaulted))
        if ("table", plan.before.table_of(row)) not in plan.dropped
    ]


def _leave_parents(plan: Plan) -> list[str]:
    found = []
    for key in sorted(plan.altered):
        if key[0] == "table":
            found += tables.leave_parents(key[1], plan.before.rows[key].definition, plan.after.rows[key].definition)
    return found


def _drops(plan: Plan) -> list[str]:
    """Return what drops everything but types and the like, what stands on something before that."""
    found: list[str] = []
    for key in reversed(list(plan.before.in_order())):
        row = plan.before.rows[key]
        if key[0] == "table":
            found += [tables.drop_table(row)] if key in plan.dropped else _column_drops(plan, key[1])
        elif key in plan.dropped and not _goes_at_the_end(plan, key) and not _goes_along(plan, row):
            found += objects.drop(row, plan.before)
    return found


def _column_drops(plan: Plan, table: str) -> list[str]:
    return [
        f"ALTER TABLE {table} DROP COLUMN {plan.before.quoted_column(column)}"
        for column in plan.before.columns.get(table, [])
        if column.key in plan.dropped and not _dropped_in_parents(plan, column)
    ]


def _dropped_in_parents(plan: Plan, column: Row) -> bool:
    table, name = plan.before.table_of(column), plan.before.column_name(column)
    return any(("column", f"{parent}.{name}") in plan.dropped for parent in plan.before.parents(table))


def _goes_at_the_end(plan: Plan, key: Key) -> bool:
    if key[0] == "function" and plan.is_gone(key):
        return any(user[0] == "type" and user in plan.dropped for user in plan.before.users.get(key, ()))
    is_range = key[0] == "type" and plan.before.rows[key].definition["kind"] == "range" and not plan.is_gone(key)
    is_replaced = key[0] == "collation" and not plan.is_gone(key)
    return key[0] in _AT_THE_END and not is_range and not is_replaced


def _goes_along(plan: Plan, row: Row) -> bool:
    """Tell whether an object is gone with what it belongs to."""
    if row.kind not in _PARTS or row.definition.get("kind") == "foreign key":
        return False
    if row.kind == "sequence" and ("column", str(row.definition.get("owned by"))) in plan.dropped:
        return True
    relation = plan.before.relations.get(row.relation)
    if relation is None or _is_in_the_way(plan, row, relation):
        return False
    return relation.key in plan.dropped or _becomes_inherited(plan, row, relation.identity)


def _is_in_the_way(plan: Plan, row: Row, relation: Row) -> bool:
    """Tell whether an object keeps something else than its own table from being dropped."""
    used = plan.before.uses.get(row.key, set()) - {relation.key}
    return any(key in plan.dropped and key[0] in ("function", "operator", "table", "view") for key in used)


def _becomes_inherited(plan: Plan, row: Row, table: str) -> bool:
    """Tell whether a check is what a partition must have to be attached, and then has from its parent."""
    joined = set(plan.after.parents(table)) - set(plan.before.parents(table))
    name = plan.before.name_in(row)
    return row.kind == "constraint" and any(
        ("constraint", f"{name} on {parent}") in plan.after.rows for parent in joined
    )


def _set_aside(plan: Plan) -> list[str]:
    return [
        f"ALTER {types.kind_word(plan.before.rows[key].definition)} {key[1]} "
        f"RENAME TO {last_part(types.set_aside(key[1]))}"
        for key in _replaced_types(plan)
    ]


def _replaced_types(plan: Plan) -> list[Key]:
    found = [key for key in plan.before.in_order() if key[0] == "type" and key in plan.dropped]
    return [key for key in found if not plan.is_gone(key) and _goes_at_the_end(plan, key)]


def _makes(plan: Plan) -> list[str]:
    """Return what makes and alters everything, what something stands on before that."""
    found: list[str] = []
    created, altered = plan.created, plan.altered
    for key in plan.after.in_order():
        row = plan.after.rows[key]
        if key[0] == "table":
            found += tables.create_table(row, plan.after) if key in created else _table_changes(plan, row)
        elif key[0] == "column":
            continue
        elif key in created:
            found += _renamed_sequence(plan, row) or objects.create(row, plan.after)
        elif key in altered:
            found += objects.alter(plan.before.rows[key], row, plan.after)
    if any(checks_its_body(plan.after.rows[key]) for key in created | altered):
        # As pg_dump does: a function may use a table that is made after it.
        return [
            "SET LOCAL check_function_bodies = off",
            *found,
            "SET LOCAL check_function_bodies = on",
        ]
    return found


def _renamed_sequence(plan: Plan, row: Row) -> list[str]:
    """Return what renames the sequence of an identity column that is there."""
    if row.kind != "sequence" or not is_identity_sequence(row):
        return []
    old = plan.before.identity_sequences.get(row.definition["owned by"])
    if old is None or old.key in plan.after.rows or ("column", row.definition["owned by"]) in plan.dropped:
        return []
    renamed = [f"ALTER SEQUENCE {old.identity} RENAME TO {last_part(row.identity)}"]
    return renamed + objects.alter(old, row, plan.after)


def _table_changes(plan: Plan, row: Row) -> list[str]:
    """Return what alters a table that is there, with its columns: the computed ones last."""
    before = plan.before.rows[row.key].definition
    found = tables.alter_table(row.identity, before, row.definition)
    columns = plan.after.columns.get(row.identity, [])
    for column in sorted(columns, key=lambda item: "generated" in item.definition):
        found += _column_changes(plan, column)
    return found + _inherited_drops(plan, row.identity)


def _column_changes(plan: Plan, column: Row) -> list[str]:
    before = _column_before(plan, column)
    if before is None:
        clause = tables.column_clause(column, plan.after)
        add = f"ALTER TABLE {plan.after.table_of(column)} ADD COLUMN {clause}"
        return [add, *tables.after_add(column, plan.after)]
    is_inherited = any(("column", parent) in plan.retyped for parent in _columns_above(plan, column))
    return tables.alter_column(
        before,
        column,
        plan.after,
        retyped=column.key in plan.retyped and not is_inherited,
        redefaulted=column.key in plan.redefaulted,
    )


def _column_before(plan: Plan, column: Row) -> Definition | None:
    """Return what a column is when its turn comes: what was done to its table's parents was done to it, too."""
    there = column.key in plan.before.rows and column.key not in plan.dropped
    found: Definition | None = plan.before.rows[column.key].definition if there else None
    for parent in _columns_above(plan, column):
        after = plan.after.rows.get(("column", parent))
        if after is None or ("table", plan.after.table_of(after)) not in plan.before.rows:
            continue
        before = plan.before.rows.get(("column", parent))
        if before is None or before.key in plan.dropped:
            found = {name: value for name, value in after.definition.items() if name != "identity"}
        elif found is not None:
            found = found | _changes(before.definition, after.definition)  # type: ignore[operator]
    return found


def _columns_above(plan: Plan, column: Row) -> list[str]:
    table, name = plan.after.table_of(column), plan.after.column_name(column)
    return [f"{parent}.{name}" for parent in plan.after.parents(table) if _is_old_parent(plan, table, parent)]


def _is_old_parent(plan: Plan, table: str, parent: str) -> bool:
    return ("table", table) in plan.before.rows and parent in plan.before.parents(table)


def _changes(before: Definition, after: Definition) -> dict[str, object]:
    names = {*before, *after} - {"identity"}
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _inherited_drops(plan: Plan, table: str) -> list[str]:
    """Return what drops columns that the table has of its own, too, after its parents have lost them."""
    if plan.before.rows[("table", table)].definition.get("partition of"):
        return []
    return [
        f"ALTER TABLE {table} DROP COLUMN IF EXISTS {plan.before.quoted_column(column)}"
        for column in plan.before.columns.get(table, [])
        if plan.is_gone(column.key) and _dropped_in_parents(plan, column)
    ]


def _late(plan: Plan) -> list[str]:
    found: list[str] = []
    touched = plan.created | plan.altered
    for key in sorted(plan.after.rows, key=lambda item: item[0] != "table"):
        row = plan.after.rows[key]
        before = plan.before.rows[key] if key in plan.before.rows and key not in plan.dropped else None
        if key in touched:
            found += objects.late(row, plan.after, before)
        if key[0] == "table":
            found += _late_for_table(row, before, _new_identity_index(plan, row))
    for key in sorted(plan.dropped):
        if key[0] == "trigger" and plan.is_gone(key) and plan.before.is_copied_trigger(plan.before.rows[key]):
            found += objects.copied_trigger_like_its_parent(plan.before.rows[key], plan.after)
    return found


def _late_for_table(row: Row, before: Row | None, is_index_new: bool) -> list[str]:
    old: Definition = before.definition if before else {}
    joined = tables.join_parents(row.identity, old, row.definition) if before else []
    return joined + tables.replica_identity(row.identity, old, row.definition, is_index_new=is_index_new)


def _new_identity_index(plan: Plan, row: Row) -> bool:
    created: Iterable[Row] = (plan.after.rows[key] for key in plan.created if key[0] in ("index", "constraint"))
    return any(item.relation == row.relation and item.definition.get("replica identity") for item in created)


def _drops_at_the_end(plan: Plan) -> list[str]:
    found: list[str] = []
    for key in reversed(list(plan.before.in_order())):
        row = plan.before.rows[key]
        if key not in plan.dropped or not _goes_at_the_end(plan, key):
            continue
        if key[0] == "type" and not plan.is_gone(key):
            found.append(f"DROP {types.kind_word(row.definition)} {types.set_aside(key[1])}")
        elif plan.is_gone(key):
            found += objects.drop(row, plan.before)
    return found
