"""What of a source would be in its clone, and could not be there: rows for a subscription, traces of every login."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from alembic_multidb.checks.finding import shortened
from alembic_multidb.split.model import Finding
from alembic_multidb.split.template.against import finding

# Subscriptions are the server's; which tables each has is noted in its own database, and cloned with that.
_SUBSCRIBED = text("SELECT DISTINCT srrelid::regclass::text FROM pg_subscription_rel ORDER BY 1")
_AT_LOGIN = text(
    "SELECT evtname FROM pg_event_trigger WHERE evtevent = 'login' AND evtenabled IN ('O', 'A') ORDER BY 1"
)
# What a session has for itself is dropped when it ends, but not when its server crashes.
_LEFT = text(
    """
    SELECT n.nspname FROM pg_namespace AS n
    WHERE n.nspname ~ '^pg_temp_[0-9]+$' AND n.oid <> pg_my_temp_schema()
      AND EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)
      AND NOT EXISTS (SELECT FROM pg_stat_activity AS a
                      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL)
      AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = :login)
    ORDER BY 1
    """
)


def unclonable(connection: Connection, login: str) -> Iterator[Finding]:
    """Look at what a clone of the source would have.

    Args:
        connection: to the source.
        login: the role that clones.
    """
    if tables := connection.execute(_SUBSCRIBED).scalars().all():
        yield finding(
            "template-subscription",
            f"subscriptions fill {shortened(tables)} of the source: a clone would still have their tables noted as "
            "subscribed, and could not drop them later",
        )
    if triggers := connection.execute(_AT_LOGIN).scalars().all():
        yield finding(
            "template-login",
            f"event trigger {', '.join(triggers)} runs at every login, ours too: what it writes could not be told "
            "from what is missing in a clone",
            fix="disable it in the source meanwhile, or use --method stream",
        )
    if schemas := connection.execute(_LEFT, {"login": login}).scalars().all():
        names = ", ".join(schemas)
        yield finding(
            "template-temporary",
            f'temporary objects are left in {names} of the source by a server that crashed, and role "{login}" may not '
            "drop them from a clone",
            fix=f"a superuser runs in the source: DROP SCHEMA {names} CASCADE; or use --method stream",
            severity="failed",
        )
