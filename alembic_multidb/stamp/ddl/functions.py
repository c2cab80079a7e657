"""SQL of functions, procedures and aggregates."""

from __future__ import annotations

from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.ddl.text import Definition, arguments_of, is_masked, literal

_MODIFIES = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
_PARALLEL = {"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}
# Words of CREATE AGGREGATE by what the definition calls them; functions by their names alone.
_AGGREGATE = {
    "SFUNC": "step",
    "FINALFUNC": "final",
    "COMBINEFUNC": "combine",
    "SERIALFUNC": "serial",
    "DESERIALFUNC": "deserial",
    "MSFUNC": "moving step",
    "MINVFUNC": "inverse",
    "MFINALFUNC": "moving final",
}


def kind_word(definition: Definition) -> str:
    """Return what stands after DROP."""
    return {"procedure": "PROCEDURE", "aggregate": "AGGREGATE"}.get(definition["kind"], "FUNCTION")


def is_replaced(before: Definition, after: Definition) -> bool:
    """Tell whether CREATE OR REPLACE does not take one definition for the other."""
    return any(before.get(name) != after.get(name) for name in ("kind", "arguments", "returns")) or (
        after["kind"] == "aggregate"
    )


def create(row: Row, schema: Schema) -> list[str]:
    """Return what makes a function; nothing for one with a setting that sounds like a secret."""
    if row.definition["kind"] == "aggregate":
        return [_aggregate(row)]
    text = schema.texts.get(row.node, "").strip()
    return [text] if text and not is_masked(row.definition) else []


def alter(before: Row, after: Row, schema: Schema) -> list[str]:
    """Return what replaces a function in place."""
    return create(after, schema)


def checks_its_body(row: Row) -> bool:
    """Tell whether PostgreSQL looks for the tables in a function's text, which may not be there yet."""
    return row.kind == "function" and row.definition.get("language") == "sql" and "body" in row.definition


def operator_name(signature: str) -> str:
    """Return ``schema.operator`` of an operator with its operands."""
    return signature[: signature.rindex("(")]


def _aggregate(row: Row) -> str:
    found, is_ordered = row.definition["aggregate"], row.definition["aggregate"]["kind"] != "n"
    values = [f"{word} = {arguments_of(found[name])}" for word, name in _AGGREGATE.items() if name in found]
    values.append(f"STYPE = {found['state']}")
    values += [f"SSPACE = {found['space']}"] if found.get("space") else []
    values += [f"MSTYPE = {found['moving state']}"] if "moving state" in found else []
    values += [f"MSSPACE = {found['moving space']}"] if found.get("moving space") else []
    values += [f"INITCOND = {literal(found['initial'])}"] if "initial" in found else []
    values += [f"MINITCOND = {literal(found['moving initial'])}"] if "moving initial" in found else []
    values += [f"SORTOP = OPERATOR({operator_name(found['sort'])})"] if "sort" in found else []
    values += ["FINALFUNC_EXTRA"] if found.get("final extra") else []
    values += ["MFINALFUNC_EXTRA"] if found.get("moving final extra") else []
    values += [f"FINALFUNC_MODIFY = {_MODIFIES[found['final modifies']]}"] if "final" in found else []
    values += [f"MFINALFUNC_MODIFY = {_MODIFIES[found['moving final modifies']]}"] if "moving final" in found else []
    values += ["HYPOTHETICAL"] if found["kind"] == "h" else []
    values.append(f"PARALLEL = {_PARALLEL[row.definition['parallel']]}")
    arguments = row.definition.get("arguments") or ("" if is_ordered else "*")
    return f"CREATE AGGREGATE {arguments_of(row.identity)}({arguments}) ({', '.join(values)})"
