"""Connections are counted when they are opened, however short they live."""

from __future__ import annotations

from contextlib import ExitStack

from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.split.connections import Connections
from alembic_multidb.urls import DatabaseURL, resolve_url
from tests.conftest import NewDatabase


def open_at(stack: ExitStack, url: DatabaseURL) -> None:
    stack.enter_context(connected(make_engine("counted", url), "counted", url))


def test_the_most_at_a_time_is_told_for_sources_and_others(new_database: NewDatabase) -> None:
    """Those that are closed make room, those of a pause and those after the end count for nothing, programs count."""
    source, other = (resolve_url(new_database(), {}, of="database") for _ in range(2))
    with Connections([source]) as connections, ExitStack() as outer:
        with connections.paused():
            open_at(outer, other)
        for _ in range(3):
            with ExitStack() as stack:
                open_at(stack, source)
                open_at(stack, other)
                open_at(stack, other)
        assert (connections.most(to_sources=True), connections.most(to_sources=False)) == (1, 2)
        open_at(outer, source)
        connections.see_programs(2)
        connections.see_programs(0)
        assert connections.most(to_sources=True) == 3
    with ExitStack() as stack:
        for _ in range(5):
            open_at(stack, other)
    assert connections.most(to_sources=False) == 2
