"""PostgreSQL extensions: there where they are declared, and nowhere else."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from alembic_multidb.errors import ExtensionError

log = logging.getLogger(__name__)

ANY_VERSION = "*"

_FLOOR = re.compile(r">=\s*(\d+(?:\.\d+)*)")
_COMMENTS = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_CREATE = r"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:\"([^\"]+)\"|([a-z_]\w*))"
_CREATE_STATEMENT = re.compile(rf"^{_COMMENTS}{_CREATE}", re.IGNORECASE | re.DOTALL)
_CREATE_IN_BLOCK = re.compile(_CREATE, re.IGNORECASE)
_DO_BLOCK = re.compile(rf"^{_COMMENTS}DO\b", re.IGNORECASE | re.DOTALL)

_AVAILABLE = text(
    """
    SELECT a.name, a.default_version, e.extversion
    FROM pg_available_extensions AS a
    LEFT JOIN pg_extension AS e ON e.extname = a.name
    WHERE a.name = ANY(:names)
    """
)
_INSTALLED = text("SELECT extname, extversion FROM pg_extension WHERE extname = ANY(:names)")


def parse_floor(floor: object) -> tuple[int, ...] | None:
    """Read a lowest version: ``">=0.7"`` is (0, 7), ``"*"`` is (); None means that it cannot be read."""
    if floor == ANY_VERSION:
        return ()
    match = _FLOOR.fullmatch(floor.strip()) if isinstance(floor, str) else None
    return _numbers(match.group(1)) if match else None


def reaches(version: str, floor: str) -> bool:
    """Tell whether an installed version reaches the declared floor."""
    return _numbers(version) >= (parse_floor(floor) or ())


def ensure_extensions(connection: Connection, database: str, declared: Mapping[str, str]) -> None:
    """Create the declared extensions that are missing; each is committed by itself.

    Args:
        connection: in autocommit, or inside a transaction that the caller commits.
        database: the database's name in the registry, for messages.
        declared: extension name to lowest version.

    Raises:
        ExtensionError: one is not available, too old, or needs rights that this login has not; the text
            holds the SQL for the administrator.
    """
    if not declared:
        return
    installed = _installed(connection, declared)
    for extension, floor in declared.items():
        version = installed.get(extension) or _create(connection, database, extension)
        if not reaches(version, floor):
            raise ExtensionError(
                f'extension "{extension}" of database "{database}" is installed in version {version}, but '
                f'{floor} is declared; an administrator runs: ALTER EXTENSION "{extension}" UPDATE; '
                "(after a newer package, if the server has none)"
            )


def refuse_foreign_extensions(
    connection: Connection, database: str, foreign: Mapping[str, str], present_before: frozenset[str]
) -> None:
    """Refuse extensions that only other databases declare, whichever statement created them.

    Args:
        connection: inside the migration's transaction.
        database: the database's name in the registry.
        foreign: extension name to the database that declares it.
        present_before: those that were there before the run, which its text tells apart.

    Raises:
        ExtensionError: one is there.
    """
    for extension in sorted(_installed(connection, foreign)):
        if extension in present_before:
            raise ExtensionError(
                f'extension "{extension}" was in database "{database}" before this run, but only '
                f'"{foreign[extension]}" declares it; the revision is refused. Remove it with '
                f'DROP EXTENSION "{extension}"; or {_ways_out(database, extension, foreign[extension])}'
            )
        raise foreign_extension_error(database, extension, foreign[extension])


def foreign_extension_error(database: str, extension: str, home: str) -> ExtensionError:
    """Build the error for an extension that a revision creates in the wrong database."""
    return ExtensionError(
        f'this revision creates extension "{extension}" in database "{database}", but only "{home}" declares '
        f"it; the revision is refused. Take the statement out of this history, or "
        f"{_ways_out(database, extension, home)}. (If it ran inside autocommit_block(), the extension stays: "
        f'remove it with DROP EXTENSION IF EXISTS "{extension}";)'
    )


def foreign_extension_in(statement: str, foreign: Mapping[str, str], *, blocks: bool = False) -> str | None:
    """Return the foreign extension that a SQL statement creates, as far as its text tells.

    Args:
        statement: one SQL statement.
        foreign: the extensions to look for.
        blocks: whether to look inside DO blocks as well, where a string may be mistaken for a statement.
    """
    if not foreign:
        return None
    match = _CREATE_STATEMENT.search(statement)
    if match is None and blocks and _DO_BLOCK.search(statement):
        match = _CREATE_IN_BLOCK.search(statement)
    if match is None:
        return None
    name = match.group(1) or match.group(2).lower()
    return name if name in foreign else None


def installed_extensions(connection: Connection, names: Mapping[str, str]) -> frozenset[str]:
    """Return which of the named extensions are installed."""
    return frozenset(_installed(connection, names))


def create_extension_sql(extension: str) -> str:
    """Return the statement that creates an extension unless it is there."""
    return f"CREATE EXTENSION IF NOT EXISTS {_quote(extension)}"


def _installed(connection: Connection, names: Mapping[str, str]) -> dict[str, str]:
    if not names:
        return {}
    rows = connection.execute(_INSTALLED, {"names": list(names)})
    return {row.extname: row.extversion for row in rows}


def _create(connection: Connection, database: str, extension: str) -> str:
    available = connection.execute(_AVAILABLE, {"names": [extension]}).first()
    if available is None:
        version = connection.exec_driver_sql("SHOW server_version").scalar()
        package = "pgvector" if extension == "vector" else f'the package that holds "{extension}"'
        raise ExtensionError(
            f'extension "{extension}" of database "{database}" is not available on its server (PostgreSQL '
            f"{version}): an administrator installs {package} there, then runs in this database: "
            f"{create_extension_sql(extension)};"
        )
    try:
        connection.exec_driver_sql(create_extension_sql(extension))
    except ProgrammingError as error:
        raise _not_created(database, extension, error) from None
    except IntegrityError:
        # Somebody created it at the same moment; PostgreSQL reports that as a duplicate key.
        log.debug("extension %s was created by somebody else at the same moment", extension)
    version = _installed(connection, {extension: ""})[extension]
    log.info('created extension "%s" %s in database "%s"', extension, version, database)
    return version


def _not_created(database: str, extension: str, error: DBAPIError) -> ExtensionError:
    reason = str(error.orig).splitlines()[0]
    return ExtensionError(
        f'extension "{extension}" of database "{database}" cannot be created by this login ({reason}); an '
        f"administrator runs in this database: {create_extension_sql(extension)};"
    )


def _ways_out(database: str, extension: str, home: str) -> str:
    return (
        f'declare it: Database("{database}", extensions={{"{extension}": "*"}}), or shared_with="{home}" if the '
        "two may be one physical database"
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers, without trailing zeros, so that 1.0 equals 1."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match.group().split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _quote(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
