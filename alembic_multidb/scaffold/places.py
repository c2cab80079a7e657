"""Where an expression of env.py stands: what the names of the functions around it are, and what they are set to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

from alembic_multidb.scaffold.envfile import EnvFile, Function


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
            for arguments in (function.args for function in self.functions)
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        }
        parameters |= {
            rest.arg for function in self.functions for rest in (function.args.vararg, function.args.kwarg) if rest
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


def single_value(env: EnvFile, expression: ast.expr) -> ast.expr | None:
    """Return what a name of env.py was set to once, or what a function of env.py returns."""
    is_call = isinstance(expression, ast.Call) and not expression.args and not expression.keywords
    name = expression.func if isinstance(expression, ast.Call) and is_call else expression
    binders = env.binders(name.id) if isinstance(name, ast.Name) else []
    if len(binders) != 1:
        return None
    node = binders[0].node
    if is_call:
        return _returned(node) if isinstance(node, Function) else None
    return node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None


def only_raises(node: ast.stmt) -> bool:
    """Tell whether a statement does nothing but raise, under a condition."""
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(child, ast.Raise) for child in node.body)


def is_text(node: ast.stmt) -> bool:
    """Tell whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """Return what a function returns, if it only gives names to values on the way, and checks them."""
    *body, last = function.body
    simple = all(isinstance(node, (ast.Assign, ast.AnnAssign)) or only_raises(node) or is_text(node) for node in body)
    if not simple or not isinstance(last, ast.Return) or last.value is None:
        return None
    return Local((function,)).inline(last.value)


def _walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk without entering functions inside."""
    yield node
    if not isinstance(node, (*Function, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _walk_own(child)


class _Inline(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, list[ast.expr]]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:  # ast's own naming
        values = self._values.get(node.id, [])
        if isinstance(node.ctx, ast.Load) and len(values) == 1 and node.id not in names_of(values[0]):
            return deepcopy(values[0])
        return node


def names_of(node: ast.AST) -> set[str]:
    """Return every name in a piece of code."""
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
