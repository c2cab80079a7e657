"""Where a query asks what there is: the system catalogs that it reads, and the names that it looks up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import postgast
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

from alembic_multidb.sqltext import walk
from alembic_multidb.statements.names import strings

_NAME = re.compile(rb'(?:(?:\w+|"[^"]*")\s*\.\s*)?(?:\w+|"[^"]*")')


class Question(NamedTuple):
    """A part of a query that asks what there is.

    Attributes:
        kind: whether it is a catalog in FROM, or a call of ``to_regclass()``.
        begin: where it begins, in bytes.
        end: where it ends.
        name: of the catalog, or the text of the call's argument.
        has_alias: whether the query gives the catalog another name.
    """

    kind: Literal["catalog", "lookup"]
    begin: int
    end: int
    name: str
    has_alias: bool = False


@lru_cache(maxsize=1024)
def questions_of(sql: str) -> tuple[Question, ...]:
    """Return what a query asks, in its order; nothing of what the parser cannot read."""
    try:
        inside = walk(postgast.parse(sql))
    except (postgast.PgQueryError, DecodeError):
        return ()
    data = sql.encode()
    found: list[Question] = []
    for node in inside:
        if isinstance(node, nodes.RangeVar):
            found += _catalog(node, data)
        elif isinstance(node, nodes.FuncCall) and strings(node.funcname)[-1] == "to_regclass":
            found += _lookup(node.location, sql, data)
    return tuple(sorted(found, key=lambda question: question.begin))


def _catalog(node: nodes.RangeVar, data: bytes) -> Iterator[Question]:
    match = _NAME.match(data, node.location)
    if match is not None:
        schema = "" if node.schemaname == "pg_catalog" else node.schemaname
        name = f"{schema}.{node.relname}" if schema else node.relname
        yield Question("catalog", match.start(), match.end(), name, bool(node.alias.aliasname))


def _lookup(begin: int, sql: str, data: bytes) -> Iterator[Question]:
    """Find the argument of a call by its parentheses."""
    depth, first = 0, 0
    for token in postgast.scan(sql).tokens:
        text = data[token.start : token.end]
        if token.start < begin or text not in (b"(", b")"):
            continue
        depth += 1 if text == b"(" else -1
        if depth == 1 and text == b"(":
            first = token.end
        if depth == 0:
            yield Question("lookup", begin, token.end, data[first : token.start].decode())
            return
