"""What must be dropped, and what made anew, when a schema becomes another one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl.objects import is_replaced
from alembic_multidb.stamp.ddl.schema import Key, Schema
from alembic_multidb.stamp.ddl.tables import is_replaced_column
from alembic_multidb.stamp.ddl.text import arguments_of, base_type, last_part, mentions, parts

# A column of another type keeps its indexes and checks, which PostgreSQL makes anew itself, but not these.
_IN_THE_WAY = ("view", "rule", "policy", "trigger", "function")
# Never dropped and made anew: their rows would be lost.
_KEPT = ("table", "sequence", "schema", "extension")


@dataclass
class Plan:
    """What must be done with the objects of a schema to make it another one.

    Attributes:
        before: the schema to start from.
        after: the schema to arrive at.
        dropped: what of ``before`` is dropped, whether or not it is made anew.
        retyped: columns whose type has the same name afterwards, but is another one.
        redefaulted: columns whose default is taken away first, and set at the end.
    """

    before: Schema
    after: Schema
    dropped: set[Key] = field(default_factory=set)
    retyped: set[Key] = field(default_factory=set)
    redefaulted: set[Key] = field(default_factory=set)

    @cached_property
    def changed(self) -> set[Key]:
        """Return what is in both schemas with different definitions."""
        common = self.before.rows.keys() & self.after.rows.keys()
        return {key for key in common if self.before.rows[key].definition != self.after.rows[key].definition}

    @property
    def created(self) -> set[Key]:
        """Return what is to be made."""
        return {key for key in self.after.rows if key not in self.before.rows or key in self.dropped}

    @property
    def altered(self) -> set[Key]:
        """Return what is there and becomes something else."""
        return self.changed - self.dropped

    def is_gone(self, key: Key) -> bool:
        """Tell whether an object is dropped for good."""
        return key in self.before.rows and key not in self.after.rows


def make_plan(before: Schema, after: Schema) -> Plan:
    """Find out what must be dropped: what is gone, what cannot be altered, and what stands on either."""
    plan = Plan(before, after)
    pending = [key for key in before.rows if key not in after.rows]
    pending += [key for key in plan.changed if _must_be_dropped(plan, key)]
    retyped = [key for key in plan.changed if key[0] == "column" and _has_other_type(plan, key)]
    while pending or retyped:
        if pending:
            key = pending.pop()
            if key not in plan.dropped:
                plan.dropped.add(key)
                pending += _standing_on(plan, key)
                retyped += _typed_by(plan, key)
        else:
            pending += _standing_on_type(plan, retyped.pop())
    plan.retyped -= plan.dropped
    return plan


def _must_be_dropped(plan: Plan, key: Key) -> bool:
    before, after = plan.before.rows[key], plan.after.rows[key]
    if key[0] == "column":
        version = min(plan.before.snapshot.server_version, plan.after.snapshot.server_version)
        return is_replaced_column(before.definition, after.definition, version)
    return key[0] not in _KEPT and is_replaced(before, after)


def _has_other_type(plan: Plan, key: Key) -> bool:
    before, after = plan.before.rows[key].definition, plan.after.rows[key].definition
    return any(before.get(name) != after.get(name) for name in ("type", "collation"))


def _standing_on(plan: Plan, key: Key) -> list[Key]:
    """Return what must be dropped along with an object; notes the defaults that must go for a while."""
    row, found = plan.before.rows[key], []
    if key[0] == "column":
        return _using_column(plan, row, ("index", "constraint", "statistics", *_IN_THE_WAY))
    for user in plan.before.users.get(key, ()):
        if user[0] == "table":
            found += _columns_using(plan, row, user[1])
        elif user[0] not in _KEPT:
            found.append(user)
    return found


def _columns_using(plan: Plan, row: Row, table: str) -> list[Key]:
    """Return the generated columns that use an object, and note the defaults that do."""
    found = []
    name = _bare_name(row)
    for column in plan.before.columns.get(table, []):
        if mentions(str(column.definition.get("default", "")), name):
            plan.redefaulted.add(column.key)
        if mentions(str(column.definition.get("generated as", "")), name):
            found.append(column.key)
    return found


def _bare_name(row: Row) -> str:
    if row.kind in ("function", "operator"):
        return parts(arguments_of(row.identity))[-1]
    return last_part(row.identity) if row.kind != "cast" else row.identity


def _typed_by(plan: Plan, key: Key) -> list[Key]:
    """Return the columns of a type that is made anew."""
    if key[0] != "type" or key not in plan.after.rows:
        return []
    found = [
        row.key
        for row in plan.before.rows.values()
        if row.kind == "column" and base_type(row.definition["type"]) == key[1] and row.key in plan.after.rows
    ]
    plan.retyped.update(found)
    return found


def _standing_on_type(plan: Plan, key: Key) -> list[Key]:
    """Return what keeps a column's type from being altered; notes its default."""
    row = plan.before.rows[key]
    if "default" in row.definition:
        plan.redefaulted.add(key)
    return _using_column(plan, row, _IN_THE_WAY)


def _using_column(plan: Plan, column: Row, kinds: tuple[str, ...]) -> list[Key]:
    """Return what stands on a column: foreign keys, generated columns, and objects of some kinds."""
    table, name = plan.before.table_of(column), plan.before.column_name(column)
    found = []
    for user in plan.before.users_of_column(column):
        if user[0] in kinds or plan.before.rows[user].definition.get("kind") == "foreign key":
            found.append(user)
    for other in plan.before.columns[table]:
        if mentions(str(other.definition.get("generated as", "")), name):
            found.append(other.key)
    return found
