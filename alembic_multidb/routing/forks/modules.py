"""The text of a revision's file as a module: as if it stood where the revision does."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

# The line and the column at which a statement begins.
Position = tuple[int, int]
_REACHED = "__multidb_reached__"


def loaded(text: str, path: str, reach: Callable[[Position], None]) -> ModuleType:
    """Return the module that a text makes.

    Args:
        text: of a file.
        path: where the file is, as the text shall see it.
        reach: told of every statement of a function that comes to be run.

    Raises:
        Exception: whatever the text raises.
    """
    loader = _Loader(text, path)
    spec = spec_from_loader(f"multidb_forked_{Path(path).stem}", loader, origin=path)
    assert spec is not None
    spec.has_location = True
    module = module_from_spec(spec)
    vars(module)[_REACHED] = reach
    loader.exec_module(module)
    return module


class _Loader(ExecutionLoader):
    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.text, self.path)
        for function in functions(tree):
            _watch(function)
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return all functions in a module."""
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """Return the blocks of a compound statement, or of a function."""
    found = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    found += [each.body for name in ("handlers", "cases") for each in getattr(node, name, [])]
    return [block for block in found if block and isinstance(block, list)]


def _watch(function: ast.AST) -> None:
    """Put a call before each statement of a function that says that it is reached."""
    for block in blocks(function):
        for node in list(block):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                _watch(node)
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                continue
            place = ast.Tuple([ast.Constant(node.lineno), ast.Constant(node.col_offset)], ast.Load())
            call = ast.Expr(ast.Call(ast.Name(_REACHED, ast.Load()), [place], []))
            block.insert(block.index(node), ast.copy_location(call, node))
