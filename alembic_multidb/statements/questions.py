"""Where a query asks what there is: the system catalogs that it reads, and the names that it looks up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import postgast
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

from alembic_multidb.sqltext import walk
from alembic_multidb.statements.names import strings

_NAME = re.compile(rb'(?:(?:\w+|"[^"]*")\s*\.\s*)?(?:\w+|"[^"]*")')
_LOOKUPS = frozenset({"to_regclass", "to_regtype"})


class Question(NamedTuple):
    """A part of a query that asks what there is.

    Attributes:
        kind: whether it is a relation in FROM, or a call of ``to_regclass()`` or ``to_regtype()``.
        begin: where it begins, in bytes.
        end: where it ends.
        name: of the relation, or the function.
        alias: what the query calls it; empty if it does not say.
    """

    kind: Literal["catalog", "lookup"]
    begin: int
    end: int
    name: str
    alias: str = ""


class Inquiry(NamedTuple):
    """What a query asks.

    Attributes:
        questions: the places where it does, in their order.
        columns: those that it names, each with what stands before the dot; that is empty if nothing does.
        outputs: the names that it gives to what it puts out.
        functions: those that it calls.
        texts: its literals.
    """

    questions: tuple[Question, ...] = ()
    columns: frozenset[tuple[str, str]] = frozenset()
    outputs: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def inquiry_of(sql: str) -> Inquiry:
    """Return what a query asks; nothing of what the parser cannot read."""
    try:
        inside = walk(postgast.parse(sql))
    except (postgast.PgQueryError, DecodeError):
        return Inquiry()
    return Inquiry(
        _questions(sql, inside),
        frozenset(name for node in inside if isinstance(node, nodes.ColumnRef) for name in _column(node)),
        frozenset(node.name for node in inside if isinstance(node, nodes.ResTarget) and node.name),
        frozenset(strings(node.funcname)[-1] for node in inside if isinstance(node, nodes.FuncCall)),
        frozenset(node.sval.sval for node in inside if isinstance(node, nodes.A_Const) and node.HasField("sval")),
    )


def _column(node: nodes.ColumnRef) -> Iterator[tuple[str, str]]:
    parts = strings(node.fields)
    if parts and parts[-1]:
        yield ".".join(parts[:-1]), parts[-1]


def _questions(sql: str, inside: Iterable[object]) -> tuple[Question, ...]:
    data = sql.encode()
    found: list[Question] = []
    for node in inside:
        if isinstance(node, nodes.RangeVar):
            found += _catalog(node, data)
        elif isinstance(node, nodes.FuncCall) and strings(node.funcname)[-1] in _LOOKUPS:
            found += _lookup(strings(node.funcname)[-1], node.location, sql, data)
    return tuple(sorted(found, key=lambda question: question.begin))


def _catalog(node: nodes.RangeVar, data: bytes) -> Iterator[Question]:
    match = _NAME.match(data, node.location)
    if match is not None:
        schema = "" if node.schemaname == "pg_catalog" else node.schemaname
        name = f"{schema}.{node.relname}" if schema else node.relname
        yield Question("catalog", match.start(), match.end(), name, node.alias.aliasname)


def _lookup(function: str, begin: int, sql: str, data: bytes) -> Iterator[Question]:
    """Find the end of a call by its parentheses."""
    depth = 0
    for token in postgast.scan(sql).tokens:
        text = data[token.start : token.end]
        if token.start < begin or text not in (b"(", b")"):
            continue
        depth += 1 if text == b"(" else -1
        if depth == 0:
            yield Question("lookup", begin, token.end, function)
            return
