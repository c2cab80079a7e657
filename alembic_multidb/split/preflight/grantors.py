"""Rights that somebody else than the owner has granted: only a superuser can grant them in that one's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.checks.finding import shortened
from alembic_multidb.split.model import Finding, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.target import Target, finding

_GRANTED = text(
    """
    SELECT DISTINCT x.catalog, x.oid, pg_get_userbyid(a.grantor)::text AS grantor
    FROM (SELECT 'pg_class' AS catalog, c.oid, c.relacl AS acl, c.relowner AS owner FROM pg_class AS c
          UNION ALL
          SELECT 'pg_class', c.oid, a.attacl, c.relowner
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
          UNION ALL SELECT 'pg_proc', p.oid, p.proacl, p.proowner FROM pg_proc AS p
          UNION ALL SELECT 'pg_type', t.oid, t.typacl, t.typowner FROM pg_type AS t
          UNION ALL SELECT 'pg_namespace', n.oid, n.nspacl, n.nspowner FROM pg_namespace AS n) AS x
    CROSS JOIN LATERAL aclexplode(x.acl) AS a
    WHERE x.acl IS NOT NULL AND x.oid >= 16384 AND a.grantor <> x.owner
    ORDER BY 1, 2, 3
    """
)


@dataclass(frozen=True)
class Granted:
    """A right that somebody else than the owner has granted.

    Attributes:
        node: on what.
        grantor: who has granted it.
    """

    node: ObjectId
    grantor: str


def granted_by_others(connection: Connection) -> tuple[Granted, ...]:
    """Return the rights in the source that were not granted by the owners of what they are rights to."""
    return tuple(Granted(ObjectId(row.catalog, row.oid), row.grantor) for row in connection.execute(_GRANTED))


def grantor_findings(
    target: Target, objects: Objects, granted: Sequence[Granted], options: SplitOptions
) -> Iterator[Finding]:
    """Tell which rights this login cannot grant in another's name."""
    if target.facts.is_superuser or options.no_acl:
        return
    names = sorted(
        f"{objects.names[item.node]} (by {item.grantor})"
        for item in granted
        if item.node in objects.names and objects.is_carried(item.node) and target.name in objects.homes_of(item.node)
    )
    if names:
        yield finding(
            target,
            "grantors",
            "failed",
            f'role "{target.facts.login}" is no superuser, and cannot grant in the name of others, as it was done for '
            f"{shortened(names)}",
            "use a superuser's login as migration_url, let the owners grant it in the source, or use --no-acl",
        )
