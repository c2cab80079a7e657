"""The extensions of other databases that a revision is told of, as the mixed database would have told it.

Old revisions ask whether pgvector is there, and raise, or make other things, if it is not. On a database of a shared
history they shall say the same as ever; what they then do with the extension belongs elsewhere, and is skipped.
"""

from __future__ import annotations

import re

from alembic_multidb.plugin.extensions import ANY_VERSION
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.homes import ItemHomes

_ASKS = re.compile(r"\bpg_(?:available_)?extension(?:s|_versions)?\b", re.IGNORECASE)


def asks(statement: str) -> bool:
    """Tell whether a statement looks at the catalogs of extensions."""
    return _ASKS.search(statement) is not None


def foreign_extensions(database: RegisteredDatabase, homes: ItemHomes) -> dict[str, str]:
    """Return the extensions that other databases declare and this one may not have, with their lowest versions."""
    declared = {
        name: database.registry[home].extensions[name]
        for name, home in database.foreign_extensions.items()
        if database.registry[home].shares_history
    }
    undeclared = [name for name in homes.users if not homes.is_declared(name)]
    return declared | {name: ANY_VERSION for name in undeclared if database.name not in homes.of_extension(name)}
