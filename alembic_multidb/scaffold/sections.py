"""Sections of alembic.ini that have the name of a database which is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold.adoptini import Histories
from alembic_multidb.scaffold.repository import Repository, script_folder


def histories_of(
    repository: Repository, old: Sequence[str], asked: Iterable[str], *, is_multidb: bool, owns_sections: bool
) -> Histories:
    """Say which database has which history.

    Args:
        repository: what was found.
        old: the databases of the existing history, the default one first.
        asked: what was asked for.
        is_multidb: whether the revisions take an ``engine_name``.
        owns_sections: whether the sections with the names of the old ones are theirs.

    Raises:
        ConfigurationError: a section with the name of a database is something else.
    """
    new = tuple(name for name in asked if name not in old)
    taken = [name for name in old if name in repository.sections and not owns_sections]
    if taken:
        raise ConfigurationError(
            f"alembic.ini has a section [{taken[0]}] already, and the history that is adopted is that of [alembic]; "
            "give its database another name, with the first --database"
        )
    found = {name: location for name in new if (location := _location(repository, name)) is not None}
    return Histories(tuple(old), new, found, new_scripts=is_multidb)


def _location(repository: Repository, name: str) -> str | None:
    """Return where a section has revisions of its own; None if there is no such section."""
    options = repository.sections.get(name)
    if options is None:
        return None
    script = options.get("script_location")
    if script is not None and script_folder(repository.folder, script) != repository.script:
        raise ConfigurationError(
            f"alembic.ini: [{name}] has an env.py of its own, in {script}, and only that of [alembic] is adopted; "
            f'leave out --database {name} and add it by hand: see "Several script folders" in the documentation'
        )
    locations = options.get("version_locations")
    if not locations or locations == repository.main.get("version_locations"):
        raise ConfigurationError(
            f"alembic.ini has a section [{name}] already, which has no revisions of its own; "
            "give the database another name"
        )
    return locations
