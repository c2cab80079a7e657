"""What is not at home is dropped from a clone, and then everything is counted: what stays is what was planned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.catalog.objects import LiveObject, read_objects
from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.checks.finding import shortened
from alembic_multidb.env.connect import first_line
from alembic_multidb.errors import MultidbError
from alembic_multidb.split.model import Plan
from alembic_multidb.transfer.drop import drop_objects
from alembic_multidb.transfer.session import Raw, raw
from alembic_multidb.verify.statements import rows

_AT_ONCE = 200
# These would do something at every other statement, or run in two databases.
_FIRST = ("event trigger", "publication", "user mapping")
# These may stand in circles with functions, and go before their tables.
_LOOSE = ("policy", "rule", "trigger")
_PARTS = ("table constraint", "domain constraint", "index", "statistics object")
_STATEMENTS = """
    SELECT 'pg_event_trigger' AS catalog, e.oid, NULL AS owner_catalog, 0::oid AS owner,
           format('DROP EVENT TRIGGER %I', e.evtname) AS statement
    FROM pg_event_trigger AS e
    UNION ALL
    SELECT 'pg_publication', p.oid, NULL, 0, format('DROP PUBLICATION %I', p.pubname) FROM pg_publication AS p
    UNION ALL
    SELECT 'pg_user_mapping', m.umid, NULL, 0,
           format('DROP USER MAPPING FOR %s SERVER %I',
                  CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(m.umuser)) END, m.srvname)
    FROM pg_user_mappings AS m
    UNION ALL
    SELECT 'pg_policy', p.oid, 'pg_class', p.polrelid, format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass)
    FROM pg_policy AS p
    UNION ALL
    SELECT 'pg_rewrite', r.oid, 'pg_class', r.ev_class, format('DROP RULE %I ON %s', r.rulename, r.ev_class::regclass)
    FROM pg_rewrite AS r
    UNION ALL
    SELECT 'pg_trigger', t.oid, 'pg_class', t.tgrelid, format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
    FROM pg_trigger AS t
    UNION ALL
    SELECT 'pg_constraint', k.oid, 'pg_class', k.conrelid,
           format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
    FROM pg_constraint AS k WHERE k.conrelid <> 0
    UNION ALL
    SELECT 'pg_constraint', k.oid, 'pg_type', k.contypid,
           format('ALTER DOMAIN %s DROP CONSTRAINT %I', k.contypid::regtype, k.conname)
    FROM pg_constraint AS k WHERE k.contypid <> 0
    UNION ALL
    SELECT 'pg_class', i.indexrelid, 'pg_class', i.indrelid, format('DROP INDEX %s', i.indexrelid::regclass)
    FROM pg_index AS i
    UNION ALL
    SELECT 'pg_statistic_ext', s.oid, 'pg_class', s.stxrelid,
           format('DROP STATISTICS %I.%I', n.nspname, s.stxname)
    FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace
"""
_OWNED = """
    SELECT format('ALTER SEQUENCE %%s OWNED BY NONE', d.objid::regclass) AS statement
    FROM pg_depend AS d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
      AND d.objid = ANY (%s::oid[]) AND d.refobjid = ANY (%s::oid[])
"""
# What a server that crashed has left of its sessions; in a clone no session has anything of its own.
_TEMPORARY = """
    SELECT format('DROP SCHEMA %I CASCADE', n.nspname) AS statement FROM pg_namespace AS n
    WHERE n.nspname ~ '^pg_temp_[0-9]+$' AND n.oid <> pg_my_temp_schema()
      AND EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)
