"""What functions say in their text about objects of other homes: reported, since PostgreSQL does not know of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alembic_multidb.bodytext import Words, read_words
from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.plpgsql import Function
from alembic_multidb.registry import TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import Finding, PlannedObject, shown
from alembic_multidb.split.objects import Objects
from alembic_multidb.sqltext import Relation

_RELATIONS = frozenset({"table", "view", "materialized view", "sequence", "foreign table"})
_FUNCTIONS = frozenset({"function", "procedure", "aggregate"})
_WITH_ROWS = _RELATIONS | {"type"}
# The name of a function before its arguments.
_CALLED = re.compile(r'(?:"(?:[^"]|"")+"|[^".(])+\.(?:"(?:[^"]|"")+"|[^".(]+)(?=\()')

# Name of an object, to its schemas, to where it goes.
Known = Mapping[str, Mapping[str, frozenset[str]]]


@dataclass(frozen=True)
class _Places:
    """Where everything goes that a body can name, by its kind."""

    relations: Known
    functions: Known
    types: Known
    default_schema: str

    @classmethod
    def of(cls, objects: Objects) -> _Places:
        planned = objects.planned
        return cls(
            _known(planned, _RELATIONS),
            _with_extensions(_known(planned, _FUNCTIONS), objects),
            _known(planned, _WITH_ROWS),
            objects.survey.snapshot.default_schema,
        )

    def elsewhere(self, words: Words, database: str) -> dict[str, str]:
        """Return what of the named does not go to a database, with where it goes."""
        found = dict(_elsewhere(words.relations, self.relations, database))
        # A function or type that is named alone may be one of PostgreSQL's own, unless it lies where such names do.
        for names, known in ((words.functions, self.functions), (words.types, self.types)):
            full = {Relation(schema or self.default_schema, name) for schema, name in names}
            found |= _elsewhere({item for item in full if item.schema in known.get(item.name, {})}, known, database)
        return found


def body_findings(objects: Objects) -> list[Finding]:
    """Return what is to be known of the bodies of those functions that are carried over."""
    places = _Places.of(objects)
    found: list[Finding] = []
    for item in objects.planned:
        text = objects.survey.texts.get(item.node)
        if text is not None and item.treatment == "home":
            found += _findings(item, _function(text), places)
    return found


def _function(text: Any) -> Function:
    arguments = tuple((mode, name) for mode, name in text.arguments)
    return Function(text.language, text.body, text.result, text.is_set, arguments)


def _findings(item: PlannedObject, function: Function, places: _Places) -> Iterator[Finding]:
    words = read_words(function)
    name = f"{item.type} {shown(item.identity)}"
    for database in item.homes:
        for named, where in sorted(places.elsewhere(words, database).items()):
            yield Finding(
                kind="body-names-another-home",
                severity="warning",
                database=database,
                object=name,
                message=f'the body of {name} names "{shown(named)}", which goes to {where}',
                fix="it will fail there if it is called",
            )
    if not words.is_parsed:
        message = f"the body of {name} ({function.language}) could not be parsed: it was searched for words"
        yield _note("body-not-read", name, message)
    if words.is_dynamic:
        yield _note("body-dynamic", name, f"{name} runs SQL that it puts together (EXECUTE), which is not known")


def _note(kind: str, name: str, message: str) -> Finding:
    return Finding(kind=kind, severity="note", object=name, message=message)


def _elsewhere(names: Iterable[Relation], known: Known, database: str) -> Iterator[tuple[str, str]]:
    for schema, name in names:
        there = known.get(name, {})
        places = [there[schema]] if schema is not None and schema in there else list(there.values())
        if places and not any(database in homes for homes in places):
            yield name, ", ".join(sorted(frozenset[str]().union(*places))) or "nowhere"


def _known(planned: Iterable[PlannedObject], types: Collection[str]) -> Known:
    found: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for item in planned:
        called = _CALLED.match(item.identity) if item.type in _FUNCTIONS else None
        if item.type in types:
            name = TableName.parse(called[0] if called else item.identity)
            schemas = found[name.name]
            schema = name.schema or DEFAULT_SCHEMA
            # Functions of one name, with other arguments.
            schemas[schema] = schemas.get(schema, frozenset()) | frozenset(item.homes)
    return found


def _with_extensions(functions: Known, objects: Objects) -> Known:
    """Return where functions go, those of extensions too: where the extension does."""
    found = {name: dict(schemas) for name, schemas in functions.items()}
    for row in objects.survey.extension_functions:
        extension = ObjectId("pg_extension", row.extension)
        homes = objects.homes_of(extension) if objects.is_carried(extension) else frozenset[str]()
        schemas = found.setdefault(row.name, {})
        schemas[row.schema] = schemas.get(row.schema, frozenset()) | homes
    return found
