"""What pytest asks of the plugin: options, markers, and the items of every database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import pytest

from alembic_multidb.pytest_plugin.place import (
    ASKED_FOR,
    DATABASES,
    EXCLUDE,
    GUARD,
    INI_FILE,
    SERVERS,
    TEST_ALEMBIC,
    is_asked_for,
    place_of,
)

# The name under which pytest-alembic registers what collects its tests for one history.
ITS_COLLECTION = "pytest-alembic"
GUARD_MARKER = (
    "cross_database(reason, only=None): lets a test do what database_guard refuses; the reason is required, "
    'only="transaction" or only="table" lifts one of the two checks.'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's own options."""
    parser.addini(DATABASES, "The registry, as module:attribute; also collects the tests of every database.")
    parser.addini(INI_FILE, "Where alembic.ini is, from the root directory.")
    parser.addini(EXCLUDE, "Tests of every database that are not wanted, by name.", type="args")
    parser.getgroup("collect").addoption(
        "--multidb-url",
        dest=SERVERS,
        action="append",
        default=[],
        metavar="[NAME=]URL",
        help="A server for scratch databases (URL or env:NAME), of one database of the registry or of all; "
        "instead of MULTIDB_SCRATCH_URL, or an embedded one.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Define --test-alembic, unless pytest-alembic has: by now, every plugin has added its options."""
    with suppress(ValueError):
        parser.getgroup("collect").addoption(
            "--test-alembic",
            dest=TEST_ALEMBIC,
            action="store_true",
            default=False,
            help="Test the migrations of every database.",
        )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; where the project has several databases, take the place of tests for one history."""
    config.addinivalue_line("markers", "alembic: tests of migrations.")
    config.addinivalue_line("markers", GUARD_MARKER)
    if place_of(config) is None:
        return
    # pytest-alembic's options and fixtures stay.
    config.pluginmanager.set_blocked(ITS_COLLECTION)
    from alembic_multidb.pytest_plugin import runner

    # Registered after every installed plugin, so that its fixtures win over pytest-alembic's.
    config.pluginmanager.register(runner, "alembic_multidb_runner")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what was asked for."""
    node.workerinput[ASKED_FOR] = is_asked_for(node.config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say whose tests are collected, and what is missing."""
    place = place_of(config)
    if place is None or not is_asked_for(config):
        return []
    lack = "" if find_spec("pytest_alembic") else " (pytest-alembic is not installed: its own tests are left out)"
    return [f"multidb: tests of every database of {place}{lack}"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of every database, before anything is selected from the items."""
    if place_of(config) is None or not is_asked_for(config):
        return
    from alembic_multidb.pytest_plugin.collect import database_modules

    for module in database_modules(session):
        # Not by way of the module itself: --lf would skip it, since there is no such file.
        for item in module.collect():
            items.extend(session.genitems(item))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``alembic_database``, itself or by way of ``alembic_runner``, once for each database."""
    if "alembic_database" not in metafunc.fixturenames or place_of(metafunc.config) is None:
        return
    by_hand = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    if any("alembic_database" in names for names in by_hand):
        return
    from alembic_multidb.pytest_plugin.project import load_project

    metafunc.parametrize("alembic_database", list(load_project(metafunc.config).databases), indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose application has swallowed what the guard raised."""
    try:
        yield
    except BaseException:
        if guard := item.stash.get(GUARD, None):
            guard.found.clear()  # the test has failed anyway
        raise
    if guard := item.stash.get(GUARD, None):
        guard.finish()
