"""An env.py as a list of statements: what each binds, what it uses, and what it is for. Read, never run."""

from __future__ import annotations

import ast
import builtins
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from symtable import SymbolTable, symtable
from typing import Literal

from alembic_multidb.errors import ConfigurationError

Role = Literal["nothing", "future", "config", "logging", "library", "import", "runner", "context", "define", "act"]
Function = (ast.FunctionDef, ast.AsyncFunctionDef)

CONFIG_NAME = "config"

_CONFIG_ASSIGNED = re.compile(r"\w+\s*(:[\s\w.]+)?=\s*(alembic\.)?context\.config\s*(#.*)?$")
_CONFIG_USED = re.compile(r"(?<![\w.])(alembic\.)?context\.config\b")

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__doc__"}
_RUNS = frozenset({"configure", "run_migrations", "begin_transaction", "is_offline_mode"})
_LIBRARIES = frozenset({"alembic", "sqlalchemy", *sys.stdlib_module_names})
# Calls that only look something up: what they give a name to is carried over only where it is needed.
_LOOKS_UP = {
    *("get", "getenv", "getLogger", "get_main_option", "get_section", "get_section_option", "get_alembic_option"),
    *("abspath", "dirname", "getcwd", "join", "realpath", "resolve", "Path", "dict", "frozenset", "list", "set"),
    *("replace", "split", "str", "strip", "tuple"),
}


@dataclass(frozen=True)
class Statement:
    """One statement of env.py.

    Attributes:
        node: its syntax tree.
        source: its text, in full lines.
        binds: the names that it gives a value.
        uses: the names from outside of it that it needs.
    """

    node: ast.stmt = field(repr=False)
    source: str
    binds: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()

    @property
    def line(self) -> int:
        """Return the number of its first line."""
        return self.node.lineno

    @classmethod
    def of(cls, node: ast.stmt, source: str) -> Statement:
        """Work out what the statement binds and uses."""
        binds, uses = names_in(source)
        return cls(node, source, binds, uses)


@dataclass(frozen=True)
class EnvFile:
    """A parsed env.py.

    Attributes:
        name: the file, for messages.
        statements: what stands at its outer level.
    """

    name: str
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, text: str, name: str) -> EnvFile:
        """Read the text.

        Raises:
            ConfigurationError: it is no Python.
        """
        text = with_config_named(text)
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise ConfigurationError(f"{name}, line {error.lineno}: this is no Python; correct it first") from None
        lines = text.splitlines()
        return cls(name, tuple(Statement.of(node, source_of(node, lines)) for node in tree.body))

    @cached_property
    def context_name(self) -> str:
        """Return the name under which ``alembic.context`` was imported."""
        for node in self._walk(ast.ImportFrom):
            if node.module == "alembic":
                for alias in node.names:
                    if alias.name == "context":
                        return alias.asname or alias.name
        return "context"

    @cached_property
    def config_name(self) -> str | None:
        """Return the name that ``context.config`` was given."""
        for statement in self.of_role("config"):
            (name,) = statement.binds
            return name
        used = any(CONFIG_NAME in statement.uses for statement in self.statements)
        return CONFIG_NAME if used and not self.binders(CONFIG_NAME) else None

    @cached_property
    def runners(self) -> frozenset[str]:
        """Return the functions that run migrations, directly or through each other."""
        functions = {
            statement.node.name: statement for statement in self.statements if isinstance(statement.node, Function)
        }
        found = {name for name, statement in functions.items() if self._runs(statement.node)}
        while more := {name for name, function in functions.items() if function.uses & found} - found:
            found |= more
        return frozenset(found)

    @cached_property
    def roles(self) -> dict[Statement, Role]:
        """Say what each statement is for."""
        return {statement: self._role(statement) for statement in self.statements}

    def of_role(self, *roles: Role) -> list[Statement]:
        """Return the statements with one of these roles, in order."""
        return [statement for statement in self.statements if self.roles[statement] in roles]

    def binders(self, name: str) -> list[Statement]:
        """Return the statements that give a name its value."""
        return [statement for statement in self.statements if name in statement.binds]

    def _role(self, statement: Statement) -> Role:
        node = statement.node
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or isinstance(node, ast.Pass):
            return "nothing"
        if is_import(node):
            return _role_of_import(node)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and self._is_context(node.value, "config"):
            return "config"
        if statement.binds & self.runners or statement.uses & self.runners or self._runs(node):
            return "runner"
        if _calls(node, "fileConfig", "dictConfig", "basicConfig"):
            return "logging"
        if self.context_name in statement.uses:
            return "context"
        return "define" if _only_defines(node) else "act"

    def _runs(self, node: ast.AST) -> bool:
        return any(self._is_context(child, *_RUNS) for child in ast.walk(node))

    def _is_context(self, node: ast.AST, *attributes: str) -> bool:
        """Tell whether this is ``context.ATTRIBUTE``, or ``alembic.context.ATTRIBUTE``."""
        if not isinstance(node, ast.Attribute) or node.attr not in attributes:
            return False
        return ast.unparse(node.value) in (self.context_name, "alembic.context")

    def _walk(self, kind: type[ast.ImportFrom]) -> Iterator[ast.ImportFrom]:
        for statement in self.statements:
            yield from (node for node in ast.walk(statement.node) if isinstance(node, kind))


