"""What a server says of itself, where there is none: its version, its settings, who asks and where.

Revisions compare the answers, or count with them. So they are such as a server gives.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import postgast
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.names import strings

# The newest server that revisions are read for, and one that is older than any of them expects.
NEW = "18.0"
OLD = "9.6.24"
_SETTINGS = {
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "is_superuser": "on",
    "lc_collate": "C.UTF-8",
    "search_path": '"$user", public',
    "server_encoding": "UTF8",
    "session_authorization": "postgres",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
}
_WHO = {
    "current_catalog": "postgres",
    "current_database": "postgres",
    "current_role": "postgres",
    "current_schema": "public",
    "current_user": "postgres",
    "session_user": "postgres",
    "user": "postgres",
}
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    **{"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv, "%": operator.mod},
}
_NUMBERS = frozenset({"int2", "int4", "int8", "integer", "numeric", "float8"})
_VERSIONS = frozenset({"extversion", "default_version", "installed_version"})
_VERSION = "1.0"
_SERVER = re.compile(r"SHOW|current_|session_user|version|\buser\b", re.IGNORECASE)


class _UnknownError(Exception):
    """A question is about more than the server."""


@lru_cache(maxsize=1024)
def said_of_server(sql: str, version: str) -> tuple[object, ...] | None:
    """Return the row that answers a question about the server itself; None if it asks for something else, too.

    Args:
        sql: the query.
        version: of the server.
    """
    if not _SERVER.search(sql):
        return None
    try:
        (statement,) = postgast.parse(sql).stmts
        return _Server(version).row(statement.stmt)
    except (postgast.PgQueryError, DecodeError, ValueError, TypeError, ZeroDivisionError, _UnknownError):
        return None


def something(column: str) -> object:
    """Return what an answer is made of where everything is there: a version where one is asked for, else a number."""
    return _VERSION if column in _VERSIONS else 1


class _Server:
    def __init__(self, version: str) -> None:
        major, *minor = map(int, version.split("."))
        number = major * 10000 + (minor[0] * 100 + minor[1] if len(minor) > 1 else minor[0])
        self._settings = {**_SETTINGS, "server_version": version, "server_version_num": str(number)}
        self._who = {**_WHO, "version": f"PostgreSQL {version} on x86_64-pc-linux-gnu, 64-bit"}

    def row(self, node: Any) -> tuple[object, ...]:
        which = node.WhichOneof("node")
        if which == "variable_show_stmt":
            return (self._setting(node.variable_show_stmt.name),)
        select = node.select_stmt
        if which != "select_stmt" or not select.target_list or select.from_clause or select.HasField("where_clause"):
            raise _UnknownError
        return tuple(self._value(item.res_target.val) for item in select.target_list)

    def _setting(self, name: str) -> str:
        if name.lower() not in self._settings:
            raise _UnknownError
        return self._settings[name.lower()]

    def _value(self, node: Any) -> Any:
        which = node.WhichOneof("node")
        reader = getattr(self, f"_of_{which}", None)
        if reader is None:
            raise _UnknownError
        return reader(getattr(node, which))

    def _of_a_const(self, node: Any) -> object:
        kind = node.WhichOneof("val")
        if kind not in ("ival", "sval"):
            raise _UnknownError
        return node.ival.ival if kind == "ival" else node.sval.sval

    def _of_type_cast(self, node: Any) -> object:
        value, name = self._value(node.arg), strings(node.type_name.names)[-1]
        return int(value) if name in _NUMBERS else str(value)

    def _of_a_expr(self, node: Any) -> object:
        name = strings(node.name)[-1]
        if node.kind != nodes.AEXPR_OP or name not in _OPERATORS:
            raise _UnknownError
        return _OPERATORS[name](self._value(node.lexpr), self._value(node.rexpr))

    def _of_sqlvalue_function(self, node: Any) -> str:
        return self._named(nodes.SQLValueFunctionOp.Name(node.op).removeprefix("SVFOP_").lower())

    def _of_func_call(self, node: Any) -> str:
        name = strings(node.funcname)[-1]
        if name == "current_setting":
            return self._setting(str(self._value(node.args[0])))
        if node.args:
            raise _UnknownError
        return self._named(name)

    def _named(self, name: str) -> str:
        if name not in self._who:
            raise _UnknownError
        return self._who[name]
