"""How much a run takes of its servers at most: connections, locks, disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event, Thread

import psycopg

from alembic_multidb.split.outcome import Needs
from alembic_multidb.split.template.maintenance import Maintenance

log = logging.getLogger("alembic.multidb")

_EVERY = 0.1
_SERVER = "SELECT pg_catalog.pg_postmaster_start_time(), pg_catalog.inet_server_port()"
# The databases of a rehearsal come and go, and whoever asks for the size of one that is just gone gets an error.
_LOOK = """
    WITH ours AS (
        SELECT a.pid, a.datname FROM pg_catalog.pg_stat_activity AS a
        WHERE (a.datname = %s OR a.datname = ANY (%s::text[]))
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND (a.application_name LIKE 'multidb%%' OR a.application_name = 'pg_dump')
    )
    SELECT (SELECT count(*) FROM ours WHERE datname = %s) AS source,
           (SELECT count(*) FROM ours WHERE datname <> %s) AS targets,
           (SELECT count(*) FROM pg_catalog.pg_locks AS l
            WHERE NOT l.fastpath AND l.pid IN (SELECT pid FROM ours)) AS locks,
           (SELECT coalesce(sum(pg_catalog.pg_database_size(d.oid)), 0)::bigint FROM pg_catalog.pg_database AS d
            WHERE d.datname = ANY (%s::text[])) AS bytes
"""


class Gauge:
    """Looks at servers, again and again, until it is closed.

    Args:
        sessions: one of each server, not in a database that is to be cloned; a server may be there twice.
        source: the source's name on its server.
        names: of the other databases.
    """

    def __init__(self, sessions: Sequence[Maintenance], source: str, names: Sequence[str]) -> None:
        servers = {str(session.rows(_SERVER)): session for session in sessions}
        self._sessions, self._source, self._names = list(servers.values()), source, list(names)
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="multidb-gauge", daemon=True)
        self._most = {"source": 0, "targets": 0, "locks": 0, "bytes": 0}

    def __enter__(self) -> Gauge:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def needs(self, seconds: float) -> Needs:
        """Return the most that was seen so far."""
        most = self._most
        return Needs(
            seconds=round(seconds, 1),
            bytes=most["bytes"],
            source_connections=most["source"],
            target_connections=most["targets"],
            locks=most["locks"],
        )

    def _run(self) -> None:
        while not self._is_over.wait(_EVERY):
            try:
                looks = [self._look(session) for session in self._sessions]
            except psycopg.Error as error:
                log.debug("a database of the rehearsal is gone: %s", error)
                continue
            for key in self._most:
                seen = [look[key] for look in looks]
                self._most[key] = max(self._most[key], max(seen) if key == "locks" else sum(seen))

    def _look(self, session: Maintenance) -> dict[str, int]:
        source, names = self._source, self._names
        found: dict[str, int] = session.rows(_LOOK, source, names, source, source, names)[0]
        return found
