"""A column that points at a table of another database, where no foreign key can guard it."""

from __future__ import annotations

from dataclasses import dataclass, field

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry.names import ColumnNames

ON_DELETE = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")


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

    Raises:
        ConfigurationError: a name cannot be read, the two sides differ in length, or ``ondelete`` is unknown.
    """

    column: str
    target: str
    ondelete: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.source_columns.columns) != len(self.target_columns.columns):
            raise ConfigurationError(f'soft reference "{self}": the two sides name different numbers of columns')
        if self.ondelete is not None and self.ondelete.upper() not in ON_DELETE:
            raise ConfigurationError(
                f'soft reference "{self}": ondelete="{self.ondelete}" is not one of {", ".join(ON_DELETE)}'
            )

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

    @classmethod
    def of(cls, given: SoftReference | str) -> SoftReference:
        """Accept the short form ``"ai_feedback.message_id -> agent_messages.id"`` too."""
        if isinstance(given, SoftReference):
            return given
        column, arrow, target = given.partition("->")
        if not arrow:
            raise ConfigurationError(f'"{given}" is not a soft reference: write "table.column -> table.column"')
        return cls(column.strip(), target.strip())
