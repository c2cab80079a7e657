"""What is changed on purpose once everything is there and proven: types, rows that point at nothing, foreign keys."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.merge.cascade import Gone, chosen, going_along
from alembic_multidb.merge.model import KEYS, Cast, MergeOptions, MergePlan, Reference
from alembic_multidb.merge.pointing import PARTITIONED_MAY_WAIT, partly_null
from alembic_multidb.merge.undo import CAST, CLEARED, KEY, way_back
from alembic_multidb.operate.status import counted
from alembic_multidb.transfer.session import Raw
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.tables import quoted_name

_KIND = "SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = %s::pg_catalog.regclass"
_STATE = """
    SELECT convalidated FROM pg_catalog.pg_constraint
    WHERE conrelid = %s::pg_catalog.regclass AND conname = %s AND contype = 'f'
"""
_NOT_VALID = " NOT VALID"

T = TypeVar("T")


@dataclass
class Changer:
    """Makes the changes that a merge was asked for.

    Attributes:
        target: where, with everything in it.
        plan: the merge.
        options: what was asked for.
        keys: the file that the keys of deleted and nulled rows are written to.
        done: what was done, as lines to read.
    """

    target: Target
    plan: MergePlan
    options: MergeOptions
    keys: Path
    done: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Do everything that no interrupted run has done.

        Raises:
            MultidbError: something could not be done; what was done before is kept.
        """
        for cast in self.plan.casts:
            self._guarded(str(cast), partial(self._cast, cast))
        self._clear()
        for reference in self.plan.references:
            self._guarded(str(reference), partial(self._add, reference))
        for reference in self.plan.references:
            if self._is_validated(reference):
                self._guarded(str(reference), partial(self._validate, reference))
        self._check()

    def _guarded(self, what: str, work: Callable[[Raw], T]) -> T:
        try:
            with self.target.session() as session:
                return work(session)
        except psycopg.Error as error:
            raise MultidbError(
                f"{what} could not be made: {first_line(error)}. Everything that is done is kept; when the cause is "
                "gone, the same command goes on"
            ) from None

    def _cast(self, cast: Cast, session: Raw) -> None:
        table, column = sql.Identifier(*cast.table), sql.Identifier(cast.column)
        new = sql.SQL(cast.new)  # as PostgreSQL writes it
        key = f"{CAST}{quoted_name((*cast.table, cast.column))}"
        with self.target.journal.work(session, (key, ""), facts=vars(cast)) as is_to_do:
            if not is_to_do:
                return
            before = way_back(session, cast)
            self.target.journal.tell(session, key, {**vars(cast), **before})
            default = before["default"]
            if default is not None:
                session.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT").format(table, column))
            session.execute(
                sql.SQL("ALTER TABLE {t} ALTER COLUMN {c} TYPE {n} USING {c}::pg_catalog.text::{n}").format(
                    t=table, c=column, n=new
                )
            )
            if default is not None:
                session.execute(
                    sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT ({})::pg_catalog.text::{}").format(
                        table, column, sql.SQL(default), new
                    )
                )
        self.done.append(f"column {cast}")

    def _clear(self) -> None:
        """Delete or null the rows that point at nothing, until a round finds none: a deleted row may be pointed at."""
        if self.options.orphans not in ("delete", "null"):
            return
        references = [reference for reference in self.plan.references if reference.is_valid]
        for _ in range(len(references) + 1):
            counts = [
                self._guarded(f"rows of {reference}", partial(self._clear_one, reference)) for reference in references
            ]
            if not any(counts):
                return

    def _clear_one(self, reference: Reference, session: Raw) -> int:
        table, rule = sql.Identifier(*reference.table), self.options.orphans
        where = _points_at_nothing(reference)
        with session.transaction():
            self.target.journal.fence(session)
            session.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [self._search_path(reference)])
            found = chosen(session, reference.table, reference.columns, where, reference=reference.name, action=rule)
            if not found:
                return 0
            along = [*going_along(session, found)] if rule == "delete" else []
            self._write([*found, *along])
            if rule == "delete":
                statement = sql.SQL("DELETE FROM {} AS t WHERE {}").format(table, where)
            else:
                nulls = sql.SQL(", ").join(sql.SQL("{} = NULL").format(sql.Identifier(n)) for n in reference.columns)
                statement = sql.SQL("UPDATE {} AS t SET {} WHERE {}").format(table, nulls, where)
            count = session.execute(statement).rowcount
            if count != len(found):
                raise MultidbError(
                    f"of {len(found)} rows of {quoted_name(reference.table)} that point at nothing, {count} could be "
                    "changed: a trigger or rule of the table is in the way; nothing of it was changed"
                )
            self._note(session, [*found, *along])
        self.done += self._changed(reference, count, along)
        return count

    def _note(self, session: Raw, changed: Sequence[Gone]) -> None:
        """Note down of which tables rows were changed, in the transaction that changes them."""
        for table, number in Counter(row.table for row in changed).items():
            key = f"{CLEARED}{quoted_name(table)}"
            facts = {"table": table, "rows": number, "file": str(self.keys)}
            self.target.journal.record(session, [(key, "")], facts)

    def _changed(self, reference: Reference, count: int, along: Sequence[Gone]) -> Iterator[str]:
        word = "deleted" if self.options.orphans == "delete" else "nulled"
        yield f"{counted(count, 'row')} of {quoted_name(reference.table)} {word}{KEYS}in {self.keys}"
        for (table, action), number in sorted(Counter((quoted_name(row.table), row.action) for row in along).items()):
            yield f"{counted(number, 'row')} of {table} went along ({action}), as foreign keys say{KEYS}there, too"

    def _write(self, found: Sequence[Gone]) -> None:
        """Write the keys down before the rows are changed, for the file's owner alone to read."""
        try:
            descriptor = os.open(self.keys, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                for row in found:
                    file.write(json.dumps(row.to_data()) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigurationError(f"{self.keys} cannot be written: {error.strerror}; nothing was deleted") from None

    def _search_path(self, reference: Reference) -> str:
        return next(part.search_path for part in self.plan.all_parts if reference.target in part.relations)

    def _add(self, reference: Reference, session: Raw) -> None:
        table, name = sql.Identifier(*reference.table), sql.Identifier(reference.name)
        key = f"{KEY}{quoted_name((*reference.table, reference.name))}"
        facts = {"table": reference.table, "name": reference.name}
        digest = sha256(reference.definition.encode()).hexdigest()
        with self.target.journal.work(session, (key, digest), facts=facts) as is_to_do:
            if not is_to_do:
                return
            definition = reference.definition
            kind = session.execute(_KIND, [quoted_name(reference.table)]).fetchone()
            if reference.is_valid and (kind != ("p",) or session.info.server_version >= PARTITIONED_MAY_WAIT):
                definition += _NOT_VALID
            session.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, name, sql.SQL(definition)))
            if reference.comment is not None:
                comment = sql.Literal(reference.comment)
                session.execute(sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(name, table, comment))

    def _is_validated(self, reference: Reference) -> bool:
        lost = {item.reference for item in self.plan.lost}
        return reference.is_valid and not (self.options.orphans == "keep" and reference in lost)

    def _validate(self, reference: Reference, session: Raw) -> None:
        with session.transaction():
            self.target.journal.fence(session)
            session.execute(
                sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                    sql.Identifier(*reference.table), sql.Identifier(reference.name)
                )
            )

    def _check(self) -> None:
        """Look whether every foreign key is there, and in force."""
        with self.target.session() as session:
            for reference in self.plan.references:
                row = session.execute(_STATE, [quoted_name(reference.table), reference.name]).fetchone()
                if row is None or (self._is_validated(reference) and not row[0]):
                    raise MultidbError(
                        f"foreign key {reference} is not there, or not in force; the same command goes on"
                    )
                self.done.append(f"foreign key {reference}: {'validated' if row[0] else 'not validated'}")


def _points_at_nothing(reference: Reference) -> sql.Composed:
    """Return the condition for the rows of ``t`` that point at nothing."""
    names = [sql.SQL("t.{}").format(sql.Identifier(name)) for name in reference.columns]
    same = [
        sql.SQL("p.{} = {}").format(sql.Identifier(target), name)
        for target, name in zip(reference.target_columns, names, strict=True)
    ]
    nothing = sql.SQL("{} AND NOT EXISTS (SELECT FROM {} AS p WHERE {})").format(
        sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(name) for name in names),
        sql.Identifier(*reference.target),
        sql.SQL(" AND ").join(same),
    )
    if not reference.is_all_or_nothing:
        return nothing
    return sql.SQL("({} OR {})").format(partly_null(names), nothing)
