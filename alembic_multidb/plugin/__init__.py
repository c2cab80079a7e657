"""The Alembic plugin: what autogenerate must know about extensions and vector types.

``run_migrations`` registers it. An env.py of one's own adds it with one line::

    from alembic_multidb import plugin; plugin.register()

and passes ``autogenerate_plugins=["alembic.autogenerate.*", plugin.NAME]`` to ``context.configure()``. It is no
``alembic.plugins`` entry point, because one that names a module breaks every ``import alembic`` on Alembic
1.18.0 to 1.20.0 (https://github.com/sqlalchemy/alembic/issues/1873).
"""

from __future__ import annotations

import sys

from alembic.runtime.plugins import Plugin

from alembic_multidb.plugin import vector_indexes

NAME = "alembic_multidb.plugin"

_registered = False


def register() -> None:
    """Register the plugin with Alembic; calling it again changes nothing."""
    global _registered
    if not _registered:
        Plugin.setup_plugin_from_module(sys.modules[__name__], NAME)
        _registered = True


def setup(plugin: Plugin) -> None:
    """Add this plugin's comparators to autogenerate; Alembic calls it."""
    vector_indexes.setup(plugin)
