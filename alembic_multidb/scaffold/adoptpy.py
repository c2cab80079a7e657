"""The Python files of an adopted repository: the registry's module, and its env.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from alembic_multidb.scaffold.carry import Carried, shared_names
from alembic_multidb.scaffold.envfile import CONFIG_NAME, Function, Statement
from alembic_multidb.scaffold.fresh import extensions_literal
from alembic_multidb.scaffold.runners import URL_OPTION
from alembic_multidb.scaffold.slices import FILE_NAME
from alembic_multidb.scaffold.wanted import WantedDatabase

INI_CONFIG = "AlembicConfig"
ENV_FILE = "ENV_FILE"
DOCSTRING = '"""Which databases there are, and which tables are at home in each."""'

_LONGEST_LINE = 100


@dataclass(frozen=True)
class Declared:
    """One ``Database(...)`` of the registry to be written.

    Attributes:
        database: its name and extensions.
        arguments: the rest, as source.
    """

    database: WantedDatabase
    arguments: Mapping[str, str] = field(default_factory=dict)

    def source(self, constructor: str) -> str:
        """Return the call."""
        arguments = dict(self.arguments)
        if self.database.extensions:
            arguments["extensions"] = extensions_literal(self.database)
        lines = [f'"{self.database.name}",', *(f"{key}={value}," for key, value in arguments.items())]
        return "\n".join((f"    {constructor}(", *(f"        {line}" for line in lines), "    ),"))


@dataclass(frozen=True)
class Head:
    """What a file begins with that did not stand in the old env.py.

    Attributes:
        imports: lines.
        code: what follows them.
        arguments: for the call at the end, as source.
    """

    imports: tuple[str, ...] = ()
    code: str = ""
    arguments: tuple[str, ...] = ()


def registry_source(
    carried: Carried, declared: Sequence[Declared], *, env_file: PurePosixPath, head: Head = Head()
) -> str:
    """Return the text of the registry's module.

    Args:
        carried: what the old env.py said.
        declared: the databases.
        env_file: the old env.py, from the registry's folder.
        head: what it begins with.
    """
    statements = _registry_statements(carried)
    future, imports, rest = _split_imports(statements, carried)
    taken = frozenset[str]().union(*(statement.binds for statement in statements))
    one, several, line = _constructors(taken)
    values = "\n".join(value for item in declared for value in item.arguments.values())
    uses_file = FILE_NAME in carried.registry.uses or FILE_NAME in values
    helpers = ["from pathlib import Path\n"] if (uses_file or carried.needs_config) and not head.imports else []
    helpers += [f"from alembic.config import Config as {INI_CONFIG}"] if carried.needs_config else []
    calls = "\n".join((f"databases = {several}(", *(item.source(one) for item in declared), ")"))
    body = _joined("", ["\n".join(imports), _block(rest), calls])
    parts = [
        "\n".join((*future, *head.imports, *helpers, line)),
        _env_file_line(env_file) if uses_file else "",
        _config_line(carried, declared[0].database.name) if carried.needs_config else "",
        head.code,
        re.sub(rf"\b{FILE_NAME}\b", ENV_FILE, body),
    ]
    return _joined(DOCSTRING, parts)


def env_source(carried: Carried, module: str, *, head: Head = Head()) -> str:
    """Return the text of the new env.py.

    Args:
        carried: what the old one said.
        module: the registry's module.
        head: what it begins with.
    """
    uses = _uses_of_options(carried)
    hoisted = [item for value in carried.options.values() for item in value.hoisted]
    needed = [statement for statement in carried.runner.statements if statement.binds & uses]
    future, imports, rest = _split_imports([*needed, *dict.fromkeys(hoisted)], carried)
    library = [line for line in imports if not _is_own(line, needed, carried)]
    own = [line for line in imports if line not in library]
    lines = [*dict.fromkeys((*library, *head.imports)), "from alembic_multidb import run_migrations"]
    shared = sorted(uses & shared_names(carried.registry, carried.env))
    if shared:
        lines.append(f"from {module} import {', '.join(shared)}")
    elif any(_is_own(item.source, needed, carried) for item in needed) and _sets_path(carried):
        lines.append(f"import {module}  # noqa: F401  # it extends sys.path for what follows")
    options = [f"{name}={value.source}" for name, value in carried.options.items()]
    options += [*(f"**{value.source}" for value in carried.unpacked), *head.arguments]
    parts = ["\n".join((*future, *lines, *own)), head.code, _block(rest)]
    return _joined("", [*parts, _call("run_migrations", options)])


def url_source(carried: Carried, variable: str) -> str:
    """Return the ``url=`` of a single old database."""
    if carried.url.variable is not None:
        return f'"env:{carried.url.variable}"'
    if carried.url_expression is not None:
        return carried.url_expression.source
    if carried.url.is_config:
        return f'{config_name(carried)}.get_main_option("{URL_OPTION}")'
    return f'"env:{variable}"'


def config_name(carried: Carried) -> str:
    """Return what the configuration is called."""
    return carried.env.config_name or CONFIG_NAME


def _registry_statements(carried: Carried) -> list[Statement]:
    expressions = [carried.metadata, carried.url_expression, *carried.version_options.values()]
    hoisted = [item for expression in expressions if expression is not None for item in expression.hoisted]
    return [*carried.registry.statements, *dict.fromkeys(hoisted)]


def _uses_of_options(carried: Carried) -> frozenset[str]:
    """Return every name that the options need, directly or not."""
    names = set[str]()
    pending = set[str]().union(*(value.uses for value in (*carried.options.values(), *carried.unpacked)))
    while pending - names:
        name = (pending - names).pop()
        names.add(name)
        binders = [statement for statement in carried.runner.statements if name in statement.binds]
        pending.update(*(statement.uses for statement in binders))
    return frozenset(names)


def _is_own(source: str, needed: Sequence[Statement], carried: Carried) -> bool:
    return any(carried.env.roles.get(item) == "import" for item in needed if item.source == source)


def _sets_path(carried: Carried) -> bool:
    return any("sys.path" in statement.source for statement in carried.registry.statements)


def _split_imports(statements: Sequence[Statement], carried: Carried) -> tuple[list[str], list[str], list[Statement]]:
    """Split into ``__future__``, the imports that stand before everything else, and the rest in its order."""
    future = [statement.source for statement in carried.env.of_role("future")]
    imports, rest = list[str](), list[Statement]()
    for statement in statements:
        if not rest and isinstance(statement.node, (ast.Import, ast.ImportFrom)):
            imports.append(statement.source)
        else:
            rest.append(statement)
    return future, imports, rest


def _block(statements: Sequence[Statement]) -> str:
    lines: list[str] = []
    before: Statement | None = None
    for statement in statements:
        wide = any(isinstance(item.node, (*Function, ast.ClassDef)) for item in (statement, before) if item)
        if before is not None and (wide or type(statement.node) is not type(before.node)):
            lines += ["", ""] if wide else [""]
        lines.append(statement.source)
        before = statement
    return "\n".join(lines)


def _env_file_line(env_file: PurePosixPath) -> str:
    path = " / ".join(f'"{part}"' for part in env_file.parts)
    return (
        f"# What follows comes from the old env.py, which was here.\n{ENV_FILE} = str(Path(__file__).parent / {path})"
    )


def _config_line(carried: Carried, section: str) -> str:
    return (
        f'{config_name(carried)} = {INI_CONFIG}(str(Path(__file__).with_name("alembic.ini")), ini_section="{section}")'
    )


def _constructors(taken: frozenset[str]) -> tuple[str, str, str]:
    if taken & {"Database", "Databases"}:
        return "alembic_multidb.Database", "alembic_multidb.Databases", "import alembic_multidb"
    return "Database", "Databases", "from alembic_multidb import Database, Databases"


def _call(function: str, arguments: Sequence[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _LONGEST_LINE:
        return line
    return "\n".join((f"{function}(", *(f"    {argument}," for argument in arguments), ")"))


def _joined(docstring: str, parts: Sequence[str]) -> str:
    filled = [part.strip("\n") for part in (docstring, *parts) if part.strip()]
    text = filled[0]
    for before, part in pairwise(filled):
        wide = part.startswith(("def ", "async def ", "class ", "@")) or before.splitlines()[-1].startswith(" ")
        text += ("\n\n\n" if wide else "\n\n") + part
    return text + "\n"
