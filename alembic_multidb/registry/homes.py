"""The router: which database is the home of a table, and why.

Explicit answers come from ``info["bind_key"]`` of a table or its MetaData, from a MetaData that only one database
has, from ``tables=`` and from ``schemas=``; two that differ are an error. ``default=True`` fills what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Table
from sqlalchemy.types import NullType, TypeEngine

from alembic_multidb.errors import RegistryError
from alembic_multidb.registry.database import Database
from alembic_multidb.registry.names import DEFAULT_SCHEMA, ColumnNames, TableName, constrained_columns, referred_columns

BIND_KEY = "bind_key"


@dataclass(frozen=True)
class Explanation:
    """The home of one table, and the rules that say so.

    Attributes:
        table: the table's name.
        home: the database's name; None where no rule gives the table a home (*unknown*).
        rules: every rule that gave this answer, readable.
    """

    table: str
    home: str | None
    rules: tuple[str, ...]

    def __str__(self) -> str:
        if self.home is None:
            return f'table "{self.table}" has no home: no rule names it, and no database is default=True'
        return f'table "{self.table}" is at home in "{self.home}": {"; ".join(self.rules)}'


class Homes:
    """Answers for every table, of models and of live databases, each worked out once."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._owners = _owners_of_metadata(databases)
        self._metadata = list({id(item): item for database in databases for item in database.metadata}.values())
        self._seen: tuple[int, ...] = ()
        self._models: dict[TableName, list[Table]] = {}
        self._known: dict[TableName, Explanation] = {}

    @property
    def version(self) -> tuple[int, ...]:
        """Return what changes when a table is added to a MetaData, as models do that are imported later."""
        return tuple(len(metadata.tables) for metadata in self._metadata)

    @property
    def models(self) -> dict[TableName, list[Table]]:
        """Return the models' tables by name; a name may stand in several MetaData."""
        if self._seen != self.version:
            self._seen = self.version
            self._known.clear()
            self._models = {}
            for metadata in self._metadata:
                for table in metadata.tables.values():
                    self._models.setdefault(TableName.of_table(table), []).append(table)
        return self._models

    def resolve(self, schema: str | None, name: str, default_schema: str) -> TableName:
        """Return a live table's name as the registry knows it.

        Alembic and SQLAlchemy call the connection's default schema None, whatever it is; a model may name it.
        """
        if schema not in (None, default_schema):
            return TableName.of(schema, name)
        candidates = (TableName(None, name), TableName.of(default_schema, name))
        return next((table for table in candidates if table in self.models), candidates[1])

    def crosses(self, constraint: ForeignKeyConstraint) -> bool:
        """Tell whether a model's foreign key leaves the home of its table."""
        source = self.home(constrained_columns(constraint).table)
        target = self.home(referred_columns(constraint).table)
        return target is not None and source is not None and target != source

    def referred(self, constraint: ForeignKeyConstraint) -> ColumnNames:
        """Return what a model's foreign key points at, columns by their names where SQLAlchemy has their keys."""
        target = referred_columns(constraint)
        by_name = any(element.link_to_name for element in constraint.elements)
        for model in () if by_name else self.models.get(target.table, ()):
            if all(key in model.columns for key in target.columns):
                return ColumnNames(target.table, tuple(model.columns[key].name for key in target.columns))
        return target

    def target_type(self, element: ForeignKey) -> TypeEngine[Any] | None:
        """Return the type of the column that a foreign key points at, for a column that takes its type from it."""
        constraint = element.constraint
        if constraint is None:
            return None
        target = self.referred(constraint)
        name = target.columns[constraint.elements.index(element)]
        for model in self.models.get(target.table, ()):
            for column in model.columns:
                if column.name == name and not isinstance(column.type, NullType):
                    return column.type
        return None

    def explain(self, table: TableName) -> Explanation:
        """Say where a table is at home and which rules say so.

        Raises:
            RegistryError: two rules give it different homes.
        """
        if self._seen != self.version or table not in self._known:
            self._known[table] = self._decide(table)
        return self._known[table]

    def home(self, table: TableName) -> str | None:
        """Return the name of the table's home, or None."""
        return self.explain(table).home

    def names(self, table: TableName, database: Database) -> bool:
        """Tell whether a model of any database, or this database's ``tables=``, names the table."""
        return table in self.models or any(_matches(pattern, table) for pattern in database.tables)

    def _decide(self, table: TableName) -> Explanation:
        answers = self._explicit(table)
        homes = {home for home, _ in answers}
        if len(homes) > 1:
            reasons = "; ".join(f'"{home}" by {rule}' for home, rule in answers)
            raise RegistryError(
                f'table "{table}" has two homes: {reasons}. Every table has one home: change one of these rules'
                + _shared_metadata_hint(answers)
            )
        if not answers:
            answers = [(database.name, "default=True") for database in self._databases if database.default]
        home = answers[0][0] if answers else None
        return Explanation(str(table), home, tuple(dict.fromkeys(rule for _, rule in answers)))

    def _explicit(self, table: TableName) -> list[tuple[str, str]]:
        answers = []
        for model in self.models.get(table, ()):
            for what, info in (("model", model.info), ("MetaData", model.metadata.info)):
                if info.get(BIND_KEY) is not None:
                    answers.append((self._checked_bind_key(info[BIND_KEY], table), f'info["{BIND_KEY}"] of its {what}'))
            owner = self._owners.get(id(model.metadata))
            if owner is not None:
                answers.append((owner, f'the MetaData of its model, which only "{owner}" has'))
        for database in self._databases:
            answers += [
                (database.name, f'tables= of "{database.name}" ("{pattern}")')
                for pattern in database.tables
                if _matches(pattern, table)
            ]
            if (table.schema or DEFAULT_SCHEMA) in database.schemas:
                answers.append((database.name, f'schemas= of "{database.name}" ("{table.schema or DEFAULT_SCHEMA}")'))
        return answers

    def _checked_bind_key(self, bind_key: object, table: TableName) -> str:
        for database in self._databases:
            if database.name == bind_key:
                return database.name
        known = ", ".join(database.name for database in self._databases)
        raise RegistryError(
            f'table "{table}": info["{BIND_KEY}"] of its model or MetaData is {bind_key!r}, which is no database '
            f"of the registry; known are {known}"
        )


def _owners_of_metadata(databases: Sequence[Database]) -> dict[int, str]:
    """Map each MetaData that one database alone has to that database; a shared one is nobody's own."""
    users = Counter(id(metadata) for database in databases for metadata in {*database.metadata})
    return {
        id(metadata): database.name
        for database in databases
        for metadata in database.metadata
        if users[id(metadata)] == 1
    }


def _matches(pattern: str, table: TableName) -> bool:
    return fnmatchcase(table.name, pattern) or fnmatchcase(table.qualified, pattern)


def _shared_metadata_hint(answers: list[tuple[str, str]]) -> str:
    if any("which only" in rule for _, rule in answers):
        return ", or give the same metadata= to both databases if their models share one MetaData"
    return ""
