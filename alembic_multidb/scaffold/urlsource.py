"""Where an env.py takes the database's URL from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from alembic_multidb.scaffold.envfile import EnvFile, Function, Statement, called
from alembic_multidb.scaffold.places import Local, single_value
from alembic_multidb.scaffold.runners import CONFIGURED_ENGINES, ENGINES, URL_OPTION, Runners, sets_url

# What makes one URL of another without changing where it leads: drivers, and ConfigParser's percent signs.
_SCHEME_PART = re.compile(r"(postgres(ql)?)?(\+\w+)?(://)?|%%?")


@dataclass(frozen=True)
class UrlSource:
    """Where the URL comes from; at most one of the first two is set, and with none it is the ini file.

    Attributes:
        variable: the environment variable that holds it.
        expression: the Python expression that gives it.
        place: where the expression stands.
        is_config: whether it is ``sqlalchemy.url`` of the configuration, as the statements of env.py leave it.
        others: the lines of further URLs, of which nobody can say when they are used.
    """

    variable: str | None = None
    expression: ast.expr | None = None
    place: Local = field(default_factory=Local)
    is_config: bool = False
    others: tuple[int, ...] = ()


def find_url(env: EnvFile) -> UrlSource:
    """Work out where the URL of a live connection comes from."""
    runners = Runners(env)
    found = [_simplify(env, expression, place) for expression, place in _engine_urls(env, runners)]
    if found and not found[0].is_config:
        return replace(found[0], others=_others(found))
    settings = [
        (value, place, statement)
        for statement in env.statements
        for value, place in _settings(statement)
        if not _is_offline_only(runners, place)
    ]
    if not settings:
        return UrlSource(is_config=True)
    value, place, statement = settings[-1]
    is_plain = isinstance(statement.node, (ast.Expr, *Function))
    if len(settings) > 1 or not is_plain or _escapes_inside(env, value, place):
        return UrlSource(is_config=True)
    return _simplify(env, value, place)


def sets_config_url(statement: Statement) -> bool:
    """Tell whether a statement only writes ``sqlalchemy.url`` into the configuration."""
    node = statement.node
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and sets_url(node.value) is not None


def _others(found: list[UrlSource]) -> tuple[int, ...]:
    first, *rest = found
    return tuple(
        source.expression.lineno
        for source in rest
        if source.expression is not None
        and (first.expression is None or ast.unparse(source.expression) != ast.unparse(first.expression))
    )


def _engine_urls(env: EnvFile, runners: Runners) -> Iterator[tuple[ast.expr, Local]]:
    """Return the URLs that engines are made with where migrations run, except for the configuration's own."""
    for node, place in runners.nodes():
        if _is_offline_only(runners, place):
            continue
        if isinstance(node, ast.Call) and called(node) in ENGINES:
            yield from ((url, place) for url in [*node.args[:1], *_keywords(node, "url")][:1])
        elif isinstance(node, ast.Call) and called(node) in CONFIGURED_ENGINES:
            yield from ((url, place) for url in _keywords(node, "url", URL_OPTION))
        elif isinstance(node, ast.Assign) and _url_key(node.targets[0]):
            yield node.value, place
        elif isinstance(node, ast.Dict):
            yield from ((value, place) for key, value in zip(node.keys, node.values, strict=True) if _is_url_name(key))
    yield from _engines_from_elsewhere(env, runners)


def _engines_from_elsewhere(env: EnvFile, runners: Runners) -> Iterator[tuple[ast.expr, Local]]:
    """Return ``engine.url`` for an engine that is connected to, but made elsewhere."""
    for node, place in runners.nodes():
        if not (isinstance(node, ast.Call) and called(node) in ("connect", "begin")):
            continue
        if not isinstance(node.func, ast.Attribute) or _is_offline_only(runners, place):
            continue
        engine = place.inline(node.func.value)
        names = {child.id for child in ast.walk(engine) if isinstance(child, ast.Name)}
        calls = {called(child) for child in ast.walk(engine) if isinstance(child, ast.Call)}
        if names and not names & place.names and not calls & (ENGINES | CONFIGURED_ENGINES | {"getattr", "get"}):
            yield ast.copy_location(ast.Attribute(engine, "url", ast.Load()), node), place


