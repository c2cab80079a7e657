"""PostgreSQL extensions: there where they are declared, and nowhere else."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from types import MappingProxyType

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from alembic_multidb.errors import ExtensionError

log = logging.getLogger("alembic.multidb")

ANY_VERSION = "*"

_FLOOR = re.compile(r">=\s*(\d+(?:\.\d+)*)")
# What may stand between two words of SQL.
GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)+"
_CREATE = rf"CREATE{GAP}EXTENSION{GAP}(?:IF{GAP}NOT{GAP}EXISTS{GAP})?(?:\"([^\"]+)\"|([a-z_]\w*))"
_CREATE_STATEMENT = re.compile(rf"(?:^|;)(?:{GAP})?{_CREATE}", re.IGNORECASE | re.DOTALL)
_CREATE_IN_BLOCK = re.compile(_CREATE, re.IGNORECASE | re.DOTALL)
_DO_BLOCK = re.compile(rf"(?:^|;)(?:{GAP})?DO\b", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)

_AVAILABLE = text(
    """
    SELECT a.name, a.default_version, coalesce(v.requires::text[], '{}') AS requires
    FROM pg_available_extensions AS a
    LEFT JOIN pg_available_extension_versions AS v ON v.name = a.name AND v.version = a.default_version
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


def ensure_extensions(
    connection: Connection,
    database: str,
    declared: Mapping[str, str],
    *,
    schemas: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Create the declared extensions that are missing; each is committed by itself.

    Args:
        connection: in autocommit, or inside a transaction that the caller commits.
        database: the database's name in the registry, for messages.
        declared: extension name to lowest version.
        schemas: extension name to the schema in which it is made; the first of the search path for others.

    Raises:
        ExtensionError: one is not available, too old, or needs rights that this login has not; the text
            holds the SQL for the administrator.
    """
    if not declared:
        return
    installed = _installed(connection, declared)
    missing = [extension for extension in declared if extension not in installed]
    for extension in _in_order(connection, database, missing, declared):
        installed[extension] = _create(connection, database, extension, schemas.get(extension))
    for extension, floor in declared.items():
        if not reaches(installed[extension], floor):
            raise ExtensionError(
                f'extension "{extension}" of database "{database}" is installed in version {installed[extension]}, '
                f'but {floor} is declared; an administrator runs: ALTER EXTENSION "{extension}" UPDATE; '
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


def foreign_extension_in(statement: str, foreign: Mapping[str, str], *, in_blocks: bool = False) -> str | None:
    """Return the foreign extension that a SQL statement creates, as far as its text tells.

    Args:
        statement: one SQL statement.
        foreign: the extensions to look for.
        in_blocks: whether to look inside DO blocks as well, where a string may be mistaken for a statement.
    """
    if not foreign:
        return None
    matches = list(_CREATE_STATEMENT.finditer(_LITERAL.sub("''", statement)))
    if in_blocks and _DO_BLOCK.search(statement):
        matches += _CREATE_IN_BLOCK.finditer(statement)
    names = [match.group(1) or match.group(2).lower() for match in matches]
    return next((name for name in names if name in foreign), None)


def installed_extensions(connection: Connection, names: Mapping[str, str]) -> frozenset[str]:
    """Return which of the named extensions are installed."""
    return frozenset(_installed(connection, names))


def create_extension_sql(extension: str, schema: str | None = None) -> str:
    """Return the statement that creates an extension unless it is there."""
    return f"CREATE EXTENSION IF NOT EXISTS {_quote(extension)}" + (f" SCHEMA {_quote(schema)}" if schema else "")


def _installed(connection: Connection, names: Mapping[str, str]) -> dict[str, str]:
    if not names:
        return {}
    rows = connection.execute(_INSTALLED, {"names": list(names)})
    return {row.extname: row.extversion for row in rows}


def _in_order(connection: Connection, database: str, missing: Sequence[str], declared: Mapping[str, str]) -> list[str]:
    """Return the missing extensions, each after those that it requires; refuse what is not there or too old."""
    available = {row.name: row for row in connection.execute(_AVAILABLE, {"names": list(missing)})}
    for extension in missing:
        if extension not in available:
            raise _not_available(connection, database, extension)
        version = available[extension].default_version
        if not reaches(version, declared[extension]):
            raise ExtensionError(
                f'extension "{extension}" of database "{database}" is available in version {version} only, but '
                f"{declared[extension]} is declared; an administrator installs a newer package on its server"
            )
    requires = {name: [item for item in row.requires if item in available] for name, row in available.items()}
    return list(TopologicalSorter(requires).static_order())


def _not_available(connection: Connection, database: str, extension: str) -> ExtensionError:
    version = connection.exec_driver_sql("SHOW server_version").scalar()
    package = "pgvector" if extension == "vector" else f'the package that holds "{extension}"'
    return ExtensionError(
        f'extension "{extension}" of database "{database}" is not available on its server (PostgreSQL '
        f"{version}): an administrator installs {package} there, then runs in this database: "
        f"{create_extension_sql(extension)};"
    )


def _create(connection: Connection, database: str, extension: str, schema: str | None) -> str:
    statement = create_extension_sql(extension, schema or None)
    try:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
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
