"""Where a statement of a fork stands in the file that it was made of."""

from __future__ import annotations

import ast

from alembic_multidb.routing.forks.modules import blocks


def original_line(source: str, text: str, line: int) -> int:
    """Return the line of a revision's file where that statement stands which is on a line of a fork of it.

    Zero if there is none.
    """
    places: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            places.setdefault(_header(node), node.lineno)
    inside = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    lines = [places[key] + line - node.lineno for node in reversed(inside) if (key := _header(node)) in places]
    return lines[0] if lines else 0


def _header(node: ast.stmt) -> str:
    """Return a statement, or what stands before the blocks of one, in one way to write it."""
    said = ast.unparse(node)
    return said if not blocks(node) else said.splitlines()[0]
