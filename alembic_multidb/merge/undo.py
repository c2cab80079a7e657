"""What a merge has changed of the target's own is made as it was, before what came in is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import sql

from alembic_multidb.errors import MultidbError
from alembic_multidb.merge.model import Cast
from alembic_multidb.transfer.journal import Begun, Step
from alembic_multidb.transfer.session import Raw
from alembic_multidb.transfer.target import Target
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import quoted_name

CAST, CLEARED, KEY, REVISION = "cast:", "cleared:", "fk:", "revision:"

_COLUMN = """
    SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default,
           CASE WHEN a.attcollation <> t.typcollation
                THEN pg_catalog.format('%%I.%%I', n.nspname, c.collname) END AS collation
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
    WHERE a.attrelid = %s::pg_catalog.regclass AND a.attname = %s
"""


def way_back(session: Raw, cast: Cast) -> dict[str, Any]:
    """Return what is to be known of a column to give it its type again.

    Args:
        session: to the target, before the column gets another type.
        cast: the column.

    Returns:
        Its ``default`` and ``collation`` as SQL, and whether every value comes back as it was (``is_exact``): a text
        that a type writes otherwise does not.
    """
    (column,) = rows(session, _COLUMN, quoted_name(cast.table), cast.column)
    statement = sql.SQL(
        'SELECT EXISTS (SELECT FROM {t} WHERE {c}::pg_catalog.text COLLATE "C" '
        '<> ({c}::pg_catalog.text::{n}::pg_catalog.text::{o})::pg_catalog.text COLLATE "C") AS differs'
    ).format(t=sql.Identifier(*cast.table), c=sql.Identifier(cast.column), n=sql.SQL(cast.new), o=sql.SQL(cast.old))
    return {**column, "is_exact": not rows(session, statement)[0]["differs"]}


def undo(target: Target, begun: Begun, place: str) -> list[str]:
    """Take back what was changed of the target's own: keys, types, the revision that was written.

    Args:
        target: taken over.
        begun: what the merge has left.
        place: what the target is called.

    Returns:
        What is left to be done by hand, as lines to read.

    Raises:
        MultidbError: rows were deleted or nulled, or values have lost how they were written; nothing was changed.
    """
    target.read_steps()
    own = {tuple(name) for name in begun.before.get("relations", ())}
    steps = {key: step for key, step in target.steps.items() if tuple(step.facts.get("table", ())) in own}
    if reasons := list(_lost(steps)):
        raise MultidbError(
            f'"{place}" cannot be made as it was: {"; ".join(reasons)}. Nothing was taken back: the same command '
            "without --abort goes on to the end; the way back from there is a backup from before the merge"
        )
    for kind, work in ((KEY, _drop_key), (CAST, _cast_back)):
        for key, step in steps.items():
            if key.startswith(kind):
                with target.lead.transaction():
                    target.journal.fence(target.lead)
                    work(target.lead, step.facts)
                    target.journal.forget(target.lead, key)
    files = []
    for key, step in target.done(REVISION).items():
        with target.lead.transaction():
            _set_revisions(target.lead, step.facts)
            target.journal.forget(target.lead, key)
        files.append(f"revision {step.facts['revision']}, which was written for it, is a file to be deleted")
    return files


def _lost(steps: Mapping[str, Step]) -> Iterator[str]:
    for key, step in steps.items():
        facts = step.facts
        if key.startswith(CLEARED):
            yield f"{facts['rows']} rows of {quoted_name(facts['table'])} were changed or deleted ({facts['file']})"
        if key.startswith(CAST) and not facts.get("is_exact"):
            yield f"not every value of {quoted_name((*facts['table'], facts['column']))} would be written as it was"


def _drop_key(session: Raw, facts: Mapping[str, Any]) -> None:
    statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}")
    session.execute(statement.format(sql.Identifier(*facts["table"]), sql.Identifier(facts["name"])))


def _cast_back(session: Raw, facts: Mapping[str, Any]) -> None:
    table, column, old = sql.Identifier(*facts["table"]), sql.Identifier(facts["column"]), sql.SQL(facts["old"])
    default, collation = facts["default"], facts["collation"]
    if default is not None:
        session.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT").format(table, column))
    session.execute(
        sql.SQL("ALTER TABLE {t} ALTER COLUMN {c} TYPE {o} {collate} USING {c}::pg_catalog.text::{o}").format(
            t=table, c=column, o=old, collate=sql.SQL(f"COLLATE {collation}" if collation is not None else "")
        )
    )
    if default is not None:
        statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}")
        session.execute(statement.format(table, column, sql.SQL(default)))


def _set_revisions(session: Raw, facts: Mapping[str, Any]) -> None:
    table = sql.Identifier(*facts["version_table"])
    session.execute(sql.SQL("DELETE FROM {}").format(table))
    for revision in facts["before"]:
        session.execute(sql.SQL("INSERT INTO {} (version_num) VALUES ({})").format(table, sql.Literal(revision)))
