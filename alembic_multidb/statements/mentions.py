"""What a statement names besides what it is about: relations, types, functions, and what its literals stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.facts import Kind, Thing
from alembic_multidb.statements.names import quoted_name, relation, strings, thing

BUILT_IN = frozenset({"pg_catalog", "information_schema"})
# Casts of a literal to these look something up.
_LOOKED_UP: dict[str, Kind] = {
    "regclass": "relation",
    "regtype": "type",
    "regproc": "function",
    "regcollation": "collation",
    "regconfig": "text search configuration",
}
_NAMED: tuple[Kind, ...] = ("type", "function")
# Functions that only ask whether something is there.
_ASKING = frozenset({"to_regclass", "to_regtype", "to_regproc", "current_setting"})
# Functions whose first argument may be a text search configuration.
_SEARCHING = frozenset(
    {"to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "ts_headline"}
)
# Names of types that PostgreSQL itself has: no others are meant by them, unless their schema is named.
_TYPES = (
    "aclitem any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray "
    "anycompatiblerange anyelement anyenum anymultirange anynonarray anyrange bit bool box bpchar bytea "
    "char cid cidr circle cstring date datemultirange daterange event_trigger fdw_handler float4 float8 "
    "gtsvector index_am_handler inet int2 int2vector int4 int4multirange int4range int8 int8multirange "
    "int8range internal interval json jsonb jsonpath language_handler line lseg macaddr macaddr8 money "
    "name numeric nummultirange numrange oid oidvector path point polygon record refcursor regclass "
    "regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole "
    "regtype table_am_handler text tid time timestamp timestamptz timetz trigger tsm_handler tsmultirange "
    "tsquery tsrange tstzmultirange tstzrange tsvector txid_snapshot unknown uuid varbit varchar void xid "
    "xid8 xml serial serial2 serial4 serial8 bigserial smallserial"
)
OWN_TYPES = frozenset(_TYPES.split())
# Operators of these names may always be PostgreSQL's own; who uses others of the name cannot be seen.
_OPERATORS = (
    "!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <= "
    "<> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= "
    "~>=~ ~>~ ~~ ~~*"
)
_OWN_OPERATORS = frozenset(_OPERATORS.split())
# Names that PostgreSQL and well-known extensions give to functions and types; a table that uses no others need not be
# looked through.
EVERYBODYS = OWN_TYPES | {"citext", "gen_random_uuid", "now", "uuid_generate_v4", "vector"}


def mentions_of(inside: Iterable[Any]) -> Iterator[Thing]:
    """Yield the relations that must be there, system catalogs apart."""
    every = list(inside)
    queries = {node.ctename for node in every if isinstance(node, nodes.CommonTableExpr)}
    found = {relation(node) for node in every if isinstance(node, nodes.RangeVar)}
    found |= {item for node in every if isinstance(node, nodes.TypeCast) for item in _looked_up(node)}
    # The type of a column: table.column%TYPE.
    typed = (node for node in every if isinstance(node, nodes.TypeName) and node.pct_type)
    found |= {thing("relation", strings(node.names)[:-1]) for node in typed}
    for item in found:
        if item.kind == "relation" and not is_catalog(item) and not (item.schema is None and item.name in queries):
            yield item


def is_catalog(item: Thing) -> bool:
    """Tell whether a relation is one of PostgreSQL's own."""
    return item.schema in BUILT_IN or (item.schema is None and item.name.startswith("pg_"))


def uses_of(inside: Iterable[Any]) -> Iterator[Thing]:
    """Yield the types, functions and the like that nodes of the tree name, PostgreSQL's own apart."""
    for node in inside:
        for item in _used_by(node):
            is_own = item.kind == "type" and item.schema is None and item.name in OWN_TYPES
            if item.schema not in BUILT_IN and not is_own:
                yield item


def _used_by(node: Any) -> Iterable[Thing]:
    reader = _READERS.get(type(node))
    return reader(node) if reader is not None else ()


def _type(node: Any) -> Iterator[Thing]:
    if node.names and not node.pct_type:
        yield thing("type", strings(node.names))


def _call(node: Any) -> Iterator[Thing]:
    yield thing("function", strings(node.funcname))
    if strings(node.funcname)[-1] in _SEARCHING:
        yield from _configurations(node.args[:1])


def _index_element(node: Any) -> Iterator[Thing]:
    # A class of operators has functions.
    if node.opclass:
        yield thing("function", strings(node.opclass))
    if node.collation:
        yield thing("collation", strings(node.collation))


def _option(node: Any) -> Iterator[Thing]:
    # The functions of an aggregate or an operator look like types.
    if node.arg.WhichOneof("node") == "type_name":
        yield from (thing(kind, strings(node.arg.type_name.names)) for kind in _NAMED)


def _operator(node: Any) -> Iterator[Thing]:
    if node.name and strings(node.name)[-1] not in _OWN_OPERATORS:
        yield thing("operator", strings(node.name))


def _configurations(arguments: Iterable[Any]) -> Iterator[Thing]:
    for argument in arguments:
        name = quoted_name("text search configuration", _literal(argument) or "")
        if name is not None:
            yield name


def _looked_up(cast: Any) -> Iterator[Thing]:
    kind = _LOOKED_UP.get(cast.type_name.names[-1].string.sval) if cast.type_name.names else None
    name = quoted_name(kind, cast.arg.a_const.sval.sval) if kind is not None else None
    if name is not None:
        yield name


def literals_of(inside: Iterable[Any]) -> Iterator[Thing]:
    """Yield what literals that a function is called with may name: ``setval('a_id_seq', 1)``."""
    for node in inside:
        if isinstance(node, nodes.FuncCall) and strings(node.funcname)[-1] not in _ASKING:
            for argument in node.args:
                name = quoted_name("relation", _literal(argument) or "")
                if name is not None and name.name:
                    yield name


def _literal(argument: Any) -> str | None:
    """Return the text of a literal, which may be cast; None if it is something else."""
    inner = argument.type_cast.arg if argument.WhichOneof("node") == "type_cast" else argument
    return str(inner.a_const.sval.sval) if inner.WhichOneof("node") == "a_const" else None


_READERS: dict[type, Callable[[Any], Iterable[Thing]]] = {
    nodes.TypeName: _type,
    nodes.FuncCall: _call,
    nodes.A_Expr: _operator,
    nodes.IndexElem: _index_element,
    nodes.DefElem: _option,
    nodes.CreateTrigStmt: lambda node: [thing("function", strings(node.funcname))],
    nodes.CreateEventTrigStmt: lambda node: [thing("function", strings(node.funcname))],
    nodes.CollateClause: lambda node: [thing("collation", strings(node.collname))],
    nodes.TypeCast: lambda node: [item for item in _looked_up(node) if item.kind != "relation"],
}
