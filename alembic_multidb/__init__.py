"""Several PostgreSQL databases from one repository: every table has one home.

Names are loaded when they are first used, so that ``import alembic_multidb`` costs nothing and an
``env.py`` never pays for the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic_multidb.env import run_migrations
    from alembic_multidb.errors import MultidbError
    from alembic_multidb.registry import Database, Databases, SoftReference
    from alembic_multidb.routing.selected import only

__all__ = ["Database", "Databases", "MultidbError", "SoftReference", "only", "run_migrations"]

_HOMES = {
    "Database": "alembic_multidb.registry",
    "Databases": "alembic_multidb.registry",
    "SoftReference": "alembic_multidb.registry",
    "MultidbError": "alembic_multidb.errors",
    "only": "alembic_multidb.routing.selected",
    "run_migrations": "alembic_multidb.env",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
