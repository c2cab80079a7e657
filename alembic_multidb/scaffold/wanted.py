"""What ``--database NAME[:EXTENSION,...]`` asks for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry import Database

FIRST_NAME = "core"
FIRST_VARIABLE = "DATABASE_URL"

_EXTENSION = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True)
class WantedDatabase:
    """A database that somebody asks for.

    Attributes:
        name: its name.
        extensions: the extensions that it needs, in any version.
    """

    name: str
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> WantedDatabase:
        """Read ``name`` or ``name:extension,extension``.

        Raises:
            ConfigurationError: it is neither, or the name is none for a database.
        """
        name, colon, rest = text.partition(":")
        extensions = tuple(part.strip() for part in rest.split(",")) if colon else ()
        if not all(_EXTENSION.fullmatch(extension) for extension in extensions):
            raise ConfigurationError(f'"{text}" is not of the form NAME or NAME:EXTENSION,EXTENSION, as in ai:vector')
        return cls(Database(name).name, extensions)


def parse_wanted(texts: Iterable[str]) -> tuple[WantedDatabase, ...]:
    """Read all ``--database`` options.

    Raises:
        ConfigurationError: one cannot be read, or two have the same name.
    """
    wanted = tuple(map(WantedDatabase.parse, texts))
    for name, times in Counter(database.name for database in wanted).items():
        if times > 1:
            raise ConfigurationError(f'{times} databases are named "{name}"; every name stands for one database')
    seen: dict[str, str] = {}
    for database in wanted:
        other = seen.setdefault(_variable(database.name), database.name)
        if other != database.name:
            raise ConfigurationError(
                f'databases "{other}" and "{database.name}" would share the variable {_variable(other)} and, on some '
                "systems, a folder; give one of them a name that differs by more than case, '-' and '_'"
            )
    return wanted


def variable_for(name: str, names: Sequence[str]) -> str:
    """Return the environment variable for a database's URL: the first one's is DATABASE_URL."""
    if name == names[0]:
        return FIRST_VARIABLE
    return _variable(name)


def _variable(name: str) -> str:
    return f"{name.upper().replace('-', '_')}_{FIRST_VARIABLE}"
