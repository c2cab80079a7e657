"""Where sequences stand: at the same value, taken or not, and never behind the column that uses them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Finding, What
from alembic_multidb.verify.side import Side, Unreadable
from alembic_multidb.verify.statements import query
from alembic_multidb.verify.tables import Name, moved, quoted_name


@dataclass(frozen=True)
class Sequence:
    """A sequence of one database.

    Attributes:
        oid: its number there.
        name: schema and name.
        increment: by how much it goes on.
        columns: schema, table and column of those that take their values from it.
        tables: the tables that own it or use it.
        extension: whose it is, if it is an extension's.
    """

    oid: int
    name: Name
    increment: int
    columns: tuple[tuple[str, str, str], ...]
    tables: tuple[Name, ...]
    extension: str | None

    @property
    def identity(self) -> str:
        """Return its name, as SQL writes it where that is needed."""
        return quoted_name(self.name)


@dataclass(frozen=True)
class Place:
    """Where a sequence stands.

    Attributes:
        last: its last value, or its first if none was taken.
        is_called: whether one was taken.
    """

    last: int
    is_called: bool

    def __str__(self) -> str:
        return f"{self.last}{'' if self.is_called else ' (not taken yet)'}"

    def is_behind(self, used: int, increment: int) -> bool:
        """Tell whether a value that a column holds already would come again."""
        following = self.last + increment if self.is_called else self.last
        return following <= used if increment > 0 else following >= used


def read_sequences(side: Side) -> dict[Name, Sequence]:
    """Return the sequences of one database by schema and name."""
    return {
        (row["schema"], row["name"]): Sequence(
            row["oid"],
            (row["schema"], row["name"]),
            row["increment"],
            tuple((schema, table, column) for schema, table, column in row["columns"]),
            tuple((schema, table) for schema, table in row["tables"]),
            row["extension"],
        )
        for row in side.ask(query("sequences")).result()
    }


def moved_sequences(sequences: Mapping[Name, Sequence], schemas: Mapping[str, str]) -> dict[Name, Sequence]:
    """Return sequences by the names that the other side has for them; those of extensions stay where they are."""
    return {
        name if sequence.extension is not None else moved(name, schemas): sequence
        for name, sequence in sequences.items()
    }


def compare_sequences(
    sides: Sides,
    source: Mapping[Name, Sequence],
    wanted: Callable[[Sequence], bool],
    known: Mapping[Name, Place] = MappingProxyType({}),
) -> tuple[dict[str, str], list[Finding]]:
    """Compare where the sequences stand that belong to the target.

    Args:
        sides: source and target.
        source: the source's sequences.
        wanted: whether one of these belongs to the target.
        known: where sequences of the source stood when they were copied; they may have gone on since.

    Returns:
        Where each stands in the target, and what was found.
    """
    target = read_sequences(sides.target)
    places: dict[str, str] = {}
    findings: list[Finding] = []
    for name, sequence in source.items():
        if not wanted(sequence):
            continue
        if name not in target:
            findings.append(_finding(sequence, "missing", "is missing"))
            continue
        try:
            place = _place(sides.target, target[name])
            places[target[name].identity] = str(place)
            findings += _compare(sides, sequence, target[name], place, known.get(name))
        except Unreadable as error:
            findings.append(_finding(sequence, "unknown", f"could not be read: {first_line(error)}"))
    return places, findings


def places_of(side: Side, names: Collection[str]) -> dict[str, str]:
    """Return where each of some sequences of a database stands, as far as they are there."""
    found = read_sequences(side).values()
    return {each.identity: str(_place(side, each)) for each in found if each.identity in names}


def _compare(sides: Sides, source: Sequence, target: Sequence, place: Place, known: Place | None) -> Iterator[Finding]:
    before = known or _place(sides.source, source)
    if before != place:
        yield _finding(source, "different", f"stands at {before} in the source, at {place} in the target")
    behind = list(_behind(sides.target, target, place))
    # Rows that were given numbers by hand: the source itself is like that.
    ours = {(column[1:], used) for column, used in _behind(sides.source, source, before)} if behind else set()
    if behind and (before != place or {(column[1:], used) for column, used in behind} - ours):
        words = ", ".join(f"{quoted_name(column)} holds {used}" for column, used in behind)
        yield _finding(source, "different", f"stands at {place} in the target, behind the column that uses it: {words}")


def _behind(side: Side, sequence: Sequence, place: Place) -> Iterator[tuple[tuple[str, str, str], int]]:
    for schema, table, column in sequence.columns:
        extreme = sql.SQL("max" if sequence.increment > 0 else "min")
        statement = sql.SQL("SELECT {}({})::int8 AS used FROM {}").format(
            extreme, sql.Identifier(column), sql.Identifier(schema, table)
        )
        used = side.ask(statement).result()[0]["used"]
        if used is not None and place.is_behind(used, sequence.increment):
            yield (schema, table, column), used


def _place(side: Side, sequence: Sequence) -> Place:
    statement = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(*sequence.name))
    row = side.ask(statement).result()[0]
    return Place(row["last_value"], row["is_called"])


def _finding(sequence: Sequence, what: What, words: str) -> Finding:
    return Finding(
        kind="sequence",
        object=sequence.identity,
        what=what,
        message=f"sequence {sequence.identity} {words}",
    )
