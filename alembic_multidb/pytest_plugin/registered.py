"""Which tables a registry does not know because nothing imports their models; run in a Python of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

from sqlalchemy import MetaData

from alembic_multidb.operate.project import Project
from alembic_multidb.registry import TableName


def unregistered(project: Project, name: str) -> list[str]:
    """Import every module beside and below the models', and return the tables of one home that appear only then."""
    metadata = project.databases[name].declaration.metadata
    before = {id(item): set(item.tables) for item in metadata}
    for package in sorted({package for item in metadata for package in _packages(item)}):
        for module in walk_packages(import_module(package).__path__, f"{package}.", onerror=lambda _: None):
            # What needs something that is not installed is no part of this program.
            with suppress(ImportError):
                if not module.name.endswith("__main__"):
                    import_module(module.name)
    new = [table for item in metadata for key, table in item.tables.items() if key not in before[id(item)]]
    homes = project.databases.homes
    return sorted({str(TableName.of_table(table)) for table in new if homes.home(TableName.of_table(table)) == name})


def _packages(metadata: MetaData) -> Iterator[str]:
    """Return the packages in which models of a MetaData, or itself, are defined."""
    for name, module in list(sys.modules.items()):
        values = list(vars(module).values()) if module is not None else []
        if any(_defines(value, name, metadata) for value in values):
            package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
            if package:
                yield package


def _defines(value: object, module: str, metadata: MetaData) -> bool:
    if value is metadata:
        return True
    return isinstance(value, type) and value.__module__ == module and getattr(value, "metadata", None) is metadata


def main(arguments: Sequence[str]) -> None:
    """Print the tables as JSON."""
    config_file, name, registry = arguments
    print(json.dumps(unregistered(Project.load(config_file, registry=registry or None), name)))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
