"""Which statements of an env.py something needs, and which of them stand in the registry's module afterwards."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace

from alembic_multidb.scaffold.envfile import EnvFile, Role, Statement, names_in
from alembic_multidb.scaffold.places import Local

FILE_NAME = "__file__"

_CARRIED: tuple[Role, ...] = ("library", "import", "define", "act")


@dataclass(frozen=True)
class Slice:
    """Statements that belong together.

    Attributes:
        statements: in the order of env.py.
        uses: every name that they and the one who asked need.
        missing: names that nothing here gives.
    """

    statements: tuple[Statement, ...]
    uses: frozenset[str]
    missing: frozenset[str]

    @property
    def binds(self) -> frozenset[str]:
        """Return every name that has a value after the statements."""
        return frozenset().union(*(statement.binds for statement in self.statements))


@dataclass(frozen=True)
class Expression:
    """A piece of env.py that is carried over.

    Attributes:
        source: its text.
        hoisted: functions and imports that stood inside a function, and go to the outer level.
        local: names that mean something inside a function only: with any, it cannot be carried over.
    """

    source: str
    hoisted: tuple[Statement, ...] = ()
    local: frozenset[str] = frozenset()

    @property
    def uses(self) -> frozenset[str]:
        """Return the names of the outer level that it needs."""
        _, uses = names_in(f"({self.source})")
        inside = frozenset().union(*(statement.binds for statement in self.hoisted))
        return uses.union(*(statement.uses for statement in self.hoisted)) - inside


def named(expression: Expression, names: frozenset[str], value: ast.expr) -> Expression:
    """Put a value in the place of the names that hold a database's name."""
    if not expression.local & names:
        return expression
    tree = _Named(names, value).visit(ast.parse(expression.source, mode="eval"))
    return replace(expression, source=ast.unparse(tree), local=expression.local - names)


def expression_at(node: ast.expr, place: Local) -> Expression:
    """Take an expression out of the function that it stands in."""
    inlined = place.inline(node)
    source = ast.unparse(inlined)
    hoisted: dict[str, Statement] = {}
    local: set[str] = set()
    _, pending = names_in(f"({source})")
    names = set(pending)
    while names:
        name = names.pop()
        if name in place.definitions and name not in hoisted:
            definition = place.definitions[name]
            hoisted[name] = Statement.of(definition, ast.unparse(definition))
            names |= hoisted[name].uses
        elif name in place.names and name not in hoisted:
            local.add(name)
    return Expression(source, tuple(hoisted.values()), frozenset(local))


def slice_for(
    env: EnvFile,
    names: Iterable[str],
    *,
    start: Iterable[Statement] = (),
    given: frozenset[str] = frozenset(),
    roles: tuple[Role, ...] = _CARRIED,
) -> Slice:
    """Collect what gives some names their values, and what that needs in turn.

    Args:
        env: where to look.
        names: what is asked for.
        start: statements that are wanted in any case.
        given: names that somebody else gives.
        roles: the kinds of statements that may be taken.
    """
    chosen = set(start)
    pending = {*names}.union(*(statement.uses for statement in chosen))
    seen: set[str] = set()
    missing: set[str] = set()
    has_star = any("*" in statement.source.partition("import")[2] for statement in env.of_role("import"))
    while pending - seen:
        name = (pending - seen).pop()
        seen.add(name)
        if name in given:
            continue
        if name == env.context_name and "context" not in roles:
            missing.add(name)  # outside of env.py, no command is running
            continue
        binders = env.binders(name)
        if (not binders and not has_star) or any(env.roles[binder] not in roles for binder in binders):
            missing.add(name)
            continue
        chosen.update(binders)
        pending.update(*(binder.uses for binder in binders))
    ordered = tuple(statement for statement in env.statements if statement in chosen)
    return Slice(ordered, frozenset(seen), frozenset(missing))


class _Named(ast.NodeTransformer):
    def __init__(self, names: frozenset[str], value: ast.expr) -> None:
        self._names = names
        self._value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._value if node.id in self._names else node
