"""Where scratch databases are made, for the commands that run histories."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Optional

import typer

from alembic_multidb.cli.output import say
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
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

    def __init__(self, project: Project, url: str | None, stack: ExitStack) -> None:
        self._url = resolve_url(url, project.variables, of="URL of the scratch server (--scratch-url)") if url else None
        self._stack = stack
        self._server: ScratchServer | None = None

    def __call__(self) -> ScratchServer:
        """Return the server, the same each time."""
        if self._server is None:
            if self._url is None:
                say("starting an embedded PostgreSQL server for scratch databases ...")
            self._server = self._stack.enter_context(scratch_server(self._url))
        return self._server

    def if_there(self) -> ScratchServer | None:
        """Return the server; None, and a word about it, if none was named and the embedded one is not installed."""
        try:
            return self()
        except ConfigurationError as error:
            if self._url is not None:
                raise
            say(f"drift is not looked for: {error}, or name a server with --scratch-url")
            return None
