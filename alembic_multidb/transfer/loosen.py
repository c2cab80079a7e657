"""What hinders that tables are filled again: foreign keys, triggers, rules and the like go, and are made anew."""

from __future__ import annotations

from alembic_multidb.transfer.target import Target

# What is made after the rows, and must be made again.
POST = "post:"
_AGAIN = (
    *(f"{POST}{kind}:" for kind in ("FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE", "ROW SECURITY")),
    *(f"{POST}{kind}:" for kind in ("COMMENT", "ACL")),
    *("refresh:", "analyze"),
)
_LOOSENING = "loosening"
_AT_ONCE = 200
_HINDERING = r"""
    SELECT pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname),
           n.nspname, c.relname
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.conparentid = 0 AND k.coninhcount = 0
      AND (k.contype = 'f' OR k.contype IN ('c', 'n') AND NOT k.convalidated)
    UNION ALL
    SELECT pg_catalog.format('ALTER DOMAIN %I.%I DROP CONSTRAINT %I', n.nspname, t.typname, k.conname),
           n.nspname, t.typname
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_type AS t ON t.oid = k.contypid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE NOT k.convalidated
    UNION ALL
    SELECT pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname), n.nspname, c.relname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    SELECT pg_catalog.format('DROP RULE %I ON %I.%I', r.rulename, n.nspname, c.relname), n.nspname, c.relname
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.rulename <> '_RETURN' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    SELECT pg_catalog.format('ALTER TABLE %I.%I DISABLE ROW LEVEL SECURITY', n.nspname, c.relname), n.nspname, c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity
    UNION ALL
    SELECT pg_catalog.format('GRANT INSERT, TRUNCATE ON %I.%I TO %I', n.nspname, c.relname, o.rolname),
           n.nspname, c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
    WHERE c.relkind IN ('r', 'p') AND c.relacl IS NOT NULL AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND 2 > (SELECT count(DISTINCT a.privilege_type) FROM pg_catalog.aclexplode(c.relacl) AS a
               WHERE a.grantee = c.relowner AND a.privilege_type IN ('INSERT', 'TRUNCATE'))
"""


def finish_loosening(target: Target) -> None:
    """Go on with what an interrupted run has begun to take away."""
    if _LOOSENING in target.steps:
        _loosen(target)


def loosen(target: Target) -> None:
    """Take away what acts on rows while they are copied, and forget that it was made.

    Args:
        target: begun empty, so that everything in it is the transfer's own, or with the relations that are.
    """
    if target.done(POST):
        _loosen(target)


def _loosen(target: Target) -> None:
    # Killed in between, it is done again from the start: until its end the journal says that it is under way.
    with target.lead.transaction():
        target.journal.fence(target.lead)
        target.journal.record(target.lead, [(_LOOSENING, "")])
    # What a child has of its own, beside what it inherits, shows when its parent's has gone.
    while statements := _hindering(target):
        for start in range(0, len(statements), _AT_ONCE):
            with target.lead.transaction():
                target.journal.fence(target.lead)
                for statement in statements[start : start + _AT_ONCE]:
                    target.lead.execute(statement.encode())
    with target.lead.transaction():
        target.journal.fence(target.lead)
        for prefix in (*_AGAIN, _LOOSENING):
            target.journal.forget(target.lead, prefix)
    target.read_steps()


def _hindering(target: Target) -> list[str]:
    found = target.lead.execute(_HINDERING.encode()).fetchall()
    target.lead.rollback()
    return [str(row[0]) for row in found if target.own is None or (row[1], row[2]) in target.own]