def with_config_named(text: str) -> str:
    """Give ``context.config`` a name where it is used without one; it means something outside of env.py, too."""
    lines = text.splitlines()
    return "\n".join(line if _CONFIG_ASSIGNED.match(line) else _CONFIG_USED.sub(CONFIG_NAME, line) for line in lines)


def names_in(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a piece of code binds, and those that it needs from outside."""
    table = symtable(textwrap.dedent(source), "env.py", "exec")
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    uses = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    for child in table.get_children():
        uses |= _globals_of(child)
    return frozenset(binds), frozenset(uses - _BUILTINS)


def source_of(node: ast.stmt, lines: Sequence[str]) -> str:
    """Return the full lines of a statement, its decorators included; only its own part of a shared line."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    assert node.end_lineno is not None
    block = list(lines[first - 1 : node.end_lineno])
    if len(block) == 1 and ";" in block[0]:
        return ast.unparse(node)
    return "\n".join(line.rstrip() for line in block)


def is_import(node: ast.stmt) -> bool:
    """Tell whether a statement only imports: as it is, in a ``try``, or under a condition."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, (ast.If, ast.Try)):
        handlers = node.handlers if isinstance(node, ast.Try) else []
        inner = [*node.body, *node.orelse, *(child for handler in handlers for child in handler.body)]
        return any(map(is_import, inner)) and all(is_import(child) or isinstance(child, ast.Pass) for child in inner)
    return False


def _role_of_import(node: ast.stmt) -> Role:
    modules = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            modules.add((child.module or "").partition(".")[0])
    if modules == {"__future__"}:
        return "future"
    return "library" if modules <= _LIBRARIES else "import"


def _only_defines(node: ast.stmt) -> bool:
    """Tell whether a statement has no effect but to bind a name: a call may have one."""
    if isinstance(node, (*Function, ast.ClassDef)):
        return True
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    targets, value = node.targets if isinstance(node, ast.Assign) else [node.target], node.value
    calls = [child for child in ast.walk(value) if isinstance(child, ast.Call)] if value is not None else []
    return all(isinstance(target, ast.Name) for target in targets) and {*map(called, calls)} <= _LOOKS_UP


def _calls(node: ast.AST, *names: str) -> bool:
    return any(isinstance(child, ast.Call) and called(child) in names for child in ast.walk(node))


def called(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _globals_of(table: SymbolTable) -> set[str]:
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    for child in table.get_children():
        found |= _globals_of(child)
    return found
