"""SQL as PostgreSQL's own parser sees it: one text for what several versions, or a dump, write differently.

The only module that knows the parser. What it cannot read is left as it is. PostgreSQL 15 to 18 all write these in two
ways, the second after a dump was read back:

- ``(ARRAY['a'::varchar])::text[]`` and ``ARRAY[('a'::varchar)::text]``, for ``IN ('a')`` on a varchar;
- ``((a AND b) AND c)`` and ``(a AND b AND c)``, for ``BETWEEN`` and other conditions made of several;
- ``(- 1)`` and ``'-1'::integer``, ``(- 1.5)`` and ``'-1.5'::numeric``, for ``-1::int`` and the like.

A view of one relation has its columns qualified by PostgreSQL 15, not by 16 and later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import postgast
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from postgast import pg_query_pb2 as nodes

# Only a text with one of these can have two forms.
_UNSTABLE = re.compile(r"ARRAY\[|\bAND\b|\bOR\b|\(- |'-\d|\bWITH \([^)]*,")
# What a part of a statement can be the part of: an expression, a constraint, a whole statement, the body of an SQL
# function, its arguments, a partition key.
_FRAMES = (
    ("SELECT ", ""),
    ("ALTER TABLE t ADD ", ""),
    ("", ""),
    ("CREATE FUNCTION f() RETURNS int ", ""),
    ("CREATE FUNCTION f(", ") RETURNS int RETURN 1"),
    ("CREATE TABLE t () PARTITION BY ", ""),
)
_SCALARS = frozenset({bool, int, float, str, bytes})
# Reserved words, which can begin nothing else.
_LIKELY = {"CHECK": _FRAMES[1:2], "CREATE": _FRAMES[2:3]}
_NEGATIVE = re.compile(r"-\d+(?P<fraction>[.e].*)?")
# Words that some of PostgreSQL 15 to 18 quote as names and others do not (pg_get_keywords()).
_QUOTED = re.compile(
    r'"(json|json_array|json_arrayagg|json_exists|json_object|json_objectagg|json_query|json_scalar|json_serialize'
    r'|json_table|json_value|merge_action|system_user)"'
)


# Names and literals in quotes, as deparsers write them: without dollar quotes and comments.
_TOKEN = re.compile(r"""\"(?:[^"]|"")*\"|'(?:[^']|'')*'""")


def normalized_name(name: str) -> str:
    """Return a qualified name with the same quotes whatever version wrote it."""
    return _QUOTED.sub(r"\1", name) if '"' in name else name


@lru_cache(maxsize=16384)
def normalized_query(sql: str) -> str:
    """Return a view's query as every version, before and after a dump, has it."""
    return _normalized_names(_rewritten(sql.strip(), unqualify=True) or sql.strip())


@lru_cache(maxsize=16384)
def normalized_expression(sql: str) -> str:
    """Return an expression, or a definition that holds one, as every version, before and after a dump, has it."""
    if not _UNSTABLE.search(sql):
        return _normalized_names(sql)
    for before, after in _LIKELY.get(sql.partition(" ")[0], _FRAMES):
        text = _rewritten(before + sql + after)
        if text is not None:
            return _normalized_names(text.removeprefix(before).removesuffix(after))
    return _normalized_names(sql)


def _normalized_names(sql: str) -> str:
    """Give the names in a text the same quotes; what stands in a literal is a value, and stays as it is."""
    return _TOKEN.sub(lambda found: normalized_name(found[0]) if found[0][0] == '"' else found[0], sql)


def _rewritten(sql: str, *, unqualify: bool = False) -> str | None:
    """Return a statement as the parser writes it; None if it is none."""
    try:
        tree = postgast.parse(sql)
    except postgast.PgQueryError:
        return None
    except DecodeError:
        return _flat(sql)
    if unqualify:
        for statement in tree.stmts:
            _unqualify(statement.stmt.select_stmt)
    # What is inside comes first.
    for node in reversed(walk(tree)):
        rewrite = _REWRITES.get(node.WhichOneof("node")) if isinstance(node, nodes.Node) else None
        if rewrite is not None:
            rewrite(node)
    try:
        return str(postgast.deparse(tree))
    except postgast.PgQueryError:
        return None


def _rewrite_cast(node: Any) -> None:
    """Make the cast of an array one of its values, and the cast of a negative number's text that number."""
    cast = node.type_cast
    kind = cast.arg.WhichOneof("node")
    if kind == "a_array_expr" and cast.arg.a_array_expr.elements and cast.type_name.array_bounds:
        node.CopyFrom(_cast_array(cast.arg, cast.type_name))
    elif kind == "a_const" and not cast.type_name.array_bounds and not cast.type_name.typmods:
        _rewrite_number(node, cast.arg.a_const.sval.sval, cast.type_name)


def _cast_array(array: Any, array_type: Any) -> Any:
    """Return an array whose values, not the array, are cast; arrays of arrays all the way down."""
    value_type = _copy(array_type)
    del value_type.array_bounds[:]
    result = _copy(array)
    for value in result.a_array_expr.elements:
        if value.WhichOneof("node") == "a_array_expr":
            value.CopyFrom(_cast_array(value, array_type))
        elif not _is_same_type(value.type_cast.type_name, value_type):
            cast = nodes.Node()
            cast.type_cast.arg.CopyFrom(value)
            cast.type_cast.type_name.CopyFrom(value_type)
            value.CopyFrom(cast)
    return result


