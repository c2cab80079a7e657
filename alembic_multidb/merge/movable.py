"""Whether what lies in a schema can come into one of another name: what names it as text, PostgreSQL does not move."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from alembic_multidb.bodytext import Words, read_words
from alembic_multidb.catalog.snapshot import Snapshot, canonical
from alembic_multidb.plpgsql import Function
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import Finding, PlannedObject, shown
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.regvalues import columns_of_oids
from alembic_multidb.split.run import Prepared
from alembic_multidb.sqltext import Relation
from alembic_multidb.verify.tables import quoted

_FIXED = text("SELECT extname FROM pg_extension WHERE NOT extrelocatable AND extnamespace = to_regnamespace('public')")
_PATHS = text(
    """
    SELECT p.oid FROM pg_proc AS p
    WHERE EXISTS (SELECT FROM unnest(p.proconfig) AS s (setting) WHERE s.setting LIKE 'search\\_path=%')
    """
)
_NAMES = text(
    """
    WITH m AS (
        SELECT c.relname AS name, 'pg_class'::regclass AS catalog, c.oid FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('public')
        UNION ALL
        SELECT t.typname, 'pg_type'::regclass, t.oid FROM pg_type AS t WHERE t.typnamespace = to_regnamespace('public')
        UNION ALL
        SELECT p.proname, 'pg_proc'::regclass, p.oid FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('public')
    )
    SELECT DISTINCT m.name FROM m
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = m.catalog AND d.objid = m.oid AND d.deptype = 'e')
    """
)
# A name with its schema, and a text that is read as a name, in what PostgreSQL writes of all that it knows of.
_QUALIFIED = re.compile(r'\bpublic(?:\\")?\s*\.')
_READ = re.compile(r"::text\)?::reg\w+")
# What is looked at otherwise, or says nothing to the server.
_NO_DEFINITIONS = frozenset({"comment", "extension", "extension version"})
_OF_FUNCTIONS = ("body", "settings")
_MANY = 5


@dataclass(frozen=True)
class _Text:
    """A function that PostgreSQL knows the text of.

    Attributes:
        name: kind and identity.
        words: what its body speaks of.
        has_path: whether it brings a search_path along.
    """

    name: str
    words: Words
    has_path: bool


def unmovable(ready: Prepared, schema: str) -> Iterator[Finding]:
    """Find what of a database cannot come into another schema with certainty.

    Args:
        ready: the database, looked at.
        schema: what its schema ``public`` is to be called.
    """
    connection, objects = ready.connection, ready.objects
    (name,) = ready.plan.databases
    yield from _schemas(name, objects, schema)
    for extension in connection.execute(_FIXED).scalars():
        yield _finding(
            name,
            f"extension {extension}",
            f"extension {extension} lies in {DEFAULT_SCHEMA}, and PostgreSQL moves it into no other schema",
            "leave this database's names as they are, and rename what clashes in the other one",
        )
    names = set(connection.execute(_NAMES).scalars())
    for function in _texts(connection, objects):
        yield from _function(name, function, names)
    for column in columns_of_oids(connection, objects):
        yield _finding(
            name,
            f"column {column}",
            f"column {column} holds names of objects (regclass or the like), which would name something else then",
            "make it text in the database that has it",
        )
    for setting in ready.plan.settings:
        if setting.name == "search_path":
            yield _finding(
                name,
                "setting search_path",
                "its setting search_path would be that of the whole merged database",
                f"leave it behind: --exclude '{name}/setting:search_path'",
            )


def text_that_names(name: str, snapshot: Snapshot, schema: str) -> Iterator[Finding]:
    """Find definitions in which the old name of a schema is left after it was renamed: as text.

    Args:
        name: the database's.
        snapshot: with the schema renamed, that of extensions, too.
        schema: what it is called now.
    """
    for row in snapshot.rows:
        if row.kind in _NO_DEFINITIONS:
            continue
        left_out = _OF_FUNCTIONS if row.kind == "function" else ()
        written = canonical({key: value for key, value in row.attributes.items() if key not in left_out})
        found = _QUALIFIED.search(written) or _READ.search(written)
        if found is not None:
            identity = row.identity.replace(f"{quoted(schema)}.", f"{DEFAULT_SCHEMA}.")
            yield _finding(
                name,
                f"{row.kind} {shown(identity)}",
                f"{row.kind} {shown(identity)} has a name of something as text ({found[0]}), which nothing changes",
                "write it in the database that has it so that PostgreSQL knows what is meant, as "
                "'orders_id_seq'::regclass, or leave it behind (--exclude)",
            )


def _schemas(name: str, objects: Objects, schema: str) -> Iterator[Finding]:
    there = {item.identity for item in objects.survey.objects if item.type == "schema"}
    if DEFAULT_SCHEMA not in there:
        yield _finding(name, "schema public", f"it has no schema {DEFAULT_SCHEMA}", "leave --into-schema out")
    if schema in {identity.strip('"') for identity in there}:
        yield _finding(name, f"schema {schema}", f"it has a schema {schema} already", "choose another name")


def _texts(connection: Connection, objects: Objects) -> Iterator[_Text]:
    with_path = set(connection.execute(_PATHS).scalars())
    for item in objects.planned:
        known = objects.survey.texts.get(item.node)
        if known is not None and item.treatment == "home":
            yield _Text(_called(item), read_words(_as_function(known)), item.node.oid in with_path)


def _called(item: PlannedObject) -> str:
    return f"{item.type} {shown(item.identity)}"


def _as_function(known: Any) -> Function:
    arguments = tuple((mode, name) for mode, name in known.arguments)
    return Function(known.language, known.body, known.result, known.is_set, arguments)


def _function(database: str, function: _Text, names: Collection[str]) -> Iterator[Finding]:
    """Tell why a function may mean something else, or nothing, after what it names has gone into another schema."""
    name, words = function.name, function.words
    every = {*words.relations, *words.functions, *words.types}
    if full := sorted(_full(every, names)):
        yield _finding(
            database,
            name,
            f"the body of {name} has the schema {DEFAULT_SCHEMA} as text: {', '.join(full[:_MANY])}",
            "name things without their schema there, and give the function a search_path of its own (ALTER FUNCTION "
            f"... SET search_path = {DEFAULT_SCHEMA}), which comes along changed; or leave it behind (--exclude)",
        )
    elif words.is_dynamic:
        yield _finding(
            database,
            name,
            f"{name} runs SQL that it puts together (EXECUTE): what it names is not known",
            "leave it behind (--exclude), and make it anew afterwards",
        )
    elif not function.has_path and (plain := sorted(_plain(every, names))):
        yield _finding(
            database,
            name,
            f"the body of {name} names {', '.join(plain[:_MANY])} without a schema: what it is depends on the caller",
            f"give it a search_path of its own before (ALTER FUNCTION ... SET search_path = {DEFAULT_SCHEMA}), which "
            "comes along changed; or leave it behind (--exclude)",
        )


def _full(words: Iterable[Relation], names: Collection[str]) -> set[str]:
    """Return where the schema itself is named: before a dot, but for what an extension has there, or anywhere else."""
    found = {f"{schema}.{name}" for schema, name in words if schema == DEFAULT_SCHEMA and name in names}
    return found | {name for schema, name in words if schema is None and name == DEFAULT_SCHEMA}


def _plain(words: Iterable[Relation], names: Collection[str]) -> set[str]:
    return {name for schema, name in words if schema is None and name in names}


def moved_path(setting: str, schemas: Mapping[str, str]) -> str:
    """Return a search_path in which schemas have their new names; what stays under the old one is looked at after it.

    Args:
        setting: as PostgreSQL writes it.
        schemas: the new names, as SQL writes them, by the old ones.
    """
    parts = [part.strip() for part in setting.split(",")]
    found = [name for part in parts for name in ([schemas[part], part] if part in schemas else [part])]
    return ", ".join(dict.fromkeys(found))


def _finding(database: str, about: str, message: str, fix: str) -> Finding:
    return Finding(kind="into-schema", severity="refused", database=database, object=about, message=message, fix=fix)
