"""What alembic.ini says: where the registry is, which ``.env`` lies beside it, how long to wait for the lock."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from alembic_multidb.errors import ConfigurationError, MultidbError

if TYPE_CHECKING:
    from alembic.config import Config

# In alembic.ini: where the registry is. In config.attributes: the registry itself.
REGISTRY_OPTION = "multidb_databases"
LOCK_TIMEOUT_OPTION = "multidb_lock_timeout"
DEFAULT_LOCK_TIMEOUT = 600.0
# In config.attributes: the connection leads to a scratch database, made to be thrown away.
SCRATCH_OPTION = "multidb_scratch"

# Sections of alembic.ini that belong to Alembic or to logging, and can name no database.
RESERVED_SECTIONS = frozenset({"DEFAULT", "alembic", "formatters", "handlers", "loggers", "post_write_hooks"})


def database_sections(config: Config) -> list[str]:
    """Return the ini file's sections that are databases: those with a history of their own."""
    parser = config.file_config
    own = parser._sections  # type: ignore[attr-defined]  # without what [DEFAULT] lends to each
    return [
        section
        for section in parser.sections()
        if section not in RESERVED_SECTIONS and {"version_locations", "script_location"} & set(own[section])
    ]


def section_of(config: Config) -> str:
    """Return the ini section in use, which is the database's name.

    Raises:
        ConfigurationError: no database was chosen with ``-n``.
    """
    section = config.config_ini_section
    if section in RESERVED_SECTIONS:
        raise choose_error(config)
    return section


def choose_error(config: Config | None) -> ConfigurationError:
    """Build the error for a forgotten or mistyped ``-n``, which names the databases that there are."""
    names = database_sections(config) if config is not None else []
    known = f" ({', '.join(names)})" if names else ""
    section = config.config_ini_section if config is not None else "alembic"
    what = "no database was chosen" if section in RESERVED_SECTIONS else f'there is no database "{section}"'
    example = names[0] if names else "NAME"
    return ConfigurationError(
        f"{what}: name one{known} with -n before the command, as in: alembic -n {example} current"
    )


def registry_location(config: Config) -> str:
    """Return the option that names the registry, ``module:attribute``.

    Raises:
        ConfigurationError: the option is missing, or not of that form.
    """
    location = config.get_alembic_option(REGISTRY_OPTION) or config.file_config.defaults().get(REGISTRY_OPTION)
    where = config.config_file_name or "alembic.ini"
    if not location:
        raise ConfigurationError(
            f"{where} does not say where the databases are declared: add "
            f'"{REGISTRY_OPTION} = package.databases:databases" to its [DEFAULT] section'
        )
    module, _, attribute = location.partition(":")
    if not module or not attribute.isidentifier():
        raise ConfigurationError(
            f'{where}: {REGISTRY_OPTION} = "{location}" is not of the form "package.module:attribute"'
        )
    return str(location)


def import_registry(location: str, *, paths: Iterable[str] = ()) -> object:
    """Import ``module:attribute`` and return what is there.

    Args:
        location: as :func:`registry_location` returns it.
        paths: put in front of ``sys.path`` first, as Alembic does with ``prepend_sys_path``.

    Raises:
        ConfigurationError: the module or its attribute is missing, or importing it raises.
    """
    sys.path[:0] = [path for path in paths if path not in sys.path]
    module_name, _, attribute = location.partition(":")
    try:
        module = import_module(module_name)
    except MultidbError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's modules raise: said in one line, with its place
        raise _import_error(module_name, error) from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ConfigurationError(
            f'{REGISTRY_OPTION} names "{location}", but the module "{module_name}" has no "{attribute}"'
        ) from None


def _import_error(module: str, error: BaseException) -> ConfigurationError:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return ConfigurationError(
            f'{REGISTRY_OPTION} names the module "{module}", but there is no module "{error.name}"; '
            "is prepend_sys_path in alembic.ini the folder that holds it?"
        )
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{own[-1].filename}, line {own[-1].lineno}" if own else module
    if isinstance(error, SyntaxError):
        place = f"{error.filename}, line {error.lineno}"
    return ConfigurationError(
        f'importing the registry "{module}" failed with {type(error).__name__}{_harmless_text(error)} at {place}; '
        f'see it whole with: python -c "import {module}"'
    )


def _harmless_text(error: BaseException) -> str:
    """Return an exception's text where it names code; elsewhere it may quote a URL or a secret setting."""
    if isinstance(error, KeyError):
        key = error.args[0] if error.args else ""
        return f" ({key!r})" if isinstance(key, str) and key.isidentifier() else ""
    if isinstance(error, (ImportError, NameError, AttributeError)):
        return f" ({str(error).splitlines()[0]})" if str(error) else ""
    return ""


def environment_beside(config_file: str | None) -> Mapping[str, str]:
    """Return the environment variables, with those of a ``.env`` beside alembic.ini behind them.

    The real environment wins; ``os.environ`` itself is not changed.
    """
    path = Path(config_file).absolute().parent / ".env" if config_file else None
    if path is None or not path.is_file():
        return os.environ
    from dotenv import dotenv_values

    return {**{key: value for key, value in dotenv_values(path).items() if value is not None}, **os.environ}


def lock_timeout(config: Config, x_arguments: Mapping[str, str]) -> float:
    """Return how many seconds to wait for the migration lock; 0 means not to wait.

    Asked in this order: the caller (``config.attributes``), ``-x lock_timeout=``, the ini file, 600.

    Raises:
        ConfigurationError: the value is not a number of seconds.
    """
    for source, value in (
        ("--lock-timeout", config.attributes.get(LOCK_TIMEOUT_OPTION)),
        ("-x lock_timeout", x_arguments.get("lock_timeout")),
        (LOCK_TIMEOUT_OPTION, config.get_alembic_option(LOCK_TIMEOUT_OPTION)),
    ):
        if value is not None:
            return _seconds(value, source)
    return DEFAULT_LOCK_TIMEOUT


def _seconds(value: object, source: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError(f'{source}: "{value}" is not a number of seconds (0 or more)')
    return seconds
