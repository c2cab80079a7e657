"""The tests of every database as pytest's items: ``alembic[ai]::test_upgrade``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from alembic_multidb.errors import MultidbError, RegistryError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.pytest_plugin import consistency
from alembic_multidb.pytest_plugin.failure import ConsistencyError, told
from alembic_multidb.pytest_plugin.place import EXCLUDE
from alembic_multidb.pytest_plugin.project import load_project, server_urls
from alembic_multidb.pytest_plugin.runner import fixtures_of

Tests = Mapping[str, Callable[..., None]]


def database_modules(session: pytest.Session) -> Iterator[pytest.Module]:
    """Return a collector for each database; one for all of them if the registry contradicts itself.

    Raises:
        UsageError: there is no registry to be had, or a test that is not wanted does not exist.
    """
    try:
        project = load_project(session.config)
        server_urls(session.config, project)  # a mistyped one ends the run before it begins
    except RegistryError as error:
        yield DatabaseModule.of(session, "registry", {"test_every_table_has_one_home": _failing(error)}, None)
        return
    except MultidbError as error:
        raise pytest.UsageError(str(error)) from None
    tests = _tests(session.config)
    for name in project.databases:
        yield DatabaseModule.of(session, name, tests, project)


class DatabaseModule(pytest.Module):
    """What collects the tests of one database; it stands for no file."""

    tests: Tests
    database: str
    project: Project | None

    @classmethod
    def of(cls, session: pytest.Session, database: str, tests: Tests, project: Project | None) -> DatabaseModule:
        """Make the collector of one database."""
        label = f"alembic[{database}]"
        module: DatabaseModule = cls.from_parent(session, path=session.config.rootpath / label, nodeid=label)
        module.tests, module.database, module.project = tests, database, project
        module.add_marker("alembic")
        return module

    def _getobj(self) -> ModuleType:
        # A module of its own each time: pytest 8.4 registers the fixtures of a module once.
        module = ModuleType(f"alembic_{self.database}")
        if self.project is not None:
            module.__dict__.update(fixtures_of(self.database))
        return module

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Return the database's tests, after pytest has read the fixtures."""
        rest = list(super().collect())
        items = [DatabaseItem.from_parent(self, name=name, callobj=test) for name, test in self.tests.items()]
        return [*rest, *items]


class DatabaseItem(pytest.Function):
    """One test of one database."""

    parent: DatabaseModule

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Name the database; there is no line to show."""
        return self.path, None, f"{self.parent.name}::{self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *arguments: Any) -> Any:
        """Say what is wrong in a few lines; with ``--tb=long`` or ``--tb=native``, the traceback."""
        if self.config.getoption("tbstyle") in ("long", "native") or isinstance(excinfo.value, pytest.fail.Exception):
            return super().repr_failure(excinfo, *arguments)
        history = None
        if self.parent.project is not None:
            with suppress(MultidbError):
                history = History.load(self.parent.project, self.parent.database, to_read=True)
        return told(excinfo.value, self.parent.database, history)


def _tests(config: pytest.Config) -> dict[str, Callable[..., None]]:
    found = {**_tests_of_pytest_alembic(config), **consistency.TESTS}
    unwanted = {name if name.startswith("test_") else f"test_{name}" for name in config.getini(EXCLUDE)}
    if unwanted - found.keys():
        raise pytest.UsageError(
            f"{EXCLUDE} names no test of every database: {', '.join(sorted(unwanted - found.keys()))}; there are "
            f"{', '.join(found)}"
        )
    return {name: test for name, test in found.items() if name not in unwanted}


def _tests_of_pytest_alembic(config: pytest.Config) -> dict[str, Callable[..., None]]:
    """Return what its own options choose."""
    if find_spec("pytest_alembic") is None:
        return {}
    plugin = importlib.import_module("pytest_alembic.plugin.plugin")
    chosen = plugin.OptionResolver.collect_test_definitions(default=True, experimental=True)
    chosen.include(*_names(config, "pytest_alembic_include"))
    chosen.include_experimental(*_names(config, "pytest_alembic_include_experimental"))
    chosen.exclude(*_names(config, "pytest_alembic_exclude"))
    try:
        return {test.raw_name: _ours(test.raw_name, test.function) for test in chosen.sorted_tests()}
    except ValueError as error:
        raise pytest.UsageError(f"pytest-alembic: {error}") from None


def _ours(name: str, test: Callable[..., None]) -> Callable[..., None]:
    """Return our own where pytest-alembic's cannot know several databases."""
    return consistency.REPLACED.get(name, test)


def _names(config: pytest.Config, option: str) -> list[str]:
    with suppress(ValueError):  # its options are not there if the plugin is blocked
        given = config.getoption(option, None) or config.getini(option) or ""
        return [name.strip() for name in str(given).replace("\n", ",").split(",") if name.strip()]
    return []


def _failing(error: MultidbError) -> Callable[..., None]:
    def test() -> None:
        raise ConsistencyError(str(error))

    return test
