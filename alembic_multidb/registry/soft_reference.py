"""A column that points at a table of another database, where no foreign key can guard it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry.names import ColumnNames, TableName, split_unquoted

ON_DELETE = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")

# PostgreSQL 15 lets SET NULL and SET DEFAULT name the columns.
_ON_DELETE = re.compile(r"CASCADE|RESTRICT|NO ACTION|SET (?:NULL|DEFAULT)(?:\s*\(.+\))?", re.IGNORECASE)


@dataclass(frozen=True)
class SoftReference:
    """A reference across databases, checked when it is written down.

    ``SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE")``; several columns are written
    ``SoftReference("members(tenant_id, user_id)", "users(tenant_id, id)")``, another schema
    ``"billing.invoices.user_id"``.

    Attributes:
        column: the column that points, ``table.column``.
        target: the column pointed at.
        ondelete: what a foreign key here would do, for the day when it becomes one (again).
        name: what that foreign key would be called; None for what the models' naming convention or PostgreSQL says.
        deferrable: whether that foreign key would be looked at only when a transaction ends.

    Raises:
        ConfigurationError: a name cannot be read, the two sides differ in length, ``ondelete`` is unknown, ``name``
            is no text, or ``deferrable`` is neither True nor False.
    """

    column: str
    target: str
    ondelete: str | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    deferrable: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.column, str) or not isinstance(self.target, str):
            raise ConfigurationError(f'a soft reference takes two texts, "table.column" and "table.column": {self!r}')
        columns, targets = self.source_columns.columns, self.target_columns.columns
        if len(columns) != len(targets):
            raise ConfigurationError(f'soft reference "{self}": the two sides name different numbers of columns')
        if len({*columns}) < len(columns) or len({*targets}) < len(targets):
            raise ConfigurationError(f'soft reference "{self}": it names a column twice')
        if self.ondelete is not None and not _ON_DELETE.fullmatch(str(self.ondelete)):
            raise ConfigurationError(
                f'soft reference "{self}": ondelete="{self.ondelete}" is not one of {", ".join(ON_DELETE)}'
            )
        if not (self.name is None or (isinstance(self.name, str) and self.name)):
            raise ConfigurationError(f'soft reference "{self}": name= takes a constraint\'s name, not {self.name!r}')
        if not isinstance(self.deferrable, bool):
            raise ConfigurationError(f'soft reference "{self}": deferrable= is True or False, not {self.deferrable!r}')

    def __str__(self) -> str:
        return f"{self.column} -> {self.target}"

    @property
    def source_columns(self) -> ColumnNames:
        """Return table and columns that point."""
        return ColumnNames.parse(self.column)

    @property
    def target_columns(self) -> ColumnNames:
        """Return table and columns pointed at."""
        return ColumnNames.parse(self.target)

    @property
    def pairs(self) -> tuple[TableName, TableName, frozenset[tuple[str, str]]]:
        """Return what makes two references the same: the tables, and which column points at which."""
        return pairs_of(self.source_columns, self.target_columns)

    @classmethod
    def of(cls, given: SoftReference | str) -> SoftReference:
        """Accept the short form ``"ai_feedback.message_id -> agent_messages.id"`` too."""
        if isinstance(given, SoftReference):
            return given
        sides = split_unquoted(given, "->") if isinstance(given, str) else []
        if len(sides) != 2:
            raise ConfigurationError(f'"{given}" is not a soft reference: write "table.column -> table.column"')
        return cls(sides[0].strip(), sides[1].strip())


def pairs_of(source: ColumnNames, target: ColumnNames) -> tuple[TableName, TableName, frozenset[tuple[str, str]]]:
    """Return the tables, and which column points at which, whatever order the columns were written in."""
    return source.table, target.table, frozenset(zip(source.columns, target.columns, strict=True))
