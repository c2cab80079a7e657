"""What a revision is told about extensions: what the mixed database would have told it.

Old revisions ask whether pgvector is there, and raise, or make other things, if it is not. On a database of a shared
history they shall say the same as ever; what they then do with the extension belongs elsewhere, and is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from psycopg.sql import SQL, Literal

from alembic_multidb.plugin.extensions import ANY_VERSION, parse_floor
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.homes import ItemHomes

_ASKS = re.compile(r"\bpg_(?:available_)?extension(?:s|_versions)?\b", re.IGNORECASE)
_QUALIFIED = re.compile(r"\bpg_catalog\s*\.\s*(?=pg_(?:available_)?extension)", re.IGNORECASE)
_BEGIN = re.compile(r"\s*(?:(?P<select>SELECT)|(?P<recursive>WITH\s+RECURSIVE)|(?P<with>WITH))\b", re.IGNORECASE)
# A name that stands before the query hides the catalog of the same name.
_SEEN = """
    pg_extension AS (
        SELECT oid, extname, extowner, extnamespace, extrelocatable, extversion FROM pg_catalog.pg_extension
        UNION ALL
        SELECT 0::oid, name::name, 10::oid, 'public'::regnamespace::oid, true, version
        FROM (VALUES {}) AS v (name, version)
    ),
    pg_available_extensions AS (
        SELECT * FROM pg_catalog.pg_available_extensions AS a
        WHERE NOT EXISTS (SELECT FROM (VALUES {}) AS v (name, version) WHERE v.name = a.name)
        UNION ALL
        SELECT name::name, version, version, '' FROM (VALUES {}) AS v (name, version)
    )
"""


def asks(statement: str) -> bool:
    """Tell whether a statement looks at the catalogs of extensions."""
    return _ASKS.search(statement) is not None


def as_mixed(statement: str, foreign: Mapping[str, str]) -> str:
    """Return a query in which other databases' extensions are there; any other statement as it is.

    Args:
        statement: as it is given to the driver.
        foreign: those extensions, each with its lowest version as it is declared.
    """
    begin = _BEGIN.match(statement)
    if not foreign or begin is None or not asks(statement):
        return statement
    seen = _seen(foreign.items())
    rest = _QUALIFIED.sub("", statement[begin.end() :])
    if begin["select"]:
        return f"WITH {seen} SELECT{rest}"
    return f"WITH {'RECURSIVE ' if begin['recursive'] else ''}{seen}, {rest}"


def _seen(foreign: Iterable[tuple[str, str]]) -> str:
    rows = SQL(", ").join(
        SQL("({}, {})").format(Literal(name), Literal(".".join(map(str, parse_floor(floor) or (1, 0)))))
        for name, floor in foreign
    )
    return SQL(_SEEN).format(rows, rows, rows).as_string(None).replace("%", "%%")


def foreign_extensions(database: RegisteredDatabase, homes: ItemHomes) -> dict[str, str]:
    """Return the extensions that other databases declare and this one may not have, with their lowest versions."""
    declared = {
        name: database.registry[home].extensions[name]
        for name, home in database.foreign_extensions.items()
        if database.registry[home].shares_history
    }
    undeclared = [name for name in homes.users if not homes.is_declared(name)]
    return declared | {name: ANY_VERSION for name in undeclared if database.name not in homes.of_extension(name)}
