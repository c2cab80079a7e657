"""The project under test, loaded once, and the servers for its scratch databases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.operate.project import Project
from alembic_multidb.pytest_plugin.bench import Bench
from alembic_multidb.pytest_plugin.place import DATABASES, SERVERS, place_of
from alembic_multidb.stamp.scratch import ScratchServer, scratch_server
from alembic_multidb.urls import DatabaseURL, resolve_url

SCRATCH_VARIABLE = "MULTIDB_SCRATCH_URL"

_project = pytest.StashKey[Project]()


def load_project(config: pytest.Config) -> Project:
    """Return the project under test, the same for the whole run.

    Raises:
        ConfigurationError: there is none, or its registry cannot be had.
    """
    if _project not in config.stash:
        path = place_of(config)
        if path is None:
            raise ConfigurationError(
                f"there is no alembic.ini with {DATABASES} in {config.invocation_params.dir}; run pytest where it is, "
                "or name it with multidb_config in pytest's configuration"
            )
        config.stash[_project] = Project.load(path, registry=str(config.getini(DATABASES)) or None)
    return config.stash[_project]


@contextmanager
def plainly() -> Iterator[None]:
    """Let what keeps a fixture from being made be said in its own words, without a traceback."""
    try:
        yield
    except MultidbError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@dataclass(eq=False)
class ScratchServers(Mapping[str, ScratchServer]):
    """The server for each database's scratch databases, opened when it is first asked for.

    Attributes:
        urls: of databases that have a server of their own.
        default: of all others; None for an embedded server, which is stopped at the end.
        names: of all databases.
    """

    names: tuple[str, ...]
    urls: Mapping[str, DatabaseURL] = field(default_factory=dict)
    default: DatabaseURL | None = None
    _opened: dict[str, ScratchServer] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __getitem__(self, name: str) -> ScratchServer:
        if name not in self.names:
            raise KeyError(name)
        key = name if name in self.urls else ""
        if key not in self._opened:
            self._opened[key] = self._stack.enter_context(scratch_server(self.urls.get(name, self.default)))
        return self._opened[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def close(self) -> None:
        """Drop what was made, and stop what was started."""
        self._stack.close()


class Benches(Mapping[str, Bench]):
    """Every database's bench, made when it is first asked for."""

    def __init__(self, project: Project, servers: Mapping[str, ScratchServer]) -> None:
        self._project = project
        self._servers = servers
        self._made: dict[str, Bench] = {}

    def __getitem__(self, name: str) -> Bench:
        if name not in self._made:
            self._made[name] = Bench(self._project, name, self._servers[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._project.databases)

    def __len__(self) -> int:
        return len(self._project.databases)


@contextmanager
def open_servers(config: pytest.Config, project: Project) -> Iterator[ScratchServers]:
    """Give the servers that the command line, or the environment, names.

    Raises:
        ConfigurationError: a URL cannot be used, or names no database of the registry.
    """
    urls = server_urls(config, project)
    servers = ScratchServers(tuple(project.databases), {k: v for k, v in urls.items() if k}, urls.get(""))
    try:
        yield servers
    finally:
        servers.close()


def server_urls(config: pytest.Config, project: Project) -> dict[str, DatabaseURL]:
    """Return the servers by the databases' names; that of all others by no name.

    Raises:
        ConfigurationError: a URL cannot be used, or names no database of the registry.
    """
    variables = project.variables
    urls: dict[str, DatabaseURL] = {}
    for given in config.getoption(SERVERS):
        name, url = _split(given)
        if name:
            project.databases[name]  # an unknown one is an error
        urls[name] = resolve_url(url, variables, of=f"URL of --multidb-url{f' {name}' if name else ''}")
    if "" not in urls and variables.get(SCRATCH_VARIABLE):
        urls[""] = resolve_url(f"env:{SCRATCH_VARIABLE}", variables, of="URL of the scratch server")
    return urls


def _split(given: str) -> tuple[str, str]:
    """Split ``NAME=URL``; a URL alone is for all databases."""
    match = re.match(r"([A-Za-z][\w-]*)=(.*)", given, re.DOTALL)
    return (match[1], match[2]) if match else ("", given)
