"""An existing Alembic repository: where its files are, and what its configuration says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import Error as IniError
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold.changes import read_text
from alembic_multidb.scaffold.tomltext import TRAP, alembic_table, read_toml

MAIN_SECTION = "alembic"
HERE = "%(here)s"


@dataclass(frozen=True)
class Repository:
    """What was found.

    Attributes:
        folder: the project's folder, where alembic.ini and the registry's module are afterwards.
        ini_file: the file that alembic.ini is made of; None where there is none.
        main: the options of its section ``[alembic]``, as written.
        sections: every other section's options, as written.
        toml: ``[tool.alembic]``.
        script: the folder with env.py.
        script_location: that folder, as alembic.ini says it afterwards.
    """

    folder: Path
    ini_file: Path | None
    main: dict[str, str]
    sections: dict[str, dict[str, str]]
    toml: dict[str, Any] = field(repr=False)
    script: Path
    script_location: str

    @property
    def ini(self) -> Path:
        """Return where alembic.ini is afterwards."""
        return self.folder / "alembic.ini"

    @property
    def ini_text(self) -> str:
        """Return the text that alembic.ini is made of."""
        return read_text(self.ini_file) if self.ini_file else f"[{MAIN_SECTION}]\n"

    def option(self, name: str) -> str | None:
        """Return an option of Alembic's, from alembic.ini or else from pyproject.toml."""
        value = self.main.get(name, self.toml.get(name))
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    @property
    def database_names(self) -> tuple[str, ...]:
        """Return the names of Alembic's multidb template, ``databases = engine1, engine2``."""
        return tuple(re.split(r"[,\s]+", self.main["databases"].strip())) if self.main.get("databases") else ()


def find_repository(folder: Path) -> Repository:
    """Find the Alembic repository of a project.

    Raises:
        ConfigurationError: there is none, or its files cannot be read.
    """
    toml = alembic_table(read_toml(folder / "pyproject.toml")) or {}
    for ini in _candidates(folder):
        main, sections = _read_ini(ini)
        location = main.get("script_location") or toml.get("script_location")
        if location is not None and ini.parent == folder:
            script = script_folder(folder, str(location))
            shown = _location(folder, str(location), script)
        elif location is None and (ini.parent / "env.py").is_file():
            script = ini.parent  # as Flask-Migrate has it
            shown = "/".join((HERE, *script.relative_to(folder).parts))
        else:
            continue
        return _checked(Repository(folder, ini, main, sections, toml, script, shown))
    location = str(toml.get("script_location", TRAP))
    if location == TRAP:
        raise _nothing_found(folder)
    script = script_folder(folder, location)
    return _checked(Repository(folder, None, {}, {}, toml, script, _location(folder, location, script)))


def is_adopted(folder: Path) -> bool:
    """Tell whether alembic.ini names a registry already."""
    ini = folder / "alembic.ini"
    return ini.is_file() and "multidb_databases" in read_text(ini)


def rooted(folder: Path, path: str) -> str:
    """Write a path relative to alembic.ini, where it is meant so; any other stays as it is."""
    if path == ".":
        return HERE
    if ":" in path or path.startswith((HERE, "/", "~")) or not (folder / path).exists():
        return path
    return f"{HERE}/{Path(path).as_posix()}"


def _candidates(folder: Path) -> Iterator[Path]:
    inis = [folder / "alembic.ini", folder / "migrations" / "alembic.ini", *sorted(folder.glob("*/alembic.ini"))]
    yield from (ini for ini in dict.fromkeys(inis) if ini.is_file())


def _read_ini(path: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    parser = RawConfigParser()
    try:
        parser.read_string(read_text(path))
    except IniError as error:
        first = str(error).splitlines()[0]
        raise ConfigurationError(f"{path} cannot be read: {first}; correct it first") from None
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    return sections.pop(MAIN_SECTION, dict(parser.defaults())), sections


def script_folder(folder: Path, location: str) -> Path:
    """Return the folder that a ``script_location`` means, seen from the project's folder."""
    if ":" in location and not re.match(r"[A-Za-z]:[\\/]", location):
        package, _, inside = location.partition(":")
        parts = Path(*package.split("."), inside)
        return next((base / parts for base in (folder, folder / "src") if (base / parts).is_dir()), folder / parts)
    return folder / location.replace(HERE, ".").replace("%%", "%")


def _location(folder: Path, location: str, script: Path) -> str:
    return rooted(folder, location) if script.is_dir() else location


def _checked(repository: Repository) -> Repository:
    if not (repository.script / "env.py").is_file():
        raise ConfigurationError(
            f"script_location is {repository.script_location}, but there is no {repository.script / 'env.py'}"
        )
    return repository


def _nothing_found(folder: Path) -> ConfigurationError:
    for ini in _candidates(folder):
        own = [f"[{name}]" for name, options in _read_ini(ini)[1].items() if "script_location" in options]
        if own:
            return ConfigurationError(
                f"{ini} has its script_location in {', '.join(own)} instead of [alembic], and --adopt reads one env.py "
                'only; declare the databases by hand: see "Several script folders" in the documentation'
            )
    return ConfigurationError(
        f"there is no Alembic repository in {folder.absolute()}: no alembic.ini with a script_location, no "
        "[tool.alembic] in pyproject.toml, and no migrations/alembic.ini; for a new project, leave out --adopt"
    )
