"""How much a run takes of its servers at most: connections, locks, disk."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from threading import Event, Thread

import psycopg

from alembic_multidb.split.connections import Connections
from alembic_multidb.split.outcome import Needs
from alembic_multidb.split.template.maintenance import Maintenance

log = logging.getLogger("alembic.multidb")

_EVERY = 0.1
_SERVER = "SELECT pg_catalog.pg_postmaster_start_time(), pg_catalog.inet_server_port()"
# The databases of a rehearsal come and go, and whoever asks for the size of one that is just gone gets an error.
_LOOK = """
    WITH ours AS (
        SELECT a.pid, a.application_name = 'pg_dump' AS is_program FROM pg_catalog.pg_stat_activity AS a
        WHERE (a.datname = ANY (%s::text[]) OR a.datname = ANY (%s::text[]))
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND (a.application_name LIKE 'multidb%%' OR a.application_name = 'pg_dump')
    )
    SELECT (SELECT count(*) FROM ours WHERE is_program) AS programs,
           (SELECT count(*) FROM pg_catalog.pg_locks AS l
            WHERE NOT l.fastpath AND l.pid IN (SELECT pid FROM ours)) AS locks,
           (SELECT coalesce(sum(pg_catalog.pg_database_size(d.oid)), 0)::bigint FROM pg_catalog.pg_database AS d
            WHERE d.datname = ANY (%s::text[])) AS bytes
"""


class Gauge:
    """Looks at servers, again and again, until it is closed.

    Args:
        sessions: one of each server, not in a database that is to be cloned; a server may be there twice.
        sources: the names of the sources on their servers.
        names: of the other databases.
        connections: counts those of this process, from the plan on.
        bytes_before: what the other databases take already.
    """

    def __init__(
        self,
        sessions: Sequence[Maintenance],
        sources: Collection[str],
        names: Sequence[str],
        connections: Connections,
        *,
        bytes_before: int = 0,
    ) -> None:
        servers = {str(session.rows(_SERVER)): session for session in sessions}
        self._sessions, self._sources, self._names = list(servers.values()), list(sources), list(names)
        self._connections, self._bytes_before = connections, bytes_before
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="multidb-gauge", daemon=True)
        self._most = {"locks": 0, "bytes": 0}

    def __enter__(self) -> Gauge:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def needs(self, seconds: float) -> Needs:
        """Return the most that was seen so far."""
        return Needs(
            seconds=round(seconds, 1),
            bytes=max(0, self._most["bytes"] - self._bytes_before),
            source_connections=self._connections.most(to_sources=True),
            target_connections=self._connections.most(to_sources=False),
            locks=self._most["locks"],
        )

    def _run(self) -> None:
        while not self._is_over.wait(_EVERY):
            try:
                looks = [self._look(session) for session in self._sessions]
            except psycopg.Error as error:
                log.debug("a database of the rehearsal is gone: %s", error)
                continue
            self._connections.see_programs(sum(look["programs"] for look in looks))
            self._most["locks"] = max(self._most["locks"], *(look["locks"] for look in looks))
            self._most["bytes"] = max(self._most["bytes"], sum(look["bytes"] for look in looks))

    def _look(self, session: Maintenance) -> dict[str, int]:
        found: dict[str, int] = session.rows(_LOOK, self._sources, self._names, self._names)[0]
        return found
