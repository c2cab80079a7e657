"""What comes last: materialized views are filled, and the planner is told what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import psycopg
from psycopg import sql

from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.transfer.progress import Meter
from alembic_multidb.transfer.sites import Room
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.tables import Name, quoted_name

# A configuration for searching texts may be another home's.
_SET = """
    SELECT set_config(s.name, s.value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)
    WHERE s.name <> 'default_text_search_config' OR EXISTS (
        SELECT FROM pg_catalog.pg_ts_config AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.cfgnamespace
        WHERE s.value IN (pg_catalog.quote_ident(c.cfgname), pg_catalog.format('%%I.%%I', n.nspname, c.cfgname)))
"""


def refresh(
    target: Target, views: Sequence[Name], room: Room, meter: Meter, settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Fill materialized views, in the order given, that no earlier run has filled.

    Args:
        target: where.
        views: their names.
        room: what may be used.
        meter: told which one is being filled.
        settings: on which it depends what they are filled with.

    Raises:
        MultidbError: one could not be filled.
    """
    settings = {**settings, "maintenance_work_mem": f"{room.memory // 1024}kB"}
    left = list(views)
    while left:
        errors = {name: error for name in left if (error := _fill(target, name, settings, meter)) is not None}
        if len(errors) == len(left):
            name, error = next(iter(errors.items()))
            raise _not_filled(target, name, error)
        left = list(errors)


def _fill(target: Target, name: Name, settings: Mapping[str, str], meter: Meter) -> psycopg.Error | None:
    """Fill one; return what hinders it, which may be that another one, hidden in a function, is not filled yet."""
    key = f"refresh:{quoted_name(name)}"
    if key in target.steps:
        return None
    try:
        with (
            meter.part(quoted_name(name), 0),
            target.session() as session,
            target.journal.work(session, (key, "")) as is_to_do,
        ):
            if is_to_do:
                session.execute(_SET, (list(settings), list(settings.values())))
                session.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(*name)))
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        return error
    except psycopg.Error as error:
        raise _not_filled(target, name, error) from None
    return None


def _not_filled(target: Target, name: Name, error: psycopg.Error) -> MultidbError:
    return MultidbError(
        f'materialized view {quoted_name(name)} could not be filled in "{target.name}": {first_line(error)}. '
        "When the cause is gone, the same command goes on"
    )


def analyze(target: Target, tables: Sequence[Name], room: Room) -> None:
    """Gather the planner's statistics of tables, unless an earlier run has done so.

    Raises:
        MultidbError: the database refuses.
    """
    if "analyze" in target.steps:
        return

    def work(name: Name) -> None:
        with target.session() as session:
            session.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*name)))

    try:
        with ThreadPoolExecutor(room.jobs, "multidb-analyze") as executor:
            try:
                for done in [executor.submit(work, name) for name in tables]:
                    done.result()
            except BaseException:
                target.interrupt()
                executor.shutdown(wait=False, cancel_futures=True)
                raise
        with target.journal.work(target.lead, ("analyze", "")):
            pass
    except psycopg.Error as error:
        raise MultidbError(f'"{target.name}" could not be analyzed: {first_line(error)}') from None
