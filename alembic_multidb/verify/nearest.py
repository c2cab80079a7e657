"""Searching for the vectors that are nearest: with an index, and exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.verify.settings import load_vector
from alembic_multidb.verify.side import raw
from alembic_multidb.verify.statements import Raw, rows
from alembic_multidb.verify.tables import quoted_name

NEAREST = 10
_BY_INDEX = {"enable_seqscan": "off", "enable_sort": "off", "enable_indexscan": "on"}
_EXACTLY = {"enable_seqscan": "on", "enable_sort": "on", "enable_indexscan": "off"}
_AS_BEFORE = dict.fromkeys(_BY_INDEX, "on")
# What the search of an index depends on, by its method.
_SETTINGS = {
    "hnsw": ("hnsw.ef_search", "hnsw.iterative_scan"),
    "ivfflat": ("ivfflat.probes", "ivfflat.iterative_scan"),
}


class NotUsedError(Exception):
    """The planner does not search with the index that is asked for."""


@dataclass(frozen=True)
class Index:
    """A vector index of one side.

    Attributes:
        facts: what it is, and how it is asked.
        beside: the names of all vector indexes of its table; a search takes one of them.
    """

    facts: dict[str, Any]
    beside: frozenset[str]

    @property
    def table(self) -> str:
        """Return its table, as SQL writes its name where that is needed."""
        return quoted_name((self.facts["schema"], self.facts["table"]))

    @property
    def expression(self) -> sql.Composable:
        """Return what is indexed, as PostgreSQL itself writes it."""
        return sql.SQL("({})").format(sql.SQL(self.facts["expression"]))

    @property
    def rows(self) -> sql.Composable:
        """Return the rows that are indexed."""
        condition = sql.SQL(self.facts["condition"] or "true")
        # Only of rows that are indexed can the expression be computed for sure.
        return sql.SQL("ONLY {0} WHERE ({1}) AND CASE WHEN ({1}) THEN {2} END IS NOT NULL").format(
            sql.Identifier(self.facts["schema"], self.facts["table"]), condition, self.expression
        )

    @property
    def flat(self) -> sql.Composable:
        """Return what is indexed, read once from where it is stored out of line."""
        if self.facts["flat_name"] is None:
            return self.expression
        read = sql.Identifier(self.facts["flat_schema"], self.facts["flat_name"])
        return sql.SQL("{}({}, -1, false)").format(read, self.expression)

    def distance(self, vector: str, indexed: sql.Composable | None = None) -> sql.Composable:
        """Return how far what is indexed is from a vector."""
        return sql.SQL("{} OPERATOR({}.{}) {}::{}").format(
            indexed or self.expression,
            sql.Identifier(self.facts["operator_schema"]),
            sql.SQL(self.facts["operator"]),
            sql.Literal(vector),
            sql.Identifier(self.facts["type_schema"], self.facts["type_name"]),
        )

    def nearest(self, vector: str) -> sql.Composed:
        """Return the search for the nearest, by their distances."""
        distance = self.distance(vector)
        return sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT {}").format(
            distance, self.rows, distance, sql.Literal(NEAREST)
        )

    def nearer(self, vectors: Sequence[str], bounds: Sequence[float]) -> sql.Composed:
        """Return the search for what is nearest to each vector and nearer than its bound, in one pass over the rows."""
        # Without OFFSET the planner would compute what is indexed once for each vector.
        return sql.SQL(
            "SELECT number, distance FROM (SELECT d.number, d.distance, pg_catalog.row_number() OVER (PARTITION BY "
            "d.number ORDER BY d.distance) AS rank FROM (SELECT {flat} AS v FROM {rows} OFFSET 0) AS r, "
            "LATERAL ROWS FROM (pg_catalog.unnest(ARRAY[{distances}]::float8[]), "
            "pg_catalog.unnest({bounds}::float8[])) WITH ORDINALITY AS d (distance, bound, number) "
            "WHERE d.distance < d.bound) AS ranked WHERE rank <= {nearest}"
        ).format(
            flat=self.flat,
            rows=self.rows,
            distances=sql.SQL(", ").join(self.distance(vector, sql.SQL("r.v")) for vector in vectors),
            bounds=sql.Literal([str(bound) for bound in bounds]),
            nearest=sql.Literal(NEAREST),
        )


@dataclass(frozen=True)
class Found:
    """What an index finds.

    Attributes:
        distances: of what was found, for each sample.
        settings: the settings that it was asked with.
    """

    distances: list[list[float]]
    settings: str

    @property
    def bounds(self) -> list[float]:
        """Return, for each sample, at what distance as many as are asked for are for sure."""
        return [max(found) if len(found) == NEAREST else math.inf for found in self.distances]

    def recall(self, exact: list[list[float]]) -> float:
        """Return which part of the nearest was found, given their distances."""
        # Others may be just as near: what counts is how near, not which ones.
        parts = [
            sum(distance <= nearest[-1] for distance in found) / len(nearest)
            for found, nearest in zip(self.distances, exact, strict=True)
            if nearest
        ]
        return sum(parts) / len(parts) if parts else 1.0


def take_samples(connection: Raw, index: Index, many: int) -> list[str]:
    """Return some of the indexed vectors, always the same ones, but none that is at no distance from anything."""
    statement = sql.SQL(
        "SELECT {vector}::text AS v FROM {rows} AND ctid = ANY (ARRAY(SELECT ctid FROM {rows} "
        "ORDER BY pg_catalog.md5(ctid::text) LIMIT {many}))"
    ).format(vector=index.expression, rows=index.rows, many=sql.Literal(many))
    return [row[0] for row in connection.execute(statement)]


def find_by_index(connection: Connection, index: Index, samples: list[str]) -> Found:
    """Search for each sample with the index.

    Raises:
        NotUsedError: PostgreSQL searches without it.
    """
    load_vector(connection)
    driver = raw(connection)
    settings = rows(
        driver,
        "SELECT pg_catalog.string_agg(n || '=' || pg_catalog.current_setting(n, true), ', ') AS words "
        "FROM pg_catalog.unnest(%s::text[]) AS n",
        list(_SETTINGS[index.facts["method"]]),
    )[0]["words"]
    _set(driver, _BY_INDEX)
    # How it searches does not depend on the vector.
    for vector in samples[:1]:
        plan = driver.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(index.nearest(vector))).fetchone()
        assert plan is not None
        if not index.beside & _index_names(plan[0]):
            raise NotUsedError("PostgreSQL searches without any vector index of the table")
    distances = [_numbers(driver, index.nearest(vector)) for vector in samples]
    _set(driver, _AS_BEFORE)
    return Found(distances, settings or "")


def _numbers(driver: Raw, statement: sql.Composed) -> list[float]:
    return [distance for (distance,) in driver.execute(statement) if distance == distance]


def _index_names(plan: Any) -> set[str]:
    """Return the indexes that a plan uses."""
    if isinstance(plan, list):
        return set().union(*map(_index_names, plan))
    if not isinstance(plan, dict):
        return set()
    return (
        {plan["Index Name"]} | _index_names(list(plan.values()))
        if "Index Name" in plan
        else _index_names(list(plan.values()))
    )


def _set(driver: Raw, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        driver.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))


def find_exactly(connection: Connection, index: Index, samples: list[str], bounds: list[float]) -> list[list[float]]:
    """Return the distances of the nearest of each sample, without any index.

    Args:
        connection: to the side of the rows.
        index: says what is indexed.
        samples: what is searched for.
        bounds: for each of them, at what distance :data:`NEAREST` rows are known to be; infinite if unknown.
    """
    load_vector(connection)
    driver = raw(connection)
    _set(driver, _EXACTLY)
    found = [
        [] if bound < math.inf else _numbers(driver, index.nearest(vector))
        for vector, bound in zip(samples, bounds, strict=True)
    ]
    numbers = [number for number, bound in enumerate(bounds) if bound < math.inf]
    if numbers:
        statement = index.nearer([samples[number] for number in numbers], [bounds[number] for number in numbers])
        for ordinal, distance in driver.execute(statement).fetchall():
            found[numbers[ordinal - 1]].append(distance)
        for number in numbers:
            found[number] = sorted(found[number]) + [bounds[number]] * (NEAREST - len(found[number]))
    _set(driver, _AS_BEFORE)
    return found
