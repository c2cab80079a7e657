"""What the bodies of functions name, which PostgreSQL keeps as text and does not look into.

SQL and PL/pgSQL are read by PostgreSQL's own parsers. What these cannot read is searched for words by PostgreSQL's
scanner, which tells names from comments. What stands inside a string may be a name as well
(``nextval('orders_id_seq')``, or SQL that is put together as it runs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import postgast

from alembic_multidb.plpgsql import Function, as_statement
from alembic_multidb.sqltext import Mentioned, Relation, mentioned

# What stands around a string in dollar quotes.
_DOLLARS = re.compile(r"^\$\w*\$|(?<=.)\$\w*\$$")
_WORD = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')
# What is assigned to; the parser hands an assignment over as a whole.
_ASSIGNED = re.compile(r"[^:=]*:?=")
# How the parser marks what is a statement, and what the name of a type.
_STATEMENT, _TYPE = 0, 1
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"})


@dataclass(frozen=True)
class Words:
    """What a function's body speaks of.

    Attributes:
        relations: what is named as a table, view or sequence, or may be one: words in strings, and of what could not be
            parsed.
        functions: what is called.
        types: what is named as a type.
        is_dynamic: whether it runs SQL that it puts together.
        is_parsed: whether all of it could be parsed; if not, comments may be among the names.
    """

    relations: frozenset[Relation]
    functions: frozenset[Relation] = frozenset()
    types: frozenset[Relation] = frozenset()
    is_dynamic: bool = False
    is_parsed: bool = True


def read_words(function: Function) -> Words:
    """Return what a function's body names; of other languages than SQL and PL/pgSQL, all its words."""
    found = None
    if function.language == "sql":
        parsed = mentioned(function.body)
        found = None if parsed is None else _words_of([parsed])
    elif function.language == "plpgsql":
        found = _of_plpgsql(function)
    return _searched(function) if found is None else found


def _of_plpgsql(function: Function) -> Words | None:
    """Return what the statements and expressions of a body name; None if one of them cannot be read."""
    statement = as_statement(function)
    try:
        tree = None if statement is None else postgast.parse_plpgsql(statement.sql)
    # The parser's answer may be no JSON.
    except (postgast.PgQueryError, ValueError):
        return None
    if statement is None or tree is None:
        return None
    found = [mentioned(text) for text in _queries(tree)]
    read = [item for item in found if item is not None]
    if len(read) < len(found):
        return None
    declared = Mentioned(frozenset(), frozenset(), statement.types, frozenset())
    return _words_of([*read, declared], is_dynamic=any(key in _DYNAMIC for key, _ in _items(tree)))


def _words_of(found: Iterable[Mentioned], *, is_dynamic: bool = False) -> Words:
    every = list(found)
    texts = (Relation(*item) for each in every for text in each.texts for item in words_in(text))
    return Words(
        frozenset().union(texts, *(each.relations for each in every)),
        frozenset().union(*(each.functions for each in every)),
        frozenset().union(*(each.types for each in every)),
        is_dynamic,
    )


def _queries(tree: Any) -> Iterator[str]:
    """Yield the statements and expressions of a parsed body, each as a statement."""
    for key, value in _items(tree):
        if key == "PLpgSQL_expr":
            query, mode = value["query"], value.get("parseMode", _STATEMENT)
            if mode == _STATEMENT:
                yield query
            elif mode == _TYPE:
                yield f"SELECT NULL::{query}"
            else:
                is_assignment = mode > _TYPE + 1
                yield f"SELECT {_ASSIGNED.sub('', query, count=1) if is_assignment else query}"


def _items(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield all keys of a tree of dictionaries and lists, with their values."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield from node.items()
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


def _searched(function: Function) -> Words:
    """Return the words of a body that could not be parsed."""
    is_sql = function.language in ("sql", "plpgsql")
    parts = _tokens(function.body) if is_sql else None
    if parts is None:
        return Words(frozenset(Relation(*item) for item in words_in(function.body)), is_parsed=False)
    is_dynamic = function.language == "plpgsql" and any(part.lower() == "execute" for part in parts)
    names = frozenset(Relation(*item) for item in words_in(" ".join(parts)))
    return Words(names, is_dynamic=is_dynamic, is_parsed=False)


def _tokens(body: str) -> list[str] | None:
    """Return the tokens without comments; None if the scanner cannot read the text."""
    data = body.encode()
    try:
        tokens = [data[token.start : token.end].decode() for token in postgast.scan(body).tokens]
    except (postgast.PgQueryError, UnicodeDecodeError):
        return None
    return [_DOLLARS.sub(" ", token) for token in tokens if not token.startswith(("--", "/*"))]


def words_in(text: str) -> set[tuple[str | None, str]]:
    """Return the words of a text, each with the one before its dot; unquoted ones as PostgreSQL folds them."""
    found: set[tuple[str | None, str]] = set()
    before, end = None, 0
    for match in _WORD.finditer(text):
        word = match[0]
        name = word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
        is_qualified = before is not None and text[end : match.start()].strip() == "."
        found.add((before if is_qualified else None, name))
        before, end = name, match.end()
    return found
