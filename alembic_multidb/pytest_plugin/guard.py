"""Watches an application's statements in a test: a transaction block writes one database, a statement stays at home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import pytest
from sqlalchemy import Connection, Engine, event

from alembic_multidb.pytest_plugin.place import GUARD
from alembic_multidb.registry import Databases, TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.sqltext import Relation, touched, without_placeholders
from alembic_multidb.urls import DatabaseURL, describe

MARKER = "cross_database"
CHECKS = frozenset({"transaction", "table"})

_SYSTEM = ("pg_catalog", "information_schema")
_LONGEST = 200
# What psycopg, and psycopg2, say of a connection without a transaction.
_IDLE = 0


class CrossDatabaseError(AssertionError):
    """What an application did that holds for one database only as long as there is one."""


@dataclass
class Guard:
    """What is watched in one test.

    Attributes:
        databases: the registry.
        names: where a connection leads, and what its database is called on its server, to the database's name.
        checks: which of the two checks are made.
        found: what was refused, and the test was not yet failed for.
    """

    databases: Databases
    names: Mapping[str, str]
    checks: frozenset[str]
    found: list[CrossDatabaseError] = field(default_factory=list)
    _writing: WeakKeyDictionary[Connection, str] = field(default_factory=WeakKeyDictionary)
    _begun: WeakSet[Connection] = field(default_factory=WeakSet)
    _savepoints: WeakKeyDictionary[Connection, list[bool]] = field(default_factory=WeakKeyDictionary)

    def before(self, conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        """Look at a statement that is about to be sent.

        Raises:
            CrossDatabaseError: it writes a second database within a transaction block, or leaves its home.
        """
        __tracebackhide__ = True
        name = self.names.get(describe(conn.engine.url)) or self.names.get(_database_of(conn))
        is_format = conn.dialect.paramstyle in ("format", "pyformat")
        what = touched(without_placeholders(statement) if is_format else statement) if name is not None else None
        if name is None or what is None:
            return
        if "table" in self.checks:
            for relation in sorted(what.relations, key=str):
                self._check_home(name, relation, statement)
        if what.ends:
            self.ended(conn)
        elif what.begins:
            self._begun.add(conn)
        if what.writes and "transaction" in self.checks:
            self._check_transaction(conn, name, statement)

    def ended(self, conn: Connection, *more: Any) -> None:
        """Forget a transaction that has ended."""
        self._writing.pop(conn, None)
        self._savepoints.pop(conn, None)
        self._begun.discard(conn)

    def saved(self, conn: Connection, *more: Any) -> None:
        """Remember whether anything was written before a savepoint; SQLAlchemy's lie within each other."""
        self._savepoints.setdefault(conn, []).append(conn in self._writing)

    def released(self, conn: Connection, *more: Any) -> None:
        """Keep what was written since the last savepoint."""
        if savepoints := self._savepoints.get(conn):
            savepoints.pop()

    def undone(self, conn: Connection, *more: Any) -> None:
        """Forget what was written since the last savepoint."""
        savepoints = self._savepoints.get(conn)
        if savepoints and not savepoints.pop():
            self._writing.pop(conn, None)

    def finish(self) -> None:
        """Fail a test whose application has caught the error.

        Raises:
            CrossDatabaseError: the first one.
        """
        __tracebackhide__ = True
        found, self.found = self.found, []
        if found:
            raise found[0]

    def _check_home(self, name: str, relation: Relation, statement: str) -> None:
        __tracebackhide__ = True
        home = self._home(relation)
        if home is None or home == name or home in self.databases[name].may_share_with:
            return
        table = ".".join(part for part in relation if part)
        self._refuse(f'a statement on "{name}" touches table "{table}", which is at home in "{home}"', statement)

    def _home(self, relation: Relation) -> str | None:
        """Return a table's home; None for what only the default would claim: temporary tables, views, the system's."""
        if relation.schema in _SYSTEM or relation.name.startswith("pg_"):
            return None
        homes = self.databases.homes
        table = homes.resolve(relation.schema, relation.name, DEFAULT_SCHEMA)
        if any(each.filters.is_version_table(TableName.of(*table)) for each in self.databases.values()):
            return None
        explanation = homes.explain(table)
        is_known = table in homes.models or explanation.rules != ("default=True",)
        return explanation.home if is_known else None

    def _check_transaction(self, conn: Connection, name: str, statement: str) -> None:
        __tracebackhide__ = True
        open_ones = {each for connection, each in self._writing.items() if _is_in_transaction(connection)}
        others = open_ones - {name} - self.databases[name].may_share_with
        if others:
            which = ", ".join(f'"{other}"' for other in sorted(others))
            self._refuse(
                f'one transaction block writes {which} and "{name}": one may be kept without the other', statement
            )
        if conn in self._begun or not getattr(conn.connection.dbapi_connection, "autocommit", False):
            self._writing[conn] = name

    def _refuse(self, what: str, statement: str) -> None:
        __tracebackhide__ = True
        text = " ".join(statement.split())
        error = CrossDatabaseError(
            f"{what}. If it has to be: @pytest.mark.{MARKER}(reason=...)\n    "
            f"{text[:_LONGEST]}{'...' if len(text) > _LONGEST else ''}"
        )
        self.found.append(error)
        raise error


