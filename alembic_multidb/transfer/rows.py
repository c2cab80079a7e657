"""The rows of all tables, several at a time; what an interrupted run has copied is kept where that is proven."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.copying import stream
from alembic_multidb.transfer.kept import equal_tables
from alembic_multidb.transfer.loosen import finish_loosening, loosen
from alembic_multidb.transfer.progress import Meter, Report
from alembic_multidb.transfer.session import Raw, encoded, raw
from alembic_multidb.transfer.tables import CHUNK, Cut, Part, Table
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import Name


@dataclass(frozen=True)
class Moment:
    """The point in time of the source that is copied.

    Attributes:
        text: what the server says of it.
        is_quiet: whether nothing was going on, so that the same words mean the same rows.
    """

    text: str
    is_quiet: bool

    @classmethod
    def of(cls, side: Side) -> Moment:
        """Return a side's."""
        transactions = str(side.moment["transactions"])
        low, high, running = transactions.split(":")
        return cls(f"{side.moment['system']} {transactions}", low == high and not running)

    def is_same(self, text: object) -> bool:
        """Tell whether an earlier run saw the same rows."""
        return self.is_quiet and text == self.text


@dataclass(frozen=True)
class Copied:
    """What came of the rows of one target.

    Attributes:
        tables: how many tables were copied, or had been.
        rows: how many rows.
        kept: how many tables an earlier run had copied.
    """

    tables: int
    rows: int
    kept: int


def copy_rows(
    source: Side, flows: Mapping[Target, Sequence[Table]], meter: Meter, *, encoding: str = "UTF8", chunk: int = CHUNK
) -> dict[Target, Copied]:
    """Copy the rows of tables into their targets.

    Args:
        source: what they are read from; its workers are those that copy.
        flows: the tables of each target.
        meter: told what has gone.
        encoding: of the source, in which texts go, so that they are changed at most once.
        chunk: bytes that one COPY moves.

    Raises:
        MultidbError: a table could not be copied; what was copied before is kept.
    """
    moment = Moment.of(source)
    work: list[tuple[int, Callable[[Connection], None]]] = []
    total = 0
    kept: dict[Target, int] = {}
    for target, tables in flows.items():
        finish_loosening(target)
        cuts = [Cut(table, tuple(table.parts(chunk))) for table in tables]
        left = _prepare(source, target, cuts, moment)
        kept[target] = len(cuts) - len({cut.table.oid for cut, _ in left})
        total += sum(_size(cut) for cut, _ in left)
        ours = [(cut, part) for cut, part in left if cut.table.condition is None]
        work += [(_size(cut), _copying(target, cut, part, meter, encoding)) for cut, part in ours]
        if theirs := [cut for cut, _ in left if cut.table.condition is not None]:
            work.append((sum(map(_size, theirs)), _copying_together(target, theirs, meter, encoding)))
    meter.begin("rows", total)
    _run_all(source, list(flows), [each for _, each in sorted(work, key=lambda item: -item[0])])
    return {target: _count(target, flows[target], kept[target]) for target in flows}


