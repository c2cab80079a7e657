"""Which tables are compared, and how much there is to read: a pair for each table, partition or whole tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from alembic_multidb.verify.side import Side
from alembic_multidb.verify.statements import query
from alembic_multidb.verify.values import Column, Form, Types

Name = tuple[str, str]
# Rows of these are put into partitions by a hash of values, which need not be the same on both sides.
_BY_HASH = "h"


@dataclass(frozen=True)
class Table:
    """A table of one database that holds rows, or whose partitions do.

    Attributes:
        oid: its number there.
        name: schema and name.
        root: the number of the outermost table that it is a partition of; its own if it is none.
        is_tree: whether it has partitions instead of rows of its own.
        strategy: of a partitioned table, how rows are spread.
        tuples: how many rows the server believes it has; negative if it does not know.
        size: bytes on disk, with what is stored out of line, without indexes.
        heap: bytes of its main file alone.
        columns: by name.
        key: the columns that tell its rows apart, if there are any.
        has_alembics_key: whether its primary key has the name that Alembic gives that of a version table.
        extension: whose it is, if it is an extension's.
        condition: a WHERE clause for the rows that are not the extension's own, if it says which these are.
        moved: schema and name that it has on the other side; None if these are the same.
    """

    oid: int
    name: Name
    root: int
    is_tree: bool
    strategy: str | None
    tuples: float
    size: int
    heap: int
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    has_alembics_key: bool
    extension: str | None
    condition: str | None
    moved: Name | None = None

    @property
    def identity(self) -> str:
        """Return its name, as SQL writes it where that is needed."""
        return quoted_name(self.name)

    @property
    def place(self) -> Name:
        """Return schema and name by which the other side has it."""
        return self.moved or self.name


@dataclass(frozen=True)
class Pair:
    """The same table on both sides, as it is read.

    Attributes:
        source: the table in the source.
        target: the table in the target.
        is_whole: whether it is read in one piece: partitions through the outermost table, or some rows alone.
        sizes: bytes to be read in the source and in the target.
        forms: the columns and their forms, if they are given; else what serves both sides.
    """

    source: Table
    target: Table
    is_whole: bool
    sizes: tuple[int, int]
    forms: tuple[tuple[str, Form], ...] | None = None

    @property
    def columns(self) -> list[tuple[str, Form]]:
        """Return the columns that both sides have, in the order of their names, with the form that serves both."""
        if self.forms is not None:
            return list(self.forms)
        found: list[tuple[str, Form]] = []
        for name, column in self.source.columns.items():
            other = self.target.columns.get(name)
            if other is not None:
                found.append((name, "sent" if column.form == other.form == "sent" else "written"))
        return sorted(found)

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that tell rows apart, if both sides have them, and a value in each row."""
        there = [self.target.columns.get(name) for name in self.source.key]
        return self.source.key if all(column is not None and column.is_full for column in there) else ()

    def table(self, is_target: bool) -> Table:
        """Return the table of one side."""
        return self.target if is_target else self.source

    def relation(self, is_target: bool) -> sql.Composable:
        """Return what stands behind FROM."""
        table = self.table(is_target)
        if table.condition is not None:
            return sql.SQL("(SELECT * FROM {} {}) AS t").format(sql.Identifier(*table.name), _verbatim(table.condition))
        return sql.SQL("{}{}").format(sql.SQL("" if self.is_whole else "ONLY "), sql.Identifier(*table.name))


def _verbatim(clause: Any) -> sql.SQL:
    return sql.SQL(clause)


def read_tables(side: Side) -> dict[Name, Table]:
    """Return the tables of one database by schema and name."""
    types, columns, keys = Types.read(side), defaultdict[int, list[Column]](list), dict[int, list[str]]()
    for row in side.ask(query("columns")).result():
        columns[row["table"]].append(Column.of(row, types))
    for row in side.ask(query("keys")).result():
        keys[row["table"]] = row["names"]
    return {
        (row["schema"], row["name"]): Table(
            oid=row["oid"],
            name=(row["schema"], row["name"]),
            root=row["root"],
            is_tree=row["kind"] == "p",
            strategy=row["strategy"],
            tuples=row["tuples"],
            size=row["bytes"],
            heap=row["heap"],
            columns={column.name: column for column in columns[row["oid"]]},
            key=tuple(keys.get(row["oid"], ())),
            has_alembics_key=row["has_alembics_key"],
            extension=row["extension"],
            condition=row["condition"],
        )
        for row in side.ask(query("tables")).result()
    }


def moved(name: Name, schemas: Mapping[str, str]) -> Name:
    """Return the name of something whose schema may be called otherwise elsewhere.

    Args:
        name: schema and name.
        schemas: what schemas are called there that are called otherwise.
    """
    return schemas.get(name[0], name[0]), name[1]


def moved_tables(tables: Mapping[Name, Table], schemas: Mapping[str, str]) -> dict[Name, Table]:
    """Return tables by the names that the other side has for them; those of extensions stay where they are."""
    found = [
        table if table.extension is not None else replace(table, moved=moved(table.name, schemas))
        for table in tables.values()
    ]
    return {table.place: table for table in found}


def held_tables(side: Side) -> dict[Name, Table]:
    """Return the tables of one database, which nobody can drop, empty or rewrite from now on."""
    tables = read_tables(side)
    side.hold([table.oid for table in tables.values()])
    return tables


def roots(tables: Mapping[Name, Table]) -> dict[Name, list[Table]]:
    """Return each outermost table's name, as the other side has it, with all tables of its tree, itself included."""
    names = {table.oid: table.place for table in tables.values()}
    found: dict[Name, list[Table]] = defaultdict(list)
    for table in tables.values():
        found[names.get(table.root, table.place)].append(table)
    return dict(found)


def pairs(
    source: Mapping[Name, Table], target: Mapping[Name, Table], wanted: Callable[[Name], bool]
) -> tuple[list[Pair], list[Name]]:
    """Return the pairs to read, and the outermost tables that only the source has.

    Args:
        source: its tables.
        target: its tables.
        wanted: whether an outermost table of the source belongs to the target.
    """
    here, there = roots(source), roots(target)
    found: list[Pair] = []
    for name in sorted(here):
        if wanted(name) and name in there:
            found += _pairs_of_tree(name, here[name], there[name])
    return found, sorted(name for name in here.keys() - there.keys() if wanted(name))


def _pairs_of_tree(name: Name, source: Sequence[Table], target: Sequence[Table]) -> list[Pair]:
    """Compare partition by partition, unless both sides need not have put their rows into the same ones."""
    one, other = ({table.place: table for table in tree} for tree in (source, target))
    leaves = {each for each, table in one.items() if not table.is_tree}
    by_hash = any(table.strategy == _BY_HASH for table in (*source, *target))
    if by_hash or leaves != {each for each, table in other.items() if not table.is_tree} or name not in other:
        sizes = sum(table.size for table in source), sum(table.size for table in target)
        return [Pair(one[name], other[name], True, sizes)]
    return [_pair(one[leaf], other[leaf]) for leaf in sorted(leaves)]


def _pair(one: Table, other: Table) -> Pair:
    return Pair(one, other, (one.condition or other.condition) is not None, (one.size, other.size))


def quoted_name(names: Sequence[str]) -> str:
    """Return schema, table and whatever else with dots between, as SQL writes them where that is needed."""
    return ".".join(map(quoted, names))


def quoted(name: str) -> str:
    """Return a name in double quotes, unless it is a plain one."""
    if name.isidentifier() and name.islower() and name.isascii():
        return name
    return '"' + name.replace('"', '""') + '"'
