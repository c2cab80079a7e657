"""One statement a line: what stands behind a semicolon, or behind the colon of its block, goes to a line of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from alembic_multidb.routing.forks.modules import blocks


def spread(source: str) -> str:
    """Return a file in which no two statements of a function share a line; the same text if none do."""
    lines = source.encode().splitlines()
    crowded = sorted(_crowded(ast.parse(source), lines), reverse=True)
    for line, column, indent in crowded:
        before, after = lines[line - 1][:column].rstrip(), lines[line - 1][column:]
        lines[line - 1 : line] = [before.removesuffix(b";").rstrip(), b" " * indent + after]
    return b"\n".join(lines).decode() + "\n" if crowded else source


def _crowded(tree: ast.Module, lines: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    """Yield the statements that do not begin their line: line, column, and how far each is to be indented."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        for block in blocks(node):
            beside = [each for each in block if lines[each.lineno - 1][: each.col_offset].strip()]
            deeper = node.col_offset + (8 if isinstance(node, ast.Match) else 4)
            indent = deeper if block[0] in beside else block[0].col_offset
            yield from ((each.lineno, each.col_offset, indent) for each in beside)
