"""Settings of the database and of its roles, by what they mean, and as a new connection really sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.verify.meaning import Kind
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.report import Expected, Finding, fact
from alembic_multidb.verify.side import Side, raw
from alembic_multidb.verify.statements import query, rows

# Which extension a setting with such a prefix belongs to, where it is not the extension's own name.
_EXTENSIONS = {"hnsw": "vector", "ivfflat": "vector"}
# Where a value comes from that the connection itself brought along, or its role's habit.
_OF_THE_CONNECTION = frozenset({"client", "session", "user", "database user", "interactive"})
_VECTOR_SETTINGS = ("hnsw.%", "ivfflat.%")
# The kinds of facts that are told of the database, its roles and functions, and that a new connection sees.
SETTING, NEW = "setting", "new connection"

# What has a setting (the database, a role, a function, a new connection), and the setting's name, to the value.
Values = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Settings:
    """The settings of one database.

    Attributes:
        told: those of the database, of roles and functions.
        own: the roles that have settings for this database.
        seen: those that a new connection has, without those that it brought along.
        kinds: what sort of values each has.
        extensions: the extensions that are there.
    """

    told: Values
    own: frozenset[str]
    seen: Values
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    extensions: frozenset[str] = frozenset()

    @classmethod
    def read(cls, side: Side, also: Iterable[str] = ()) -> Settings:
        """Read them.

        Args:
            side: where.
            also: names of settings to look at in a new connection, beside those of the database.
        """
        layers = side.ask(query("settings")).result()
        told = {**_effective(layers), **_functions(side)}
        own = frozenset(row["role"] for row in layers if row["is_here"] and row["role"] is not None)
        seen, kinds = _of_a_new_connection(side, sorted({*also, *(name for _, name in told)}))
        return cls(told, own, seen, kinds, side.extensions)

    @property
    def names(self) -> set[str]:
        """Return the names of the settings of the database and its roles."""
        return {name for owner, name in self.told if not owner.startswith("function ")}

    def of(self, roles: Collection[str]) -> Values:
        """Return those of the database, its functions, and of some roles."""
        wanted = {_owner(role) for role in roles}
        return {key: value for key, value in self.told.items() if not key[0].startswith("role ") or key[0] in wanted}

    def facts(self, roles: Collection[str]) -> dict[str, dict[str, str]]:
        """Return a hash of each value, as evidence keeps them; of roles, those of some and of the database's own."""
        return {
            kind: {_identity(*key): fact(self.meaning(key[1], value)) for key, value in values.items()}
            for kind, values in ((SETTING, self.of({*roles, *self.own})), (NEW, self.seen))
        }

    def meaning(self, name: str, value: str) -> str:
        """Return the one way to write what a value means."""
        return self.kinds.get(name, Kind()).meaning(value)


def compare_settings(
    source: Settings, target: Settings, roles: Collection[str], options: VerifyOptions
) -> Iterator[Finding | Expected]:
    """Compare settings of the database, of functions, and those that a new connection has.

    Args:
        source: those of the source.
        target: those of the target.
        roles: whose settings are compared, beside those of roles that have some for one of the two databases.
        options: what is excluded.
    """
    absent = source.extensions - target.extensions
    kinds = {**target.kinds, **source.kinds}
    named = set()
    before, after = (each.of({*roles, *source.own, *target.own}) for each in (source, target))
    for owner, name in sorted(before.keys() | after.keys()):
        one, other = before.get((owner, name)), after.get((owner, name))
        # The other settings of functions are compared with the schema.
        if owner.startswith("function ") and ("." not in name or one is None or other is None):
            continue
        if not _is_same(kinds, name, one, other):
            named.add(name)
            yield _difference(_identity(owner, name), name, one, other, absent, options)
    for key in sorted(source.seen.keys() & target.seen.keys()):
        one, other = source.seen[key], target.seen[key]
        if key[1] not in named and one != other:
            yield _difference(_identity(*key), key[1], one, other, absent, options)


def _is_same(kinds: Mapping[str, Kind], name: str, one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    kind = kinds.get(name, Kind())
    return kind.meaning(one) == kind.meaning(other)


def names_of(facts: Iterable[str]) -> set[str]:
    """Return the names of the settings that facts are about."""
    return {name.partition(" of ")[0] for name in facts}


def _identity(owner: str, name: str) -> str:
    return f"{name} of {owner}"


def _owner(role: str | None) -> str:
    return "the database" if role is None else f"role {role}"


def _effective(layers: Sequence[Mapping[str, Any]]) -> Values:
    """Put the layers on top of each other, as a new connection does."""
    found: dict[tuple[str | None, str], str] = {}
    for role in {None, *(row["role"] for row in layers)}:
        for row in layers:
            if row["role"] in (None, role):
                found |= {(role, name): value for name, value in _split(row["settings"])}
    # What a role has as everybody has it is no setting of its own.
    return {
        (_owner(role), name): value
        for (role, name), value in found.items()
        if role is None or found.get((None, name)) != value
    }


def _functions(side: Side) -> Values:
    return {
        (f"function {row['function']}", name): value
        for row in side.ask(query("function_settings")).result()
        for name, value in _split(row["settings"])
    }


def _difference(
    identity: str, name: str, one: str | None, other: str | None, absent: frozenset[str], options: VerifyOptions
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


def _of_a_new_connection(side: Side, names: list[str]) -> tuple[Values, dict[str, Kind]]:
    """Return the settings that a connection has that was made just now, and what sort of values they have."""
    engine = make_engine(f"verify {side.name}", side.url)
    try:
        with connected(engine, side.name, side.url) as connection:
            load_vector(connection)
            statement = (
                "SELECT name, setting, source, vartype, unit FROM pg_catalog.pg_settings "
                "WHERE name = ANY (%s) OR name LIKE ANY (%s)"
            )
            found = rows(raw(connection), statement, names, list(_VECTOR_SETTINGS))
    finally:
        engine.dispose()
    seen = {(f"a {NEW}", row["name"]): row["setting"] for row in found if row["source"] not in _OF_THE_CONNECTION}
    return seen, {row["name"]: Kind(row["vartype"], row["unit"]) for row in found}


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
