"""What the functions of an env.py do that run migrations: options, engines, and what is out of the ordinary."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from alembic_multidb.scaffold.envfile import EnvFile, Function, called
from alembic_multidb.scaffold.known import header, known_statements
from alembic_multidb.scaffold.places import Local, names_of, single_value

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
            Configure(*self._keywords(node.keywords, place), place, node.lineno)
            for node, place in self.nodes()
            if isinstance(node, ast.Call) and self.env._is_context(node.func, "configure")
        ]

    @cached_property
    def online(self) -> Configure | None:
        """Return the call for a live database; one that serves both, if there is but one."""
        live = [call for call in self.configures if not call.is_offline]
        return next(iter(live or self.configures), None)

    @cached_property
    def engine_names(self) -> frozenset[str]:
        """Return the variables that hold a database's name, as in ``context.run_migrations(engine_name=name)``."""
        return frozenset(
            keyword.value.id
            for node, _ in self.nodes()
            if isinstance(node, ast.Call) and self.env._is_context(node.func, "run_migrations")
            for keyword in node.keywords
            if keyword.arg == "engine_name" and isinstance(keyword.value, ast.Name)
        )

    def _keywords(
        self, keywords: Iterable[ast.keyword], place: Local
    ) -> tuple[dict[str, ast.expr], tuple[ast.expr, ...]]:
        """Return keyword arguments, also those that are unpacked from a dict that can be read."""
        options: dict[str, ast.expr] = {}
        unpacked: list[ast.expr] = []
        for keyword in keywords:
            inner = self._dict(keyword.value, place) if keyword.arg is None else None
            if keyword.arg is not None:
                options[keyword.arg] = keyword.value
            elif inner is None:
                unpacked.append(keyword.value)
            else:
                more, rest = self._keywords(inner, place)
                options |= more
                unpacked += rest
        return options, tuple(unpacked)

    def _dict(self, node: ast.expr, place: Local) -> list[ast.keyword] | None:
        """Return the items of a dict: written here, under a name, or returned by a function."""
        node = place.inline(node)
        value = single_value(self.env, node) or node
        if isinstance(value, ast.Call) and called(value) == "dict" and not value.args:
            return value.keywords
        if not isinstance(value, ast.Dict):
            return None
        names = [key.value if isinstance(key, ast.Constant) else key for key in value.keys]
        if not all(name is None or isinstance(name, str) for name in names):
            return None
        return [
            ast.keyword(arg=name, value=item)  # type: ignore[arg-type]
            for name, item in zip(names, value.values, strict=True)
        ]

    def leftovers(self) -> Iterator[tuple[int, str]]:
        """Return what is neither ordinary nor read elsewhere, as line and text."""
        for statement in self.env.of_role("runner"):
            yield from self._leftovers_of(statement.node)

    def _leftovers_of(self, node: ast.stmt) -> Iterator[tuple[int, str]]:
        if isinstance(node, Function) and not self._is_run(node):
            return  # a hook: who uses it, carries it over
        if ast.unparse(header(node)) not in known_statements() and not self._is_ordinary(node):
            yield node.lineno, ast.unparse(header(node)).partition("\n")[0]
        for child in _children(node):
            yield from self._leftovers_of(child)

    def _is_run(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return self.env._runs(node) or any(
            isinstance(child, ast.Call) and called(child) in {*self.env.runners, "run_sync"} for child in ast.walk(node)
        )

    def _is_ordinary(self, node: ast.stmt) -> bool:
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            return isinstance(node, ast.For) and bool(names_of(node.target) & self.engine_names)
        if isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
            return _is_url_key(node.targets[0])
        calls = [child for child in ast.walk(header(node)) if isinstance(child, ast.Call)]
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


def _is_url_key(target: ast.expr) -> bool:
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant):
        return False
    return str(target.slice.value).endswith(".url")


def _unusual_engine(call: ast.Call) -> bool:
    if called(call) not in ENGINES | CONFIGURED_ENGINES:
        return False
    return any(keyword.arg is not None and keyword.arg not in _ENGINE_OPTIONS for keyword in call.keywords)
