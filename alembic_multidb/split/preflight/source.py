"""What of the source stands in the way of a split, or should be known."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from alembic_multidb.checks.finding import shortened
from alembic_multidb.classify import plain_name
from alembic_multidb.split.model import Finding
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.facts import Facts

_LONG = 300  # seconds that a transaction may be open without being told

_UNREADABLE = text(
    """
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
    ORDER BY 1
    """
)
_GUARDED = text(
    """
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)
    ORDER BY 1
    """
)
_TRANSACTIONS = text(
    """
    SELECT 'transaction of ' || coalesce(a.usename, '?') || ' (backend ' || a.pid || ')' AS what,
           extract(epoch FROM now() - a.xact_start)::bigint AS age
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start < now() - :long * interval '1 s'
      AND a.usesysid IS NOT NULL
    UNION ALL
    SELECT 'prepared transaction ' || p.gid, extract(epoch FROM now() - p.prepared)::bigint
    FROM pg_prepared_xacts AS p WHERE p.database = current_database()
    ORDER BY 2 DESC
    """
)
_LARGE_OBJECTS = text("SELECT count(*) FROM pg_largeobject_metadata")
_CONFIGURATION = text(
    """
    SELECT e.extname AS extension, string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text) AS tables
    FROM pg_extension AS e
    CROSS JOIN LATERAL unnest(e.extconfig) AS t (oid)
    JOIN pg_class AS c ON c.oid = t.oid AND c.relkind IN ('r', 'p')
    WHERE pg_relation_size(c.oid) > 0
    GROUP BY e.extname ORDER BY 1
    """
)
_TABLESPACES = text(
    """
    SELECT DISTINCT t.spcname FROM pg_class AS c JOIN pg_tablespace AS t ON t.oid = c.reltablespace
    WHERE c.oid >= 16384 AND c.relpersistence <> 't' ORDER BY 1
    """
)


def source_findings(connection: Connection, objects: Objects, facts: Facts) -> Iterator[Finding]:
    """Look at the source.

    Args:
        connection: to it, in the transaction of the plan.
        objects: what becomes of its objects.
        facts: about it.
    """
    yield from unreadable_tables(connection)
    yield from guarded_tables(connection)
    yield from long_transactions(connection)
    yield from too_few_locks(objects, facts)
    yield from large_objects(connection, objects)
    yield from configuration_rows(connection, objects)
    yield from cron_jobs(objects)
    yield from roles(objects)
    yield from old_collation(facts)


def unreadable_tables(connection: Connection) -> Iterator[Finding]:
    """Find tables that this login may not read: pg_dump locks every table, and stops at the first such one."""
    if tables := connection.execute(_UNREADABLE).scalars().all():
        yield Finding(
            kind="source-not-readable",
            severity="failed",
            object=tables[0],
            message=f"this login may not read {shortened(tables)} of the source",
            fix="GRANT SELECT on them and USAGE on their schemas, or use their owner's login",
        )


def guarded_tables(connection: Connection) -> Iterator[Finding]:
    """Find tables whose policies would hide rows from this login."""
    if tables := connection.execute(_GUARDED).scalars().all():
        yield Finding(
            kind="row-security",
            severity="failed",
            object=tables[0],
            message=f"policies of row security apply to this login in {shortened(tables)}: rows would be left behind",
            fix="use a login with BYPASSRLS, a superuser, or the tables' owner (where row security is not forced)",
            rows_only=True,
        )


def long_transactions(connection: Connection) -> Iterator[Finding]:
    """Find transactions that have been open for long: what they write is not seen until they end."""
    rows = connection.execute(_TRANSACTIONS, {"long": _LONG}).all()
    if rows:
        yield Finding(
            kind="long-transaction",
            severity="warning",
            object=rows[0].what,
            message=f"open on the source: {shortened(f'{row.what}, for {row.age} s' for row in rows)}",
            fix="end it before the split: what it writes is not seen, and its locks are waited for",
        )


def too_few_locks(objects: Objects, facts: Facts) -> Iterator[Finding]:
    """Compare the source's room for locks with its tables: pg_dump locks all of them at once."""
    tables = sum(item.type == "table" for item in objects.planned)
    if tables > facts.locks:
        yield Finding(
            kind="too-few-locks",
            severity="warning",
            message=f"pg_dump locks the source's {tables} tables at once, and its server has room for {facts.locks}",
            fix="raise max_locks_per_transaction there",
        )


def large_objects(connection: Connection, objects: Objects) -> Iterator[Finding]:
    """Count the large objects, which belong to no table, if they stay behind."""
    if objects.options.large_objects is not None:
        return
    if number := connection.execute(_LARGE_OBJECTS).scalar_one():
        yield Finding(
            kind="large-objects",
            severity="warning",
            object="large objects",
            message=f"the source has {number} large objects, which belong to no table: they stay behind",
            fix="--large-objects NAME gives them to one database",
        )


def configuration_rows(connection: Connection, objects: Objects) -> Iterator[Finding]:
    """Name the tables of extensions that hold rows of the user's."""
    extensions = [item for item in objects.planned if item.type == "extension" and item.treatment == "home"]
    carried = {plain_name(item.identity) for item in extensions}
    for row in connection.execute(_CONFIGURATION):
        if row.extension in carried:
            yield Finding(
                kind="extension-rows",
                severity="note",
                object=row.extension,
                message=f"extension {row.extension} keeps rows in {row.tables}: what was added to them is not carried",
                rows_only=True,
            )


def cron_jobs(objects: Objects) -> Iterator[Finding]:
    """Name the jobs of pg_cron, which would run twice."""
    if names := [item.identity for item in objects.survey.outside if item.type == "cron job"]:
        yield Finding(
            kind="cron-jobs",
            severity="note",
            object="cron jobs",
            message=f"jobs of pg_cron stay behind: {shortened(names)}",
            fix="schedule them anew where their tables go",
        )


def roles(objects: Objects) -> Iterator[Finding]:
    """Name the roles that own objects or have rights: they belong to the server."""
    if names := [item.identity for item in objects.survey.outside if item.type == "role"]:
        yield Finding(
            kind="roles",
            severity="note",
            object="roles",
            message=f"roles belong to the server, and are not made: {', '.join(names)}",
        )


def old_collation(facts: Facts) -> Iterator[Finding]:
    """Compare the version of the collation library with the one that the source's indexes were built with."""
    if facts.collation_version and facts.collation_version != facts.library_version:
        yield Finding(
            kind="source-collation",
            severity="warning",
            message=f"the source was made with collation version {facts.collation_version}, its server has "
            f"{facts.library_version}: its indexes on text may be out of order",
            fix="REINDEX it and ALTER DATABASE ... REFRESH COLLATION VERSION; the new databases are built anew",
        )


def tablespaces(connection: Connection) -> list[str]:
    """Return the tablespaces that objects of the source lie in, beside the database's own."""
    return list(connection.execute(_TABLESPACES).scalars())
