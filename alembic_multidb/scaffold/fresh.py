"""A new project: what ``multidb init`` writes into a folder without migrations."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold.changes import FileChange, Plan
from alembic_multidb.scaffold.templates import template
from alembic_multidb.scaffold.tomltext import TRAP, add_trap, alembic_table, read_toml
from alembic_multidb.scaffold.wanted import FIRST_NAME, WantedDatabase, variable_for

# An installed package may be called "databases", too; a module beside alembic.ini would hide it.
MODULE_NAMES = ("databases", "multidb_registry")


def plan_init(folder: Path, wanted: Sequence[WantedDatabase] = ()) -> Plan:
    """Decide what to write for a new project.

    Args:
        folder: where alembic.ini will be; it need not exist.
        wanted: the databases, the first of which gets the tables that no other one claims.

    Raises:
        ConfigurationError: a file is there already that would be another one; all of them are named.
    """
    databases = tuple(wanted) or (WantedDatabase(FIRST_NAME),)
    changes = [FileChange.of(folder / name, text) for name, text in _files(databases, registry_module(folder)).items()]
    changes += [FileChange(keep, "") for keep in version_folders(folder / "migrations", databases)]
    trap = add_trap(folder / "pyproject.toml")
    _refuse_to_overwrite(folder, [change for change in changes if change.old is not None and change.is_needed])
    needed = [change for change in (*changes, *([trap] if trap else [])) if change.is_needed]
    return Plan(folder, tuple(needed), tuple(_notes(folder, trap)))


def registry_module(folder: Path) -> str:
    """Return a name for the registry's module that hides no installed one."""
    for name in MODULE_NAMES[:-1]:
        if (folder / name).is_dir():
            continue
        spec = find_spec(name)
        if spec is None or (spec.origin is not None and Path(spec.origin).is_relative_to(folder.absolute())):
            return name
    return MODULE_NAMES[-1]


def version_folders(migrations: Path, databases: Sequence[WantedDatabase]) -> list[Path]:
    """Return the files that keep empty version folders in version control."""
    folders = [migrations / database.name for database in databases]
    return [folder / ".gitkeep" for folder in folders if not folder.is_dir() or not any(folder.iterdir())]


def _files(databases: Sequence[WantedDatabase], module: str) -> dict[str, str]:
    names = [database.name for database in databases]
    sections = "".join(f"\n[{name}]\nversion_locations = %(here)s/migrations/{name}\n" for name in names)
    declarations = "\n".join(_declaration(database, names) for database in databases)
    return {
        "alembic.ini": template("alembic.ini.template", first=names[0], module=module, sections=sections.rstrip("\n")),
        "migrations/env.py": template("env.py.template"),
        "migrations/script.py.mako": template("script.py.mako"),
        f"{module}.py": template("databases.py.template", databases=declarations),
    }


def _declaration(database: WantedDatabase, names: Sequence[str]) -> str:
    lines = [f'"{database.name}",', "metadata=metadata,", f'url="env:{variable_for(database.name, names)}",']
    if database.name == names[0]:
        lines.append("default=True,  # what no other database claims is at home here")
    else:
        lines.append(f'tables=[],  # the tables at home here, as in: ["{database.name}_*"]')
    if database.extensions:
        lines.append(f"extensions={extensions_literal(database)},")
    return "\n".join(("    Database(", *(f"        {line}" for line in lines), "    ),"))


def extensions_literal(database: WantedDatabase) -> str:
    """Return the extensions as a registry declares them, in any version."""
    return "{" + ", ".join(f'"{extension}": "*"' for extension in database.extensions) + "}"


def _refuse_to_overwrite(folder: Path, conflicts: Sequence[FileChange]) -> None:
    names = [change.path.relative_to(folder).as_posix() for change in conflicts]
    table = alembic_table(read_toml(folder / "pyproject.toml")) or {}
    location = str(table.get("script_location", TRAP)).replace("%(here)s", str(folder))
    if (folder / location / "env.py").is_file():
        names.append("pyproject.toml ([tool.alembic])")
    if names:
        raise ConfigurationError(
            f"already there, and never overwritten: {', '.join(names)}. To turn an existing Alembic repository into "
            f"one for several databases, run: multidb init --adopt{'' if folder == Path() else f' {folder}'}"
        )


def _notes(folder: Path, trap: FileChange | None) -> list[str]:
    table = alembic_table(read_toml(folder / "pyproject.toml")) if trap is None else None
    if table is None or table.get("script_location") == TRAP:
        return []
    return [
        'pyproject.toml has a [tool.alembic] of its own and stays as it is; with script_location = "'
        f'{TRAP}" in it, a mistyped -n is a clear error'
    ]
