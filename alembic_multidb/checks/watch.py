"""Whether tables that lie elsewhere than at home are still written to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.tables import WriteCounters, read_write_counters
from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.operate.gather import gather
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.tables import TableFacts


def written_copies(
    project: Project,
    tables: Iterable[TableFacts],
    lives: Mapping[str, Live],
    seconds: float,
    *,
    timeout: float,
    pause: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Read the statistics of the copies twice, some time apart.

    PostgreSQL tells of a transaction's writes about a second after it ended, or when its session has been idle for ten.

    Args:
        project: the repository.
        tables: all tables.
        lives: the databases that were looked at.
        seconds: how long to watch.
        timeout: seconds for each question.
        pause: how to wait.
    """
    watched = [(database, table) for table in tables for database in table.legacy_in]
    if not watched:
        return []
    oids: dict[str, list[int]] = {}
    for database, table in watched:
        oids.setdefault(database, []).append(lives[database].tables[table.name].oid)

    def read() -> dict[str, dict[int, WriteCounters] | str]:
        return dict(
            gather(
                list(oids),
                lambda name: (name, _counters(project, name, oids[name], timeout)),
                timeout=timeout,
                late=lambda name: (name, f"no answer within {timeout:g} seconds"),
            )
        )

    before = read()
    pause(seconds)
    after = read()
    findings = [
        _unwatched(name, each) for name in oids for each in (before[name], after[name]) if isinstance(each, str)
    ]
    for database, table in watched:
        oid, first, second = lives[database].tables[table.name].oid, before[database], after[database]
        if isinstance(first, str) or isinstance(second, str):
            continue
        was, now = first.get(oid), second.get(oid)
        if was is not None and now is not None and was != now:
            findings.append(_written(database, table, was, now, seconds))
    return list(dict.fromkeys(findings))


def _counters(project: Project, name: str, oids: list[int], timeout: float) -> dict[int, WriteCounters] | str:
    """Return the statistics, or why they could not be read."""
    try:
        with project.read(project.databases[name], timeout=timeout) as connection:
            return read_write_counters(connection, oids)
    except (MultidbError, SQLAlchemyError) as error:
        return first_line(error)


def _unwatched(database: str, reason: str) -> Finding:
    return Finding(
        code="MDB803",
        database=database,
        object=database,
        message=f'whether tables in "{database}" are written to could not be seen: {reason}',
        fix="watch again when the database answers",
    )


def _written(database: str, table: TableFacts, was: WriteCounters, now: WriteCounters, seconds: float) -> Finding:
    counted = ((now.inserted - was.inserted, "inserted"), (now.updated - was.updated, "updated"))
    parts = [f"{number} {what}" for number, what in (*counted, (now.deleted - was.deleted, "deleted")) if number]
    words = ", ".join(parts) or "truncated or rewritten"
    return Finding(
        code="MDB802",
        database=database,
        object=str(table.name),
        message=f'table "{table.name}" was written to in "{database}" within {seconds:g} seconds ({words}), but is at '
        f'home in "{table.home}"',
        fix=f'find the program that still uses the URL of "{database}" for it: these rows are missing at home',
    )
