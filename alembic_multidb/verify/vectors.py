"""How well each vector index finds the ten nearest, on both sides: against an exact search, for stored vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from alembic_multidb.env.connect import first_line
from alembic_multidb.verify.homes import Wanted
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.reader import Sides
from alembic_multidb.verify.report import Finding, Recall
from alembic_multidb.verify.settings import load_vector
from alembic_multidb.verify.side import Side, Unreadable, raw
from alembic_multidb.verify.statements import Raw, query, rows
from alembic_multidb.verify.tables import quoted_name

NEAREST = 10
# So many times the samples are taken before a recall is said to be too low.
_SURE = 5

_BY_INDEX = {"enable_seqscan": "off", "enable_sort": "off", "enable_indexscan": "on"}
_EXACTLY = {"enable_seqscan": "on", "enable_sort": "on", "enable_indexscan": "off"}
_AS_BEFORE = dict.fromkeys(_BY_INDEX, "on")
# What the search of an index depends on, by its method.
_SETTINGS = {
    "hnsw": ("hnsw.ef_search", "hnsw.iterative_scan"),
    "ivfflat": ("ivfflat.probes", "ivfflat.iterative_scan"),
}


class _NotUsedError(Exception):
    """The planner does not search with the index that is asked for."""


@dataclass(frozen=True)
class _Index:
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

    def distance(self, vector: str) -> sql.Composable:
        """Return how far what is indexed is from a vector."""
        return sql.SQL("{} OPERATOR({}.{}) {}::{}").format(
            self.expression,
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


def compare_recall(
    sides: Sides, wanted: Wanted, options: VerifyOptions, equal: Collection[str] = ()
) -> tuple[list[Recall], list[Finding]]:
    """Search for sampled vectors on both sides, by index and exactly.

    Args:
        sides: source and target.
        wanted: which tables belong to the target.
        options: how many samples, and by how much the target's recall may be lower.
        equal: tables that hold the same rows on both sides: what is nearest needs to be looked for once.

    Returns:
        What each index finds, and what was found wrong.
    """
    source, target = (_read(side, wanted) for side in (sides.source, sides.target))
    recalls: list[Recall] = []
    findings: list[Finding] = []
    for name in sorted(source.keys() & target.keys()):
        try:
            are_equal = source[name].table == target[name].table and source[name].table in equal
            found = _compare(sides, source[name], target[name], options.recall_samples, are_equal=are_equal)
            if any(_findings(found, options)):
                # No two builds of an index are the same: few samples may say so where many do not.
                many = options.recall_samples * _SURE
                found = _compare(sides, source[name], target[name], many, are_equal=are_equal)
        except (_NotUsedError, *Unreadable) as error:
            findings.append(_unmeasured(name, error))
            continue
        recalls += [found] if found.samples else []
        findings += _findings(found, options)
    return recalls, findings


def compare_recall_with_evidence(
    side: Side, wanted: Wanted, options: VerifyOptions, before: Sequence[Recall]
) -> tuple[list[Recall], list[Finding]]:
    """Search for sampled vectors again, by index and exactly; an index that is gone is the schema's matter.

    Args:
        side: where.
        wanted: which tables belong to it.
        options: how many samples, and by how much a recall may be lower.
        before: what the indexes found when the evidence was taken.

    Returns:
        What each index found then and finds now, and what was found wrong.
    """
    indexes = _read(side, wanted)
    recalls: list[Recall] = []
    findings: list[Finding] = []
    for then in before:
        if then.index not in indexes:
            continue
        try:
            found = _again(side, indexes[then.index], then, options.recall_samples)
            if any(_findings(found, options)):
                found = _again(side, indexes[then.index], then, options.recall_samples * _SURE)
        except (_NotUsedError, *Unreadable) as error:
            findings.append(_unmeasured(then.index, error))
            continue
        recalls.append(found)
        findings += _findings(found, options, ("now", "when the evidence was taken"))
    return recalls, findings


def _again(side: Side, index: _Index, then: Recall, many: int) -> Recall:
    samples = side.run(lambda connection: _samples(raw(connection), index, many)).result()
    recall, settings = side.run(lambda connection: _measure(connection, index, samples)).result()
    recalls, all_settings = (then.recalls[1], recall), (then.settings[1], settings)
    return Recall(index=then.index, samples=len(samples), recalls=recalls, settings=all_settings)


def _unmeasured(name: str, error: Exception) -> Finding:
    words = str(error) if isinstance(error, _NotUsedError) else first_line(error)
    message = f"the recall of index {name} could not be measured: {words}"
    return Finding(kind="recall", object=name, what="unknown", message=message)


def _findings(
    found: Recall, options: VerifyOptions, places: tuple[str, str] = ("in the target", "in the source")
) -> Iterator[Finding]:
    one, other = found.recalls
    if found.samples and one - other > options.recall_tolerance:
        yield Finding(
            kind="recall",
            object=found.index,
            what="different",
            message=f"index {found.index} finds {other:.1%} of the {NEAREST} nearest {places[0]} "
            f"({found.settings[1]}), {one:.1%} {places[1]} ({found.settings[0]})",
        )


def _read(side: Side, wanted: Wanted) -> dict[str, _Index]:
    found = side.ask(query("vector_indexes")).result()
    return {
        row["index"]: _Index(row, frozenset(each["name"] for each in found if _table(each) == _table(row)))
        for row in found
        if wanted.home((row["root_schema"], row["root_table"])) == wanted.database.name
        and not wanted.options.excludes({"index"}, row["index"])
    }


def _table(row: dict[str, Any]) -> tuple[str, str]:
    return row["schema"], row["table"]


def _compare(sides: Sides, source: _Index, target: _Index, many: int, *, are_equal: bool) -> Recall:
    samples = sides.start(False, lambda connection: _samples(connection, source, many)).result()
    exact = _exact_on_both(sides, source, target, samples) if are_equal else None
    one = sides.source.run(lambda connection: _measure(connection, source, samples, exact))
    other = sides.target.run(lambda connection: _measure(connection, target, samples, exact))
    (recall, settings), (recall_there, settings_there) = one.result(), other.result()
    return Recall(
        index=source.facts["index"],
        samples=len(samples),
        recalls=(recall, recall_there),
        settings=(settings, settings_there),
    )


def _exact_on_both(sides: Sides, source: _Index, target: _Index, samples: list[str]) -> list[list[float]]:
    """Return the nearest of each sample; where both sides hold the same rows, each looks for half of them."""
    one = sides.source.run(lambda connection: _exact(connection, source, samples[::2]))
    other = sides.target.run(lambda connection: _exact(connection, target, samples[1::2]))
    found: list[list[float]] = [[] for _ in samples]
    found[::2], found[1::2] = one.result(), other.result()
    return found


def _exact(connection: Connection, index: _Index, samples: list[str]) -> list[list[float]]:
    """Return the distances of the nearest of each sample."""
    load_vector(connection)
    found = [_distances(raw(connection), index, vector, _EXACTLY) for vector in samples]
    _set(raw(connection), _AS_BEFORE)
    return found


def _samples(connection: Raw, index: _Index, many: int) -> list[str]:
    """Return some of the indexed vectors, always the same ones, but none that is at no distance from anything."""
    statement = sql.SQL(
        "SELECT {vector}::text AS v FROM {rows} AND ctid = ANY (ARRAY(SELECT ctid FROM {rows} "
        "ORDER BY pg_catalog.md5(ctid::text) LIMIT {many}))"
    ).format(vector=index.expression, rows=index.rows, many=sql.Literal(many))
    return [row[0] for row in connection.execute(statement)]


def _measure(
    connection: Connection, index: _Index, samples: list[str], nearest: list[list[float]] | None = None
) -> tuple[float, str]:
    """Return which part of the nearest the index finds, and the settings that it was asked with.

    Args:
        connection: to the side of the index.
        index: the index.
        samples: what is searched for.
        nearest: the distances of the nearest of each, if they are known already.
    """
    load_vector(connection)
    driver = raw(connection)
    settings = rows(
        driver,
        "SELECT pg_catalog.string_agg(n || '=' || pg_catalog.current_setting(n, true), ', ') AS words "
        "FROM pg_catalog.unnest(%s::text[]) AS n",
        list(_SETTINGS[index.facts["method"]]),
    )[0]["words"]
    parts = []
    for vector, exact in zip(samples, nearest or _exact(connection, index, samples), strict=True):
        found = _distances(driver, index, vector, _BY_INDEX)
        if exact:
            # Others may be just as near: what counts is how near, not which ones.
            parts.append(sum(distance <= exact[-1] for distance in found) / len(exact))
    _set(driver, _AS_BEFORE)
    return (sum(parts) / len(parts) if parts else 1.0), settings or ""


def _distances(driver: Raw, index: _Index, vector: str, settings: dict[str, str]) -> list[float]:
    _set(driver, settings)
    statement = index.nearest(vector)
    if settings is _BY_INDEX:
        plan = driver.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(statement)).fetchone()
        assert plan is not None
        if not index.beside & _index_names(plan[0]):
            raise _NotUsedError("PostgreSQL searches without any vector index of the table")
    distances = [row[0] for row in driver.execute(statement)]
    return [distance for distance in distances if distance == distance]


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
