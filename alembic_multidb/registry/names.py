"""Names of tables and columns, as PostgreSQL tells them apart."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Table

from alembic_multidb.errors import ConfigurationError

DEFAULT_SCHEMA = "public"

# How the comment of a version table begins that says whose it is (see env.marker).
MARKER_PREFIX = "alembic_multidb:"

_UNQUOTED = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'  # an even number of quotes follows: not inside any
_PLAIN = re.compile(r"[^\s\".(),]+")


class TableName(NamedTuple):
    """A table's schema and name; the schema is None for the default one, however it was written."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    @property
    def qualified(self) -> str:
        """Return ``schema.name``, with ``public`` for the default schema."""
        return f"{self.schema or DEFAULT_SCHEMA}.{self.name}"

    @property
    def quoted(self) -> str:
        """Return the name as a soft reference writes it, with quotes where a dot or the like needs them."""
        return ".".join(_quote(part) for part in (self.schema, self.name) if part is not None)

    @classmethod
    def of(cls, schema: str | None, name: str) -> TableName:
        """Build a name; an explicit ``public`` and no schema at all are the same."""
        return cls(None if schema == DEFAULT_SCHEMA else schema, name)

    @classmethod
    def of_table(cls, table: Table) -> TableName:
        """Return the name of a SQLAlchemy table."""
        return cls.of(table.schema, table.name)

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``name`` or ``schema.name``; a part with a dot in it is put in double quotes."""
        parts = split_dotted(text)
        if len(parts) > 2:
            raise ConfigurationError(f'"{text}" is not a table\'s name: write "name" or "schema.name"')
        return cls.of(parts[0] if len(parts) == 2 else None, parts[-1])


class ColumnNames(NamedTuple):
    """One or more columns of one table, in order."""

    table: TableName
    columns: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.columns) == 1:
            return f"{self.table.quoted}.{_quote(self.columns[0])}"
        return f"{self.table.quoted}({', '.join(map(_quote, self.columns))})"

    @classmethod
    def parse(cls, text: str) -> ColumnNames:
        """Read ``table.column``, ``schema.table.column`` or, for several columns, ``table(a, b)``."""
        text = text.strip()
        if text.endswith(")"):
            table, *inside = split_unquoted(text[:-1], "(")
            columns = tuple(_unquote(item) for items in inside[:1] for item in split_unquoted(items, ","))
            return cls(TableName.parse(table), columns)
        parts = split_dotted(text)
        if len(parts) not in (2, 3):
            raise ConfigurationError(
                f'"{text}" is not a column: write "table.column", "schema.table.column" '
                'or, for several columns, "table(a, b)"'
            )
        return cls(TableName.of(parts[0] if len(parts) == 3 else None, parts[-2]), (parts[-1],))


def split_dotted(text: str) -> tuple[str, ...]:
    """Split ``a.b`` at its dots, except for those inside double quotes.

    Raises:
        ConfigurationError: a part is empty, or a quote is not closed.
    """
    return tuple(_unquote(part) for part in split_unquoted(text, "."))


def referred_columns(constraint: ForeignKeyConstraint) -> ColumnNames:
    """Return what a foreign key points at, without resolving it: its target may be in no MetaData at all.

    A target that was given as text names its columns by their keys, as SQLAlchemy does.
    """
    targets = [_referred(element) for element in constraint.elements]
    schema, table, _ = targets[0]
    return ColumnNames(TableName.of(schema, table), tuple(column for _, _, column in targets))


def implied_schema(constraint: ForeignKeyConstraint) -> str | None:
    """Return the schema of a target that was given by its name alone: that of its table's MetaData."""
    element = constraint.elements[0]
    return None if element._column_tokens[0] is not None else _referred(element)[0]


def constrained_columns(constraint: ForeignKeyConstraint) -> ColumnNames:
    """Return the columns that a foreign key stands on."""
    table = TableName.of_table(constraint.table)
    return ColumnNames(table, tuple(column.name for column in constraint.columns))


def _referred(element: ForeignKey) -> tuple[str | None, str, str]:
    # SQLAlchemy 2.1 has public names for both (target_column, target_tokens); these two serve 2.0 as well.
    column = element._table_column
    if column is not None and column.table is not None:
        return column.table.schema, column.table.name, column.name
    schema, table, column_name = element._column_tokens
    parent = element.parent
    if schema is None and parent is not None and parent.table is not None:
        schema = parent.table.metadata.schema
    return schema, table, column_name or (parent.name if parent is not None else "")


def split_unquoted(text: str, separator: str) -> list[str]:
    """Split a text at a separator, except for those inside double quotes."""
    return re.split(re.escape(separator) + _UNQUOTED, text)


def _unquote(part: str) -> str:
    part = part.strip()
    if re.fullmatch(r'"(?:[^"]|"")+"', part):
        return part[1:-1].replace('""', '"')
    if not part or re.search(r'[".,()]', part):
        raise ConfigurationError(
            f'"{part}" is not a name: names are joined by single dots, odd ones stand in double quotes'
        )
    return part


def _quote(part: str) -> str:
    return part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"'
