"""The database that a schema came from: its revisions, and its schema by homes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.classify import Classification, classify
from alembic_multidb.env.connect import connected, first_line, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.stamp.schema import read_schema
from alembic_multidb.urls import DatabaseURL

# Whatever it is called: Alembic's version table has one column of this name and type, nothing else, and a primary key
# whose name Alembic made. What is called as the registry or the user says is one without such a key, too.
_VERSION_TABLES = text(
    """
    SELECT n.nspname, c.relname,
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable,
           EXISTS (SELECT FROM pg_constraint AS k
                   WHERE k.conrelid = c.oid AND k.contype = 'p' AND k.conname LIKE '%\\_pkc') AS is_alembics
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    GROUP BY n.oid, n.nspname, c.oid, c.relname
    HAVING array_agg(a.attname) = ARRAY['version_num'::name]
       AND bool_and(a.atttypid IN ('varchar'::regtype, 'text'::regtype))
    ORDER BY 1, 2
    """
)


@dataclass(frozen=True)
class Source:
    """What was read from the source, in one transaction.

    Attributes:
        url: where it is.
        revisions: what each version table says, by its name; None where the login may not read it.
        classification: its schema without the version tables, by homes.
    """

    url: DatabaseURL
    revisions: dict[TableName, tuple[str, ...] | None]
    classification: Classification

    def schema_for(self, database: RegisteredDatabase) -> Snapshot:
        """Return the part of the source that belongs to a database."""
        return self.classification.restrict({database.name})

    def crossing(self, database: RegisteredDatabase) -> list[Row]:
        """Return what stands on this database's tables and on another's, and so can live in neither."""
        return [
            row
            for row in self.classification.crossing_rows
            if any(home == database.name for _, home in self.classification.tables_under(row))
        ]

    @property
    def version_tables(self) -> tuple[TableName, ...]:
        """Return the tables that hold revisions, which are no part of the schema on either side."""
        return tuple(self.revisions)

    def known_revisions(self, database: RegisteredDatabase, version_table: TableName | None) -> tuple[str, ...]:
        """Return the revisions that the source says it is at; none if it does not say so."""
        try:
            return self.revisions_for(database, version_table)
        except MultidbError:
            return ()

    def revisions_for(self, database: RegisteredDatabase, version_table: TableName | None) -> tuple[str, ...]:
        """Return the revisions that the source is at, by the named version table, the database's own, or the only one.

        Raises:
            MultidbError: there is none, or it is not clear which one is meant; it holds no revision, or cannot be read.
        """
        wanted = version_table or database.declaration.version_table_name
        if wanted not in self.revisions and version_table is None and len(self.revisions) == 1:
            wanted = next(iter(self.revisions))
        if wanted not in self.revisions:
            known = ", ".join(map(str, self.revisions)) or "no other one"
            raise MultidbError(
                f'the source {self.url} has no version table "{wanted}" (whose only column is version_num); it has '
                f"{known}. Name the one that is meant with --version-table, or, if the source was never under Alembic, "
                "the revision with --revision"
            )
        found = self.revisions[wanted]
        if found is None:
            raise MultidbError(
                f'the login of the source {self.url} may not read its version table "{wanted}": GRANT SELECT ON '
                f"{wanted} to it, or say with --revision which revision the source is at"
            )
        if not found:
            raise MultidbError(
                f'the source {self.url} is at no revision: its version table "{wanted}" is empty. Stamp the source '
                "first, or say with --revision which one it is at"
            )
        return found


@contextmanager
def connect_source(url: DatabaseURL) -> Iterator[Connection]:
    """Connect to the source, in one read-only transaction of one point in time.

    Raises:
        ConnectionFailedError: it cannot be reached.
    """
    with connected(make_engine("source", url), "source", url) as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def read_source(
    connection: Connection, url: DatabaseURL, project: Project, version_table: TableName | None = None
) -> Source:
    """Read revisions and schema of the source.

    Args:
        connection: to the source.
        url: where it is.
        project: the repository.
        version_table: the one that the user names.

    Raises:
        MultidbError: PostgreSQL refuses to tell.
    """
    try:
        named = {database.version_table_name for database in project.databases.declarations} | {version_table}
        revisions = read_revisions(connection, named)
        schema = read_schema(connection, project.databases, *revisions)
    except DBAPIError as error:
        raise MultidbError(f"the source {url} cannot be read: {first_line(error)}") from None
    return Source(url, revisions, classify(schema, project.databases, copies_sequences=True))


def read_revisions(
    connection: Connection, named: Collection[TableName | None] = ()
) -> dict[TableName, tuple[str, ...] | None]:
    """Return what each version table of the connected database says; None where the login may not read it.

    Args:
        connection: to the database.
        named: what version tables are called, whatever their keys are.
    """
    default = connection.dialect.default_schema_name
    quote = connection.dialect.identifier_preparer.quote
    revisions: dict[TableName, tuple[str, ...] | None] = {}
    for row in connection.execute(_VERSION_TABLES).all():
        name = TableName.of(None if row.nspname == default else row.nspname, row.relname)
        if row.is_alembics or name in named:
            statement = f"SELECT version_num FROM {quote(row.nspname)}.{quote(row.relname)}"  # noqa: S608
            found = connection.exec_driver_sql(statement).scalars() if row.is_readable else None
            revisions[name] = None if found is None else tuple(sorted(found))
    return revisions
