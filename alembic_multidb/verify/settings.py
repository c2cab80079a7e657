"""Settings of the database and of its roles, by value, and as a new connection really sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import connect, make_engine
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Expected, Finding
from alembic_multidb.verify.side import Side, query, raw, rows

# Which extension a setting with such a prefix belongs to, where it is not the extension's own name.
_EXTENSIONS = {"hnsw": "vector", "ivfflat": "vector"}
# Where a value comes from that the connection itself brought along, or its role's habit.
_OF_THE_CONNECTION = frozenset({"client", "session", "user", "database user", "interactive"})
_VECTOR_SETTINGS = ("hnsw.%", "ivfflat.%")

# Of a role (None: of all that have none of their own), name to value.
Settings = dict[tuple[str | None, str], str]


def compare_settings(sides: Sides, options: VerifyOptions) -> Iterator[Finding | Expected]:
    """Compare settings of the database, of roles, of functions, and those that a new connection has."""
    source, target = _effective(sides.source), _effective(sides.target)
    absent = _extensions(sides.source) - _extensions(sides.target)
    named = set()
    for role, name in sorted(source.keys() | target.keys(), key=lambda item: (item[0] or "", item[1])):
        one, other = source.get((role, name)), target.get((role, name))
        if one != other:
            named.add(name)
            yield _difference(_identity(role, name), name, one, other, absent, options)
    yield from _functions(sides, absent, options)
    seen = [_of_a_new_connection(side, sorted({name for _, name in source})) for side in (sides.source, sides.target)]
    for name in sorted(seen[0].keys() & seen[1].keys() - named):
        (one, origin), (other, origin_there) = seen[0][name], seen[1][name]
        if one != other and not {origin, origin_there} & _OF_THE_CONNECTION:
            yield _difference(f"{name} of a new connection", name, one, other, absent, options)


def _identity(role: str | None, name: str) -> str:
    return f"{name} of {'the database' if role is None else f'role {role}'}"


def _effective(side: Side) -> Settings:
    """Put the layers on top of each other, as a new connection does."""
    layers = side.ask(query("settings")).result()
    found: Settings = {}
    for role in {None, *(row["role"] for row in layers)}:
        for row in layers:
            if row["role"] in (None, role):
                found |= {(role, name): value for name, value in _split(row["settings"])}
    # What a role has as everybody has it is no setting of its own.
    return {
        (role, name): value for (role, name), value in found.items() if role is None or found.get((None, name)) != value
    }


def _functions(sides: Sides, absent: set[str], options: VerifyOptions) -> Iterator[Finding | Expected]:
    """Compare the settings with a dot in their names, whose values a snapshot leaves out."""
    source, target = (
        {row["function"]: dict(_split(row["settings"])) for row in side.ask(query("function_settings")).result()}
        for side in (sides.source, sides.target)
    )
    for function in sorted(source.keys() & target.keys()):
        one, other = source[function], target[function]
        for name in sorted(one.keys() & other.keys()):
            if one[name] != other[name] and "." in name:
                yield _difference(f"{name} of function {function}", name, one[name], other[name], absent, options)


def _difference(
    identity: str, name: str, one: str | None, other: str | None, absent: set[str], options: VerifyOptions
) -> Finding | Expected:
    excluded = options.excludes({"setting"}, identity) or options.excludes({"setting"}, name)
    if excluded is not None:
        return Expected(kind="setting", object=identity, reason=f"excluded by {excluded}")
    prefix = name.partition(".")[0]
    extension = _EXTENSIONS.get(prefix, prefix)
    if "." in name and other is None and extension in absent:
        return Expected(kind="setting", object=identity, reason=f"extension {extension} is not at home here")
    words = " -> ".join("(not set)" if value is None else _shown(name, value) for value in (one, other))
    return Finding(kind="setting", object=identity, what="different", message=f"setting {identity} differs: {words}")


def _shown(name: str, value: str) -> str:
    """Return a value, unless it may be a secret of an application's own."""
    return value if "." not in name or name.partition(".")[0] in _EXTENSIONS else "..."


def _split(settings: list[str]) -> list[tuple[str, str]]:
    found = []
    for setting in settings:
        name, _, value = setting.partition("=")
        found.append((name, value))
    return found


def _extensions(side: Side) -> set[str]:
    return {row["extname"] for row in side.ask("SELECT extname FROM pg_catalog.pg_extension").result()}


def _of_a_new_connection(side: Side, names: list[str]) -> Mapping[str, tuple[str, str]]:
    """Return value and origin of settings as a connection has them that was made just now."""
    engine = make_engine(f"verify {side.name}", side.url)
    try:
        with connect(engine, side.name, side.url) as connection:
            load_vector(connection)
            statement = (
                "SELECT name, setting, source FROM pg_catalog.pg_settings WHERE name = ANY (%s) OR name LIKE ANY (%s)"
            )
            found = rows(raw(connection), statement, names, list(_VECTOR_SETTINGS))
    finally:
        engine.dispose()
    return {row["name"]: (row["setting"], row["source"]) for row in found}


def load_vector(connection: Connection) -> None:
    """Have pgvector's library loaded, if the extension is there: its settings are not known before."""
    driver = raw(connection)
    found: list[dict[str, Any]] = rows(
        driver,
        "SELECT n.nspname FROM pg_catalog.pg_extension AS e "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'",
    )
    for row in found:
        driver.execute(sql.SQL("SELECT '[1]'::{}").format(sql.Identifier(row["nspname"], "vector")))