def _settings(statement: Statement) -> Iterator[tuple[ast.expr, Local]]:
    """Return what a statement sets ``sqlalchemy.url`` of the configuration to."""

    def descend(node: ast.AST, place: Local) -> Iterator[tuple[ast.expr, Local]]:
        inner = Local((*place.functions, node)) if isinstance(node, Function) else place
        value = sets_url(node) if isinstance(node, ast.Call) else None
        if value is not None:
            yield value, place
        for child in ast.iter_child_nodes(node):
            yield from descend(child, inner)

    yield from descend(statement.node, Local())


def _is_offline_only(runners: Runners, place: Local) -> bool:
    if not place.functions:
        return False
    calls = [call for call in runners.configures if call.place.functions[:1] == place.functions[:1]]
    return bool(calls) and all(call.is_offline for call in calls)


def _simplify(env: EnvFile, expression: ast.expr, place: Local) -> UrlSource:
    inlined = place.inline(expression)
    plain = _strip(inlined)
    variable = _variable(env, plain)
    if variable is not None:
        return UrlSource(variable=variable)
    if ast.unparse(plain) in _reads_of_config(env):
        return UrlSource(is_config=True)
    return UrlSource(expression=_strip_percent(inlined), place=place)


def _reads_of_config(env: EnvFile) -> list[str]:
    name = env.config_name or f"{env.context_name}.config"
    return [f"{name}.{method}('{URL_OPTION}')" for method in ("get_main_option", "get_alembic_option")]


def _strip(expression: ast.expr) -> ast.expr:
    """Take off what changes only the driver's name or ConfigParser's escapes."""
    while isinstance(expression, ast.Call):
        if called(expression) == "str" and len(expression.args) == 1:
            expression = expression.args[0]
        elif _is_harmless_replace(expression):
            assert isinstance(expression.func, ast.Attribute)
            expression = expression.func.value
        elif called(expression) == "strip" and isinstance(expression.func, ast.Attribute) and not expression.args:
            expression = expression.func.value
        else:
            break
    return expression


def _strip_percent(expression: ast.expr) -> ast.expr:
    """Take off ``.replace("%", "%%")``: a registry's URL goes through no ConfigParser."""
    while isinstance(expression, ast.Call) and _is_harmless_replace(expression) and _is_escape(expression):
        assert isinstance(expression.func, ast.Attribute)
        expression = expression.func.value
    return expression


def _is_harmless_replace(call: ast.Call) -> bool:
    texts = [argument.value for argument in call.args[:2] if isinstance(argument, ast.Constant)]
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "replace"
        and len(texts) == 2
        and all(isinstance(text, str) and _SCHEME_PART.fullmatch(text) for text in texts)
    )


def _is_escape(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Constant) and argument.value == "%%" for argument in call.args)


def _escapes_inside(env: EnvFile, value: ast.expr, place: Local) -> bool:
    """Tell whether a value is made for ConfigParser, in a way that cannot be taken off again."""
    rest = _strip_percent(place.inline(value))
    pending, seen = [rest], set()
    while pending:
        node = pending.pop()
        if any(map(_is_for_configparser, ast.walk(node))):
            return True
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and child.id not in seen:
                seen.add(child.id)
                pending += [statement.node for statement in env.binders(child.id)]  # type: ignore[misc]
    return False


def _is_for_configparser(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"%[%(]", node.value) is not None
    )


def _variable(env: EnvFile, expression: ast.expr, depth: int = 5) -> str | None:
    """Return the environment variable that an expression reads, if it does nothing else."""
    expression = _strip(expression)
    name = _read_variable(expression)
    if name is not None or depth == 0:
        return name
    value = single_value(env, expression)
    return _variable(env, value, depth - 1) if value is not None else None


def _read_variable(expression: ast.expr) -> str | None:
    """Read ``os.environ["NAME"]``, ``os.environ.get("NAME")`` and ``os.getenv("NAME")``, without a default."""
    if isinstance(expression, ast.Subscript) and _is_environ(expression.value):
        name: ast.expr | None = expression.slice
    elif isinstance(expression, ast.Call) and (
        called(expression) == "getenv"
        or (isinstance(expression.func, ast.Attribute) and _is_environ(expression.func.value))
    ):
        defaults = [*expression.args[1:], *(keyword.value for keyword in expression.keywords)]
        if any(not isinstance(default, ast.Constant) or default.value for default in defaults):
            return None
        name = expression.args[0] if expression.args else None
    else:
        return None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _is_environ(node: ast.expr) -> bool:
    return ast.unparse(node) in ("os.environ", "environ")


def _keywords(call: ast.Call, *names: str) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg in names]


def _url_key(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and _is_url_name(target.slice)


def _is_url_name(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".url")
