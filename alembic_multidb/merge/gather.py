"""Every database of a merge, looked at: what it brings along, and what is there already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import ObjectId, Snapshot
from alembic_multidb.classify import plain_name
from alembic_multidb.merge.histories import version_tables
from alembic_multidb.merge.model import SETTING, MergeOptions, Part, Place, exclusions_of
from alembic_multidb.merge.moved import check_schemas, moved_part
from alembic_multidb.merge.names import names_of
from alembic_multidb.merge.staging import scratches
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import Database, Databases, TableName
from alembic_multidb.split.model import SplitOptions, shown
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.plan import expected_schema
from alembic_multidb.split.run import prepared
from alembic_multidb.split.survey import Survey, read_survey
from alembic_multidb.stamp.source import connect_source
from alembic_multidb.transfer.journal import SCHEMA, Begun, Journal
from alembic_multidb.transfer.session import raw

COMMAND = "merge"

_HAS_JOURNAL = text("SELECT to_regnamespace(:schema) IS NOT NULL")


@dataclass(frozen=True)
class Gathered:
    """All that was looked at.

    Attributes:
        place: where everything is brought together.
        there: what is there already; None for a fresh database.
        parts: what comes in.
        version_tables: of each history, where its revision is written.
        begun: what an interrupted run has left in the target.
        reserved: databases that have a schema of the name that the journal has.
        server_version: of the target.
    """

    place: Place
    there: Part | None
    parts: tuple[Part, ...]
    version_tables: Mapping[str, TableName]
    begun: Begun | None
    reserved: tuple[str, ...]
    server_version: int


@contextmanager
def gathered(project: Project, place: Place, options: MergeOptions, *, with_rows: bool) -> Iterator[Gathered]:
    """Look at the target and at every database that is to come in; their points in time are held open.

    Args:
        project: the repository.
        place: where everything is brought together.
        options: what is asked for.
        with_rows: whether rows will be read.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
        ConfigurationError: what is to stay behind is not there.
        MultidbError: a database cannot be read.
    """
    names = [each.name for each in project.select(options.names) if each.name != options.into]
    check_schemas(options.into_schema, names)
    tables = version_tables(project.databases, names, options.into, options.into_schema)
    left = exclusions_of(options.exclude, names)
    with ExitStack() as stack:
        connection = stack.enter_context(connect_source(place.url))
        begun = _begun(connection)
        left_out = SplitOptions(no_owner=options.common.no_owner, no_acl=options.common.no_acl)
        there = _there(project, place, tables, connection, begun, left_out) if place.into is not None else None
        has_foreign_journal = begun is None and _has_journal(connection)
        if there is None:
            raw(connection).rollback()  # its locks would be in the way
        moved = [name for name in names if name in options.into_schema]
        scratch = stack.enter_context(scratches(project, place, moved, options.common))
        parts = []
        for name in names:
            own = _options(options, name, left[name])
            part = stack.enter_context(_part(project, place, tables, name, own, with_rows))
            if name in scratch:
                part = stack.enter_context(moved_part(part, scratch[name], options.into_schema[name]))
            parts.append(part)
        reserved = [part.name for part in parts if _has_journal(part.connection)]
        reserved += [place.name] if has_foreign_journal else []
        version = raw(connection).info.server_version
        yield Gathered(place, there, tuple(parts), tables, begun, tuple(reserved), version)


def _options(options: MergeOptions, name: str, left: Iterable[str]) -> SplitOptions:
    return replace(
        options.common,
        names=(name,),
        exclude=tuple(left),
        large_objects=name if options.large_objects else None,
    )


@contextmanager
def _part(
    project: Project,
    place: Place,
    tables: Mapping[str, TableName],
    name: str,
    options: SplitOptions,
    with_rows: bool,
) -> Iterator[Part]:
    settings = frozenset(item.removeprefix(SETTING) for item in options.exclude if item.startswith(SETTING))
    options = replace(options, exclude=tuple(item for item in options.exclude if not item.startswith(SETTING)))
    stand_in = _stand_in(project, place, tables, name)
    url = project.databases[name].migration_url(project.variables)
    with prepared(stand_in, url, options, with_rows=with_rows) as ready:
        snapshot = ready.connection.exec_driver_sql("SELECT pg_catalog.pg_export_snapshot()").scalar_one()
        own = [item for item in ready.plan.settings if item.name not in settings]
        ready = replace(ready, plan=replace(ready.plan, settings=tuple(own)))
        relations, types = names_of(ready.connection, ready.objects)
        yield Part(
            name=name,
            url=url,
            connection=ready.connection,
            snapshot_id=str(snapshot),
            objects=ready.objects,
            expected=ready.plan.expected[name],
            relations=relations,
            types=types,
            search_path=ready.search_path,
            revisions=_revisions(project, name, ready.objects.survey),
            ready=ready,
            project=stand_in,
            left_settings=settings,
            origin=ready,
        )


def _there(
    project: Project,
    place: Place,
    tables: Mapping[str, TableName],
    connection: Connection,
    begun: Begun | None,
    left_out: SplitOptions,
) -> Part:
    """Look at what the target has of its own; what an interrupted run has made there is not its own."""
    assert place.into is not None
    name = place.into.name
    stand_in = _stand_in(project, place, tables, name)
    search_path = str(connection.exec_driver_sql("SHOW search_path").scalar_one())
    survey = read_survey(connection, place.url)
    objects = Objects.of(survey, stand_in.databases, left_out)
    expected = expected_schema(objects, name)
    relations, types = names_of(connection, objects, is_there=True)
    if begun is not None:
        keys = {tuple(item) for item in begun.before["keys"]}
        expected = expected.only(lambda row: row.key in keys)
        own = {tuple(item) for item in begun.before["relations"]}
        relations = {key: oid for key, oid in relations.items() if key in own}
        own = {tuple(item) for item in begun.before["types"]}
        types = {key: oid for key, oid in types.items() if key in own}
    return Part(
        name=name,
        url=place.url,
        connection=connection,
        snapshot_id="",
        objects=objects,
        expected=expected,
        relations=relations,
        types=types,
        search_path=search_path,
        revisions=_revisions(project, name, survey),
        ready=None,
        project=stand_in,
    )


def _stand_in(project: Project, place: Place, tables: Mapping[str, TableName], name: str) -> Project:
    """Return a registry in which all that a database holds is at home in this one database, which is the target."""
    declared = project.databases[name].declaration
    others = [other for other in tables if other != name]
    stand_ins = [
        Database(
            each,
            url=place.url.url if each == name else None,
            default=each == name,
            extensions=declared.extensions if each == name else {},
            version_table=tables[each].name,
            version_table_schema=tables[each].schema,
            shared_with=others if each == name else (),
        )
        for each in tables
    ]
    before = declared.version_table_name
    if before not in tables.values():
        stand_ins.append(Database(f"{name}-before", version_table=before.name, version_table_schema=before.schema))
    return Project(project.config_file, Databases(*stand_ins, environment=project.databases.environment))


def _revisions(project: Project, name: str, survey: Survey) -> tuple[str, ...] | None:
    return survey.revisions.get(project.databases[name].declaration.version_table_name)


def _begun(connection: Connection) -> Begun | None:
    begun = Journal.begun(raw(connection))
    return begun if begun is not None and begun.command == COMMAND else None


def _has_journal(connection: Connection) -> bool:
    return bool(connection.execute(_HAS_JOURNAL, {"schema": SCHEMA}).scalar())


def extension_versions(snapshot: Snapshot) -> dict[str, str]:
    """Return the version of each extension of a schema."""
    return {
        plain_name(row.identity): str(row.definition["version"])
        for row in snapshot.rows
        if row.kind == "extension version"
    }


def object_name(part: Part, node: ObjectId) -> str:
    """Return what an object is called, as ``--exclude`` takes it."""
    for item in part.objects.planned:
        if item.node == node:
            return f"{part.name}/{item.name}"
    return f"{part.name}/{shown(part.objects.names.get(node, 'something unnamed'))}"


def settings_of(part: Part) -> Mapping[tuple[str | None, str], str]:
    """Return the settings that a database brings along, or has, by role and name."""
    rows = part.source.plan.settings if part.ready is not None else part.objects.survey.settings
    return {(row.role, row.name): row.value for row in rows}


def settings_words(part: Part) -> list[str]:
    """Name the settings that a database brings along; their values may be secrets."""
    found = sorted((row.name, row.role or "") for row in part.source.plan.settings if part.name in row.homes)
    return [f"setting {name}{f' of role {role}' if role else ''}" for name, role in found]


def large_objects(part: Part) -> list[str]:
    """Return the numbers of the large objects that a database has."""
    return [item.identity for item in part.objects.survey.outside if item.type == "large object"]
