"""The histories of a merged database: a version table for each, and what changes in the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from alembic_multidb.checks.finding import shortened
from alembic_multidb.env.marker import find_version_table, mark_version_table
from alembic_multidb.merge.model import MergePlan, Part
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import Databases, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import Finding
from alembic_multidb.verify.tables import quoted

# In Python or in SQL.
_NAMES_THE_SCHEMA = re.compile(rf"\b{DEFAULT_SCHEMA}\s*\.|schema\w*\s*=\s*[\"']{DEFAULT_SCHEMA}[\"']")


def version_tables(
    databases: Databases, names: Sequence[str], into: str | None, schemas: Mapping[str, str]
) -> dict[str, TableName]:
    """Return where each history writes its revision: as before, but for those whose table is taken.

    Args:
        databases: the registry.
        names: of the databases that come in.
        into: the database that they come into, if it is one of the registry.
        schemas: for each database whose schema ``public`` is called otherwise in the target, what.
    """
    found: dict[str, TableName] = {}
    first = sorted(names, key=lambda name: not databases[name].declaration.default)
    for name in (*((into,) if into is not None else ()), *first):
        table = databases[name].declaration.version_table_name
        if name in schemas and (table.schema or DEFAULT_SCHEMA) == DEFAULT_SCHEMA:
            table = TableName.of(schemas[name], table.name)
        while table in found.values():
            table = TableName.of(table.schema, f"{table.name}_{name}")
        found[name] = table
    return found


def write_revisions(connection: Connection, project: Project, part: Part) -> None:
    """Write down where a history is, and whose it is; done again, it does no harm.

    Args:
        connection: to the target, inside a transaction.
        project: the repository.
        part: whose revisions its database had.
    """
    database = part.database
    schema = database.version_table_schema
    if schema is not None and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema))
    existing = find_version_table(connection, database)
    context = MigrationContext.configure(
        connection, opts={"version_table": database.version_table, "version_table_schema": schema}
    )
    if existing is None:
        context._ensure_version_table()
    connection.execute(context._version.delete())
    for revision in part.revisions or ():
        connection.execute(
            context._version.insert().values(version_num=text(":revision").bindparams(revision=revision))
        )
    mark_version_table(connection.execute, database, existing, project.mark_of(database))


def same_revisions(project: Project, names: Sequence[str]) -> Iterator[Finding]:
    """Find ids that two histories give to different revisions."""
    seen: dict[str, tuple[str, str]] = {}
    for name in names:
        for revision, script in History.load(project, name, to_read=True).revisions.items():
            other, path = seen.setdefault(revision, (name, str(script.path)))
            if path != str(script.path):
                yield Finding(
                    kind="clash-revision",
                    severity="refused",
                    object=revision,
                    message=f'revision "{revision}" is in the histories of "{other}" and "{name}", and not the same: '
                    "in one database nobody could tell which of them a version table means",
                    fix="give it another id in one of them: in the file, in the down_revision of those after it, and "
                    "in the version table of its database",
                )


def changes(plan: MergePlan, databases: Databases) -> Iterator[str]:
    """Yield what is to be changed in registry and environment, as lines to read."""
    names = list(plan.version_tables)
    yield "In the registry:"
    yield from _declarations(plan, databases)
    for reference in plan.references:
        yield (
            f"  {'.'.join(reference.table)} ({', '.join(reference.columns)}) is guarded by a foreign key now: take it "
            "out of soft_references, or leave it there"
        )
    if plan.casts:
        yield "In the models:"
        yield from (f"  {'.'.join(cast.table)}.{cast.column} is {cast.new} now" for cast in plan.casts)
    yield from _between_histories(plan)
    yield "In the environment, or wherever their URLs come from:"
    moved = [name for name in names if plan.place.into is None or name != plan.place.into.name]
    yield f"  {', '.join(moved)} -> {plan.place.url}"
    for part in plan.parts:
        if part.moved:
            yield from _in_a_schema(part)


def _between_histories(plan: MergePlan) -> Iterator[str]:
    """Yield which histories have keys between them, so that an empty database needs all of them."""
    homes = {table: part.name for part in plan.all_parts for table in part.relations}
    pairs = {(homes.get(reference.table), homes.get(reference.target)) for reference in plan.references}
    first = next(iter(plan.version_tables))
    together = sorted({name for pair in pairs if pair[0] != pair[1] for name in pair if name})
    if not together:
        return
    yield "In the histories:"
    words = f"  foreign keys stand between those of {', '.join(together)} now: an empty database needs all of them"
    others = " ".join(f"-n {name}" for name in together if name != first)
    is_joinable = not any(part.moved for part in plan.parts)
    yield f"{words}; to have one history: multidb history join --into {first} {others}" if is_joinable else words


def _declarations(plan: MergePlan, databases: Databases) -> Iterator[str]:
    first = next(iter(plan.version_tables))
    for name, table in plan.version_tables.items():
        before = databases[name].declaration.version_table_name
        words = []
        if table.name != before.name:
            words.append(f'version_table="{table.name}"')
        if table.schema != before.schema:
            words.append(f'version_table_schema="{table.schema}"')
        if name != first:
            words.append(f'shared_with="{first}"')
        if words:
            yield f'  Database("{name}", {", ".join(words)}, ...)'


def _in_a_schema(part: Part) -> Iterator[str]:
    schema = quoted(part.moved[DEFAULT_SCHEMA])
    path = f"{schema},{DEFAULT_SCHEMA}"
    yield (
        f'  "{part.name}" is in schema {schema} now: its sessions, those of its migrations included, need '
        f"search_path={path}: by its URL, ...?options=-csearch_path={quote(path)}, or by a login of its own (ALTER "
        "ROLE ... IN DATABASE ... SET search_path)"
    )


def named_schemas(project: Project, part: Part) -> Iterator[Finding]:
    """Tell what holds of a history whose database comes into another schema.

    Args:
        project: the repository.
        part: which comes there.
    """
    scripts = History.load(project, part.name, to_read=True).revisions.values()
    named = sorted(
        Path(script.path).name
        for script in scripts
        if _NAMES_THE_SCHEMA.search(Path(script.path).read_text(encoding="utf-8", errors="replace"))
    )
    words = "names no schema" if not named else f"names {DEFAULT_SCHEMA} in {shortened(named)}"
    fix = "it goes on there with a search_path that begins with this schema"
    if named:
        fix += f"; what it says of {DEFAULT_SCHEMA} is true no more: let it name no schema there, or the new one"
    yield Finding(
        kind="into-schema-history",
        severity="warning" if named else "note",
        database=part.name,
        object=part.name,
        message=f"its history {words}; in the target its tables are in schema {part.moved[DEFAULT_SCHEMA]}",
        fix=fix,
    )
