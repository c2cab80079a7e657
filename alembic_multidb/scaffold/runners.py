"""What the functions of an env.py do that run migrations: options, engines, and what is out of the ordinary."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

from alembic_multidb.scaffold.envfile import EnvFile, Function, called, with_config_named

ENGINES = frozenset({"create_engine", "create_async_engine"})
CONFIGURED_ENGINES = frozenset({"engine_from_config", "async_engine_from_config"})
URL_OPTION = "sqlalchemy.url"

_ENGINE_WRAPPERS = frozenset({"AsyncEngine"})
_ENGINE_OPTIONS = frozenset({"prefix", "poolclass", "future", "url", "echo", URL_OPTION})
# What a runner calls that run_migrations() does by itself, or that changes nothing.
_ORDINARY_CALLS = frozenset(
    {
        *(*ENGINES, *CONFIGURED_ENGINES, *_ENGINE_WRAPPERS, "configure", "run_migrations", "begin_transaction"),
        *("is_offline_mode", "run", "run_sync", "run_until_complete", "get_event_loop", "dispose", "connect", "begin"),
        *("commit", "rollback", "close", "prepare", "begin_twophase", "get_section", "print", "debug", "info"),
        *("warning", "error", "exception", "fileConfig", "set_event_loop_policy"),
    }
)


@dataclass(frozen=True)
class Local:
    """A function of env.py that runs migrations, and the functions around it.

    Attributes:
        functions: from the outermost to the one itself; empty at the outer level of env.py.
    """

    functions: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...] = ()

    @cached_property
    def values(self) -> dict[str, list[ast.expr]]:
        """Return what each local name is set to."""
        found: dict[str, list[ast.expr]] = {}
        for node in self._nodes():
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]
        return found

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Return the functions and imports inside."""
        found: dict[str, ast.stmt] = {}
        for node in self._nodes():
            if isinstance(node, Function):
                found[node.name] = node
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= {(alias.asname or alias.name).partition(".")[0]: node for alias in node.names}
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Return every name that means something else here than outside."""
        parameters = {
            argument.arg
            for function in self.functions
            for argument in (*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs)
        }
        stored = {node.id for node in self._nodes() if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        return frozenset(parameters | stored | set(self.definitions))

    def inline(self, expression: ast.expr) -> ast.expr:
        """Put the values of local names into an expression, where they have one value only."""
        for _ in range(5):
            replaced = _Inline(self.values).visit(deepcopy(expression))
            if ast.dump(replaced) == ast.dump(expression):
                break
            expression = replaced
        return expression

    def _nodes(self) -> Iterator[ast.AST]:
        for function in self.functions:
            for statement in function.body:
                yield from _walk_own(statement)


@dataclass(frozen=True)
class Configure:
    """One call of ``context.configure()``.

    Attributes:
        options: its keyword arguments.
        unpacked: what follows ``**``.
        place: where it stands.
        line: its line.
    """

    options: Mapping[str, ast.expr]
    unpacked: tuple[ast.expr, ...]
    place: Local
    line: int

    @property
    def is_offline(self) -> bool:
        """Tell whether it is for ``--sql``: it takes a URL and no connection."""
        return "connection" not in self.options and "url" in self.options


@dataclass(frozen=True)
class Runners:
    """The statements of an env.py that run migrations.

    Attributes:
        env: the file.
    """

    env: EnvFile

    def nodes(self) -> Iterator[tuple[ast.AST, Local]]:
        """Return every part of them, with the function that it stands in."""
        for statement in self.env.of_role("runner"):
            yield from _descend(statement.node, Local())

    @cached_property
    def configures(self) -> list[Configure]:
        """Return the calls of ``context.configure()``."""
        return [
            Configure(
                {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg},
                tuple(keyword.value for keyword in node.keywords if keyword.arg is None),
                place,
                node.lineno,
            )
            for node, place in self.nodes()
            if isinstance(node, ast.Call) and self.env._is_context(node.func, "configure")
        ]

    @cached_property
    def online(self) -> Configure | None:
        """Return the call for a live database; one that serves both, if there is but one."""
        live = [call for call in self.configures if not call.is_offline]
        return next(iter(live or self.configures), None)

    def leftovers(self) -> Iterator[tuple[int, str]]:
        """Return what is neither ordinary nor read elsewhere, as line and text."""
        for statement in self.env.of_role("runner"):
            yield from self._leftovers_of(statement.node)

    def _leftovers_of(self, node: ast.stmt) -> Iterator[tuple[int, str]]:
        if isinstance(node, Function) and not self._is_run(node):
            return  # a hook: who uses it, carries it over
        if ast.unparse(_header(node)) not in known_statements() and not self._is_ordinary(node):
            yield node.lineno, ast.unparse(_header(node)).partition("\n")[0]
        for child in _children(node):
            yield from self._leftovers_of(child)

    def _is_run(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return self.env._runs(node) or any(
            isinstance(child, ast.Call) and called(child) in {*self.env.runners, "run_sync"} for child in ast.walk(node)
        )

    def _is_ordinary(self, node: ast.stmt) -> bool:
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            return False
        if isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
            return _is_url_key(node.targets[0])
        calls = [child for child in ast.walk(_header(node)) if isinstance(child, ast.Call)]
        if any(_unusual_engine(call) for call in calls):
            return False
        if isinstance(node, (ast.Expr, ast.With, ast.AsyncWith)):
            ordinary = _ORDINARY_CALLS | self.env.runners
            names = {called(call) for call in calls}
            return not calls or bool(names & ordinary) or self._sets_url(calls)
        return True

    @staticmethod
    def _sets_url(calls: list[ast.Call]) -> bool:
        return any(sets_url(call) is not None for call in calls)


def sets_url(call: ast.Call) -> ast.expr | None:
    """Return the value that a call gives to ``sqlalchemy.url`` of the configuration, if it does."""
    if called(call) not in ("set_main_option", "set_section_option") or len(call.args) < 2:
        return None
    name = call.args[-2]
    return call.args[-1] if isinstance(name, ast.Constant) and name.value == URL_OPTION else None


@lru_cache(maxsize=1)
def known_statements() -> frozenset[str]:
    """Return the statements of the env.py files that Alembic and Flask-Migrate themselves make."""
    found: set[str] = set()
    for package in ("alembic", "flask_migrate"):
        spec = find_spec(package)
        folder = Path(spec.origin).parent if spec is not None and spec.origin else None
        for file in folder.glob("templates/*/env.py") if folder else ():
            tree = ast.parse(with_config_named(file.read_text(encoding="utf-8")))
            found |= {ast.unparse(_header(node)) for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    return frozenset(found)


def is_known(node: ast.stmt) -> bool:
    """Tell whether a statement stands like this in an env.py that a template made, with all that is inside."""
    known = known_statements()
    return all(ast.unparse(_header(child)) in known for child in ast.walk(node) if isinstance(child, ast.stmt))


def _header(node: ast.stmt) -> ast.stmt:
    """Return a compound statement without what is inside of it."""
    if not hasattr(node, "body"):
        return node
    copy = deepcopy(node)
    for part in ("body", "orelse", "finalbody", "handlers"):
        if getattr(copy, part, None):
            setattr(copy, part, [ast.Pass()] if part in ("body", "finalbody") else [])
    return copy


def _children(node: ast.stmt) -> Iterator[ast.stmt]:
    for part in ("body", "orelse", "finalbody"):
        yield from getattr(node, part, [])
    for handler in getattr(node, "handlers", []):
        yield from handler.body


def _descend(node: ast.AST, place: Local) -> Iterator[tuple[ast.AST, Local]]:
    yield node, place
    inner = Local((*place.functions, node)) if isinstance(node, Function) else place
    for child in ast.iter_child_nodes(node):
        yield from _descend(child, inner)


def _walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk without entering functions inside."""
    yield node
    if not isinstance(node, (*Function, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _walk_own(child)


def _is_url_key(target: ast.expr) -> bool:
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant):
        return False
    return str(target.slice.value).endswith(".url")


def _unusual_engine(call: ast.Call) -> bool:
    if called(call) not in ENGINES | CONFIGURED_ENGINES:
        return False
    return any(keyword.arg is not None and keyword.arg not in _ENGINE_OPTIONS for keyword in call.keywords)


class _Inline(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, list[ast.expr]]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:  # ast's own naming
        values = self._values.get(node.id, [])
        if isinstance(node.ctx, ast.Load) and len(values) == 1 and node.id not in _names(values[0]):
            return deepcopy(values[0])
        return node


def _names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