def _is_same_type(one: Any, other: Any) -> bool:
    return bool(one.names == other.names and one.typmods == other.typmods and one.array_bounds == other.array_bounds)


def _rewrite_number(node: Any, text: str, type_name: Any) -> None:
    number = _NEGATIVE.fullmatch(text)
    name = ".".join(part.string.sval for part in type_name.names)
    if number and name == "pg_catalog.int4" and not number["fraction"]:
        node.CopyFrom(nodes.Node(a_const=nodes.A_Const(ival=nodes.Integer(ival=int(text)))))
    elif number and name == "pg_catalog.numeric" and number["fraction"]:
        node.CopyFrom(nodes.Node(a_const=nodes.A_Const(fval=nodes.Float(fval=text))))


def _rewrite_condition(node: Any) -> None:
    """Make conditions of conditions with the same operator one."""
    found = []
    for part in node.bool_expr.args:
        is_same = part.WhichOneof("node") == "bool_expr" and part.bool_expr.boolop == node.bool_expr.boolop
        found += [_copy(item) for item in (part.bool_expr.args if is_same else [part])]
    if node.bool_expr.boolop != nodes.NOT_EXPR:
        del node.bool_expr.args[:]
        node.bool_expr.args.extend(found)


def _rewrite_index(node: Any) -> None:
    """Sort the options, whose order says nothing."""
    options = sorted(map(_copy, node.index_stmt.options), key=lambda option: str(option.def_elem.defname))
    del node.index_stmt.options[:]
    node.index_stmt.options.extend(options)


_REWRITES: dict[str | None, Callable[[Any], None]] = {
    "type_cast": _rewrite_cast,
    "bool_expr": _rewrite_condition,
    "index_stmt": _rewrite_index,
}


def _unqualify(select: Any) -> None:
    """Take the relation's name from the columns of a query that reads one relation only, not inside its subqueries."""
    name = _name_of(select.from_clause[0]) if select.op == nodes.SETOP_NONE and len(select.from_clause) == 1 else ""
    for part in _expressions(select) if name else ():
        for column in walk(part, into_queries=False):
            is_own = isinstance(column, nodes.ColumnRef) and column.fields[0].string.sval == name
            if is_own and len(column.fields) == 2:
                del column.fields[0]


def _expressions(select: Any) -> Iterable[Any]:
    """Return the parts of a query in which columns of its own relation can stand."""
    for clause in ("target_list", "group_clause", "sort_clause", "distinct_clause", "window_clause"):
        yield from getattr(select, clause)
    yield from (select.where_clause, select.having_clause, select.limit_count, select.limit_offset)


def _name_of(source: Any) -> str:
    """Return what an entry of FROM is called; empty for a join, or for one without a name."""
    kind = source.WhichOneof("node")
    if kind == "range_table_sample":
        return _name_of(source.range_table_sample.relation)
    if kind not in ("range_var", "range_subselect", "range_function", "range_table_func", "json_table"):
        return ""
    item = getattr(source, kind)
    return str(item.alias.aliasname or (item.relname if kind == "range_var" else ""))


def walk(message: Any, *, into_queries: bool = True) -> list[Any]:
    """Return a message of the parse tree and all those inside it, each before what it holds."""
    found, pending = [], [message]
    while pending:
        current = pending.pop()
        if not into_queries and isinstance(current, nodes.SelectStmt):
            continue
        found.append(current)
        if isinstance(current, nodes.Node):
            kind = current.WhichOneof("node")
            pending.extend([getattr(current, kind)] if kind else [])
            continue
        for _, value in current.ListFields():
            if type(value) in _SCALARS:
                continue
            if isinstance(value, Message):
                pending.append(value)
            elif hasattr(value, "add"):  # several messages; several numbers or texts have only append()
                pending.extend(value)
    return found


def _copy(message: Any) -> Any:
    result = type(message)()
    result.CopyFrom(message)
    return result


# The relation in FROM, and what it is called.
_FROM = re.compile(r'\bFROM (?:ONLY )?(?:\S+ \. )?(?P<relation>"[^"]+"|\w+)(?: (?P<alias>"[^"]+"|[a-z_]\w*)\b)?')


def _flat(sql: str) -> str:
    """Return a statement that is nested deeper than the parser's answer can be, as its words.

    Brackets and casts stay: rather are two taken for different that are the same than the other way round.
    """
    data = sql.encode()
    words = [data[token.start : token.end].decode() for token in postgast.scan(sql).tokens]
    text = " ".join(word for word in words if word != ";")
    if len(re.findall(r"\b(?:FROM|JOIN)\b", text)) == 1:
        found = _FROM.search(text)
        name = (found["alias"] or found["relation"]) if found else ""
        text = re.sub(rf"(?<![\w.\"]){re.escape(name)} \. (?!{re.escape(name)}\b)", "", text) if name else text
    return text


