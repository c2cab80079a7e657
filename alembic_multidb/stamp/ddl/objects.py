"""SQL that makes, drops and alters one object, tables and their columns apart; nothing for what is left to people."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl import functions, types
from alembic_multidb.stamp.ddl.schema import Schema, is_identity_sequence
from alembic_multidb.stamp.ddl.text import (
    Definition,
    arguments_of,
    last_part,
    literal,
    option_changes,
    option_list,
    options,
    quoted,
)

_TRIGGER_STATES = {"enabled": "ENABLE", "disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
_RULE_STATES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
_INDEX_OPTIONS = re.compile(r" WITH \((?P<options>.*?)\)(?= TABLESPACE| WHERE|$)")
_BEFORE_WHAT_FOLLOWS = re.compile(r"(?= WHERE \(| DEFERRABLE| INITIALLY| NOT ENFORCED|$)")
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_CAST_CONTEXTS = {"i": " AS IMPLICIT", "a": " AS ASSIGNMENT", "e": ""}


def create(row: Row, schema: Schema) -> list[str]:
    """Return what makes an object that is not there."""
    make = _CREATE.get(row.kind)
    return make(row, schema) if make else []


def drop(row: Row, schema: Schema) -> list[str]:
    """Return what drops an object."""
    if row.kind == "trigger" and schema.is_copied_trigger(row):
        return []
    if row.kind in ("constraint", "trigger", "rule", "policy"):
        return [_drop_from_table(row, schema)]
    if row.kind == "sequence" and is_identity_sequence(row):
        return []
    if row.kind in ("operator class", "text search", "foreign server", "language", "table", "column"):
        return []
    word = {"function": functions.kind_word, "type": types.kind_word}.get(row.kind, _word)(row.definition)
    if row.kind == "cast":
        return [f"DROP CAST ({row.identity.replace(' as ', ' AS ')})"]
    if row.kind == "operator":
        return [f"DROP OPERATOR {row.identity.replace('(, ', '(NONE, ')}"]
    return [f"DROP {word or row.kind.upper()} {row.identity}"]


def alter(before: Row, after: Row, schema: Schema) -> list[str]:
    """Return what makes an object's definition another one in place."""
    change = _ALTER.get(after.kind)
    return change(before, after, schema) if change else []


def is_replaced(before: Row, after: Row) -> bool:
    """Tell whether an object can only be dropped and made anew."""
    differs = {
        name
        for name in {*before.definition, *after.definition}
        if before.definition.get(name) != after.definition.get(name)
    }
    if after.kind in _IN_PLACE:
        return bool(differs - _IN_PLACE[after.kind])
    decide = {"view": _is_replaced_view, "function": functions.is_replaced, "type": types.is_replaced}.get(after.kind)
    return decide(before.definition, after.definition) if decide else True


# What of a definition can be altered; another attribute makes a new object.
_IN_PLACE: dict[str, set[str]] = {
    "constraint": {"clustered", "replica identity"},
    "index": {"clustered", "replica identity", "statistics targets"},
    "trigger": {"state"},
    "rule": {"state"},
    "statistics": {"target"},
    "event trigger": {"state"},
    "extension": {"schema"},
    "sequence": {
        *("type", "start", "increment", "minimum", "maximum", "cache", "cycles", "persistence", "owned by"),
    },
    "schema": set(),
}


def sequence_options(definition: Definition, *, is_new: bool = True) -> str:
    """Return a sequence's options as CREATE and ALTER SEQUENCE, and an identity column, take them."""
    low, high = definition.get("minimum"), definition.get("maximum")
    words = [
        f"AS {definition['type']}" if "type" in definition else "",
        f"START WITH {definition['start']}",
        f"INCREMENT BY {definition['increment']}",
        f"MINVALUE {low}" if low is not None else "" if is_new else "NO MINVALUE",
        f"MAXVALUE {high}" if high is not None else "" if is_new else "NO MAXVALUE",
        f"CACHE {definition['cache']}",
        "CYCLE" if definition["cycles"] else "" if is_new else "NO CYCLE",
    ]
    return " ".join(word for word in words if word)


