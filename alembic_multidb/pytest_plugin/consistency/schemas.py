"""Tests of schemas, by snapshot: history and models, up and down, online and offline."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from alembic import command
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.classify import plain_name
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.pytest_plugin.bench import Bench
from alembic_multidb.pytest_plugin.failure import ConsistencyError, revision_of
from alembic_multidb.pytest_plugin.modelled import build_models, expressible
from alembic_multidb.sqltext import statements_of


def test_history_equals_models(alembic_bench: Bench) -> None:
    """At head, the tables that have a model are what the models make: indexes, checks, enums and comments, too."""
    bench = alembic_bench
    with bench.scratch() as name:
        build_models(bench, name)
        models = bench.snapshot(name)
    history, models = expressible(bench, bench.head.snapshot, models)
    found = difference(history, models)
    if found:
        raise ConsistencyError(
            "what the history makes is not what the models say:",
            _sided(found, "in the history, not in the models", "in the models, not in the history"),
            revision=", ".join(bench.history.heads),
        )


def test_downgrade_leaves_nothing_behind(alembic_bench: Bench) -> None:
    """Downgraded to base, a database is as it was before its first revision; declared extensions may stay."""
    bench = alembic_bench
    with bench.scratch() as name:
        with bench.server.connect(name) as connection:
            ensure_extensions(connection, bench.name, bench.database.extensions)
            connection.commit()
        empty = bench.snapshot(name)
    with bench.scratch(bench.head.scratch) as name:
        _downgrade(bench, name)
        found = [item for item in difference(empty, bench.snapshot(name)) if not _may_go(bench, item)]
    if found:
        made_by = _made_by(bench, found)
        raise ConsistencyError(
            "a downgrade to base leaves something behind, or takes away what was there before:",
            [f"{text}{made_by.get(item.identity, '')}" for item, text in zip(found, _left(found), strict=True)],
        )


def test_offline_equals_online(alembic_bench: Bench) -> None:
    """The SQL of ``upgrade --sql`` makes the same schema as the upgrade itself."""
    bench = alembic_bench
    head = bench.head
    try:
        script = bench.script()
    except Exception as error:  # a revision that asks the database cannot be printed
        place = revision_of(error, bench.history)
        if place is None:
            raise
        pytest.skip(f'revision {place[0]} of "{bench.name}" cannot run offline: {type(error).__name__} in {place[1]}')
    with bench.scratch() as name:
        _run_script(bench, name, script)
        found = difference(head.snapshot, bench.snapshot(name))
        same_revision = bench.versions(name) == bench.versions(head.scratch)
    if found or not same_revision:
        raise ConsistencyError(
            "the SQL of upgrade --sql does not make what the upgrade makes:",
            _sided(found, "missing after the SQL", "there only after the SQL") or ["the version table differs"],
            revision=", ".join(bench.history.heads),
        )


def _run_script(bench: Bench, name: str, script: str) -> None:
    with bench.server.connect(name) as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
        for statement in statements_of(script):
            try:
                autocommit.exec_driver_sql(statement)
            except DBAPIError as error:
                raise ConsistencyError(
                    f"the SQL of upgrade --sql does not run: {str(error.orig).splitlines()[0]}", statement.splitlines()
                ) from error


def _downgrade(bench: Bench, name: str) -> None:
    try:
        bench.run(name, command.downgrade, "base")
    except NotImplementedError as error:
        place = revision_of(error, bench.history)
        pytest.skip(f'revision {place[0] if place else "?"} of "{bench.name}" is not meant to be downgraded')


def _may_go(bench: Bench, item: Difference) -> bool:
    """Tell whether something is a declared extension that a downgrade dropped, or only its version."""
    return item.kind.startswith("extension") and plain_name(item.identity) in bench.database.extensions


def _made_by(bench: Bench, found: Sequence[Difference]) -> dict[str, str]:
    """Say of what was left behind which revision has made it, by running the history once more."""
    wanted = {(item.kind, item.identity) for item in found if item.what == "extra"}
    made: dict[str, str] = {}
    with bench.scratch() as name:
        for script in reversed(bench.history.revisions.values()):
            bench.run(name, command.upgrade, script.revision)
            for kind, identity in wanted & {row.key for row in bench.snapshot(name).rows}:
                made.setdefault(identity, f" (made by revision {script.revision})")
                wanted.discard((kind, identity))
    return made


def _left(found: Sequence[Difference]) -> list[str]:
    return _sided(found, "is no longer there", "is left behind")


def _sided(found: Sequence[Difference], missing: str, extra: str) -> list[str]:
    words = {"missing": missing, "extra": extra}
    return [f"{item.kind} {item.identity}: {words[item.what]}" if item.what in words else str(item) for item in found]
