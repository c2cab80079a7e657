"""What goes along when rows are deleted: the rows that foreign keys delete or change with them, and those in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from alembic_multidb.transfer.session import Raw
from alembic_multidb.verify.statements import rows
from alembic_multidb.verify.tables import Name, quoted_name

PRIMARY_KEY = """
    SELECT a.attname AS name FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = %s::pg_catalog.regclass AND i.indisprimary ORDER BY a.attnum
"""
# The keys that point at a table and do something to rows that point at one that is deleted.
_KEYS = """
    SELECT k.conname AS name, k.confdeltype::text AS action, n.nspname AS schema, c.relname AS table,
           ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS x (number, place)
                 JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = x.number
                 ORDER BY x.place)::text[] AS columns,
           ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS x (number, place)
                 JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = x.number
                 ORDER BY x.place)::text[] AS target_columns
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confdeltype IN ('c', 'n', 'd')
      AND k.confrelid = ANY (SELECT %s::pg_catalog.regclass::oid UNION ALL
                             SELECT pg_catalog.pg_partition_ancestors(%s::pg_catalog.regclass)::oid)
    ORDER BY 3, 4, 1
"""
_ACTIONS = {"c": "delete", "n": "null", "d": "default"}

# A row's table, by number, and where it stands in it.
Spot = tuple[int, str]


@dataclass(frozen=True)
class Gone:
    """A row that is deleted or changed.

    Attributes:
        table: schema and name of its table, the outermost one.
        reference: the name of the foreign key because of which.
        action: delete, null or default.
        key: its primary key, or where it stands.
        values: of the columns that point.
        spot: where it stands.
    """

    table: Name
    reference: str
    action: str
    key: dict[str, Any]
    values: dict[str, Any]
    spot: Spot

    def to_data(self) -> dict[str, Any]:
        """Return it as a line of the file has it."""
        return {
            "table": quoted_name(self.table),
            "reference": self.reference,
            "action": self.action,
            "key": self.key,
            "values": self.values,
        }


def chosen(
    session: Raw, table: Name, columns: Sequence[str], where: sql.Composed, *, reference: str, action: str
) -> list[Gone]:
    """Return the rows of a table, as ``t``, that a condition chooses; they are locked.

    Args:
        session: in a transaction.
        table: schema and name.
        columns: that point.
        where: the condition.
        reference: the foreign key because of which.
        action: what becomes of them.
    """
    key = [row["name"] for row in rows(session, PRIMARY_KEY, quoted_name(table))]
    texts = [
        sql.SQL("t.{}::pg_catalog.text AS {}").format(sql.Identifier(name), sql.Identifier(f"{letter}{place}"))
        for letter, names in (("k", key), ("v", columns))
        for place, name in enumerate(names)
    ]
    statement = sql.SQL("SELECT {} FROM {} AS t WHERE {} FOR UPDATE").format(
        sql.SQL(", ").join([sql.SQL("t.tableoid::int8 AS oid"), sql.SQL("t.ctid::pg_catalog.text AS ctid"), *texts]),
        sql.Identifier(*table),
        where,
    )
    return [
        Gone(
            table=table,
            reference=reference,
            action=action,
            key={name: row[f"k{place}"] for place, name in enumerate(key)} or {"ctid": row["ctid"]},
            values={name: row[f"v{place}"] for place, name in enumerate(columns)},
            spot=(row["oid"], row["ctid"]),
        )
        for row in rows(session, statement)
    ]


def going_along(session: Raw, deleted: Sequence[Gone]) -> Iterator[Gone]:
    """Yield the rows that foreign keys delete or change when rows are deleted, and those that go with these.

    Args:
        session: in the transaction in which they will be deleted, with the ``search_path`` of their types.
        deleted: the rows, all of one table.
    """
    seen = {row.spot for row in deleted}
    pending = [list(deleted)]
    while pending:
        some = pending.pop()
        name = quoted_name(some[0].table)
        for key in rows(session, _KEYS, name, name):
            found = [row for row in _pointing(session, some, key) if row.spot not in seen]
            yield from found
            if key["action"] == "c" and found:
                seen |= {row.spot for row in found}
                pending.append(found)


def _pointing(session: Raw, gone: Sequence[Gone], key: dict[str, Any]) -> list[Gone]:
    same = [
        sql.SQL("t.{} = p.{}").format(sql.Identifier(name), sql.Identifier(target))
        for name, target in zip(key["columns"], key["target_columns"], strict=True)
    ]
    where = sql.SQL(
        "EXISTS (SELECT FROM {} AS p JOIN unnest({}::oid[], {}::pg_catalog.tid[]) AS s (oid, spot) "
        "ON p.tableoid = s.oid AND p.ctid = s.spot WHERE {})"
    ).format(
        sql.Identifier(*gone[0].table),
        sql.Literal([row.spot[0] for row in gone]),
        sql.Literal([row.spot[1] for row in gone]),
        sql.SQL(" AND ").join(same),
    )
    table, action = (key["schema"], key["table"]), _ACTIONS[key["action"]]
    return chosen(session, table, key["columns"], where, reference=key["name"], action=action)
