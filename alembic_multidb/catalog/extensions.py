"""The extensions of a live database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

# In every database, as the template has it.
BUILT_IN = "plpgsql"

# The view of available extensions reads the server's folder of them: only asked for names that matter.
_EXTENSIONS = text(
    """
    SELECT n.name, e.extversion, a.default_version
    FROM (SELECT unnest(CAST(:declared AS text[])) AS name
          UNION SELECT extname FROM pg_extension WHERE extname <> :built_in) AS n
    LEFT JOIN pg_extension AS e ON e.extname = n.name
    LEFT JOIN pg_available_extensions AS a ON a.name = n.name
    ORDER BY n.name
    """
)
_INSTALLED = text("SELECT extname AS name, extversion FROM pg_extension WHERE extname <> :built_in ORDER BY 1")


@dataclass(frozen=True)
class Extension:
    """One extension of a live database.

    Attributes:
        name: the extension's name.
        installed: the version that is installed; None if it is not.
        available: the version that the server offers; None if it offers none.
    """

    name: str
    installed: str | None
    available: str | None


def read_extensions(connection: Connection, declared: Iterable[str]) -> list[Extension]:
    """Return what is installed, and what is declared whether or not it is, by name."""
    names = list(declared)
    if not names and not connection.execute(_INSTALLED, {"built_in": BUILT_IN}).first():
        return []
    rows = connection.execute(_EXTENSIONS, {"declared": names, "built_in": BUILT_IN})
    return [Extension(row.name, row.extversion, row.default_version) for row in rows]
