"""What the bodies of functions speak of, of which PostgreSQL knows nothing: that is whom an unused one is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot
from alembic_multidb.registry import TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.statements import Thing, read

# By kind of row: how statements call it.
_KINDS = {"table": "relation", "view": "relation", "sequence": "relation", "function": "function", "type": "type"}
_Known = Mapping[Thing, set[ObjectId]]


def bodies_of(snapshot: Snapshot, owners: Mapping[ObjectId, ObjectId]) -> dict[ObjectId, set[ObjectId]]:
    """Return what the body of each function speaks of, as far as it can be read.

    Args:
        snapshot: of a whole database.
        owners: what is part of what.
    """
    functions = [row for row in snapshot.rows if row.kind == "function" and row.definition.get("body")]
    if not functions:
        return {}
    known = _known(snapshot)
    found = {}
    for row in functions:
        nodes = {owners.get(node, node) for node in _named(row, known, snapshot.default_schema)} - {row.node}
        if nodes:
            found[row.node] = nodes
    return found


def _known(snapshot: Snapshot) -> _Known:
    """Return the objects of each name; functions of one name are several."""
    known: dict[Thing, set[ObjectId]] = defaultdict(set)
    for row in snapshot.rows:
        kind = _KINDS.get(row.kind)
        if kind is not None:
            name = TableName.parse(_without_arguments(row.identity) if kind == "function" else row.identity)
            # A sequence that a table owns is where that is.
            node = ObjectId("pg_class", row.relation) if row.kind == "sequence" and row.relation else row.node
            known[_thing(kind, name.schema, name.name)].add(node)
    return known


def _thing(kind: str, schema: str | None, name: str) -> Thing:
    return Thing(kind, None if schema == DEFAULT_SCHEMA else schema, name)  # type: ignore[arg-type]


def _named(row: Row, known: _Known, default_schema: str) -> Iterator[ObjectId]:
    for thing in _spoken(row):
        schemas = [thing.schema] if thing.schema is not None else [None, default_schema]
        for schema in schemas:
            yield from known.get(_thing(thing.kind, schema, thing.name), ())


def _spoken(row: Row) -> Iterable[Thing]:
    """Return what a function speaks of, by a statement that makes one with this body."""
    definition = row.definition
    quote = next(each for each in ("$body$", "$function$", "$multidb$") if each not in definition["body"])
    returns = f" RETURNS {definition['returns']}" if definition.get("returns") else ""
    kind = "PROCEDURE" if definition["kind"] == "procedure" else "FUNCTION"
    name = _without_arguments(row.identity)
    sql = (
        f'CREATE {kind} {name}({definition.get("arguments", "")}){returns} LANGUAGE "{definition["language"]}" '
        f"AS {quote}{definition['body']}{quote}"
    )
    return [thing for statement in read(sql) for thing in statement.body]


def _without_arguments(identity: str) -> str:
    """Return the name of a function; what stands in quotes may hold brackets."""
    inside = False
    for place, character in enumerate(identity):
        inside ^= character == '"'
        if character == "(" and not inside:
            return identity[:place]
    return identity
