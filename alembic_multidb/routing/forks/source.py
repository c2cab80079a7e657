"""A revision's file, taken apart: the same revision with nothing but what one database runs of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alembic_multidb.routing.forks.constant import is_constant
from alembic_multidb.routing.forks.edits import (
    FUNCTIONS,
    CannotCutError,
    applied,
    databases_of,
    executed,
    is_docstring,
    pruned,
    replaced,
    with_moves,
    without_idle,
)
from alembic_multidb.routing.forks.modules import blocks

# What a table brings along with a column, once for all tables of a revision.
_ENUM = re.compile(r"CREATE TYPE \S*?(\w+)\"? AS ENUM")


@dataclass(frozen=True)
class Call:
    """One text of SQL that a revision sends, and what is left of it here.

    Attributes:
        lines: of the revision's file, the innermost first.
        verdict: whether all of it runs here, nothing, or a part.
        kept: what runs here.
        has_values: whether values are sent along with it.
        is_certain: whether it is sent, and is the same, whatever a database answers.
    """

    lines: tuple[int, ...]
    verdict: Literal["runs", "skips", "part"]
    kept: tuple[str, ...]
    has_values: bool
    is_certain: bool


@dataclass
class Cut:
    """One way to take a file apart.

    Attributes:
        source: the file.
        database: the one whose part is kept.
        calls: what the file's two functions send.
        innermost: whether statements are taken out where they are, in helper functions too; else in the two functions.
        writes: whether a statement of which a part is left may become ``op.execute()`` of that.
        tidies: whether what was asked for the rest is taken out, too.
    """

    source: str
    database: str
    calls: Sequence[Call]
    innermost: bool
    writes: bool
    tidies: bool
    _edits: list[tuple[int, int, list[str]]] = field(default_factory=list)
    _types: set[str] = field(default_factory=set)

    def result(self, moves: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> str:
        """Return the file as it is for the database.

        Args:
            moves: by the name of a function, the statements that it begins and ends with.

        Raises:
            CannotCutError: a statement does both what belongs here and what belongs elsewhere.
        """
        for node in ast.parse(self.source).body:
            if isinstance(node, ast.FunctionDef) and (self.innermost or node.name in FUNCTIONS):
                self._function(node)
        text = with_moves(applied(self.source, self._edits), moves)
        return without_idle(self.source, text) if self.tidies else pruned(self.source, text)

    def _function(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            names = databases_of(decorator, "only")
            if names is not None:
                self._edits.append((decorator.lineno, decorator.end_lineno or decorator.lineno, []))
                if self.database not in names:
                    self._replace(node.body, ["pass"])
                    return
        if node.name in FUNCTIONS and self._is_elsewhere(node):
            self._replace(node.body, ["pass"])
        else:
            self._body(node.body)

    def _is_elsewhere(self, node: ast.FunctionDef) -> bool:
        """Tell whether all that a function sends belongs elsewhere; what it asks is then for that."""
        end = node.end_lineno or node.lineno
        own = [call for call in self.calls if any(node.lineno <= line <= end for line in call.lines)]
        return bool(own) and all(call.verdict == "skips" for call in own)

    def _body(self, body: list[ast.stmt]) -> None:
        """Take out of a block what does not belong here."""
        if body and self._is_gone(body):
            self._replace(body, ["pass"])
            return
        for node in body:
            self._statement(node)

    def _is_gone(self, body: list[ast.stmt]) -> bool:
        """Tell whether nothing is left of a block but its docstring."""
        return all(is_docstring(node) or self._verdict(node) == "skips" for node in body) and any(
            self._verdict(node) == "skips" for node in body
        )

    def _statement(self, node: ast.stmt) -> None:
        names = databases_of(node.items[0].context_expr, "on_database") if isinstance(node, ast.With) else None
        if names is not None and isinstance(node, ast.With):
            inside = ast.unparse(ast.Module(node.body, [])).splitlines()
            self._replace([node], inside if self.database in names else [])
        elif self._verdict(node) == "skips":
            self._replace([node], [])
        elif self._verdict(node) == "part" or self._brings_again(node):
            within = [] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else blocks(node)
            if within and not self._of_header(node, within) and not self._turns(node):
                for block in within:
                    self._body(block)
            else:
                self._write(node)

    def _brings_again(self, node: ast.stmt) -> bool:
        """Tell whether operations would make a type anew that is made by a statement which has been written."""
        if not self._types or self._verdict(node) != "runs":
            return False
        return any(
            re.search(rf"\b{re.escape(name)}\b", sql)
            for name in self._types
            for call in self._calls(node)
            for sql in call.kept
        )

    def _turns(self, node: ast.stmt) -> bool:
        """Tell whether a loop does with one line what belongs here and what belongs elsewhere."""
        if not isinstance(node, (ast.For, ast.While)) or not self.writes:
            return False
        verdicts: dict[int, set[str]] = {}
        for call in self._calls(node):
            for line in call.lines[:1] if self.innermost else call.lines:
                verdicts.setdefault(line, set()).add(call.verdict)
        return any(len(found) > 1 or "part" in found for line, found in verdicts.items() if line > node.lineno)

    def _write(self, node: ast.stmt) -> None:
        calls = self._calls(node)
        own = [call for call in calls if call.verdict != "skips"]
        is_same = all(call.is_certain for call in own) or is_constant(node, ast.parse(self.source))
        if not self.writes or not is_same or any(call.has_values for call in own):
            raise CannotCutError.at(node.lineno)
        self._types |= {name for call in calls for sql in call.kept for name in _ENUM.findall(sql)}
        self._replace([node], [line for call in calls for sql in call.kept for line in executed(sql)])

    def _verdict(self, node: ast.stmt) -> str:
        names = databases_of(node.items[0].context_expr, "on_database") if isinstance(node, ast.With) else None
        if names is not None:
            return "part" if self.database in names else "skips"
        verdicts = {call.verdict for call in self._calls(node)}
        inside = (each.items[0].context_expr for each in ast.walk(node) if isinstance(each, ast.With))
        if any(self.database in (databases_of(each, "on_database") or ()) for each in inside):
            verdicts.add("part")
        return "runs" if not verdicts else verdicts.pop() if len(verdicts) == 1 else "part"

    def _calls(self, node: ast.stmt) -> list[Call]:
        end = node.end_lineno or node.lineno
        return [
            call
            for call in self.calls
            if any(node.lineno <= line <= end for line in (call.lines[:1] if self.innermost else call.lines))
        ]

    def _of_header(self, node: ast.stmt, inside: list[list[ast.stmt]]) -> bool:
        """Tell whether a compound statement sends something outside of its blocks, as a condition does."""
        known = {id(call) for block in inside for each in block for call in self._calls(each)}
        return any(id(call) not in known for call in self._calls(node) if call.verdict != "skips")

    def _replace(self, body: list[ast.stmt], lines: list[str]) -> None:
        self._edits.append(replaced(body, lines))


def ways(source: str, database: str, calls: Sequence[Call]) -> Iterator[Cut]:
    """Yield the ways to take a file apart, the one that changes least first."""
    for tidies in (False, True):
        for innermost, writes in ((False, False), (True, False), (True, True), (False, True)):
            yield Cut(source, database, calls, innermost, writes, tidies)