"""
_TABLES = "SELECT count(*) AS number FROM pg_class WHERE relkind = 'r' AND oid = ANY (%s::oid[])"
_LARGE_OBJECTS = "SELECT count(lo_unlink(m.oid)) AS done FROM (SELECT oid FROM pg_largeobject_metadata LIMIT 1000) AS m"


@dataclass(frozen=True)
class Dropped:
    """What was dropped from a clone.

    Attributes:
        objects: how many.
        tables: how many tables stay.
        large_objects: how many large objects stay.
    """

    objects: int
    tables: int
    large_objects: int


def drop_foreign(connection: Connection, plan: Plan, database: str) -> Dropped:
    """Drop from a clone what has no home in a database, without CASCADE on tables, types and extensions.

    Args:
        connection: to the clone, outside of any transaction, whose login may drop everything.
        plan: what is at home where; objects have the same numbers in a clone.
        database: whose home the clone becomes.

    Raises:
        MultidbError: something cannot be dropped, or the source was changed since the plan was made.
    """
    _drop_temporary(connection)
    before = _read(connection)
    home = {item.node for item in plan.objects if database in item.homes and item.type != "large object"}
    _refuse_changed(before, plan, home)
    gone = [item for item in before if item.node not in home]
    try:
        _loosen(raw(connection), gone, home)
        rest = [item for item in gone if item.type not in (*_FIRST, *_LOOSE)]
        drop_objects(raw(connection), rest, breaks_circles=True)
        large = _large_objects(connection, plan, database)
    except psycopg.Error as error:
        raise MultidbError(f'what is not at home in "{database}" could not be dropped: {first_line(error)}') from None
    after = {item.node for item in _read(connection)}
    if after != home & {item.node for item in before}:
        wrong = [f"{item.type} {item.identity}" for item in before if (item.node in after) != (item.node in home)]
        raise MultidbError(
            f'after dropping what is not at home in "{database}", the clone does not hold what was planned: '
            f"{shortened(wrong)}. It is given up; --method stream needs no clone"
        )
    return Dropped(len(gone), _count_tables(raw(connection), home), large)


def _count_tables(connection: Raw, home: Collection[ObjectId]) -> int:
    """Count the tables that hold rows of their own, as a split by stream does."""
    with connection.transaction():
        return int(rows(connection, _TABLES, [node.oid for node in home if node.catalog == "pg_class"])[0]["number"])


def _drop_temporary(connection: Connection) -> None:
    driver = raw(connection)
    try:
        with driver.transaction():
            for row in rows(driver, _TEMPORARY):
                driver.execute(row["statement"].encode())
    except psycopg.Error as error:
        raise MultidbError(
            f"what sessions of a server that crashed have left could not be dropped from the clone: {first_line(error)}"
        ) from None


def _read(connection: Connection) -> list[LiveObject]:
    with connection.begin():
        connection.exec_driver_sql("SET LOCAL search_path = ''")
        return read_objects(connection)


def _refuse_changed(before: Collection[LiveObject], plan: Plan, home: Collection[ObjectId]) -> None:
    planned = {item.node for item in plan.objects}
    there = {item.node for item in before}
    new = [f"{item.type} {item.identity}" for item in before if item.node not in planned]
    lost = [item.name for item in plan.objects if item.node in home and item.node not in there]
    if new or lost:
        raise MultidbError(
            f"the source's schema was changed after the plan was made: {shortened([*new, *lost])}. Nothing was changed "
            "in the targets; run it again"
        )


def _loosen(connection: Raw, gone: Collection[LiveObject], home: Collection[ObjectId]) -> None:
    """Drop what acts by itself, what may stand in circles, and what stands on that which stays; free sequences."""
    going = {item.node for item in gone}
    tables = [node.oid for node in going if node.catalog == "pg_class"]
    kept = [node.oid for node in home if node.catalog == "pg_class"]
    with connection.transaction():
        connection.execute("SET LOCAL search_path = ''")
        found = {(row["catalog"], row["oid"]): row for row in rows(connection, _STATEMENTS)}
        owned = rows(connection, _OWNED, kept, tables)
    statements = []
    for kind in (*_FIRST, *_LOOSE, *_PARTS):
        for item in gone:
            row = found.get((item.node.catalog, item.node.oid)) if item.type == kind else None
            goes_along = row is not None and (row["owner_catalog"], row["owner"]) in going and kind in _PARTS
            if row is not None and not goes_along:
                statements.append(row["statement"])
    statements += [row["statement"] for row in owned]
    for start in range(0, len(statements), _AT_ONCE):
        with connection.transaction():
            connection.execute("SET LOCAL search_path = ''")
            for statement in statements[start : start + _AT_ONCE]:
                connection.execute(statement.encode())


def _large_objects(connection: Connection, plan: Plan, database: str) -> int:
    """Drop all large objects, unless this database gets them; return how many stay."""
    driver = raw(connection)
    number = rows(driver, "SELECT count(*) AS number FROM pg_largeobject_metadata")[0]["number"]
    driver.rollback()
    stays = any(item.type == "large object" and database in item.homes for item in plan.objects)
    if stays or not number:
        return int(number)
    done = 1
    while done:
        with driver.transaction():
            done = rows(driver, _LARGE_OBJECTS)[0]["done"]
    driver.autocommit = True
    driver.execute(sql.SQL("VACUUM pg_catalog.pg_largeobject, pg_catalog.pg_largeobject_metadata"))
    driver.autocommit = False
    return 0
