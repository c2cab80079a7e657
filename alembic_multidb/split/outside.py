"""What is kept beside the objects of a database and goes nowhere: large objects, roles, jobs of pg_cron."""

from __future__ import annotations

from sqlalchemy import Connection, text

from alembic_multidb.catalog.objects import LiveObject
from alembic_multidb.catalog.snapshot import ObjectId

# So many large objects are named; there may be millions.
NAMED = 10_000

_LARGE_OBJECTS = text("SELECT m.oid FROM pg_largeobject_metadata AS m ORDER BY m.oid LIMIT :number")
# Those that own something here, or have rights here.
_ROLES = text(
    """
    SELECT DISTINCT r.oid, quote_ident(r.rolname) AS name
    FROM pg_shdepend AS s JOIN pg_roles AS r ON r.oid = s.refobjid
    WHERE s.refclassid = 'pg_authid'::regclass
      AND s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    ORDER BY 2
    """
)
_HAS_CRON = text(
    "SELECT EXISTS (SELECT FROM pg_extension AS e JOIN pg_depend AS d ON d.refobjid = e.oid AND d.deptype = 'e' "
    "WHERE e.extname = 'pg_cron' AND d.objid = to_regclass('cron.job'))"
)
_CRON = text(
    "SELECT j.jobid AS oid, coalesce(j.jobname, 'job ' || j.jobid) AS name FROM cron.job AS j ORDER BY j.jobid"
)


def read_outside(connection: Connection) -> tuple[LiveObject, ...]:
    """Return the first large objects, the roles that a database knows of, and the jobs of pg_cron."""
    found = [
        LiveObject("large object", str(oid), ObjectId("pg_largeobject", oid))
        for oid in connection.execute(_LARGE_OBJECTS, {"number": NAMED}).scalars()
    ]
    found += [LiveObject("role", row.name, ObjectId("pg_authid", row.oid)) for row in connection.execute(_ROLES)]
    if connection.execute(_HAS_CRON).scalar():
        found += [LiveObject("cron job", row.name, ObjectId("cron.job", row.oid)) for row in connection.execute(_CRON)]
    return tuple(found)
