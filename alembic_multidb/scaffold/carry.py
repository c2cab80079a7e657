"""What an old env.py says, sorted: what goes into the registry, what into the new env.py, and what into neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold.changes import hide_passwords
from alembic_multidb.scaffold.envfile import EnvFile, Role, Statement
from alembic_multidb.scaffold.known import is_known
from alembic_multidb.scaffold.places import only_raises
from alembic_multidb.scaffold.quiet import quiet
from alembic_multidb.scaffold.runners import Configure, Runners
from alembic_multidb.scaffold.slices import FILE_NAME, Expression, Slice, expression_at, named, slice_for
from alembic_multidb.scaffold.urlsource import UrlSource, find_url, sets_config_url

ENGINE_NAME = "engine_name"
VERSION_OPTIONS = ("version_table", "version_table_schema")

# What may stand in an env.py, and not in a registry: there, no command is running.
RUNNER_ROLES: tuple[Role, ...] = ("library", "import", "define", "act", "context", "config")

# What run_migrations() does by itself.
_OWN_OPTIONS = frozenset(
    {
        *("connection", "url", "dialect_name", "dialect_opts", "literal_binds", "target_metadata", "as_sql"),
        *("upgrade_token", "downgrade_token", "output_buffer"),
    }
)


@dataclass(frozen=True)
class Carried:
    """The parts of an old env.py.

    Attributes:
        env: the file.
        metadata: what gives the models; None where there are none.
        url: where the URL comes from.
        url_expression: the expression that gives the URL, where it is one.
        engines: the variables that hold a database's name, in the three before and after this.
        version_options: ``version_table`` and ``version_table_schema``.
        options: what goes into ``run_migrations()``, in order.
        unpacked: what is unpacked into it.
        registry: the statements for the registry's module.
        runner: the statements for the new env.py.
        notes: what a human must look at.
    """

    env: EnvFile
    metadata: Expression | None
    url: UrlSource
    url_expression: Expression | None
    engines: frozenset[str]
    version_options: Mapping[str, Expression]
    options: Mapping[str, Expression]
    unpacked: tuple[Expression, ...]
    registry: Slice
    runner: Slice
    notes: tuple[str, ...]

    @property
    def needs_config(self) -> bool:
        """Tell whether the registry's module asks alembic.ini for something."""
        return self.url.is_config or self.env.config_name in self.registry.uses


def carry(
    env: EnvFile,
    *,
    ignore: frozenset[str] = frozenset(),
    multidb: bool = False,
) -> Carried:
    """Sort an env.py.

    Args:
        env: the file.
        ignore: names of which the new files need nothing, because somebody else gives what they gave.
        multidb: whether it runs several databases; a variable that holds the name of one of them is left in what
            is for the registry, and is called ``engine_name`` in what is for env.py.

    Raises:
        ConfigurationError: it does not call ``context.configure()``, so that nothing can be read.
    """
    return _Sorter(env, ignore, multidb=multidb).sort()


