"""A function in PL/pgSQL as the parser can read it: with types that it knows, and triggers as ordinary functions.

The parser knows no catalog. It stops at types in schemas of the user's, and its answer about a trigger cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass

import postgast

from alembic_multidb.sqltext import Relation

# A trigger's variables, as arguments.
_OF_TRIGGERS = (
    "new record, old record, tg_name text, tg_when text, tg_level text, tg_op text, tg_relid oid, tg_relname name, "
    "tg_table_name name, tg_table_schema name, tg_nargs int, tg_argv text[], tg_event text, tg_tag text"
)
_OUT = {"o": "OUT", "t": "OUT", "b": "INOUT"}


@dataclass(frozen=True)
class Function:
    """A function, as far as its body depends on it.

    Attributes:
        language: the name of its language.
        body: its text.
        result: its result's type: ``void``, ``trigger``, ``text``; empty for a procedure.
        is_set: whether it returns many rows.
        arguments: mode and name of each argument, as ``pg_proc`` has them.
    """

    language: str
    body: str
    result: str = "void"
    is_set: bool = False
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Statement:
    """A statement that makes a function.

    Attributes:
        sql: the statement.
        types: the types of variables; tables, where a variable has the type of a row or of a column.
    """

    sql: str
    types: frozenset[Relation]


def as_statement(function: Function) -> Statement | None:
    """Return a statement that makes a function with the same body; None if the scanner cannot read the body."""
    data = function.body.encode()
    try:
        tokens = [(token.start, token.end) for token in postgast.scan(function.body).tokens]
        texts = [data[start:end].decode() for start, end in tokens]
    except (postgast.PgQueryError, UnicodeDecodeError):
        return None
    types, body = set(), data
    for first in reversed(_declared(texts)):
        parts, after = _dotted(texts, first)
        reference = texts[after + 1].lower() if texts[after : after + 1] == ["%"] and after + 1 < len(texts) else ""
        name = parts[:-1] if reference == "type" else parts
        types.add(Relation(name[-2] if len(name) > 1 else None, name[-1]) if name else Relation(None, parts[-1]))
        is_array = texts[after : after + 1] == ["["]
        if is_array or (len(parts) > 1 and not reference):
            known = b"text" if is_array else b"record"
            body = body[: tokens[first][0]] + known + body[tokens[after - 1][1] :]
    return Statement(_header(function).replace("$body$", body.decode()), frozenset(types))


def _header(function: Function) -> str:
    quote = "$multidb$" if "$multidb$" not in function.body else "$multidb_function$"
    kind = "FUNCTION" if function.result else "PROCEDURE"
    returns = f" RETURNS {'SETOF ' if function.is_set else ''}{_result(function)}" if function.result else ""
    return f"CREATE {kind} f({_arguments(function)}){returns} LANGUAGE plpgsql AS {quote}$body${quote}"


def _arguments(function: Function) -> str:
    if function.result in ("trigger", "event_trigger"):
        return _OF_TRIGGERS
    found = []
    for mode, name in function.arguments:
        quoted = '"' + name.replace('"', '""') + '"' if name else ""
        found.append(f"{_OUT.get(mode, '')} {quoted} {'text' if mode in _OUT else 'record'}")
    return ", ".join(found)


def _result(function: Function) -> str:
    """Return a type for the result, of which the parser asks only what may follow RETURN."""
    if function.result in ("void", "event_trigger"):
        return "void"
    out = [mode for mode, _ in function.arguments if mode in _OUT]
    return "text" if len(out) == 1 and function.result != "trigger" else "record"


def _declared(texts: list[str]) -> list[int]:
    """Return where the types of variables stand: behind the first word of each declaration, and CONSTANT."""
    found = []
    start: int | None = None
    for place, text in enumerate(texts):
        word = text.lower()
        if word in ("declare", "begin"):
            start = place + 1 if word == "declare" else None
        elif start is not None and text == ";":
            start = place + 1
        elif start is not None and place == start + 1 and word == "constant":
            start += 1
        elif start is not None and place == start + 1:
            found.append(place)
    return found


def _dotted(texts: list[str], first: int) -> tuple[list[str], int]:
    """Return the parts of a qualified name as PostgreSQL folds them, and the place behind it."""
    parts, place = [_folded(texts[first])], first + 1
    while texts[place : place + 1] == ["."] and place + 1 < len(texts):
        parts.append(_folded(texts[place + 1]))
        place += 2
    return parts, place


def _folded(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
