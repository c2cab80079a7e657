"""alembic.ini of an adopted repository: one section a database, everything else as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alembic_multidb.scaffold.initext import Block, Section, new_section, read_sections, write_sections
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
        found: where those of the further ones have their revisions that have a section already.
        new_scripts: whether each further one needs env.py and script.py.mako of its own.
    """

    old: tuple[str, ...]
    new: tuple[str, ...] = ()
    found: Mapping[str, str] = field(default_factory=dict)
    new_scripts: bool = False


def adopted_ini(repository: Repository, histories: Histories, options: Mapping[str, str]) -> str:
    """Return the new text.

    What ``[alembic]`` said holds for all databases now, except for the URL, the place of the revisions, and what
    ``[DEFAULT]`` says otherwise: that holds for the first database.

    Args:
        repository: what was found.
        histories: which database has which history.
        options: further options for all databases.
    """
    sections = read_sections(repository.ini_text)
    given = next((section for section in sections if section.name == DEFAULT), None)
    main = next((section for section in sections if section.name == MAIN_SECTION), None)
    if main is None:
        main = Section(MAIN_SECTION, "")
        sections.append(main)
    options = {**options, **_shared_options(repository)}
    urls = set() if repository.database_names else {URL_OPTION}
    own = {*urls, "version_locations", "version_path_separator", *(given.keys if given else ())} - options.keys()
    rest, moved = main.without(own)
    written = list[Section]()
    for section in sections:
        if section is (given or main):
            written.append(_shared(rest, given, options).closed())
        if section is main:
            written += [_trap(given), *_databases(repository, histories, sections, moved)]
        elif section is not given and section.name not in (*histories.old, *histories.found):
            written.append(section)
    return write_sections(written)


def _shared(main: Section, given: Section | None, options: Mapping[str, str]) -> Section:
    """Return ``[DEFAULT]``, with what ``[alembic]`` says for all."""
    if given is None:
        return main.renamed(DEFAULT).with_options(options)
    more, _ = main.without(given.keys)
    blocks = (*given.closed().blocks[:-1], *more.above, *more.blocks)
    return replace(given, blocks=blocks).with_options(options)


def _databases(
    repository: Repository, histories: Histories, sections: Sequence[Section], moved: Sequence[Block]
) -> Iterator[Section]:
    """Return the section of each database; what was moved out of ``[alembic]`` goes to the first."""
    there = {section.name: section for section in sections}
    for name in histories.old:
        section = there.get(name, new_section(name, {}))
        own = [block for block in moved if block.key != "version_locations" and block.key not in section.keys]
        section = section.with_options(_locations(repository))
        first = name == histories.old[0]
        yield replace(section, blocks=(*(own if first else ()), *section.blocks)).closed()
    for name in histories.new:
        if name in histories.found:
            options = {"version_locations": _rooted_paths(repository, histories.found[name])}
            given, _ = there[name].without({"script_location"})
            yield given.with_options(options).closed()
        else:
            yield new_section(name, _new_options(repository, histories, name))


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


def _shared_options(repository: Repository) -> dict[str, str]:
    options = {"script_location": repository.script_location}
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


def _new_options(repository: Repository, histories: Histories, name: str) -> dict[str, str]:
    location = _new_location(repository, name)
    if histories.new_scripts:
        return {"script_location": location, "version_locations": f"{location}/versions"}
    return {"version_locations": location}


def _trap(given: Section | None) -> Section:
    # Alembic would read these revisions before it looks for those of the trap.
    inherited = {"version_locations"} & (given.keys if given else frozenset())
    options = {"script_location": TRAP, **dict.fromkeys(inherited, "")}
    return new_section(MAIN_SECTION, options, above="# A clear error for a forgotten -n.")


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
