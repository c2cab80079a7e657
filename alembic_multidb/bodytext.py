"""Words in the bodies of functions, which PostgreSQL keeps as text and does not look into.

PostgreSQL's own scanner tells names from strings and comments; what stands inside a string may be a name as well
(``nextval('orders_id_seq')``, or SQL that is put together as it runs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import postgast

# What stands around a string in dollar quotes.
_DOLLARS = re.compile(r"^\$\w*\$|(?<=.)\$\w*\$$")
_WORD = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')


@dataclass(frozen=True)
class Words:
    """What a function's body speaks of.

    Attributes:
        names: names and keywords, each with the one before its dot, if any; those in strings, too.
        is_dynamic: whether it runs SQL that it puts together.
        is_scanned: whether the scanner could read it; if not, comments may be among the names.
    """

    names: frozenset[tuple[str | None, str]]
    is_dynamic: bool
    is_scanned: bool


def read_words(language: str, body: str) -> Words:
    """Return the names in a function's body.

    Args:
        language: the function's language; only SQL and PL/pgSQL are scanned, others are searched for words.
        body: its text.
    """
    parts = _tokens(body) if language in ("sql", "plpgsql") else None
    if parts is None:
        return Words(frozenset(_words(body)), False, False)
    names = frozenset(_words(" ".join(parts)))
    is_dynamic = language == "plpgsql" and any(part.lower() == "execute" for part in parts)
    return Words(names, is_dynamic, True)


def _tokens(body: str) -> list[str] | None:
    """Return the tokens without comments; None if the scanner cannot read the text."""
    data = body.encode()
    try:
        tokens = [data[token.start : token.end].decode() for token in postgast.scan(body).tokens]
    except (postgast.PgQueryError, UnicodeDecodeError):
        return None
    return [_DOLLARS.sub(" ", token) for token in tokens if not token.startswith(("--", "/*"))]


def _words(text: str) -> set[tuple[str | None, str]]:
    """Return the words of a text, each with its qualifier; unquoted ones as PostgreSQL folds them."""
    found: set[tuple[str | None, str]] = set()
    before, end = None, 0
    for match in _WORD.finditer(text):
        word = match[0]
        name = word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
        is_qualified = before is not None and text[end : match.start()].strip() == "."
        found.add((before if is_qualified else None, name))
        before, end = name, match.end()
    return found
