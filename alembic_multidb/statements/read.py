"""A text of SQL, read by PostgreSQL's own parser: what each of its statements says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import postgast
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

from alembic_multidb.sqltext import walk
from alembic_multidb.statements.blocks import declared_in, queries_of
from alembic_multidb.statements.bodies import Body
from alembic_multidb.statements.facts import Statement, Thing
from alembic_multidb.statements.located import path_set_by
from alembic_multidb.statements.mentions import EVERYBODYS, literals_of, mentions_of, uses_of
from alembic_multidb.statements.names import strings
from alembic_multidb.statements.parts import columns_made, part_renamed, parts_lost, parts_made, signatures_of
from alembic_multidb.statements.subjects import said_by

# What gives rows and changes nothing, unless there is a statement that writes inside.
_READS = frozenset({"select_stmt", "explain_stmt", "variable_show_stmt"})
_WRITES = (nodes.InsertStmt, nodes.UpdateStmt, nodes.DeleteStmt, nodes.MergeStmt, nodes.IntoClause)


@lru_cache(maxsize=8192)
def read(sql: str) -> tuple[Statement, ...]:
    """Return what a text's statements say, in their order; one of kind ``unreadable`` if the parser cannot read it."""
    try:
        tree = postgast.parse(sql)
    except (postgast.PgQueryError, DecodeError):
        return (Statement(sql=sql, kind="unreadable"),)
    data = sql.encode()
    found = []
    for item in tree.stmts:
        end = item.stmt_location + item.stmt_len if item.stmt_len else len(data)
        text = data[item.stmt_location : end].decode().strip()
        found.append(_statement(text, item.stmt))
    return tuple(found)


def _statement(text: str, node: Any) -> Statement:
    which = str(node.WhichOneof("node"))
    if which == "do_stmt":
        return _block(text, node.do_stmt)
    inside = walk(getattr(node, which))
    said = said_by(which, getattr(node, which))
    # ALTER TYPE of a composite type names it as a table.
    own = {item._replace(kind="relation") for item in said.subjects if item.kind == "type"}
    own |= {*said.subjects, *(made.thing for made in said.makes), *(item.target for item in said.references)}
    body = _body(text, inside) if which == "create_function_stmt" else Body()
    uses = {*uses_of(inside), *body.uses}
    literals = {*literals_of(inside), *body.literals}
    is_plain = which == "create_stmt" and not literals and all(item.name in EVERYBODYS for item in uses)
    parts = parts_made(which, getattr(node, which), body) if not is_plain else ()
    return Statement(
        sql=text,
        kind=which.removesuffix("_stmt").replace("_", " "),
        subjects=said.subjects,
        role=said.role,
        is_list=said.is_list,
        makes=said.makes,
        drops=said.drops,
        renames=said.renames,
        mentions=frozenset(({*mentions_of(inside)} | body.mentions) - own if which != "constraints_set_stmt" else ()),
        uses=frozenset(uses - own),
        hints=frozenset(literals - own),
        body=body.spoken - own,
        signatures=signatures_of(which, getattr(node, which)),
        references=said.references,
        constraints=said.constraints,
        parts=parts,
        columns=columns_made(which, getattr(node, which)),
        lost=parts_lost(which, getattr(node, which)),
        renamed=part_renamed(which, getattr(node, which)),
        cascades=which == "drop_stmt" and node.drop_stmt.behavior == nodes.DROP_CASCADE,
        if_exists=said.if_exists,
        reads=which in _READS and not any(isinstance(item, _WRITES) for item in inside),
        dynamic=body.dynamic,
        path=path_set_by(which, getattr(node, which)),
    )


def _block(text: str, node: Any) -> Statement:
    """Return what a DO block says: what the statements in it say."""
    queries, dynamic = queries_of(text, _text_of(node.args))
    inner = tuple(statement for query in queries for statement in read(query))
    unreadable = next((item.sql for item in inner if item.kind == "unreadable"), None)
    return Statement(sql=text, kind="do", inner=inner, dynamic=dynamic or unreadable, hints=_hints_of(dynamic))


def _hints_of(expression: str | None) -> frozenset[Thing]:
    """Return what the literals in the text of an EXECUTE may name."""
    return (
        frozenset(thing for each in read(f"SELECT {expression}") for thing in each.hints) if expression else frozenset()
    )


def _text_of(options: Iterable[Any]) -> str:
    return "".join(
        item.def_elem.arg.string.sval
        for item in options
        if item.WhichOneof("node") == "def_elem" and item.def_elem.defname == "as"
    )


def _body(text: str, inside: list[Any]) -> Body:
    """Return what a function's body speaks of, as far as it can be read."""
    options = {node.defname: node.arg for node in inside if isinstance(node, nodes.DefElem)}
    body = "".join(strings(options["as"].list.items)[:1]) if "as" in options else ""
    language = options["language"].string.sval if "language" in options else ""
    if language not in ("sql", "plpgsql") or not body:
        return Body()
    queries, dynamic = ([body], None) if language == "sql" else queries_of(text, body)
    statements = tuple(statement for query in queries for statement in read(query))
    declared = declared_in(body) if language == "plpgsql" else frozenset()
    return Body(statements, declared, is_early=language == "sql", dynamic=dynamic)
