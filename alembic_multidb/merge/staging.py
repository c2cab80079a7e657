"""``merge --into-schema``: a database's schema made anew in a scratch database, renamed there, and read again.

PostgreSQL knows what refers to what: once it has renamed a schema, everything that it writes has the new name. The rows
never go this way; they come from the database itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.catalog.snapshot import Snapshot, read_snapshot
from alembic_multidb.env.connect import connect, first_line, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.model import Place
from alembic_multidb.merge.movable import moved_path
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import Database, Databases
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.plan import make_plan
from alembic_multidb.split.rehearsal import scratch_databases
from alembic_multidb.split.run import Prepared
from alembic_multidb.split.schema import Made, make_schemas
from alembic_multidb.split.survey import read_survey
from alembic_multidb.split.template.maintenance import database_of, maintenance
from alembic_multidb.split.template.strays import STAGE, stray_name, take_away
from alembic_multidb.stamp.source import connect_source
from alembic_multidb.transfer.session import Raw, pin, raw
from alembic_multidb.urls import DatabaseURL

_EXTENSIONS = """
    SELECT e.extname FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE n.nspname = %s ORDER BY 1
"""
_PATHS = """
    SELECT p.oid::pg_catalog.regprocedure::text, pg_catalog.substr(s.setting, 13)
    FROM pg_catalog.pg_proc AS p CROSS JOIN LATERAL pg_catalog.unnest(p.proconfig) AS s (setting)
    WHERE s.setting LIKE 'search\\_path=%' AND p.oid >= 16384