def _database_of(conn: Connection) -> str:
    """Return the name of the database that the driver has connected to, whatever the engine was made with."""
    return str(getattr(getattr(conn.connection.dbapi_connection, "info", None), "dbname", ""))


def _is_in_transaction(conn: Connection) -> bool:
    """Tell whether a transaction is open, as far as the driver says so: it may have been ended behind SQLAlchemy."""
    if conn.closed or conn.invalidated:
        return False
    info = getattr(conn.connection.dbapi_connection, "info", None)
    return getattr(info, "transaction_status", None) != _IDLE


@contextmanager
def guarded(node: pytest.Item, databases: Databases, urls: Mapping[str, DatabaseURL]) -> Iterator[None]:
    """Watch every engine of SQLAlchemy's that leads to one of these databases.

    Args:
        node: the test; its marker may lift the checks.
        databases: the registry.
        urls: of the databases, by name.
    """
    names = {describe(url.url): name for name, url in urls.items()}
    names |= {str(url.url.database): name for name, url in urls.items()}
    guard = Guard(databases, names, CHECKS - _lifted(node))
    ends = ("commit", "rollback", "commit_twophase", "rollback_twophase")
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", guard.before),
        *((end, guard.ended) for end in ends),
        ("savepoint", guard.saved),
        ("release_savepoint", guard.released),
        ("rollback_savepoint", guard.undone),
    ]
    node.stash[GUARD] = guard
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)
        del node.stash[GUARD]
    guard.finish()  # what a fixture did after the test


def _lifted(node: pytest.Item) -> frozenset[str]:
    """Return the checks that the test's markers lift."""
    return frozenset[str]().union(*map(_lifted_by, node.iter_markers(MARKER)))


def _lifted_by(mark: pytest.Mark) -> frozenset[str]:
    reason = mark.kwargs.get("reason", mark.args[0] if mark.args else None)
    only = mark.kwargs.get("only")
    unknown = ", ".join(sorted(mark.kwargs.keys() - {"reason", "only"}))
    if unknown:
        pytest.fail(f"{MARKER} has no argument {unknown}; it has reason= and only=", pytrace=False)
    if not isinstance(reason, str) or not reason.strip():
        pytest.fail(f'{MARKER} needs a reason: @pytest.mark.{MARKER}(reason="...")', pytrace=False)
    if only is not None and only not in CHECKS:
        pytest.fail(f'{MARKER}: only="{only}" is neither of {", ".join(sorted(CHECKS))}', pytrace=False)
    return CHECKS if only is None else frozenset({only})
