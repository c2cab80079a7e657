"""What stands in for tests of pytest-alembic that know one history only; their names and questions are its."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from traceback import extract_tb
from typing import Any

import pytest

from alembic_multidb.pytest_plugin.bench import Bench
from alembic_multidb.pytest_plugin.failure import ConsistencyError, chain, revision_of

_NOT_IN_A_TRANSACTION = "25001"


def test_single_head_revision(alembic_bench: Bench, alembic_runner: Any) -> None:
    """The history has one newest revision, or none at all yet."""
    from pytest_alembic.tests import test_single_head_revision as has_single_head

    if alembic_bench.history.revisions:
        has_single_head(alembic_runner)


def test_all_models_register_on_metadata(alembic_bench: Bench, request: pytest.FixtureRequest) -> None:
    """Importing the registry imports every model; pytest-alembic's own looks at the default section only."""
    registry = str(request.config.getini("multidb_databases"))
    arguments = [str(alembic_bench.project.config_file.absolute()), alembic_bench.name, registry]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "alembic_multidb.pytest_plugin.registered", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConsistencyError("the models cannot be imported:", done.stderr.strip().splitlines()[-1:])
    tables = json.loads(done.stdout.splitlines()[-1])
    if tables:
        raise ConsistencyError("nothing imports the models of these tables; import them in the registry:", tables)


def test_downgrade_leaves_no_trace(alembic_bench: Bench, alembic_runner: Any) -> None:
    """Each downgrade restores what autogenerate sees; skipped where a revision cannot run inside a transaction."""
    from pytest_alembic.tests.experimental import test_downgrade_leaves_no_trace as leaves_no_trace

    try:
        leaves_no_trace(alembic_runner)
    except Exception as error:
        if not any(map(_needs_autocommit, chain(error))):
            raise
        place = revision_of(error, alembic_bench.history)
        pytest.skip(
            f'revision {place[0] if place else "?"} of "{alembic_bench.name}" cannot run inside a transaction, as this '
            "test does; test_downgrade_leaves_nothing_behind does not"
        )


def _needs_autocommit(error: BaseException) -> bool:
    if getattr(getattr(error, "orig", None), "sqlstate", None) == _NOT_IN_A_TRANSACTION:
        return True
    # At its yield it only passes on what a statement inside the block raised: that is the revision's own error.
    frames = extract_tb(error.__traceback__)
    return any(frame.name == "autocommit_block" and frame.line != "yield" for frame in frames)