"""
_VIEWS = """
    SELECT n.nspname::text, c.relname::text
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname NOT LIKE 'pg\\_%'
"""

_OF_THE_OWNER = 150000
_COMMENT = sql.SQL("COMMENT ON SCHEMA public IS 'standard public schema'")
_NEW = (
    _COMMENT,
    sql.SQL("ALTER SCHEMA public OWNER TO pg_database_owner"),
    sql.SQL("GRANT USAGE ON SCHEMA public TO PUBLIC"),
)
_OLD = (_COMMENT, sql.SQL("GRANT ALL ON SCHEMA public TO PUBLIC"))


@dataclass(frozen=True)
class Staged:
    """A schema under its new name.

    Attributes:
        ready: as if the scratch database were the source: what is made is read from there.
        texts: the schema with all of it renamed, that of extensions, too: what has the old name there is text.
    """

    ready: Prepared
    texts: Snapshot


@contextmanager
def scratches(project: Project, place: Place, names: Iterable[str], options: SplitOptions) -> Iterator[dict[str, str]]:
    """Make an empty database beside the target for each of some databases; all are gone at the end.

    Args:
        project: the repository.
        place: the target.
        names: the databases.
        options: how long to wait for somebody else.

    Yields:
        What each is called on the target's server.
    """
    chosen = {name: _stage(place, name) for name in names}
    if not chosen:
        yield {}
        return
    # Where they lie is all that counts of these.
    targets = [
        Database(name, url=place.url.url, version_table=f"of_{number}", shared_with=[*chosen.keys() - {name}])
        for number, name in enumerate(chosen)
    ]
    registry = Project(project.config_file, Databases(*targets))
    with scratch_databases(registry, chosen, options, with_settings=False):
        yield chosen


def _stage(place: Place, name: str) -> str:
    return stray_name(STAGE, f"{database_of(place.url)}/{name}")


def take_away_stages(place: Place, names: Iterable[str]) -> None:
    """Drop the scratch databases that a killed run has left.

    Args:
        place: the target.
        names: the databases that may have come in.
    """
    with maintenance(place.url, {database_of(place.url)}) as session:
        take_away(session, [_stage(place, name) for name in names])


@contextmanager
def staged(project: Project, ready: Prepared, scratch: str, schema: str, options: SplitOptions) -> Iterator[Staged]:
    """Make a database's schema in a scratch database, rename its schema ``public`` there, and read what came of it.

    Args:
        project: a registry in which all of it is at home in one database, which lies in the target.
        ready: the database, looked at, with nothing in its way.
        scratch: the scratch database's name.
        schema: what ``public`` is to be called.
        options: what is asked for.

    Raises:
        MultidbError: it cannot be made there, or not be renamed.
    """
    elsewhere = project.elsewhere(dict.fromkeys(ready.plan.databases, scratch))
    (name,) = ready.plan.databases
    url = elsewhere.databases[name].migration_url(elsewhere.variables)
    made: list[Made] = []
    make_schemas(elsewhere, ready, options, report=made.append)
    if made[0].result not in ("made", "unchanged"):
        words = "; ".join(map(str, (made[0].message, *made[0].differences[:3])))
        raise MultidbError(f'the schema of "{name}" could not be made beside the target, to be renamed there: {words}')
    texts = _renamed(ready, url, schema)
    with connect_source(url) as connection:
        yield Staged(_read(connection, project, ready, url, schema), texts)


def _renamed(ready: Prepared, url: DatabaseURL, schema: str) -> Snapshot:
    """Let the schema have its new name; what belongs to extensions stays where it was."""
    populated = _populated(raw(ready.connection))
    with connect(make_engine("scratch", url), "scratch", url) as connection:
        session = raw(connection)
        pin(session, search_path="")
        try:
            names = map(sql.Identifier, (DEFAULT_SCHEMA, schema))
            session.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
            texts = read_snapshot(connection)
            _move_back(session, schema)
            _new_paths(session, schema)
            connection.commit()
            _populate(session, [(schema if name[0] == DEFAULT_SCHEMA else name[0], name[1]) for name in populated])
        except psycopg.Error as error:
            (name,) = ready.plan.databases
            raise MultidbError(
                f'what "{name}" has in {DEFAULT_SCHEMA} cannot come into another schema: {first_line(error)}; nothing '
                "was changed"
            ) from None
    return texts


def _move_back(session: Raw, schema: str) -> None:
    session.execute(sql.SQL("COMMENT ON SCHEMA {} IS NULL").format(sql.Identifier(schema)))
    session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(DEFAULT_SCHEMA)))
    # As every new database has it, so that pg_dump leaves it out.
    for statement in _NEW if session.info.server_version >= _OF_THE_OWNER else _OLD:
        session.execute(statement)
    for (extension,) in session.execute(_EXTENSIONS, [schema]).fetchall():
        names = map(sql.Identifier, (extension, DEFAULT_SCHEMA))
        try:
            session.execute(sql.SQL("ALTER EXTENSION {} SET SCHEMA {}").format(*names))
        except psycopg.errors.InsufficientPrivilege:
            raise MultidbError(
                f'extension "{extension}" lies in the same schema, and only a superuser may take its members out: '
                "use a superuser's login for the target, or let the other database come into a schema of its own. "
                "Nothing was changed"
            ) from None


def _new_paths(session: Raw, schema: str) -> None:
    """Let functions that bring a search_path along find what has another schema now."""
    names = {DEFAULT_SCHEMA: sql.Identifier(schema).as_string(session)}
    for function, setting in session.execute(_PATHS).fetchall():
        path = moved_path(setting, names)
        if path != setting:
            # Both are as PostgreSQL writes them.
            session.execute(f"ALTER ROUTINE {function} SET search_path TO {path}".encode())


def _populated(session: Raw) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in session.execute(_VIEWS.encode()).fetchall()]


def _populate(session: Raw, views: list[tuple[str, str]]) -> None:
    """Let materialized views that are filled be filled, with nothing: one may need another that is not yet."""
    while views:
        left = [view for view in views if not _refresh(session, view)]
        if len(left) == len(views):
            raise MultidbError(f"materialized view {'.'.join(left[0])} cannot be filled beside the target")
        views = left
    session.commit()


def _refresh(session: Raw, view: tuple[str, str]) -> bool:
    try:
        with session.transaction():
            session.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(*view)))
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False
    return True


def _read(connection: Connection, project: Project, ready: Prepared, url: DatabaseURL, schema: str) -> Prepared:
    survey = read_survey(connection, url)
    survey = replace(survey, revisions=ready.objects.survey.revisions, outside=ready.objects.survey.outside)
    options = replace(ready.objects.options, exclude=())
    objects = Objects.of(survey, project.databases, options)
    there = {row.node for row in survey.snapshot.rows if row.key == ("schema", DEFAULT_SCHEMA)}
    # What belongs to extensions stays there; the schema itself is the target's own.
    plan = make_plan(replace(objects, shared=frozenset(there)))
    expected = {name: each.only(lambda row: row.node not in there) for name, each in plan.expected.items()}
    return replace(
        ready,
        connection=connection,
        url=url,
        search_path=moved_path(ready.search_path, {DEFAULT_SCHEMA: sql.Identifier(schema).as_string()}),
        objects=objects,
        plan=replace(
            ready.plan,
            server_version=plan.server_version,
            extensions=plan.extensions,
            objects=plan.objects,
            expected=expected,
        ),
    )
