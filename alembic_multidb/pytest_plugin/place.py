"""Whether the project under test has several databases, and what was asked for; nothing heavy is imported to tell."""

from __future__ import annotations

import os
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Any

import pytest

# Ini options of pytest, and names under which its command line's options are kept.
DATABASES = "multidb_databases"  # as in alembic.ini
INI_FILE = "multidb_config"
EXCLUDE = "multidb_exclude"
SERVERS = "multidb_urls"
TEST_ALEMBIC = "pytest_alembic_registration_enabled"  # pytest-alembic's name for it
# What pytest-xdist's controller tells its workers, which are given paths whatever the user typed.
ASKED_FOR = "multidb_is_asked_for"
# Where a running test's guard is kept.
GUARD = pytest.StashKey[Any]()

_place = pytest.StashKey[Path | None]()


def place_of(config: pytest.Config) -> Path | None:
    """Return the alembic.ini of a project with several databases; None if there is none."""
    if _place not in config.stash:
        config.stash[_place] = next((path for path in _candidates(config) if _is_ours(config, path)), None)
    return config.stash[_place]


def is_asked_for(config: pytest.Config) -> bool:
    """Tell whether the tests of every database shall be collected.

    The ini option asks for them where pytest is called without naming tests.
    """
    workerinput = getattr(config, "workerinput", {})
    if ASKED_FOR in workerinput or config.getoption(TEST_ALEMBIC, False):
        return bool(workerinput.get(ASKED_FOR, True))
    return bool(config.getini(DATABASES)) and config.args_source is not pytest.Config.ArgsSource.ARGS


def _candidates(config: pytest.Config) -> list[Path]:
    if config.getini(INI_FILE):
        return [config.rootpath / str(config.getini(INI_FILE))]
    name = os.environ.get("ALEMBIC_CONFIG", "alembic.ini")
    return [folder / name for folder in (config.invocation_params.dir, config.rootpath)]


def _is_ours(config: pytest.Config, path: Path) -> bool:
    if not path.is_file():
        if config.getini(INI_FILE):
            raise pytest.UsageError(f"{INI_FILE} in pytest's configuration names {path}, which is no file")
        return False
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError):
        return False  # whoever reads it for its content says what is wrong with it
    return bool(config.getini(DATABASES)) or any(
        parser.has_option(section, DATABASES) for section in (*parser.sections(), parser.default_section)
    )
