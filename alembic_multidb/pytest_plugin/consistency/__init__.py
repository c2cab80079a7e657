"""The tests that nobody has to write: what must hold for every database of a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alembic_multidb.pytest_plugin.consistency.histories import (
    test_history_is_whole,
    test_revision_ids_do_not_collide,
    test_runs_alone,
    test_second_upgrade_does_nothing,
    test_stamp_round_trip,
)
from alembic_multidb.pytest_plugin.consistency.homes import (
    test_every_table_has_one_home,
    test_extensions_are_as_declared,
    test_no_foreign_key_leaves_its_home,
)
from alembic_multidb.pytest_plugin.consistency.replaced import (
    test_all_models_register_on_metadata,
    test_downgrade_leaves_no_trace,
    test_single_head_revision,
)
from alembic_multidb.pytest_plugin.consistency.schemas import (
    test_downgrade_leaves_nothing_behind,
    test_history_equals_models,
    test_offline_equals_online,
)

_OURS = (
    test_history_is_whole,
    test_revision_ids_do_not_collide,
    test_every_table_has_one_home,
    test_no_foreign_key_leaves_its_home,
    test_extensions_are_as_declared,
    test_history_equals_models,
    test_downgrade_leaves_nothing_behind,
    test_runs_alone,
    test_offline_equals_online,
    test_second_upgrade_does_nothing,
    test_stamp_round_trip,
)
TESTS: Mapping[str, Callable[..., None]] = {test.__name__: test for test in _OURS}
_REPLACED = (test_single_head_revision, test_all_models_register_on_metadata, test_downgrade_leaves_no_trace)
# What stands in for tests of pytest-alembic that know one history only.
REPLACED: Mapping[str, Callable[..., None]] = {test.__name__: test for test in _REPLACED}
