"""Code of a fork that no run without a database comes to: whether it may be about what is at home elsewhere."""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.forks.compare import ASKS, UnequalError
from alembic_multidb.routing.forks.edits import FUNCTIONS, CannotCutError, databases_of
from alembic_multidb.routing.forks.modules import Position, blocks
from alembic_multidb.routing.forks.places import original_line
from alembic_multidb.routing.forks.source import Call
from alembic_multidb.routing.homes import ItemHomes
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.statements import Thing, read

_WORD = re.compile(r"\w+")
# Operations whose first word is a table's name.
_OF_TABLES = frozenset(
    {
        *("create_table", "drop_table", "rename_table", "add_column", "drop_column", "alter_column"),
        *("batch_alter_table", "bulk_insert", "create_table_comment", "drop_table_comment"),
    }
)
# Those whose second is.
_OF_PARTS = frozenset(
    {
        *("create_index", "drop_index", "create_unique_constraint", "create_check_constraint", "create_primary_key"),
        *("create_foreign_key", "drop_constraint"),
    }
)
_SAYS = frozenset(
    {"getLogger", "debug", "info", "warning", "warn", "error", "exception", "log", "append", "add", "get", "format"}
)


@dataclass(frozen=True)
class Unseen:
    """Looks at code that no run comes to.

    Attributes:
        source: the revision's file.
        decider: knows what belongs to the fork's database.
        revision: its id.
        names: what there is before or after the revision.
        sure: the functions that ask nothing and look at nothing: what no run of them comes to, none ever will.
    """

    source: str
    decider: Decider
    revision: str
    names: Mapping[Thing, Item]
    sure: Collection[str] = ()

    @property
    def homes(self) -> ItemHomes:
        """Return where things are at home."""
        return self.decider.homes

    def check(self, text: str, reached: Collection[Position], about: Collection[str]) -> None:
        """Make sure that what no run comes to may stay in a fork.

        Args:
            text: the fork's file.
            reached: the statements that runs came to.
            about: what it asks about that is at home elsewhere; ``""`` for all of a kind.

        Raises:
            UnequalError: nobody can vouch for it.
        """
        tree, said = ast.parse(text), self._said(True)
        left = [
            (name, node) for name, node in self._unreached(tree, reached) if ast.dump(node) not in said and _sends(node)
        ]
        for name, node in left:
            problem = self._problem(node, tree, about)
            if problem is not None:
                raise UnequalError(name, CannotCutError.at(original_line(self.source, text, node.lineno), problem))

    def calls(self, reached: Collection[Position]) -> Iterator[Call]:
        """Yield what the revision may send and no run of it comes to, as far as it is seen where that belongs."""
        tree, here, elsewhere = ast.parse(self.source), self._said(True), self._said(False)
        for each in [each for _, node in _unreached(tree, reached) for each in _simple(node) if _sends(each)]:
            if ast.dump(each) in elsewhere or self._is_elsewhere(each):
                yield Call((each.lineno,), "skips", (), False, False)
            elif ast.dump(each) in here or not self._is_others(each, tree):
                yield Call((each.lineno,), "runs", (), False, False)

    def check_gone(self, text: str, reached: Collection[Position]) -> None:
        """Make sure that nothing is left out that no run of the shared history comes to, and that may belong here.

        Args:
            text: the fork's file.
            reached: the statements of the revision that runs came to.

        Raises:
            UnequalError: nobody can vouch for it.
        """
        tree, said = ast.parse(self.source), self._said(False)
        there = {ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)}
        for name, node in self._unreached(tree, reached):
            for each in _simple(node):
                if ast.dump(each) in there | said or not _sends(each) or self._is_others(each, tree):
                    continue
                why = "without a database nobody sees whether this is run; put it into a block with op.on_database()"
                raise UnequalError(name, CannotCutError.at(each.lineno, why))

    def _unreached(self, tree: ast.Module, reached: Collection[Position]) -> Iterator[tuple[str, ast.stmt]]:
        """Yield what no run has come to and another may; nothing if no function asks for anything."""
        if not all(name in self.sure for name in FUNCTIONS):
            yield from ((name, node) for name, node in _unreached(tree, reached) if name not in self.sure)

    def _is_others(self, node: ast.stmt, tree: ast.Module) -> bool:
        """Tell whether a statement names what is at home elsewhere, and nothing that is here."""
        known = [self.names.get(Thing("relation", None, word)) for word in _words(node, tree)]
        is_own = any(item is not None and self._is_here(item) for item in known)
        return self._is_elsewhere(node) or (not is_own and any(True for _ in self._foreign(node, tree)))

    def _problem(self, node: ast.stmt, tree: ast.Module, about: Collection[str]) -> str | None:
        for thing, homes in self._foreign(node, tree):
            block = f"op.on_database({', '.join(json.dumps(name) for name in sorted(homes))})"
            return (
                f"without a database nobody sees whether this is run, and it names {thing}, which is at home in "
                f"{' and '.join(sorted(homes))}; put what belongs there into a block with {block}"
            )
        named = [thing for thing in about if thing]
        if named or (about and any(True for _ in self._foreign(tree, tree))):
            return ASKS.format(f"about {named[0] if named else 'all that is there'}")
        return None

    def _is_elsewhere(self, node: ast.stmt) -> bool:
        """Tell whether a statement of Python does nothing but what belongs elsewhere, as its text alone says."""
        call = node.value if isinstance(node, ast.Expr) else node.test if isinstance(node, ast.Assert) else None
        texts = [each.value for each in ast.walk(call or node) if isinstance(each, ast.Constant)]
        said = [each for text in texts if isinstance(text, str) and " " in text for each in read(text)]
        state = State(self.revision, {}, fallback=self.names)
        verdicts = {self.decider.decide(each, state).verdict for each in said if each.kind != "unreadable"}
        if call is None or (verdicts and verdicts != {"skips"}):
            return False
        tables = [_table(each) for each in ast.walk(call) if isinstance(each, ast.Call)]
        named = [self.names.get(Thing("relation", None, table)) for table in tables if table is not None]
        return bool(verdicts or named) and all(item is not None and not self._is_here(item) for item in named)

    def _is_here(self, item: Item) -> bool:
        return self.decider.database.name in self.homes.of(item)

    def may_do_more(self, name: str, reached: Collection[Position]) -> bool:
        """Tell whether a function of the revision may send something that belongs here and that no run comes to.

        Args:
            name: of the function; of any other it is said, too.
            reached: the statements of the revision that runs came to.
        """
        return any(
            _sends(node) and ast.dump(node) not in self._said(False)
            for function, node in _unreached(ast.parse(self.source), reached)
            if function == name or function not in FUNCTIONS
        )

    def _said(self, is_here: bool) -> frozenset[str]:
        """Return the statements of which the revision says itself that they belong here, or that they do not."""
        own = []
        for node in ast.walk(ast.parse(self.source)):
            calls: list[tuple[ast.expr, str]] = []
            if isinstance(node, ast.With):
                calls = [(item.context_expr, "on_database") for item in node.items[:1]]
            elif isinstance(node, ast.FunctionDef):
                calls = [(each, "only") for each in node.decorator_list]
            names = [names for call in calls if (names := databases_of(*call)) is not None]
            if names and all(self.decider.database.name in each for each in names) == is_here:
                own.append(node)
        return frozenset(ast.dump(each) for node in own for each in ast.walk(node) if isinstance(each, ast.stmt))

    def _foreign(self, node: ast.AST, tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield what code names that is at home elsewhere only, with where."""
        known = {thing.name: item for thing, item in self.names.items()}
        for word in _words(node, tree):
            homes = self.homes.of(known[word]) if word in known else frozenset[str]()
            if homes and self.decider.database.name not in homes:
                yield word, homes
        for call in _operations(node):
            first = next((each.value for each in call.args[:1] if isinstance(each, ast.Constant)), None)
            homes = self.homes.of_table([Thing("relation", None, first)]) if isinstance(first, str) else frozenset()
            if homes and self.decider.database.name not in homes and first not in known:
                yield str(first), homes


def _simple(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements in one that have no blocks."""
    return (each for each in ast.walk(node) if isinstance(each, ast.stmt) and not blocks(each))


def _table(call: ast.Call) -> str | None:
    """Return the table that an operation names; None if it is no operation, or says it in another way."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = 0 if name in _OF_TABLES else 1 if name in _OF_PARTS else None
    known = [each.value for each in call.keywords if each.arg == "table_name"]
    known += call.args[place : place + 1] if place is not None else []
    return next((str(each.value) for each in known if isinstance(each, ast.Constant)), None)


def _operations(node: ast.AST) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _OF_TABLES:
            yield each


def _words(node: ast.AST, tree: ast.Module) -> list[str]:
    """Return the words of the texts in some code, and of those that its variables may hold."""
    used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    values: list[ast.AST] = [node]
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign) and any(_names(target) & used for target in each.targets):
            values.append(each.value)
        elif isinstance(each, (ast.For, ast.comprehension)) and _names(each.target) & used:
            values.append(each.iter)
    texts = [each.value for value in values for each in ast.walk(value) if isinstance(each, ast.Constant)]
    return list(dict.fromkeys(word for text in texts if isinstance(text, str) for word in _WORD.findall(text)))


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _unreached(tree: ast.Module, reached: Collection[Position]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the statements that no run has come to, each with its function; those apart that nothing calls."""
    named = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    used, new = set[str](), {*FUNCTIONS}
    while new:
        used |= new
        new = {name for each in new if each in named for name in _names(named[each])} - used
    for name in [name for name in named if name in used]:
        yield from ((name, node) for node in _unreached_in(named[name], reached))


def _unreached_in(node: ast.AST, reached: Collection[Position]) -> Iterator[ast.stmt]:
    for each in [each for block in blocks(node) for each in block]:
        is_watched = not isinstance(node, (ast.ClassDef, ast.Module)) and not isinstance(
            each, (ast.Global, ast.Nonlocal)
        )
        if is_watched and (each.lineno, each.col_offset) not in reached:
            yield each
        else:
            yield from _unreached_in(each, reached)


def _sends(node: ast.stmt) -> bool:
    """Tell whether code may send something: it calls what is not known to send nothing."""
    said = {id(each) for raised in ast.walk(node) if isinstance(raised, ast.Raise) for each in ast.walk(raised)}
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call) and id(each) not in said]
    return any(
        called.attr not in _SAYS if isinstance(called, ast.Attribute) else _called(called) not in vars(builtins)
        for called in calls
    )


def _called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
