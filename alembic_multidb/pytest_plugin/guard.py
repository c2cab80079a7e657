"""Watches an application's statements in a test: a transaction block writes one database, a statement stays at home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

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


class CrossDatabaseError(AssertionError):
    """What an application did that holds for one database only as long as there is one."""


@dataclass
class Guard:
    """What is watched in one test.

    Attributes:
        databases: the registry.
        names: where a connection leads, to the database's name.
        checks: which of the two checks are made.
        found: what was refused so far.
    """

    databases: Databases
    names: Mapping[str, str]
    checks: frozenset[str]
    found: list[CrossDatabaseError] = field(default_factory=list)
    _writing: WeakKeyDictionary[Connection, str] = field(default_factory=WeakKeyDictionary)

    def before(self, conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        """Look at a statement that is about to be sent.

        Raises:
            CrossDatabaseError: it writes a second database within a transaction block, or leaves its home.
        """
        __tracebackhide__ = True
        name = self.names.get(describe(conn.engine.url))
        is_format = conn.dialect.paramstyle in ("format", "pyformat")
        what = touched(without_placeholders(statement) if is_format else statement) if name is not None else None
        if name is None or what is None:
            return
        if "table" in self.checks:
            for relation in sorted(what.relations, key=str):
                self._check_home(name, relation, statement)
        if what.writes and "transaction" in self.checks:
            self._check_transaction(conn, name, statement)

    def ended(self, conn: Connection, *more: Any) -> None:
        """Forget a transaction that has ended."""
        self._writing.pop(conn, None)

    def finish(self) -> None:
        """Fail a test whose application has caught the error.

        Raises:
            CrossDatabaseError: the first one.
        """
        __tracebackhide__ = True
        if self.found:
            raise self.found[0]

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
        others = set(self._writing.values()) - {name} - self.databases[name].may_share_with
        if others:
            which = ", ".join(f'"{other}"' for other in sorted(others))
            self._refuse(
                f'one transaction block writes {which} and "{name}": one may be kept without the other', statement
            )
        if not getattr(conn.connection.dbapi_connection, "autocommit", False):
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


@contextmanager
def guarded(node: pytest.Item, databases: Databases, urls: Mapping[str, DatabaseURL]) -> Iterator[None]:
    """Watch every engine of SQLAlchemy's that leads to one of these databases.

    Args:
        node: the test; its marker may lift the checks.
        databases: the registry.
        urls: of the databases, by name.
    """
    names = {describe(url.url): name for name, url in urls.items()}
    guard = Guard(databases, names, CHECKS - _lifted(node))
    ends = ("commit", "rollback", "commit_twophase", "rollback_twophase")
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", guard.before),
        *((end, guard.ended) for end in ends),
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


def _lifted(node: pytest.Item) -> frozenset[str]:
    """Return the checks that the test's marker lifts."""
    mark = node.get_closest_marker(MARKER)
    if mark is None:
        return frozenset()
    reason = mark.kwargs.get("reason", mark.args[0] if mark.args else None)
    only = mark.kwargs.get("only")
    if not isinstance(reason, str) or not reason.strip():
        pytest.fail(f'{MARKER} needs a reason: @pytest.mark.{MARKER}(reason="...")', pytrace=False)
    if only is not None and only not in CHECKS:
        pytest.fail(f'{MARKER}: only="{only}" is neither of {", ".join(sorted(CHECKS))}', pytrace=False)
    return CHECKS if only is None else frozenset({only})
