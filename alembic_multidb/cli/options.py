"""The options that several commands have."""

from __future__ import annotations

from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Annotated, Optional

import typer
from alembic.config import Config

from alembic_multidb.config import database_sections

DEFAULT_CONFIG = Path("alembic.ini")
# A day.
LONGEST = 86_400


def _complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """Return the databases of alembic.ini for the shell, without importing any model."""
    file = Path(context.params.get("config") or DEFAULT_CONFIG)
    try:
        names = database_sections(Config(str(file))) if file.is_file() else []
    except (OSError, ValueError, ConfigParserError):  # a shell that completes is no place for messages
        return []
    return [name for name in names if name.startswith(incomplete)]


def _checked_seconds(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= LONGEST:
        raise typer.BadParameter(f"{value} is not a number of seconds between 0 and {LONGEST}")
    return value


ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="ALEMBIC_CONFIG", help="alembic.ini, as for alembic itself.")
]
NamesOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--name", "-n", help="Only this database; may be repeated.", autocompletion=_complete_name),
]
NameOption = Annotated[
    str, typer.Option("--name", "-n", help="What this database shall be.", autocompletion=_complete_name)
]
LockTimeoutOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(help="Seconds to wait for a database's lock; 0: do not wait."),
]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, callback=_checked_seconds, help="Seconds for each database to answer.")
]
WatchOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        metavar="SECONDS", callback=_checked_seconds, help="Look so long whether misplaced tables are written to."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, on stdout.")]
NoOwnerOption = Annotated[bool, typer.Option("--no-owner", help="Let everything belong to the login.")]
NoAclOption = Annotated[bool, typer.Option("--no-acl", help="Leave out grants and default privileges.")]
JobsOption = Annotated[int, typer.Option(min=1, max=64, help="Tables to copy, and indexes to build, at a time.")]
MemoryOption = Annotated[
    str, typer.Option(metavar="SIZE", help="Memory for building indexes, of all together: 512MB, 4GB.")
]
ProgramsOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="DIR", help="Where pg_dump and pg_restore are; else PATH, or the embedded extra's."),
]
