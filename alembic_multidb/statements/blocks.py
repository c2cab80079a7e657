"""The statements inside PL/pgSQL: of a DO block, or of a function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import postgast

from alembic_multidb.plpgsql import Function, as_statement
from alembic_multidb.statements.facts import Thing
from alembic_multidb.statements.mentions import OWN_TYPES
from alembic_multidb.statements.names import thing

_OWN = frozenset(Thing("type", None, name) for name in OWN_TYPES)
# What PL/pgSQL runs as SQL that it puts together, or that stands in a literal.
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
_LITERAL = re.compile(r"\s*'((?:[^']|'')*)'\s*|\s*\$(\w*)\$(.*)\$\2\$\s*", re.DOTALL)
# Modes of the parser: a statement, and expressions and assignments of several kinds.
_STATEMENT, _EXPRESSION = 0, 2
_ASSIGNED = re.compile(r".*?:?=", re.DOTALL)
_KEYWORDS = re.compile(r"\b(?:begin|then|else|loop)\b|;", re.IGNORECASE)
_BEGINS = re.compile(
    r"\s*(?:create|alter|drop|insert|update|delete|select|with|comment|grant|revoke|truncate|merge|perform|execute)\b",
    re.IGNORECASE,
)


def queries_of(statement: str, body: str) -> tuple[list[str], str | None]:
    """Return the SQL inside a block, and the text of the first EXECUTE that is only known when it runs.

    Args:
        statement: the DO or CREATE FUNCTION statement.
        body: its body, in which statements are looked for by their first words if the parser cannot read it.
    """
    tree = _parsed(statement, body)
    if tree is None:
        return _split(body)
    queries: list[str] = []
    dynamic: str | None = None
    for owner, expression in _expressions(tree, ""):
        text = str(expression["query"])
        if owner in _DYNAMIC:
            literal = _literal(text)
            if literal is None:
                dynamic = dynamic or text
            else:
                queries.append(literal)
        elif expression.get("parseMode", _STATEMENT) == _STATEMENT:
            queries.append(text)
        else:
            value = text if expression["parseMode"] == _EXPRESSION else _ASSIGNED.sub("", text, count=1)
            queries.append(f"SELECT {value}")
    return queries, dynamic


def declared_in(body: str) -> frozenset[Thing]:
    """Return the types of a body's variables; tables, where one has the type of a row or of a column."""
    statement = as_statement(Function("plpgsql", body))
    found = statement.types if statement is not None else ()
    return frozenset(thing("type", (schema or "", name)) for schema, name in found) - _OWN


def _parsed(statement: str, body: str) -> Any:
    """Return the parser's answer about a block; of what it cannot read, about a function that it can; else None."""
    readable = (as_statement(Function("plpgsql", body, result)) for result in ("void", "trigger"))
    for text in (statement, *(item.sql for item in readable if item is not None)):
        with suppress(postgast.PgQueryError, ValueError):
            return postgast.parse_plpgsql(text)
    return None


def _expressions(tree: Any, owner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the expressions of a block, each with the kind of statement that it belongs to."""
    if isinstance(tree, list):
        for item in tree:
            yield from _expressions(item, owner)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "PLpgSQL_expr":
                yield owner, value
            else:
                yield from _expressions(value, key if key.startswith("PLpgSQL_stmt") else owner)


def _literal(text: str) -> str | None:
    match = _LITERAL.fullmatch(text)
    if match is None:
        return None
    return match[1].replace("''", "'") if match[1] is not None else match[3]


def _split(body: str) -> tuple[list[str], str | None]:
    """Find statements by their first words."""
    queries, dynamic = [], None
    for part in _parts(body):
        if not _BEGINS.match(part):
            continue
        text = part.strip()
        word, _, rest = text.partition(" ")
        if word.lower() == "execute":
            literal = _literal(rest)
            dynamic = dynamic or (rest if literal is None else None)
            queries += [literal] if literal is not None else []
        else:
            queries.append(f"SELECT {rest}" if word.lower() == "perform" else text)
    return queries, dynamic


def _parts(body: str) -> Iterable[str]:
    """Cut a body where a statement may begin or end, outside of literals and comments."""
    data = body.encode()
    try:
        tokens = postgast.scan(body).tokens
    except postgast.PgQueryError:
        return [body]
    parts, begin = [], 0
    for token in tokens:
        if _KEYWORDS.fullmatch(data[token.start : token.end].decode()):
            parts.append(data[begin : token.start].decode())
            begin = token.end
    return [*parts, data[begin:].decode()]
