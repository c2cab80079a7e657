"""``run_migrations()``: the whole of a project's env.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alembic import context

from alembic_multidb import plugin
from alembic_multidb.config import (
    REGISTRY_OPTION,
    SCRATCH_OPTION,
    environment_beside,
    import_registry,
    lock_timeout,
    registry_location,
    section_of,
)
from alembic_multidb.env.connect import migration_connection
from alembic_multidb.env.guard import Recorder
from alembic_multidb.env.logs import logging_for
from alembic_multidb.env.marker import Mark
from alembic_multidb.env.offline import run_offline
from alembic_multidb.env.online import run_online
from alembic_multidb.env.options import configure_options
from alembic_multidb.env.scratch import run_on_scratch
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry import Databases

if TYPE_CHECKING:
    from alembic.config import Config


def run_migrations(
    databases: Databases | None = None,
    *,
    migration_arguments: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Run the command that Alembic was called with, on the database that ``-n`` names.

    Online and offline, one database at a time. A change (upgrade, downgrade, stamp) is locked, guarded against
    the wrong database, preceded by the declared extensions, and leaves a marker.

    Args:
        databases: the registry; by default what ``multidb_databases`` in alembic.ini names.
        migration_arguments: keyword arguments for each revision's ``upgrade()`` and ``downgrade()``, such as the
            ``engine_name`` of revisions from Alembic's multidb template.
        **options: for Alembic's ``context.configure()``. ``include_name``, ``include_object``, ``render_item``,
            ``process_revision_directives`` and ``on_version_apply`` are composed with those of the registry.
            ``transaction_per_migration`` is True unless given.

    Raises:
        MultidbError: whatever keeps the command from running, in one line for the user.
    """
    config = context.config
    with logging_for(config, section_of(config)):
        registry = databases or config.attributes.get(REGISTRY_OPTION) or load_registry(config)
        database = registry[section_of(config)]
        plugin.register()
        variables = environment_beside(config.config_file_name)
        arguments = migration_arguments or {}
        if config.attributes.get(SCRATCH_OPTION):
            merged = configure_options(database, options, lambda **_: None)
            if context.is_offline_mode():
                run_offline(database, merged, arguments)
            else:
                run_on_scratch(config, database, merged, arguments)
            return
        recorder = Recorder(database, Mark(database.name, registry.environment_name(variables)))
        merged = configure_options(database, options, recorder.record)
        if database.compares_nothing:
            merged["target_metadata"] = None  # Alembic then refuses to compare, as it always did
        if context.is_offline_mode():
            run_offline(database, merged, arguments)
        else:
            _online(config, recorder, merged, variables, arguments)


def load_registry(config: Config, *, paths: tuple[str, ...] = (), location: str | None = None) -> Databases:
    """Import the registry that alembic.ini names.

    Args:
        config: Alembic's configuration.
        paths: put in front of ``sys.path`` first; inside env.py Alembic has done that already.
        location: of the registry, if it is not what alembic.ini says.

    Raises:
        ConfigurationError: it is not there, or is no ``Databases``.
    """
    location = location or registry_location(config)
    registry = import_registry(location, paths=paths)
    if not isinstance(registry, Databases):
        raise ConfigurationError(
            f'multidb_databases names "{location}", which is of type {type(registry).__name__}, not Databases'
        )
    return registry


def _online(
    config: Config,
    recorder: Recorder,
    options: dict[str, Any],
    variables: Mapping[str, str],
    arguments: Mapping[str, Any],
) -> None:
    given = config.attributes.get("connection")

    def timeout() -> float:
        return lock_timeout(config, context.get_x_argument(as_dictionary=True))

    with migration_connection(recorder.database, given, variables) as connection:
        run_online(connection, recorder.database, recorder, timeout, options, arguments=arguments)
