"""Changes to the text of a Python file: lines that go, statements that are written, and what is no longer used."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from alembic_multidb.routing.text import without_parameters

# Of a line of SQL in a file that is written.
_WIDTH = 90
FUNCTIONS = ("upgrade", "downgrade")
# What Alembic reads from a revision's module.
_KEPT = frozenset({*FUNCTIONS, "revision", "down_revision", "branch_labels", "depends_on"})


class CannotCutError(Exception):
    """A file cannot be taken apart; the text says why.

    Attributes:
        why: the reason.
        line: of Python that is in the way; zero if it is none in particular.
    """

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {why}" if line else why)
        self.why = why
        self.line = line

    @classmethod
    def at(cls, line: int, why: str = "it does both what belongs there and what belongs elsewhere") -> CannotCutError:
        """Return the error for a line of Python that is in the way."""
        return cls(why, line)


def executed(sql: str) -> list[str]:
    """Return the lines of ``op.execute()`` of a statement."""
    text = without_parameters(sql.strip())
    if len(text) < _WIDTH and "\n" not in text:
        return [f"op.execute({_literal(text)})"]
    words = re.findall(r"\S+\s*", text)
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append("")
        lines[-1] += word
    return ["op.execute(", *(f"    {_literal(line)}" for line in lines), ")"]


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def with_moves(source: str, moves: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> str:
    """Return a file whose functions begin and end with statements of SQL.

    Args:
        source: the file.
        moves: by the name of a function, what it begins and ends with.
    """
    edits: list[tuple[int, int, list[str]]] = []
    for node in ast.parse(source).body:
        before, after = moves.get(node.name, ((), ())) if isinstance(node, ast.FunctionDef) else ((), ())
        if not (before or after) or not isinstance(node, ast.FunctionDef):
            continue
        lines = source.splitlines()
        first, last = node.body[0], node.body[-1]
        begin = (first.end_lineno or first.lineno) if is_docstring(first) else first.lineno - 1
        end = last.end_lineno or last.lineno
        inside = [
            *(" " * first.col_offset + line for sql in before for line in executed(sql)),
            *lines[begin:end],
            *(" " * first.col_offset + line for sql in after for line in executed(sql)),
        ]
        edits.append((begin + 1, end, inside))
    return _with_operations(applied(source, edits)) if edits else source


def _with_operations(source: str) -> str:
    """Return a file that knows ``op``, after its docstring and what it imports from the future."""
    body = ast.parse(source).body
    if any("op" in bound(node) for node in body):
        return source
    first: list[ast.stmt] = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    first = first or [node for node in body[:1] if isinstance(node, ast.Expr)]
    line = (first[-1].end_lineno or 0) if first else 0
    lines = source.splitlines()
    return "\n".join([*lines[:line], "from alembic import op", *lines[line:]]) + "\n"


def applied(source: str, edits: Iterable[tuple[int, int, list[str]]]) -> str:
    """Return a file with some of its lines replaced; a block of which nothing is left says ``pass``."""
    lines = source.splitlines()
    for first, last, instead in sorted(edits, reverse=True):
        lines[first - 1 : last] = instead
    text = "\n".join(lines) + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", _with_passes(text))


def _with_passes(text: str) -> str:
    """Give a block that has lost all its statements one that does nothing."""
    while True:
        try:
            ast.parse(text)
        except SyntaxError as error:
            match = re.search(r"after .* on line (\d+)", error.msg)
            if match is None:
                raise CannotCutError.at(error.lineno or 0) from None
            lines = text.splitlines()
            header = int(match[1])
            while not lines[header - 1].rstrip().endswith(":"):
                header += 1
            indent = len(lines[int(match[1]) - 1]) - len(lines[int(match[1]) - 1].lstrip()) + 4
            lines.insert(header, " " * indent + "pass")
            text = "\n".join(lines) + "\n"
        else:
            return text


def emptied(source: str) -> str:
    """Return a file whose two functions do nothing."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return pruned(
        source, applied(source, [replaced(node.body, ["pass"]) for node in functions if node.name in FUNCTIONS])
    )


def with_body(source: str, name: str, statements: Iterable[str]) -> str:
    """Return a file with a function that runs these statements of SQL, and nothing else.

    Args:
        source: the file.
        name: of the function.
        statements: which.
    """
    lines = [line for sql in statements for line in executed(sql)] or ["pass"]
    bodies = [node.body for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name]
    written = _with_operations(applied(source, [replaced(body, lines) for body in bodies]))
    return pruned(source, written)


def replaced(body: Sequence[ast.stmt], lines: Iterable[str]) -> tuple[int, int, list[str]]:
    """Return the change that puts lines in the place of statements; a docstring before them stays."""
    first, last = body[1] if is_docstring(body[0]) and len(body) > 1 else body[0], body[-1]
    indented = [" " * first.col_offset + line if line else "" for line in lines]
    return first.lineno, last.end_lineno or last.lineno, indented


def databases_of(node: ast.expr, function: str) -> list[str] | None:
    """Return the names that ``op.on_database()`` or ``only()`` is called with; None if it is something else.

    Raises:
        CannotCutError: its databases are not written out.
    """
    if not isinstance(node, ast.Call):
        return None
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called != function:
        return None
    if not all(isinstance(argument, ast.Constant) for argument in node.args):
        raise CannotCutError.at(node.lineno, "its databases are not written out")
    return [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]


def is_docstring(node: ast.stmt) -> bool:
    """Tell whether a statement is nothing but a text, as a docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def pruned(before: str, after: str) -> str:
    """Take out imports, constants and helpers that were used and no longer are."""
    used_before = used(ast.parse(before))
    while True:
        tree = ast.parse(after)
        now = used(tree)
        gone: list[tuple[int, int, list[str]]] = [
            (
                min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]),
                node.end_lineno or 0,
                [],
            )
            for node in tree.body
            if (names := set(bound(node))) and names <= used_before - now - _KEPT
        ]
        if not gone:
            return after
        after = applied(after, gone)


def without_idle(before: str, after: str) -> str:
    """Take out of functions the variables that were used and no longer are, with what was asked for them."""
    used_before = {node.name: used(node) for node in ast.parse(before).body if isinstance(node, ast.FunctionDef)}
    while True:
        functions = [node for node in ast.parse(after).body if isinstance(node, ast.FunctionDef)]
        gone: list[tuple[int, int, list[str]]] = [
            (node.lineno, node.end_lineno or node.lineno, [])
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and (names := set(bound(node)))
            and names <= used_before.get(function.name, set()) - used(function)
        ]
        if not gone:
            return pruned(before, after)
        after = applied(after, gone)


def bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module gives to something."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0]
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def used(node: ast.AST) -> set[str]:
    """Return the names that some code reads."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
