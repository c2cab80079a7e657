"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from alembic.config import Config

from alembic_multidb.config import database_sections

DEFAULT_CONFIG = Path("alembic.ini")


def _complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """Return the databases of alembic.ini for the shell, without importing any model."""
    file = Path(context.params.get("config") or DEFAULT_CONFIG)
    names = database_sections(Config(str(file))) if file.is_file() else []
    return [name for name in names if name.startswith(incomplete)]


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
TimeoutOption = Annotated[float, typer.Option(min=0.1, help="Seconds for each database to answer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, on stdout.")]
