"""``multidb init --adopt``: what turns an existing Alembic repository into one for several databases."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold import flask
from alembic_multidb.scaffold.adoptini import MOVED_FROM_TOML, Histories, adopted_ini, separator, version_locations
from alembic_multidb.scaffold.adoptpy import Declared, Head, config_name, env_source, registry_source, url_source
from alembic_multidb.scaffold.carry import VERSION_OPTIONS, Carried, carry
from alembic_multidb.scaffold.changes import FileChange, Plan, read_text
from alembic_multidb.scaffold.envfile import EnvFile
from alembic_multidb.scaffold.fresh import MODULE_NAMES, registry_module, version_folders
from alembic_multidb.scaffold.repository import HERE, Repository, find_repository, is_adopted
from alembic_multidb.scaffold.runners import URL_OPTION
from alembic_multidb.scaffold.sections import histories_of
from alembic_multidb.scaffold.slices import Expression, named
from alembic_multidb.scaffold.templates import template
from alembic_multidb.scaffold.tomltext import add_trap, set_trap
from alembic_multidb.scaffold.urlsource import UrlSource
from alembic_multidb.scaffold.wanted import FIRST_NAME, WantedDatabase, variable_for

PLACEHOLDER = "driver://"

_SECTION = "context.config.config_ini_section"
_ENGINE_ARGUMENTS = (
    'migration_arguments={"engine_name": engine_name}',
    'upgrade_token=f"{engine_name}_upgrades"',
    'downgrade_token=f"{engine_name}_downgrades"',
)


def plan_adoption(folder: Path, wanted: Sequence[WantedDatabase] = ()) -> Plan:
    """Decide what to write so that a repository keeps its history as that of its first database.

    Args:
        folder: the project's folder.
        wanted: the first names the existing database, unless the repository has names for it; any further
            one gets an empty history.

    Raises:
        ConfigurationError: there is no repository, it cannot be read, or it is not for PostgreSQL.
    """
    if is_adopted(folder):
        return Plan(folder, (), ("nothing to do: alembic.ini names a registry already",))
    adoption = Adoption(folder, find_repository(folder), tuple(wanted))
    changes = [change for change in adoption.changes() if change.is_needed]
    return Plan(folder, tuple(changes), tuple(adoption.notes()))


@dataclass(frozen=True)
class Adoption:
    """One repository on its way.

    Attributes:
        folder: the project's folder.
        repository: what was found there.
        wanted: what was asked for.
    """

    folder: Path
    repository: Repository
    wanted: tuple[WantedDatabase, ...]

    @cached_property
    def env(self) -> EnvFile:
        """Return the old env.py."""
        file = self.repository.script / "env.py"
        name = file.relative_to(self.folder).as_posix() if file.is_relative_to(self.folder) else str(file)
        return EnvFile.parse(read_text(file), name)

    @cached_property
    def is_flask(self) -> bool:
        """Tell whether Flask-Migrate made it."""
        return flask.is_flask(self.env)

    @cached_property
    def is_multidb(self) -> bool:
        """Tell whether its revisions take an ``engine_name``."""
        return bool(self.repository.database_names) or flask.is_multidb(self.env)

    @cached_property
    def histories(self) -> Histories:
        """Return which database has which history."""
        asked = [database.name for database in self.wanted]
        old: tuple[str, ...] = self.repository.database_names
        if not old and self.is_multidb and not self.is_flask:
            if len(asked) < 2:
                raise ConfigurationError(
                    f"{self.env.name} runs several databases, but alembic.ini has no option databases that names them; "
                    "name all of them, as engine_name has them: --database NAME --database NAME"
                )
            old = tuple(asked)
        if not old:
            binds = flask.bind_names(self.folder, self.versions) if self.is_flask and self.is_multidb else ()
            first = next((name for name in asked if name not in binds), FIRST_NAME)
            old = (first, *binds)
        owns_sections = self.is_multidb and not self.is_flask
        return histories_of(self.repository, old, asked, is_multidb=self.is_multidb, owns_sections=owns_sections)

    @property
    def versions(self) -> Path:
        """Return the folder of the old revisions."""
        return self.repository.script / "versions"

    @cached_property
    def module(self) -> str:
        """Return the name of the registry's module."""
        free = [name for name in MODULE_NAMES if not (self.folder / f"{name}.py").exists()]
        name = registry_module(self.folder)
        if name in free:
            return name
        if not free:
            raise ConfigurationError(f"{' and '.join(f'{name}.py' for name in MODULE_NAMES)} are there already")
        return free[-1]

    @cached_property
    def carried(self) -> Carried:
        """Return what the old env.py says."""
        if self.is_flask:
            flaskish = carry(self.env, ignore=flask.FLASK_NAMES | {"target_metadata"})
            return replace(flaskish, url=UrlSource(), url_expression=None)
        if self.is_multidb:
            return carry(self.env, multidb=True)
        return self._checked(carry(self.env))

    def changes(self) -> Iterator[FileChange]:
        """Return every file that is to be written."""
        # Flask-Migrate's template for several binds asks the application for them, and only env.py loads it.
        options = {"revision_environment": "true"} if self.is_flask and self.is_multidb else {}
        options["multidb_databases"] = f"{self.module}:databases"
        ini, registry = adopted_ini(self.repository, self.histories, options), self._registry()
        yield FileChange.of(self.repository.ini, ini)
        yield FileChange(self.folder / f"{self.module}.py", registry)
        yield FileChange.of(self.repository.script / "env.py", self._env())
        mako = self.repository.script / "script.py.mako"
        if not mako.exists():
            yield FileChange(mako, template("script.py.mako"))
        yield from self._new_folders()
        pyproject = self.folder / "pyproject.toml"
        trap = set_trap(pyproject, MOVED_FROM_TOML) if self.repository.toml else add_trap(pyproject)
        yield from [trap] if trap else []

    def notes(self) -> Iterator[str]:
        """Return what the user should know."""
        yield from self.carried.notes
        for name, source in self._placeholders():
            yield f'database "{name}": {source}; its URL is read from {variable_for(name, self._names)} now'
        for name in self.histories.found:
            variable = variable_for(name, self._names)
            yield f'database "{name}": it has the revisions of its section; fill in tables=, and set {variable}'
        if not separator(self.repository):
            yield "alembic.ini: its lists of paths are separated in several ways; set path_separator by hand"
        if self.is_flask:
            first = self.histories.old[0]
            yield f"flask db ... says from now on that -n is missing: use alembic -n {first} ... instead"

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.histories.old, *self.histories.new)

    def _database(self, name: str) -> WantedDatabase:
        return next((database for database in self.wanted if database.name == name), WantedDatabase(name))

    def _new_folders(self) -> Iterator[FileChange]:
        script = self.repository.script
        new = [self._database(name) for name in self.histories.new if name not in self.histories.found]
        taken = [database.name for database in new if (script / database.name).exists()]
        if taken:
            raise ConfigurationError(f"{script / taken[0]} is there already: give the new database another name")
        for database in new:
            if self.histories.new_scripts:
                for name in ("env.py", "script.py.mako"):
                    source = template("env.py.template" if name == "env.py" else name)
                    yield FileChange(script / database.name / name, source)
                yield FileChange(script / database.name / "versions" / ".gitkeep", "")
            else:
                yield from (FileChange(keep, "") for keep in version_folders(script, [database]))

    def _env(self) -> str:
        imports, code, arguments = list[str](), list[str](), list[str]()
        if self.is_flask:
            imports.append(f"from {self.module} import configure_args")
            code.append(flask.ENV_CODE.strip())
            arguments.append(flask.ENV_ARGUMENT)
        if self.is_multidb:
            core = self.histories.old[0]
            name = f'"" if {_SECTION} == "{core}" else {_SECTION}' if self.is_flask else _SECTION
            code.append(f"# The name under which the revisions know the database.\nengine_name = {name}")
            arguments += _ENGINE_ARGUMENTS
        if code:
            imports.insert(0, "from alembic import context")
        head = Head(tuple(imports), "\n\n\n".join(code), tuple(arguments))
        return env_source(self.carried, self.module, head=head)

    def _registry(self) -> str:
        declared = [self._declared(name) for name in self.histories.old]
        declared += [self._declared_new(name) for name in self.histories.new]
        env = self.repository.script / "env.py"
        place = env.relative_to(self.folder) if env.is_relative_to(self.folder) else env
        head = flask.REGISTRY_HEAD if self.is_flask else Head()
        carried = self.carried
        if len(list(self._placeholders())) == len(self.histories.old):
            carried = replace(carried, url=UrlSource())
        return registry_source(carried, declared, env_file=PurePosixPath(place.as_posix()), head=head)

    def _declared(self, name: str) -> Declared:
        arguments = {key: value for key, value in self._models_and_url(name).items() if value}
        if name == self.histories.old[0]:
            arguments["default"] = "True"
        arguments |= {key: self._source_for(name, value) for key, value in self.carried.version_options.items()}
        arguments["unmodelled"] = '"drop"'
        return Declared(self._database(name), arguments)

    def _models_and_url(self, name: str) -> dict[str, str]:
        if self.is_flask:
            bind = "" if name == self.histories.old[0] else f'"{name}"'
            return {
                "metadata": f"metadata({bind})",
                "url": f"url({bind})",
                **{option: option for option in VERSION_OPTIONS},
            }
        if name in dict(self._placeholders()):
            url = f'"env:{variable_for(name, self._names)}"'
        elif self.is_multidb and self.carried.url_expression is not None:
            url = self._source_for(name, self.carried.url_expression)
        elif self.is_multidb and self.carried.url.is_config:
            url = f'{config_name(self.carried)}.get_section_option("{name}", "{URL_OPTION}")'
        else:
            url = url_source(self.carried, variable_for(name, self._names))
        return {"metadata": self._metadata_of(name), "url": url}

    def _metadata_of(self, name: str) -> str:
        metadata = self.carried.metadata
        if metadata is None or not self.is_multidb:
            return metadata.source if metadata else ""
        models = re.fullmatch(r"(\w+)(?:\.get\(\w+\)|\[\w+\])", metadata.source)
        values = [getattr(binder.node, "value", None) for binder in self.env.binders(models[1])] if models else []
        if models and values and isinstance(values[-1], ast.Dict):
            filled = _filled_keys(values[-1])
            return f'{models[1]}["{name}"]' if name in filled else ""
        return self._source_for(name, metadata)

    def _source_for(self, name: str, expression: Expression) -> str:
        """Return an expression of a multidb env.py as it is for one of its databases."""
        return named(expression, self.carried.engines, ast.Constant(name)).source

    def _declared_new(self, name: str) -> Declared:
        metadata = "metadata()" if self.is_flask else self._metadata_of(self.histories.old[0])
        arguments = {"metadata": metadata} if metadata else {}
        arguments |= {"url": f'"env:{variable_for(name, self._names)}"', "tables": "[]"}
        return Declared(self._database(name), arguments)

    def _placeholders(self) -> Iterator[tuple[str, str]]:
        """Return the databases for whose URL nothing is said anywhere."""
        if self.is_flask or (not self.carried.url.is_config and not self._is_unread_url):
            return
        if self._is_unread_url:
            for name in self.histories.old if self.is_multidb else self.histories.old[:1]:
                yield name, f"{self.env.name} makes its URL of what only it has"
            return
        if any("set_main_option" in item.source or "set_section_option" in item.source for item in self.env.statements):
            return
        for name in self.histories.old:
            options = self.repository.sections.get(name, {}) if self.is_multidb else self.repository.main
            url = options.get(URL_OPTION, "").strip()
            if not url or url.startswith(PLACEHOLDER):
                yield name, f"alembic.ini has no {URL_OPTION} for it" if not url else f"{URL_OPTION} is a placeholder"
            elif _is_other_kind(url):
                raise _not_postgresql(f'alembic.ini: {URL_OPTION} of database "{name}"')

    @property
    def _is_unread_url(self) -> bool:
        return self.carried.url.expression is not None and self.carried.url_expression is None

    def _checked(self, carried: Carried) -> Carried:
        """Refuse a URL that stands in env.py and is for another kind of database."""
        node = carried.url.expression
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_other_kind(node.value):
            raise _not_postgresql(f"{self.env.name}, line {node.lineno}: the URL")
        return carried


def _filled_keys(node: ast.Dict) -> list[object]:
    pairs = zip(node.keys, node.values, strict=True)
    return [key.value for key, value in pairs if isinstance(key, ast.Constant) and not isinstance(value, ast.Constant)]


def _is_other_kind(url: str) -> bool:
    return re.match(r"(?!postgres)\w+(\+\w+)?://", url) is not None


def _not_postgresql(what: str) -> ConfigurationError:
    return ConfigurationError(f"{what} is not for PostgreSQL, the only kind of database that is supported")


__all__ = ["HERE", "Adoption", "plan_adoption", "version_locations"]
