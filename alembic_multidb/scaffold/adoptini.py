"""alembic.ini of an adopted repository: one section a database, everything else as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alembic_multidb.scaffold.initext import Section, new_section, read_sections, write_sections
from alembic_multidb.scaffold.repository import HERE, MAIN_SECTION, Repository, rooted
from alembic_multidb.scaffold.runners import URL_OPTION
from alembic_multidb.scaffold.tomltext import TRAP

DEFAULT = "DEFAULT"
# What [tool.alembic] must not say any more: it would reach the trap for a mistyped -n.
MOVED_FROM_TOML = frozenset({"version_locations", "prepend_sys_path", "recursive_version_locations"})

_SEPARATORS = {"os": "[:;]", ":": ":", ";": ";", "space": " +", "newline": "\n"}


@dataclass(frozen=True)
class Histories:
    """Which database has which history.

    Attributes:
        old: the databases of the existing history, the default one first.
        new: further ones, each with an empty history.
        new_scripts: whether each further one needs env.py and script.py.mako of its own.
    """

    old: tuple[str, ...]
    new: tuple[str, ...] = ()
    new_scripts: bool = False


def adopted_ini(repository: Repository, histories: Histories, module: str) -> str:
    """Return the new text.

    What ``[alembic]`` said holds for all databases now, except for the URL and the place of the revisions.
    """
    sections = read_sections(repository.ini_text)
    given = next((section for section in sections if section.name == DEFAULT), Section(DEFAULT, ""))
    main = next((section for section in sections if section.name == MAIN_SECTION), Section(MAIN_SECTION, ""))
    urls = set() if repository.database_names else {URL_OPTION}
    own = {*urls, "version_locations", "version_path_separator", *given.keys} & main.keys
    shared, moved = main.without(own)
    shared = shared.renamed(DEFAULT).with_options(_shared_options(repository, module))
    moved = tuple(block for block in moved if block.key != "version_locations")
    rest = [section for section in sections if section is not main and section.name not in histories.old]
    existing = {section.name: section for section in sections if section.name in histories.old}
    named = [existing.get(name, new_section(name, {})).with_options(_locations(repository)) for name in histories.old]
    named[0] = replace(named[0], blocks=(*moved, *named[0].blocks))
    position = sections.index(main) if main in sections else len(rest)
    databases = [*(section.closed() for section in named), *_new_sections(repository, histories)]
    return write_sections([*rest[:position], shared.closed(), _trap(), *databases, *rest[position:]])


def separator(repository: Repository) -> str:
    """Return the character that separates paths in alembic.ini: ``os``, ``newline``, ...; empty if nobody can say."""
    written = repository.main.get("path_separator")
    if written:
        return written
    paths = [repository.main.get(key, "") for key in ("version_locations", "prepend_sys_path")]
    legacy = repository.main.get("version_path_separator")
    if any(isinstance(repository.toml.get(key), list) for key in ("version_locations", "prepend_sys_path")):
        return "newline"
    if not any(re.search(r"[\s,:;]", path.replace(HERE, "")) for path in paths):
        return legacy or "os"
    if legacy and not re.search(r"[\s,:;]", paths[1]):
        return legacy
    return "space" if not any(re.search(r"[,:;\n]", path) for path in paths) else ""


def version_locations(repository: Repository) -> str | None:
    """Return where the old revisions are; None where only the default, beside env.py, can say it."""
    written = repository.option("version_locations")
    if written:
        return _rooted_paths(repository, written)
    return None if _is_cut(repository) else f"{repository.script_location}/versions"


def _is_cut(repository: Repository) -> bool:
    """Tell whether package:migrations/versions would be read as two paths, as with path_separator = os."""
    return ":" in repository.script_location and separator(repository) not in ("space", "newline")


def _new_location(repository: Repository, name: str) -> str:
    if not _is_cut(repository) or not repository.script.is_relative_to(repository.folder):
        return f"{repository.script_location}/{name}"
    return "/".join((HERE, *repository.script.relative_to(repository.folder).parts, name))


def _shared_options(repository: Repository, module: str) -> dict[str, str]:
    options = {"multidb_databases": f"{module}:databases", "script_location": repository.script_location}
    chosen = separator(repository)
    if chosen:
        options["path_separator"] = chosen
    options["prepend_sys_path"] = _import_paths(repository)
    if repository.toml.get("recursive_version_locations"):
        options["recursive_version_locations"] = "true"
    return options


def _import_paths(repository: Repository) -> str:
    """Return what was on the path before; the folder with the registry's module is in any case."""
    paths = _rooted_paths(repository, repository.option("prepend_sys_path") or "")
    if HERE in _split(repository, paths):
        return paths
    return _join(repository, [path for path in (HERE, *_split(repository, paths)) if path])


def _locations(repository: Repository) -> dict[str, str]:
    locations = version_locations(repository)
    return {"version_locations": locations} if locations else {"script_location": repository.script_location}


def _new_sections(repository: Repository, histories: Histories) -> list[Section]:
    sections = []
    for name in histories.new:
        location = _new_location(repository, name)
        if histories.new_scripts:
            options = {"script_location": location, "version_locations": f"{location}/versions"}
        else:
            options = {"version_locations": location}
        sections.append(new_section(name, options))
    return sections


def _trap() -> Section:
    return new_section(MAIN_SECTION, {"script_location": TRAP}, above="# A clear error for a forgotten -n.")


def _rooted_paths(repository: Repository, value: str) -> str:
    return _join(repository, [rooted(repository.folder, path) for path in _split(repository, value)])


def _split(repository: Repository, value: str) -> list[str]:
    if "\n" in value.strip():
        return [path.strip() for path in value.splitlines() if path.strip()]
    chosen = separator(repository)
    # A package's path has a colon of its own; with it, nothing is split or joined.
    return [path.strip() for path in re.split(_SEPARATORS[chosen], value) if path.strip()] if chosen else [value]


def _join(repository: Repository, paths: Sequence[str]) -> str:
    characters: Mapping[str, str] = {"space": " ", "newline": "\n", ";": ";", "": " "}
    return characters.get(separator(repository), ":").join(paths)
