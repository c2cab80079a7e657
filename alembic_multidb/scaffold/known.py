"""What stands in every env.py, because Alembic or Flask-Migrate put it there."""

from __future__ import annotations

import ast
from copy import deepcopy
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from alembic_multidb.scaffold.envfile import with_config_named


@lru_cache(maxsize=1)
def known_statements() -> frozenset[str]:
    """Return the statements of the env.py files that Alembic and Flask-Migrate themselves make."""
    found: set[str] = set()
    for package in ("alembic", "flask_migrate"):
        spec = find_spec(package)
        folder = Path(spec.origin).parent if spec is not None and spec.origin else None
        for file in folder.glob("templates/*/env.py") if folder else ():
            tree = ast.parse(with_config_named(file.read_text(encoding="utf-8")))
            found |= {ast.unparse(header(node)) for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    return frozenset(found)


def is_known(node: ast.stmt) -> bool:
    """Tell whether a statement stands like this in an env.py that a template made, with all that is inside."""
    known = known_statements()
    return all(ast.unparse(header(child)) in known for child in ast.walk(node) if isinstance(child, ast.stmt))


def header(node: ast.stmt) -> ast.stmt:
    """Return a compound statement without what is inside of it."""
    if not hasattr(node, "body"):
        return node
    copy = deepcopy(node)
    for part in ("body", "orelse", "finalbody", "handlers"):
        if getattr(copy, part, None):
            setattr(copy, part, [ast.Pass()] if part in ("body", "finalbody") else [])
    return copy
