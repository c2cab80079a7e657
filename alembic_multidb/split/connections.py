"""How many connections this process has at a time: each is counted when it is opened, however short it lives."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.pool import Pool

from alembic_multidb.urls import DatabaseURL

_OPENED, _CLOSED = "connect", ("close", "close_detached")


class Connections:
    """Counts the connections that this process opens, until it is closed.

    Args:
        sources: the databases that are counted on their own.
    """

    def __init__(self, sources: Collection[DatabaseURL]) -> None:
        self._sources = [url.url for url in sources]
        self._lock = Lock()
        self._is_paused = False
        self._open: dict[int, bool] = {}
        self._programs = 0
        self._most = {True: 0, False: 0}

    def __enter__(self) -> Connections:
        event.listen(Pool, _OPENED, self._opened)
        for name in _CLOSED:
            event.listen(Pool, name, self._closed)
        return self

    def __exit__(self, *error: object) -> None:
        event.remove(Pool, _OPENED, self._opened)
        for name in _CLOSED:
            event.remove(Pool, name, self._closed)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what is opened meanwhile, and then stays open."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def see_programs(self, number: int) -> None:
        """Take note of how many connections to sources are those of programs that this one has started."""
        with self._lock:
            self._programs = number
            self._look()

    def most(self, *, to_sources: bool) -> int:
        """Return how many there were at a time, at most: to the sources, or to all other databases."""
        return self._most[to_sources]

    def _opened(self, connection: Any, record: object) -> None:
        if self._is_paused:
            return
        is_source = any(_leads_to(url, connection) for url in self._sources)
        with self._lock:
            self._open[id(connection)] = is_source
            self._look()

    def _closed(self, connection: Any, *record: object) -> None:
        with self._lock:
            self._open.pop(id(connection), None)

    def _look(self) -> None:
        sources = sum(self._open.values())
        self._most[True] = max(self._most[True], sources + self._programs)
        self._most[False] = max(self._most[False], len(self._open) - sources)


def _leads_to(url: URL, connection: Any) -> bool:
    """Tell whether a URL leads where a connection is; what it does not say is left to libpq, and to this."""
    host, port = url.host or url.query.get("host"), url.port or url.query.get("port")
    return (
        url.database == connection.info.dbname
        and (not isinstance(host, str) or host == connection.info.host)
        and (not isinstance(port, (str, int)) or int(port) == connection.info.port)
    )
