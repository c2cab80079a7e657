"""Statements for one connection: the queries beside this module, and rows by the names of their columns."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

Raw = psycopg.Connection[tuple[Any, ...]]


def rows(connection: Raw, statement: str | sql.Composed, *parameters: Any) -> list[dict[str, Any]]:
    """Run one statement and return its rows, each by the names of its columns."""
    text = statement.encode() if isinstance(statement, str) else statement
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(text, parameters or None).fetchall()


@cache
def query(name: str) -> str:
    """Return the text of one of the queries beside this module."""
    return files(__package__).joinpath("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")
