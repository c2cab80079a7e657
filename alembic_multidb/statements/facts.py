"""What one SQL statement says, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal[
    "relation",
    "row",
    "type",
    "function",
    "schema",
    "extension",
    "statistics",
    "operator",
    "collation",
    "text search configuration",
    "text search dictionary",
    "event trigger",
    "publication",
]


class Thing(NamedTuple):
    """What a statement names. Tables, views, indexes and sequences are relations, and share their names.

    A row is what has columns: a table, or a composite type.

    The schema is None where the statement names none, and for ``public``.
    """

    kind: Kind
    schema: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


Role = Literal["table", "temporary", "view", "index", "sequence", "extension", "other"]


class Made(NamedTuple):
    """What a statement makes, the relation that it is a part of, as an index is of its table, and which one it is."""

    thing: Thing
    part_of: Thing | None = None
    role: Role = "other"


class Reference(NamedTuple):
    """A foreign key that a statement makes: its name (PostgreSQL's own, if it has none), columns and target."""

    name: str
    columns: tuple[str, ...]
    target: Thing


class Part(NamedTuple):
    """A column, a constraint or a trigger, or all of what has no parts, and the things that it stands on.

    Of a function also what its body speaks of.
    """

    name: str
    uses: frozenset[Thing]
    body: frozenset[Thing] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement.

    Attributes:
        sql: its text.
        kind: what it does, in the parser's words: ``create table``, ``insert``.
        subjects: what it is about.
        role: which kind of relation the subjects are, where the statement says it.
        is_list: whether subjects can be taken out of it one by one, as of ``DROP TABLE a, b``.
        makes: what is there afterwards.
        drops: whether the subjects are gone afterwards.
        renames: names before and after.
        mentions: the other relations that must be there when it runs.
        uses: the types and functions that it names.
        hints: relations that its literals may name.
        body: what the body of a function that it makes speaks of. What PostgreSQL looks for as it makes the function is
            among the mentions and uses, too.
        signatures: the functions that it makes or drops, each with the types of its arguments, which tell it from
            others of its name; none for ``DROP FUNCTION f``.
        references: the foreign keys that it makes.
        constraints: the constraints of its subject that it changes or drops.
        parts: what is made of its subject, or of what it makes, with what each part stands on.
        columns: the columns that its subject gets.
        lost: the names of parts that are gone afterwards.
        renamed: the names of a part before and after.
        cascades: whether what stands on a subject that it drops goes, too.
        if_exists: whether it passes over what is not there.
        reads: whether it gives rows and changes nothing.
        inner: the statements of a DO block.
        dynamic: the text of an EXECUTE, in a DO block or a function, that is only known when it runs.
        path: the schemas in which names are looked for afterwards, None for the default one; None if it sets none.
        index_of: the table of the index that it drops, which an operation knows and its text does not say.
    """

    sql: str
    kind: str
    subjects: tuple[Thing, ...] = ()
    role: Role = "other"
    is_list: bool = False
    makes: tuple[Made, ...] = ()
    drops: bool = False
    renames: tuple[tuple[Thing, Thing], ...] = ()
    mentions: frozenset[Thing] = frozenset()
    uses: frozenset[Thing] = frozenset()
    hints: frozenset[Thing] = frozenset()
    body: frozenset[Thing] = frozenset()
    signatures: tuple[tuple[Thing, str], ...] = ()
    references: tuple[Reference, ...] = ()
    constraints: frozenset[str] = frozenset()
    parts: tuple[Part, ...] = ()
    columns: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()
    renamed: tuple[str, str] | None = None
    cascades: bool = False
    if_exists: bool = False
    reads: bool = False
    inner: tuple[Statement, ...] = field(default=(), repr=False)
    dynamic: str | None = None
    path: tuple[str | None, ...] | None = None
    index_of: Thing | None = None

    @property
    def first_line(self) -> str:
        """Return the statement in one line, shortened, for people; without values that are nobody else's business."""
        text = " ".join(self.sql.split())
        if self.kind in _WITH_VALUES:
            text = _VALUE.sub("'...'", text)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


_LONGEST = 120
_VALUE = re.compile(r"'(?:[^']|'')*'")
_WITH_VALUES = frozenset(
    {"insert", "update", "delete", "merge", "select", "copy", "create role", "alter role", "create user mapping"}
)
