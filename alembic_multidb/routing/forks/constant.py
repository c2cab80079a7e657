"""Whether a statement of a revision does the same whenever it is reached."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from alembic_multidb.routing.forks.edits import bound, used


def is_constant(node: ast.stmt, module: ast.Module) -> bool:
    """Tell whether an operation is the same whenever it is reached: it is made of literals and the module's constants.

    Args:
        node: a statement, or a block of a batch.
        module: that it is in.
    """
    inside = list(ast.walk(node))
    if not all(isinstance(each, (ast.Expr, ast.With)) for each in inside if isinstance(each, ast.stmt)):
        return False
    if any(isinstance(each, ast.Attribute) and each.attr in _BEHIND for each in inside):
        return False
    own = _stored(node)
    elsewhere = {name for function in _functions(module) for name in _stored(function)} - own
    constants = {name for each in module.body if not isinstance(each, _DEFINITIONS) for name in bound(each)}
    return used(node) <= ({*constants, *vars(builtins)} - elsewhere) | own


# What leads from operations to the database, whose answers may differ.
_BEHIND = frozenset({"get_bind", "get_context"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _functions(module: ast.Module) -> Iterator[ast.AST]:
    return (each for each in ast.walk(module) if isinstance(each, (*_DEFINITIONS, ast.Lambda)))


def _stored(node: ast.AST) -> set[str]:
    """Return the names that get a value inside of something."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    return names | {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
