"""Where scratch databases are made, for the commands that run histories."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from threading import Lock
from typing import Annotated, Optional

import typer

from alembic_multidb.cli.output import say
from alembic_multidb.config import environment_beside
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.stamp.scratch import ScratchServer, scratch_server
from alembic_multidb.urls import resolve_url

ScratchUrlOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="URL",
        envvar="MULTIDB_SCRATCH_URL",
        help="A server for scratch databases (URL or env:NAME), instead of an embedded one.",
    ),
]


class Scratch:
    """The server for scratch databases, opened when it is first asked for."""

    def __init__(self, config: Path, url: str | None, stack: ExitStack) -> None:
        variables = environment_beside(str(config))
        self._url = resolve_url(url, variables, of="URL of the scratch server (--scratch-url)") if url else None
        self._stack = stack
        self._opening: Future[ScratchServer] | None = None

    def prepare(self) -> None:
        """Begin to open the server, which takes two seconds if it is an embedded one; what fails is said later."""
        if self._opening is None:
            if self._url is None:
                say("starting an embedded PostgreSQL server for scratch databases ...")
            executor = self._stack.enter_context(ThreadPoolExecutor(1, "multidb-scratch"))
            server = self._stack.enter_context(_Later(scratch_server(self._url)))
            self._opening = executor.submit(server.open)

    def __call__(self) -> ScratchServer:
        """Return the server, the same each time."""
        self.prepare()
        assert self._opening is not None
        return self._opening.result()

    def if_there(self) -> ScratchServer | None:
        """Return the server; None, and a word about it, if none was named and the embedded one is not installed."""
        try:
            return self()
        except ConfigurationError as error:
            if self._url is not None:
                raise
            say(f"drift is not looked for: {error}, or name a server with --scratch-url")
            return None


class _Later(AbstractContextManager["_Later"]):
    """Something that is opened in another thread, and closed here."""

    def __init__(self, inner: AbstractContextManager[ScratchServer]) -> None:
        self._inner = inner
        self._lock = Lock()
        self._is_open = False

    def open(self) -> ScratchServer:
        with self._lock:
            interval = sys.getswitchinterval()
            # Of the embedded server's many small reads of files, each would wait 5 ms for the other thread.
            sys.setswitchinterval(interval / 10)
            try:
                server = self._inner.__enter__()
            finally:
                sys.setswitchinterval(interval)
            self._is_open = True
            return server

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._is_open:
                self._inner.__exit__(None, None, None)