class _Sorter:
    def __init__(self, env: EnvFile, ignore: frozenset[str], *, multidb: bool) -> None:
        env, shown = quiet(env)
        self.env = env
        self.ignore = ignore
        self.runners = Runners(env)
        self.notes: list[tuple[int, str]] = []
        for line, text in shown:
            self.note(line, f"{text}, which may show a password")
        online = self.runners.online
        if online is None:
            raise ConfigurationError(
                f"{env.name} calls no context.configure(), so that nothing can be read from it; write the registry by "
                'hand and keep your env.py: see "Keep your own env.py" in the documentation'
            )
        self.online: Configure = online
        self.url = find_url(env)
        self.engines = self.runners.engine_names if multidb else frozenset[str]()

    def sort(self) -> Carried:
        metadata = self._metadata()
        url = self._url()
        keywords = dict(self._expressions())
        versions = {name: self._known(name, keywords.pop(name)) for name in VERSION_OPTIONS if name in keywords}
        unpacked = tuple(self._unpacked())
        needs = [
            named(expression, self.engines, ast.Constant(""))
            for expression in (metadata, url, *versions.values())
            if expression is not None
        ]
        keywords = {
            name: named(value, self.engines, ast.Name(ENGINE_NAME, ast.Load())) for name, value in keywords.items()
        }
        hooks = [*keywords.values(), *unpacked]
        registry = self._registry_slice(needs, hooks)
        runner = self._runner_slice(hooks, registry)
        options = {name: value for name, value in keywords.items() if self._is_carried(name, value, runner)}
        self._note_rest(registry, runner)
        notes = [f"{self.env.name}, line {line}: {hide_passwords(text)}" for line, text in sorted(set(self.notes))]
        return Carried(
            self.env, metadata, self.url, url, self.engines, versions, options, unpacked, registry, runner, tuple(notes)
        )

    def _metadata(self) -> Expression | None:
        node = self.online.options.get("target_metadata")
        if node is None or "target_metadata" in self.ignore:
            return None
        expression = expression_at(node, self.online.place)
        if expression.source == "None" or self._is_none(expression.source):
            return None
        if self._lost(expression):
            self.note(node.lineno, f"target_metadata={expression.source} cannot be read; fill in metadata=")
            return None
        return expression

    def _is_none(self, name: str) -> bool:
        binders = self.env.binders(name)
        values = [getattr(binder.node, "value", None) for binder in binders]
        return bool(values) and all(isinstance(value, ast.Constant) and value.value is None for value in values)

    def _url(self) -> Expression | None:
        for line in self.url.others:
            self.note(line, "a second URL; the registry takes the first one only")
        if self.url.expression is None:
            return None
        expression = expression_at(self.url.expression, self.url.place)
        if expression.uses & self.ignore:
            return None
        if self._lost(expression):
            self.note(self.url.expression.lineno, f"the URL {expression.source}")
            return None
        return expression

    def _expressions(self) -> Iterator[tuple[str, Expression]]:
        """Return the options, and note where ``--sql`` had others."""
        for name, node in self.online.options.items():
            if name not in _OWN_OPTIONS:
                yield name, expression_at(node, self.online.place)
        for call in self.runners.configures:
            for name, node in call.options.items():
                ours = self.online.options.get(name)
                if name not in _OWN_OPTIONS and (ours is None or ast.unparse(ours) != ast.unparse(node)):
                    self.note(node.lineno, f"another configure() has {name}={ast.unparse(node)}")

    def _known(self, name: str, value: Expression) -> Expression:
        """Refuse what a registry cannot say: with another version table, a database would look like an empty one."""
        lost = self._lost(value)
        if lost:
            raise ConfigurationError(
                f"{self.env.name}, line {self.online.options[name].lineno}: {name}={value.source} needs "
                f"{', '.join(sorted(lost))}, which only env.py has; write its value there, then adopt"
            )
        return value

    def _lost(self, expression: Expression) -> frozenset[str]:
        """Return what an expression needs and a registry does not have."""
        missing = slice_for(self.env, expression.uses - expression.local).missing
        return (expression.local - self.engines) | (missing - {FILE_NAME, self.env.config_name})

    def _unpacked(self) -> Iterator[Expression]:
        for node in self.online.unpacked:
            expression = expression_at(node, self.online.place)
            if expression.uses & self.ignore:
                continue
            if "target_metadata" not in self.online.options:
                raise ConfigurationError(
                    f"{self.env.name}, line {node.lineno}: what configure(**{expression.source}) holds cannot be read "
                    "from the text; write its options out, target_metadata and version_table at least, then adopt"
                )
            if expression.local:
                self.note(node.lineno, f"**{expression.source} of configure()")
            else:
                yield expression

    def _registry_slice(self, needs: list[Expression], hooks: list[Expression]) -> Slice:
        """Take the models, the URL, and every statement that may have an effect on them."""
        names = frozenset().union(*(expression.uses for expression in needs))
        acts = [statement for statement in self.env.of_role("act") if self._may_be_taken(statement)]
        core = slice_for(self.env, names, start=acts)
        hooked = slice_for(self.env, frozenset().union(*(hook.uses for hook in hooks)))
        imports = [
            statement
            for statement in self.env.of_role("import")
            if not statement.binds or not statement.binds & hooked.uses or statement.binds & core.uses
        ]
        imports = [statement for statement in imports if not statement.binds & self.ignore]
        return slice_for(self.env, names, start=[*acts, *imports])

    def _may_be_taken(self, statement: Statement) -> bool:
        if is_known(statement.node):
            return False
        if statement.uses & self.ignore:
            self.note(statement.line, _first_line(statement))
            return False
        if sets_config_url(statement):
            return self.url.is_config
        if self.url.variable and only_raises(statement.node):
            return False  # an unset variable is an error of the registry's
        needed = slice_for(self.env, statement.uses)
        if needed.missing - {FILE_NAME, self.env.config_name}:
            self.note(statement.line, _first_line(statement))
            return False
        return True

    def _runner_slice(self, hooks: list[Expression], registry: Slice) -> Slice:
        """Take what the options need; what the registry's module has, comes from there."""
        names = frozenset().union(*(hook.uses for hook in hooks))
        return slice_for(self.env, names, given=shared_names(registry, self.env), roles=RUNNER_ROLES)

    def _is_carried(self, name: str, value: Expression, runner: Slice) -> bool:
        lost = value.local | (value.uses & runner.missing) | (runner.missing & _reach(self.env, value))
        lost -= {FILE_NAME, self.env.context_name, *([ENGINE_NAME] if self.engines else [])}
        if lost:
            names = ", ".join(sorted(lost))
            line = self.online.options[name].lineno
            self.note(line, f"{name}={value.source}: it needs {names}, which only the old env.py has")
        return not lost

    def _note_rest(self, registry: Slice, runner: Slice) -> None:
        for line, text in self.runners.leftovers():
            self.note(line, text)
        taken = {*registry.statements, *runner.statements}
        for statement in self.env.of_role("context"):
            if statement not in taken and not is_known(statement.node):
                self.note(statement.line, _first_line(statement))

    def note(self, line: int, text: str) -> None:
        self.notes.append((line, f"not carried over: {text}"))


def shared_names(registry: Slice, env: EnvFile) -> frozenset[str]:
    """Return what the new env.py takes from the registry's module instead of having it twice."""
    return frozenset().union(
        *(statement.binds for statement in registry.statements if env.roles[statement] in ("define", "act"))
    )


def _reach(env: EnvFile, value: Expression) -> frozenset[str]:
    return slice_for(env, value.uses, roles=RUNNER_ROLES).uses


def _first_line(statement: Statement) -> str:
    return statement.source.strip().partition("\n")[0]