def late(row: Row, schema: Schema, before: Row | None) -> list[str]:
    """Return what can be said of an object only when all others are there."""
    definition = row.definition
    if row.kind == "trigger" and schema.is_copied_trigger(row):
        return _trigger_state("", row, schema)
    if row.kind == "sequence" and not is_identity_sequence(row):
        owner = definition.get("owned by")
        if owner != (before.definition.get("owned by") if before else None):
            return [f"ALTER SEQUENCE {row.identity} OWNED BY {owner or 'NONE'}"]
    is_new = before is None or not before.definition.get("clustered")
    if row.kind in ("constraint", "index") and definition.get("clustered") and is_new:
        name = schema.name_in(row) if row.kind == "constraint" else last_part(row.identity)
        return [f"ALTER TABLE {schema.table_of(row)} CLUSTER ON {name}"]
    return []


def copied_trigger_like_its_parent(row: Row, schema: Schema) -> list[str]:
    """Return what gives a partition's copy of a trigger the state that the parent's has."""
    name, _, table = row.identity.rpartition(" on ")
    parent = schema.copied_trigger(name, table)
    if parent is None:
        return []
    return [f"ALTER TABLE {table} {_TRIGGER_STATES[parent.definition['state']]} TRIGGER {name}"]


def _word(definition: Definition) -> str:
    return str(definition["kind"]).upper() if str(definition.get("kind")).endswith("view") else ""


def _drop_from_table(row: Row, schema: Schema) -> str:
    name, table = schema.name_in(row), schema.table_of(row)
    if row.kind != "constraint":
        return f"DROP {row.kind.upper()} {name} ON {table}"
    if row.relation:
        return f"ALTER TABLE {table} DROP CONSTRAINT {name}"
    return f"ALTER DOMAIN {row.identity.partition(' on domain ')[2]} DROP CONSTRAINT {name}"


def _schema(row: Row, schema: Schema) -> list[str]:
    return [f"CREATE SCHEMA {row.identity}"]


def _extension(row: Row, schema: Schema) -> list[str]:
    return [f"CREATE EXTENSION IF NOT EXISTS {row.identity} WITH SCHEMA {row.definition['schema']}"]


def _alter_extension(before: Row, after: Row, schema: Schema) -> list[str]:
    return [f"ALTER EXTENSION {after.identity} SET SCHEMA {after.definition['schema']}"]


def _collation(row: Row, schema: Schema) -> list[str]:
    found = row.definition
    values = [f"provider = {_PROVIDERS[found['provider']]}"]
    if found["provider"] == "c":
        values += [f"lc_collate = {literal(found['locale'])}", f"lc_ctype = {literal(found['ctype'])}"]
    else:
        values += [f"locale = {literal(found['locale'])}"]
    values += ["deterministic = false"] if not found["deterministic"] else []
    values += [f"rules = {literal(found['rules'])}"] if found.get("rules") else []
    return [f"CREATE COLLATION {row.identity} ({', '.join(values)})"]


def _sequence(row: Row, schema: Schema) -> list[str]:
    if is_identity_sequence(row):
        return []
    unlogged = "UNLOGGED " if row.definition.get("persistence") else ""
    return [f"CREATE {unlogged}SEQUENCE {row.identity} {sequence_options(row.definition)}"]


def _alter_sequence(before: Row, after: Row, schema: Schema) -> list[str]:
    name, old, new = after.identity, before.definition, after.definition
    found = []
    if {**old, "owned by": 0, "persistence": 0} != {**new, "owned by": 0, "persistence": 0}:
        found.append(f"ALTER SEQUENCE {name} {sequence_options(new, is_new=False)}")
    if old.get("persistence") != new.get("persistence"):
        found.append(f"ALTER SEQUENCE {name} SET {'UNLOGGED' if new.get('persistence') else 'LOGGED'}")
    return found


def _constraint(row: Row, schema: Schema) -> list[str]:
    name, found = schema.name_in(row), row.definition
    if not row.relation:
        domain = row.identity.partition(" on domain ")[2]
        return [f"ALTER DOMAIN {domain} ADD CONSTRAINT {name} {schema.text_of(row)}"]
    text = schema.text_of(row)
    with_options = _INDEX_OPTIONS.search(found.get("index", ""))
    if with_options:
        place = _BEFORE_WHAT_FOLLOWS.search(text)
        assert place is not None
        text = f"{text[: place.start()]} WITH ({with_options['options']}){text[place.start() :]}"
    return [f"ALTER TABLE {schema.table_of(row)} ADD CONSTRAINT {name} {text}"]


