"""The database that a schema came from: its revisions, and its schema by homes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import Row, Snapshot
from alembic_multidb.classify import Classification, classify
from alembic_multidb.env.connect import connect, make_engine
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.stamp.schema import read_schema
from alembic_multidb.urls import DatabaseURL

# Whatever it is called: Alembic's version table has one column of this name and type, and nothing else.
_VERSION_TABLES = text(
    """
    SELECT n.nspname, c.relname
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    GROUP BY n.nspname, c.relname
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
        revisions: what each version table says, by its name.
        classification: its schema without the version tables, by homes.
    """

    url: DatabaseURL
    revisions: dict[TableName, tuple[str, ...]]
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
            MultidbError: there is none, or it is not clear which one is meant; or it holds no revision.
        """
        wanted = version_table or database.declaration.version_table_name
        if wanted not in self.revisions and version_table is None and len(self.revisions) == 1:
            wanted = next(iter(self.revisions))
        if wanted not in self.revisions:
            known = ", ".join(map(str, self.revisions)) or "none"
            raise MultidbError(
                f'the source {self.url} has no version table "{wanted}"; it has {known}. Name the one that is meant '
                "with --version-table, or, if the source was never under Alembic, the revision with --revision"
            )
        if not self.revisions[wanted]:
            raise MultidbError(
                f'the source {self.url} is at no revision: its version table "{wanted}" is empty. Stamp the source '
                "first, or say with --revision which one it is at"
            )
        return self.revisions[wanted]


@contextmanager
def connect_source(url: DatabaseURL) -> Iterator[Connection]:
    """Connect to the source, in one read-only transaction of one point in time.

    Raises:
        ConnectionFailedError: it cannot be reached.
    """
    with connect(make_engine("source", url), "source", url) as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def read_source(connection: Connection, url: DatabaseURL, project: Project) -> Source:
    """Read revisions and schema of the source.

    Args:
        connection: to the source.
        url: where it is.
        project: the repository.
    """
    default = connection.dialect.default_schema_name
    quote = connection.dialect.identifier_preparer.quote
    revisions = {}
    for row in connection.execute(_VERSION_TABLES).all():
        statement = f"SELECT version_num FROM {quote(row.nspname)}.{quote(row.relname)}"  # noqa: S608
        name = TableName.of(None if row.nspname == default else row.nspname, row.relname)
        revisions[name] = tuple(sorted(connection.exec_driver_sql(statement).scalars()))
    schema = read_schema(connection, project.databases, *revisions)
    return Source(url, revisions, classify(schema, project.databases))
