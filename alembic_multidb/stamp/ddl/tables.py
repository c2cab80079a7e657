"""SQL of tables and their columns."""

from __future__ import annotations

from collections.abc import Mapping

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl.objects import sequence_options
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.ddl.text import (
    Definition,
    base_type,
    cast,
    foreign_options,
    is_masked,
    last_part,
    name_of,
    option_changes,
    option_list,
    options,
)

_STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}
_IDENTITIES = {"f": "FULL", "n": "NOTHING", "d": "DEFAULT"}
# SET STORAGE DEFAULT, SET EXPRESSION.
_STORAGE_DEFAULT, _SET_EXPRESSION = 160000, 170000
_NOTHING: Definition = {"not null": False}
# These attributes can be set and reset on a column that is there; so many that each has its own words.
_NOT_NULL = ("not null", "not null for every row", "not null inherited")


def create_table(row: Row, schema: Schema) -> list[str]:
    """Return what makes a table with its columns; constraints, indexes and the rest are objects of their own."""
    found = row.definition
    if is_masked(found):
        return []
    kind = "FOREIGN TABLE" if found["kind"] == "foreign table" else "TABLE"
    text = f"CREATE {'UNLOGGED ' if found.get('persistence') else ''}{kind} {row.identity}"
    columns = schema.columns.get(row.identity, [])
    if found.get("partition of"):
        text += f" PARTITION OF {found['partition of']} {found['partition bound']}"
    else:
        lines = [f"\n    {column_clause(column, schema)}" for column in columns]
        text += f" ({','.join(lines)}\n)" if lines else " ()"
        text += f" INHERITS ({', '.join(found['inherits'])})" if found.get("inherits") else ""
    return [text + _rest(found, schema.texts.get(row.node)), *_after_create(row, columns, schema)]


def drop_table(row: Row) -> str:
    """Return what drops a table."""
    return f"DROP {'FOREIGN ' if row.definition['kind'] == 'foreign table' else ''}TABLE {row.identity}"