def _alter_clustered(before: Row, after: Row, schema: Schema) -> list[str]:
    if before.definition.get("clustered") and not after.definition.get("clustered"):
        return [f"ALTER TABLE {schema.table_of(after)} SET WITHOUT CLUSTER"]
    return []


def _index(row: Row, schema: Schema) -> list[str]:
    text = schema.text_of(row)
    if row.definition.get("valid") is not False:
        text = text.replace(" ON ONLY ", " ON ", 1)
    return [text, *_index_statistics({}, row.definition, row.identity)]


def _alter_index(before: Row, after: Row, schema: Schema) -> list[str]:
    return [
        *_index_statistics(before.definition, after.definition, after.identity),
        *_alter_clustered(before, after, schema),
    ]


def _index_statistics(before: Definition, after: Definition, index: str) -> list[str]:
    old, new = before.get("statistics targets") or {}, after.get("statistics targets") or {}
    return [
        f"ALTER INDEX {index} ALTER COLUMN {number} SET STATISTICS {new.get(number, -1)}"
        for number in sorted({*old, *new})
        if old.get(number) != new.get(number)
    ]


def _is_replaced_view(before: Definition, after: Definition) -> bool:
    if before["kind"] != after["kind"] or before.get("access method") != after.get("access method"):
        return True
    if after["kind"] == "materialized view":
        return bool(before["query"] != after["query"] or before["columns"] != after["columns"])
    old, new = before.get("columns") or [], after.get("columns") or []
    return bool(new[: len(old)] != old)


def _view(row: Row, schema: Schema) -> list[str]:
    return _view_as(row, schema, "CREATE")


def _view_as(row: Row, schema: Schema, verb: str) -> list[str]:
    found = row.definition
    kind = str(found["kind"]).upper()
    using = f" USING {found['access method']}" if found.get("access method") else ""
    with_options = f" WITH ({option_list(options(found['options']))})" if found.get("options") else ""
    query = schema.texts.get(row.node, found["query"]).strip().removesuffix(";")
    return [f"{verb} {kind} {row.identity}{using}{with_options} AS\n{query}", *_view_defaults({}, found, row.identity)]


def _view_defaults(before: Definition, after: Definition, name: str) -> list[str]:
    old, new = before.get("defaults") or {}, after.get("defaults") or {}
    return [
        f"ALTER VIEW {name} ALTER COLUMN {quoted(column)} "
        + (f"SET DEFAULT {new[column]}" if column in new else "DROP DEFAULT")
        for column in sorted({*old, *new})
        if old.get(column) != new.get(column)
    ]


def _alter_view(before: Row, after: Row, schema: Schema) -> list[str]:
    old, new = before.definition, after.definition
    if old["query"] != new["query"] or old.get("columns") != new.get("columns"):
        statement = _view_as(after, schema, "CREATE OR REPLACE")[0]
        return [statement, *_view_defaults(old, new, after.identity)]
    kind = str(new["kind"]).upper()
    changes = option_changes(options(old.get("options")), options(new.get("options")))
    return [
        *(f"ALTER {kind} {after.identity} {change}" for change in changes),
        *_view_defaults(old, new, after.identity),
    ]


def _rule(row: Row, schema: Schema) -> list[str]:
    return [schema.text_of(row), *_rule_state("O", row, schema)]


def _alter_rule(before: Row, after: Row, schema: Schema) -> list[str]:
    return _rule_state(before.definition["state"], after, schema)


def _rule_state(before: str, row: Row, schema: Schema) -> list[str]:
    state = row.definition["state"]
    if state == before:
        return []
    return [f"ALTER TABLE {schema.table_of(row)} {_RULE_STATES[state]} RULE {schema.name_in(row)}"]


def _trigger(row: Row, schema: Schema) -> list[str]:
    if schema.is_copied_trigger(row):
        return []
    return [schema.text_of(row), *_trigger_state("enabled", row, schema)]


def _alter_trigger(before: Row, after: Row, schema: Schema) -> list[str]:
    return [] if schema.is_copied_trigger(after) else _trigger_state(before.definition["state"], after, schema)


