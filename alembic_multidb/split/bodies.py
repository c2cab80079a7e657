"""What functions say in their text about objects of other homes: reported, since PostgreSQL does not know of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from alembic_multidb.bodytext import Words, read_words
from alembic_multidb.registry import TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import Finding, shown
from alembic_multidb.split.objects import Objects

_RELATIONS = frozenset({"table", "view", "materialized view", "sequence", "foreign table"})

# Schema and name of a relation, to where it goes.
Relations = Mapping[str, Mapping[str, frozenset[str]]]


def body_findings(objects: Objects) -> list[Finding]:
    """Return what is to be known of the bodies of those functions that are carried over."""
    relations = _relations(objects)
    found = []
    for item in objects.planned:
        text = objects.survey.texts.get(item.node)
        if text is None or item.treatment != "home":
            continue
        words = read_words(text.language, text.body)
        name = f"{item.type} {shown(item.identity)}"
        for database in item.homes:
            found += _named(name, database, words, relations)
        if not words.is_scanned:
            found.append(_note("body-not-read", name, f"the body of {name} ({text.language}) could not be parsed"))
        if words.is_dynamic:
            found.append(
                _note("body-dynamic", name, f"{name} runs SQL that it puts together (EXECUTE), which is not known")
            )
    return found


def _note(kind: str, name: str, message: str) -> Finding:
    return Finding(kind=kind, severity="note", object=name, message=message)


def _named(name: str, database: str, words: Words, relations: Relations) -> list[Finding]:
    """Report the relations that a body names and that do not go where the function goes."""
    found = []
    for schema, relation in sorted(words.names, key=str):
        known = relations.get(relation, {})
        places = [known[schema]] if schema is not None and schema in known else list(known.values())
        if places and not any(database in homes for homes in places):
            where = ", ".join(sorted(set[str]().union(*places))) or "nowhere"
            found.append(
                Finding(
                    kind="body-names-another-home",
                    severity="warning",
                    database=database,
                    object=name,
                    message=f'the body of {name} names "{shown(relation)}", which goes to {where}',
                    fix="it will fail there if it is called",
                )
            )
    return found


def _relations(objects: Objects) -> Relations:
    found: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for item in objects.planned:
        if item.type in _RELATIONS:
            name = TableName.parse(item.identity)
            found[name.name][name.schema or DEFAULT_SCHEMA] = frozenset(item.homes)
    return found