def alter_table(name: str, before: Definition, after: Definition) -> list[str]:
    """Return what makes a table's own attributes other ones; partitions and replica identity come late."""
    start = f"ALTER TABLE {name}"
    found = option_changes(_options(before), _options(after))
    if before.get("persistence") != after.get("persistence"):
        found.append("SET UNLOGGED" if after.get("persistence") else "SET LOGGED")
    if before.get("access method") != after.get("access method"):
        found.append(f"SET ACCESS METHOD {after.get('access method') or 'heap'}")
    for attribute, on, off in (
        ("row security", "ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
        ("force row security", "FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
    ):
        if before.get(attribute) != after.get(attribute):
            found.append(on if after.get(attribute) else off)
    if before.get("of type") != after.get("of type"):
        found.append(f"OF {after['of type']}" if after.get("of type") else "NOT OF")
    changed = foreign_options(before.get("foreign options"), after.get("foreign options"))
    if changed and not is_masked(after):
        return [*(f"{start} {change}" for change in found), f"ALTER FOREIGN TABLE {name} OPTIONS ({changed})"]
    return [f"{start} {change}" for change in found]


def leave_parents(name: str, before: Definition, after: Definition) -> list[str]:
    """Return what takes a table out of those that it is a partition of, or inherits from."""
    found = []
    if before.get("partition of") and _partition(before) != _partition(after):
        found.append(f"ALTER TABLE {before['partition of']} DETACH PARTITION {name}")
    if not _keeps_parents(before, after):
        found += [f"ALTER TABLE {name} NO INHERIT {parent}" for parent in before.get("inherits") or []]
    return found


def join_parents(name: str, before: Definition, after: Definition) -> list[str]:
    """Return what makes a table that is there a partition, or an heir."""
    found = []
    if after.get("partition of") and _partition(before) != _partition(after):
        found.append(f"ALTER TABLE {after['partition of']} ATTACH PARTITION {name} {after['partition bound']}")
    kept = before.get("inherits") or [] if _keeps_parents(before, after) else []
    new = (after.get("inherits") or [])[len(kept) :]
    return found + [f"ALTER TABLE {name} INHERIT {parent}" for parent in new]


def replica_identity(name: str, before: Definition, after: Definition, *, is_index_new: bool) -> list[str]:
    """Return what says by which columns a table's rows are known to a replica."""
    names = ("replica identity", "replica identity index")
    if [before.get(item) for item in names] == [after.get(item) for item in names] and not is_index_new:
        return []
    kind = after.get("replica identity", "d")
    if kind == "i":
        index = after.get("replica identity index")
        return [f"ALTER TABLE {name} REPLICA IDENTITY USING INDEX {last_part(index)}"] if index else []
    return [f"ALTER TABLE {name} REPLICA IDENTITY {_IDENTITIES[kind]}"]


def column_clause(column: Row, schema: Schema) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN take it."""
    found = column.definition
    text = f"{schema.quoted_column(column)} {_type(found)}"
    if found.get("foreign options"):
        text += f" OPTIONS ({foreign_options((), found['foreign options']).replace('ADD ', '')})"
    if "default" in found:
        text += f" DEFAULT {found['default']}"
    if "generated" in found:
        text += f" GENERATED ALWAYS AS ({found['generated as']}) {found['generated'].upper()}"
    if "identity" in found:
        text += f" {_identity(column, schema)}"
    return text + (" NOT NULL" if found["not null"] and not _is_odd_not_null(found) else "")


def after_add(column: Row, schema: Schema) -> list[str]:
    """Return what a column's clause cannot say."""
    found = column.definition
    name = f"{schema.table_of(column)} ALTER COLUMN {schema.quoted_column(column)}"
    odd = [_not_null(column, schema)] if _is_odd_not_null(found) else []
    return odd + _settings(f"ALTER TABLE {name}", _NOTHING, found, schema)


def alter_column(before: Definition, column: Row, schema: Schema, *, retyped: bool, redefaulted: bool) -> list[str]:
    """Return what makes a column another one.

    Args:
        before: what it is.
        column: what it is to be.
        schema: that it is part of.
        retyped: whether its type has the same name, but is another one.
        redefaulted: whether its default was taken away.
    """
    after, table = column.definition, schema.table_of(column)
    start = f"ALTER TABLE {table} ALTER COLUMN {schema.quoted_column(column)}"
    found = []
    if before.get("identity") and not after.get("identity"):
        found.append(f"{start} DROP IDENTITY")
    if before.get("generated") and not after.get("generated"):
        found.append(f"{start} DROP EXPRESSION")
        redefaulted = redefaulted or "default" in after
    found += _default_gone(start, before, after)
    odd = any(before.get(name) != after.get(name) for name in _NOT_NULL)
    if before["not null"] and odd:
        found.append(f"{start} DROP NOT NULL")
    is_other_type = retyped or _type(before) != _type(after)
    if is_other_type:
        found.append(f"{start} TYPE {_type(after)}{_using(before, column, schema, retyped=retyped)}")
        before = {**before, "storage": None, "compression": None}
    if after["not null"] and odd:
        found.append(_not_null(column, schema) if _is_odd_not_null(after) else f"{start} SET NOT NULL")
    if "default" in after and (redefaulted or before.get("default") != after["default"]):
        found.append(f"{start} SET DEFAULT {after['default']}")
    return found + _expression(start, before, column, schema) + _settings(start, before, after, schema)


def is_replaced_column(before: Definition, after: Definition, version: int) -> bool:
    """Tell whether a column can only be dropped and added anew: what it holds is computed."""
    if "generated" in after:
        is_same_kind = before.get("generated") == after["generated"]
        return not is_same_kind or (before["generated as"] != after["generated as"] and version < _SET_EXPRESSION)
    return before.get("generated") == "virtual"


def _rest(found: Definition, key: str | None) -> str:
    text = f" PARTITION BY {key or found['partition key']}" if found.get("partition key") else ""
    text += f" USING {found['access method']}" if found.get("access method") else ""
    text += f" WITH ({option_list(_options(found))})" if _options(found) else ""
    if found.get("server"):
        text += f" SERVER {name_of(found['server'])}"
        settings = foreign_options((), found.get("foreign options")).replace("ADD ", "")
        text += f" OPTIONS ({settings})" if settings else ""
    return text


def _after_create(row: Row, columns: list[Row], schema: Schema) -> list[str]:
    own = {**row.definition, "options": None, "toast options": None, "persistence": None, "access method": None}
    own["foreign options"] = None
    found = alter_table(row.identity, {}, own)
    if not row.definition.get("partition of"):
        return [*(text for column in columns for text in after_add(column, schema)), *found]
    parent = {schema.column_name(item): item.definition for item in _parent_columns(row, schema)}
    for column in columns:
        before = parent.get(schema.column_name(column), _NOTHING)
        # An identity is the root's alone.
        before = {name: value for name, value in before.items() if name != "identity"}
        found += alter_column(before, column, schema, retyped=False, redefaulted=False)
    return found


def _parent_columns(row: Row, schema: Schema) -> list[Row]:
    return schema.columns.get(row.definition["partition of"], [])


def _options(found: Definition) -> dict[str, str]:
    return options(found.get("options")) | options(found.get("toast options"), "toast.")


def _partition(found: Definition) -> tuple[object, object]:
    return found.get("partition of"), found.get("partition bound")


def _keeps_parents(before: Definition, after: Definition) -> bool:
    old, new = before.get("inherits") or [], after.get("inherits") or []
    return bool(new[: len(old)] == old)


def _type(found: Mapping[str, str]) -> str:
    return found["type"] + (f" COLLATE {found['collation']}" if found.get("collation") else "")


def _using(before: Definition, column: Row, schema: Schema, *, retyped: bool) -> str:
    name, kind = schema.quoted_column(column), column.definition["type"]
    if column.definition.get("generated"):
        return ""
    if retyped:
        return f" USING {name}::text{'[]' * kind.count('[]')}::{kind}"
    if base_type(before["type"]) == base_type(kind) and before["type"].count("[]") == kind.count("[]"):
        return ""
    return f" USING {cast(name, before['type'], kind)}"


def _default_gone(start: str, before: Definition, after: Definition) -> list[str]:
    if "default" in before and ("default" not in after or before["type"] != after["type"]):
        return [f"{start} DROP DEFAULT"]
    return []


def _is_odd_not_null(found: Definition) -> bool:
    return found.get("not null for every row") is False or found.get("not null inherited") is False


def _not_null(column: Row, schema: Schema) -> str:
    found = column.definition
    text = f"ALTER TABLE {schema.table_of(column)} ADD NOT NULL {schema.quoted_column(column)}"
    text += " NO INHERIT" if found.get("not null inherited") is False else ""
    return text + (" NOT VALID" if found.get("not null for every row") is False else "")


def _identity(column: Row, schema: Schema) -> str:
    words = f"GENERATED {column.definition['identity'].upper()} AS IDENTITY"
    sequence = schema.identity_sequences.get(column.identity)
    if sequence is None:
        return words
    return f"{words} (SEQUENCE NAME {sequence.identity} {sequence_options(sequence.definition)})"


def _expression(start: str, before: Definition, column: Row, schema: Schema) -> list[str]:
    after = column.definition
    found = []
    if after.get("generated") and before.get("generated as") != after["generated as"]:
        found.append(f"{start} SET EXPRESSION AS ({after['generated as']})")
    if after.get("identity") and not before.get("identity"):
        found.append(f"{start} ADD {_identity(column, schema)}")
    elif after.get("identity") and before["identity"] != after["identity"]:
        found.append(f"{start} SET GENERATED {after['identity'].upper()}")
    return found


def _settings(start: str, before: Definition, after: Definition, schema: Schema) -> list[str]:
    found = []
    if before.get("storage") != after.get("storage"):
        word = _STORAGES.get(after.get("storage", ""))
        if word or schema.snapshot.server_version >= _STORAGE_DEFAULT:
            found.append(f"{start} SET STORAGE {word or 'DEFAULT'}")
    if before.get("compression") != after.get("compression"):
        method = {"p": "pglz", "l": "lz4"}.get(after.get("compression", ""), "DEFAULT")
        found.append(f"{start} SET COMPRESSION {method}")
    if before.get("statistics target") != after.get("statistics target"):
        found.append(f"{start} SET STATISTICS {after.get('statistics target', -1)}")
    found += [
        f"{start} {change}" for change in option_changes(options(before.get("options")), options(after.get("options")))
    ]
    changed = foreign_options(before.get("foreign options"), after.get("foreign options"))
    if changed and before is not _NOTHING and not is_masked(after):
        found.append(f"{start.replace('ALTER TABLE', 'ALTER FOREIGN TABLE')} OPTIONS ({changed})")
    return found