def _trigger_state(before: str, row: Row, schema: Schema) -> list[str]:
    state = row.definition["state"]
    if state == before:
        return []
    return [f"ALTER TABLE {schema.table_of(row)} {_TRIGGER_STATES[state]} TRIGGER {schema.name_in(row)}"]


def _policy(row: Row, schema: Schema) -> list[str]:
    found = row.definition
    roles = ", ".join("PUBLIC" if role == "public" else quoted(role) for role in found["roles"])
    kind = "PERMISSIVE" if found["permissive"] else "RESTRICTIVE"
    text = f"CREATE POLICY {schema.name_in(row)} ON {schema.table_of(row)} AS {kind} FOR {_COMMANDS[found['command']]}"
    text += f" TO {roles}"
    text += f" USING ({found['using']})" if "using" in found else ""
    text += f" WITH CHECK ({found['with check']})" if "with check" in found else ""
    return [text]


def _statistics(row: Row, schema: Schema) -> list[str]:
    return [schema.text_of(row), *_statistics_target(None, row.definition.get("target"), row.identity)]


def _alter_statistics(before: Row, after: Row, schema: Schema) -> list[str]:
    return _statistics_target(before.definition.get("target"), after.definition.get("target"), after.identity)


def _statistics_target(before: Any, after: Any, name: str) -> list[str]:
    return [f"ALTER STATISTICS {name} SET STATISTICS {-1 if after is None else after}"] if before != after else []


def _cast(row: Row, schema: Schema) -> list[str]:
    found = row.definition
    how = f"WITH FUNCTION {found['function']}" if "function" in found else "WITHOUT FUNCTION"
    how = "WITH INOUT" if found["method"] == "i" else how
    return [f"CREATE CAST ({row.identity.replace(' as ', ' AS ')}) {how}{_CAST_CONTEXTS[found['context']]}"]


def _operator(row: Row, schema: Schema) -> list[str]:
    found = row.definition
    left, _, right = row.identity[row.identity.rindex("(") + 1 : -1].partition(", ")
    values = [f"FUNCTION = {arguments_of(found['function'])}"]
    values += [f"LEFTARG = {left}"] if left else []
    values += [f"RIGHTARG = {right}"]
    for word, name in (("COMMUTATOR", "commutator"), ("NEGATOR", "negator")):
        values += [f"{word} = OPERATOR({functions.operator_name(found[name])})"] if name in found else []
    values += [f"{word.upper()} = {arguments_of(found[word])}" for word in ("restrict", "join") if word in found]
    values += [word.upper() for word in ("hashes", "merges") if found[word]]
    return [f"CREATE OPERATOR {functions.operator_name(row.identity)} ({', '.join(values)})"]


def _event_trigger(row: Row, schema: Schema) -> list[str]:
    found = row.definition
    tags = f" WHEN TAG IN ({', '.join(map(literal, found['tags']))})" if found.get("tags") else ""
    text = f"CREATE EVENT TRIGGER {row.identity} ON {found['event']}{tags} EXECUTE FUNCTION {found['function']}"
    return [text, *_event_trigger_state("O", row)]


def _alter_event_trigger(before: Row, after: Row, schema: Schema) -> list[str]:
    return _event_trigger_state(before.definition["state"], after)


def _event_trigger_state(before: str, row: Row) -> list[str]:
    state = row.definition["state"]
    return [f"ALTER EVENT TRIGGER {row.identity} {_RULE_STATES[state]}"] if state != before else []


_CREATE: dict[str, Callable[[Row, Schema], list[str]]] = {
    "schema": _schema,
    "extension": _extension,
    "collation": _collation,
    "type": types.create,
    "sequence": _sequence,
    "function": functions.create,
    "constraint": _constraint,
    "index": _index,
    "view": _view,
    "rule": _rule,
    "trigger": _trigger,
    "policy": _policy,
    "statistics": _statistics,
    "cast": _cast,
    "operator": _operator,
    "event trigger": _event_trigger,
}
_ALTER: dict[str, Callable[[Row, Row, Schema], list[str]]] = {
    "extension": _alter_extension,
    "sequence": _alter_sequence,
    "constraint": _alter_clustered,
    "index": _alter_index,
    "view": _alter_view,
    "rule": _alter_rule,
    "trigger": _alter_trigger,
    "statistics": _alter_statistics,
    "event trigger": _alter_event_trigger,
    "function": functions.alter,
    "type": types.alter,
}