def _size(cut: Cut) -> int:
    return max(cut.table.size // len(cut.parts), 1)


def _count(target: Target, tables: Sequence[Table], kept: int) -> Copied:
    target.read_steps()
    rows = sum(int(step.facts.get("rows", 0)) for step in target.done("rows:").values())
    return Copied(len(tables), rows, kept)


def _prepare(source: Side, target: Target, cuts: Sequence[Cut], moment: Moment) -> list[tuple[Cut, Part]]:
    """Decide what is left to copy; what cannot be kept of an earlier run is emptied."""
    groups: dict[Name, list[Cut]] = defaultdict(list)
    for cut in cuts:
        groups[cut.table.group].append(cut)
    doubtful = [cut for group in groups.values() if _is_finished(target, group) for cut in group]
    doubtful = [cut for cut in doubtful if not _is_same(target, cut, moment)]
    equal = equal_tables(source, target, [cut.table for cut in doubtful])
    kept: list[Cut] = []
    fresh: list[Cut] = []
    emptied: list[Cut] = []
    left: list[tuple[Cut, Part]] = []
    for group in groups.values():
        if all(cut.table.oid in equal for cut in group):
            kept += group
            continue
        if any(target.steps.get(cut.key) is None for cut in group) and not _has_rows(target, group):
            fresh += group
        elif not all(_is_same(target, cut, moment) for cut in group):
            emptied += group
        left += [(cut, part) for cut in group for part in cut.parts]
    _empty(target, emptied)
    _note_cuts(target, kept, [*fresh, *emptied], moment)
    target.read_steps()
    return [(cut, part) for cut, part in left if cut.part_key(part) not in target.steps]


def _is_finished(target: Target, group: Iterable[Cut]) -> bool:
    """Tell whether an earlier run has copied all parts of tables that no crash empties."""
    for cut in group:
        step = target.steps.get(cut.key)
        if step is None or cut.table.is_unlogged:
            return False
        if len(target.done(f"rows:{cut.table.oid}:")) != step.facts["parts"]:
            return False
    return True


def _is_same(target: Target, cut: Cut, moment: Moment) -> bool:
    """Tell whether an earlier run has begun to copy exactly these parts of exactly these rows."""
    step = target.steps.get(cut.key)
    if step is None or cut.table.is_unlogged:
        return False
    return step.digest == cut.digest and moment.is_same(step.facts["moment"])


def _has_rows(target: Target, group: Iterable[Cut]) -> bool:
    return any(target.done(f"rows:{cut.table.oid}:") for cut in group)


def _empty(target: Target, cuts: Sequence[Cut]) -> None:
    """Empty tables that are copied again, and forget that they were."""
    if not cuts:
        return
    loosen(target)
    own = {cut.table.into: cut.table.into == cut.table.place for cut in cuts if cut.table.condition is None}
    with target.lead.transaction():
        target.journal.fence(target.lead)
        for cut in cuts:
            target.journal.forget(target.lead, f"rows:{cut.table.oid}:")
            target.journal.forget(target.lead, cut.key)
        for name, is_leaf in own.items():
            only = sql.SQL("ONLY " if is_leaf else "")
            target.lead.execute(sql.SQL("TRUNCATE {}{}").format(only, sql.Identifier(*name)))


def _note_cuts(target: Target, kept: Sequence[Cut], cuts: Sequence[Cut], moment: Moment) -> None:
    """Write down how tables are cut, before anything of them is copied, and of which moment those are that are kept."""
    with target.lead.transaction():
        target.journal.fence(target.lead)
        for cut in kept:
            facts = {**target.steps[cut.key].facts, "moment": moment.text}
            target.journal.tell(target.lead, cut.key, facts)
        for cut in cuts:
            target.journal.forget(target.lead, cut.key)
            facts = {"moment": moment.text, "parts": len(cut.parts), "name": cut.table.identity}
            target.journal.record(target.lead, [(cut.key, cut.digest)], facts)


def _copying(target: Target, cut: Cut, part: Part, meter: Meter, encoding: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        with (
            meter.part(cut.table.identity, _size(cut), cut.table.size) as report,
            target.session() as session,
            encoded(raw(connection), encoding),
            encoded(session, encoding),
        ):
            _copy(raw(connection), session, target, cut, part, report)

    return work


def _copy(source: Raw, session: Raw, target: Target, cut: Cut, part: Part, report: Report) -> None:
    table, key = cut.table, cut.part_key(part)
    try:
        with target.journal.work(session, (key, cut.digest)) as is_to_do:
            if not is_to_do:
                return
            is_emptied = len(cut.parts) == 1 and table.into == table.place
            if is_emptied:
                session.execute(sql.SQL("TRUNCATE ONLY {}").format(sql.Identifier(*table.place)))
            rows = stream(source, session, table.copy_out(part), table.copy_in(is_emptied=is_emptied), report)
            target.journal.tell(session, key, {"rows": rows})
    except psycopg.Error as error:
        raise _not_copied(target, table, error) from None


def _copying_together(target: Target, cuts: Sequence[Cut], meter: Meter, encoding: str) -> Callable[[Connection], None]:
    """Copy tables of extensions, in the order in which they refer to each other, in one transaction."""

    def work(connection: Connection) -> None:
        source, keys = raw(connection), [(cut.part_key(Part()), cut.digest) for cut in cuts]
        with (
            target.session() as session,
            encoded(source, encoding),
            encoded(session, encoding),
            target.journal.work(session, *keys) as is_to_do,
        ):
            if not is_to_do:
                return
            for cut in reversed(cuts):
                _delete(session, target, cut.table)
            for cut in cuts:
                with meter.part(cut.table.identity, _size(cut)) as report:
                    _stream(source, session, target, cut, report)

    return work


def _delete(session: Raw, target: Target, table: Table) -> None:
    statement = sql.SQL("DELETE FROM ONLY {} {}").format(sql.Identifier(*table.name), sql.SQL(table.condition or ""))
    try:
        session.execute(statement)
    except psycopg.Error as error:
        raise _not_copied(target, table, error) from None


def _stream(source: Raw, session: Raw, target: Target, cut: Cut, report: Report) -> None:
    table = cut.table
    try:
        rows = stream(source, session, table.copy_out(Part()), table.copy_in(is_emptied=False), report)
        target.journal.tell(session, cut.part_key(Part()), {"rows": rows})
    except psycopg.Error as error:
        raise _not_copied(target, table, error) from None


def _not_copied(target: Target, table: Table, error: psycopg.Error) -> MultidbError:
    return MultidbError(
        f'the rows of {table.identity} could not be copied into "{target.name}": {first_line(error)}. Nothing '
        "that was copied before is lost: when the cause is gone, the same command goes on"
    )


def _run_all(source: Side, targets: Sequence[Target], work: Sequence[Callable[[Connection], None]]) -> None:
    """Do all of it; the first that fails stops the others."""
    futures: list[Future[None]] = [source.run(each) for each in work]
    try:
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        for target in targets:
            target.interrupt()
        raise