# Statements that change nothing by themselves.
_READS = frozenset(
    {
        *("select_stmt", "explain_stmt", "declare_cursor_stmt", "fetch_stmt", "close_portal_stmt", "lock_stmt"),
        *("variable_set_stmt", "variable_show_stmt", "transaction_stmt", "constraints_set_stmt", "discard_stmt"),
        *("listen_stmt", "unlisten_stmt", "notify_stmt", "prepare_stmt", "deallocate_stmt"),
    }
)
_PLACEHOLDER = re.compile(r"%(?:\([^)]*\))?s")
_WRITES = (nodes.InsertStmt, nodes.UpdateStmt, nodes.DeleteStmt, nodes.MergeStmt, nodes.IntoClause)


_BEGINS = frozenset({nodes.TRANS_STMT_BEGIN, nodes.TRANS_STMT_START})
_ENDS = frozenset({nodes.TRANS_STMT_COMMIT, nodes.TRANS_STMT_ROLLBACK})
_DROPPED = frozenset({nodes.OBJECT_TABLE, nodes.OBJECT_VIEW, nodes.OBJECT_MATVIEW, nodes.OBJECT_FOREIGN_TABLE})


class Relation(NamedTuple):
    """A table or view as a statement names it; the schema is None where it names none."""

    schema: str | None
    name: str


class Touched(NamedTuple):
    """What a statement reads or writes by name, whether it changes anything, whether a transaction begins or ends."""

    relations: frozenset[Relation]
    writes: bool
    begins: bool = False
    ends: bool = False


@lru_cache(maxsize=4096)
def touched(sql: str) -> Touched | None:
    """Return what a statement touches; None if it cannot be read."""
    tree = _tree(sql)
    if tree is None:
        return None
    found = walk(tree)
    names = {node.ctename for node in found if isinstance(node, nodes.CommonTableExpr)}
    relations = {_relation(node) for node in found if isinstance(node, nodes.RangeVar)}
    relations |= {item for node in found if isinstance(node, nodes.DropStmt) for item in _dropped(node)}
    transactions = {node.kind for node in found if isinstance(node, nodes.TransactionStmt)}
    kinds = {statement.stmt.WhichOneof("node") for statement in tree.stmts}
    copies_out = all(not node.is_from for node in found if isinstance(node, nodes.CopyStmt))
    reads = _READS | {"copy_stmt"} if copies_out else _READS
    return Touched(
        frozenset(item for item in relations if item.schema or item.name not in names),
        not kinds <= reads or any(isinstance(node, _WRITES) for node in found),
        bool(transactions & _BEGINS),
        bool(transactions & _ENDS),
    )


class Mentioned(NamedTuple):
    """What statements name, by kind; and the strings in them."""

    relations: frozenset[Relation]
    functions: frozenset[Relation]
    types: frozenset[Relation]
    texts: frozenset[str]


def mentioned(sql: str) -> Mentioned | None:
    """Return what statements name; None if they cannot be read."""
    tree, statements = _tree(sql), touched(sql)
    if tree is None or statements is None:
        return None
    found = walk(tree)
    return Mentioned(
        statements.relations,
        frozenset(_last_two(node.funcname) for node in found if isinstance(node, nodes.FuncCall)),
        frozenset(_last_two(node.names) for node in found if isinstance(node, nodes.TypeName) and node.names),
        frozenset(node.sval.sval for node in found if isinstance(node, nodes.A_Const) and node.HasField("sval")),
    )


def _last_two(names: Any) -> Relation:
    *schema, name = (part.string.sval for part in names)
    return Relation(schema[-1] if schema else None, name)


def _dropped(node: Any) -> Iterable[Relation]:
    """Return the tables and views that a statement drops, whose names are lists there."""
    if node.remove_type in _DROPPED:
        for item in node.objects:
            *schema, name = (part.string.sval for part in item.list.items)
            yield Relation(schema[-1] if schema else None, name)


def without_placeholders(sql: str) -> str:
    """Return a statement for psycopg as PostgreSQL gets it: with numbered parameters."""
    return _PLACEHOLDER.sub("$1", sql).replace("%%", "%")


def foreign_keys(sql: str) -> list[tuple[Relation, Relation]]:
    """Return the foreign keys that a statement makes, each as its table and the one that it points at."""
    found = []
    for statement in getattr(_tree(sql), "stmts", ()):
        kind = statement.stmt.WhichOneof("node")
        if kind in ("create_stmt", "alter_table_stmt"):
            made = getattr(statement.stmt, kind)
            for node in walk(made):
                if isinstance(node, nodes.Constraint) and node.contype == nodes.CONSTR_FOREIGN:
                    found.append((_relation(made.relation), _relation(node.pktable)))
    return found


def statements_of(script: str) -> list[str]:
    """Split a script into its statements."""
    return [str(statement) for statement in postgast.split(script)]


def _tree(sql: str) -> Any:
    try:
        return postgast.parse(sql)
    except (postgast.PgQueryError, DecodeError):
        return None


def _relation(node: Any) -> Relation:
    return Relation(node.schemaname or None, node.relname)
