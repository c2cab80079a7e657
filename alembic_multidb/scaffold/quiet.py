"""What an env.py prints or logs with the URL in it: left out, because every command imports a registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from alembic_multidb.scaffold.envfile import EnvFile, Statement, called
from alembic_multidb.scaffold.places import names_of
from alembic_multidb.scaffold.runners import ENGINES, sets_url

_PRINTS = frozenset(
    {
        *("print", "pprint", "echo", "secho", "write", "log"),
        *("debug", "info", "warning", "warn", "error", "exception", "critical"),
    }
)
_SECRET = re.compile(r"(?i)ur[il]|dsn|passw|pwd|secret|conn\w*str")


def quiet(env: EnvFile) -> tuple[EnvFile, list[tuple[int, str]]]:
    """Return env.py without the calls that would show the URL, and these, as line and text.

    Those of the functions that run migrations stay: nothing of these functions is carried over.
    """
    names = _names_with_url(env)
    statements: list[Statement] = []
    found: list[tuple[int, str]] = []
    for statement in env.statements:
        silencer = _Silencer(names)
        node = statement.node if env.roles[statement] == "runner" else silencer.visit(deepcopy(statement.node))
        found += [(call.lineno, ast.unparse(call)) for call in silencer.removed]
        if not silencer.removed:
            statements.append(statement)
        elif node is not None:
            statements.append(Statement.of(node, _source(statement, node, silencer)))
    return replace(env, statements=tuple(statements)), found


class _Silencer(ast.NodeTransformer):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self.removed: list[ast.Expr] = []
        self.is_emptied = False

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:  # ast's own naming
        if not isinstance(node.value, ast.Call) or not _shows(node.value, self._names):
            return node
        self.removed.append(node)
        return None

    def generic_visit(self, node: ast.AST) -> Any:
        parts = [part for part in ("body", "orelse", "finalbody") if getattr(node, part, None)]
        super().generic_visit(node)
        emptied = [part for part in parts if not getattr(node, part)]
        if not emptied:
            return node
        self.is_emptied = True
        if isinstance(node, ast.If) and not node.body and not node.orelse:
            return None
        for part in emptied:
            if part != "orelse":
                setattr(node, part, [ast.Pass()])
        return node


def _shows(call: ast.Call, names: frozenset[str]) -> bool:
    """Tell whether a call prints or logs what may hold the URL."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return called(call) in _PRINTS and any(_holds_url(value, names) for value in values)


def _holds_url(value: ast.expr, names: frozenset[str]) -> bool:
    return any(_is_secret(node, names) for node in ast.walk(value))


def _is_secret(node: ast.AST, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names or _SECRET.search(node.id) is not None
    if isinstance(node, ast.Attribute):
        return _SECRET.search(node.attr) is not None
    # os.environ["DATABASE_URL"], config.get_main_option("sqlalchemy.url"): not the message itself
    keys = [node.slice] if isinstance(node, ast.Subscript) else node.args if isinstance(node, ast.Call) else []
    return any(isinstance(key, ast.Constant) and _SECRET.search(str(key.value)) for key in keys)


def _names_with_url(env: EnvFile) -> frozenset[str]:
    """Return the names that the URL is made of, and those that are made of it."""
    nodes = [node for statement in env.statements for node in ast.walk(statement.node)]
    assigned = list(_assigned(nodes))
    names = {name for value in _urls(nodes) for name in _plain_names(value)}
    for _ in assigned:
        before = len(names)
        for target, value in assigned:
            if target in names:
                names.update(_plain_names(value))
            elif _holds_url(value, frozenset(names)):
                names.add(target)
        if len(names) == before:
            break
    return frozenset(names)


def _urls(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        value = sets_url(node) if isinstance(node, ast.Call) else None
        if value is not None:
            yield value
        elif isinstance(node, ast.Call) and called(node) in ENGINES:
            yield from node.args[:1]


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            targets = [node.target]
        yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))  # type: ignore[attr-defined]


def _plain_names(value: ast.expr) -> set[str]:
    """Return the names whose values are in an expression; of settings.url, only the attribute is."""
    holders = {
        child
        for node in ast.walk(value)
        if isinstance(node, (ast.Attribute, ast.Call))
        for child in names_of(node.value if isinstance(node, ast.Attribute) else node.func)
    }
    return names_of(value) - holders


def _source(statement: Statement, node: ast.stmt, silencer: _Silencer) -> str:
    """Return the text without what was removed; comments stay where every removed call has lines of its own."""
    if silencer.is_emptied or statement.node.lineno == statement.node.end_lineno:
        return ast.unparse(node)
    lines = statement.source.split("\n")
    first = statement.node.end_lineno - len(lines) + 1  # type: ignore[operator]
    texts = [range(call.lineno - first, call.end_lineno - first + 1) for call in silencer.removed]  # type: ignore[operator]
    alone = all(_is_call_alone("\n".join(lines[text.start : text.stop])) for text in texts)
    if not alone:
        return ast.unparse(node)
    gone = {number for text in texts for number in text}
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def _is_call_alone(text: str) -> bool:
    try:
        body = ast.parse(text.strip()).body
    except SyntaxError:
        return False
    return len(body) == 1 and isinstance(body[0], ast.Expr)
