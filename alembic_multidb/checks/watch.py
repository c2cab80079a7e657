"""Whether tables that lie elsewhere than at home are still written to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from alembic_multidb.catalog.tables import WriteCounters, read_write_counters
from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
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
    databases = list(dict.fromkeys(database for database, _ in watched))

    def read() -> dict[str, dict[int, WriteCounters]]:
        counters = {}
        for name in databases:
            oids = [lives[name].tables[table.name].oid for database, table in watched if database == name]
            with project.read(project.databases[name], timeout=timeout) as connection:
                counters[name] = read_write_counters(connection, oids)
        return counters

    before = read()
    pause(seconds)
    after = read()
    findings = []
    for database, table in watched:
        oid = lives[database].tables[table.name].oid
        was, now = before[database].get(oid), after[database].get(oid)
        if was is not None and now is not None and was != now:
            findings.append(_written(database, table, was, now, seconds))
    return findings


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
