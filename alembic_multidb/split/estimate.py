"""How large everything is, and what it will take: rough numbers, to plan an evening by."""

from __future__ import annotations

from collections import defaultdict

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.split.model import Estimate, PlannedObject, TableSize, VectorBuild, Way
from alembic_multidb.split.objects import Objects

# Bytes in a second over one connection on common hardware: rows by COPY, and indexes that are sorted.
_COPY_RATE, _INDEX_RATE = 80 * 2**20, 60 * 2**20
# Bytes in a second as files, and seconds for each object that is dropped or looked at.
_FILE_RATE, _PER_OBJECT = 150 * 2**20, 0.001
# Vectors that one process puts into a graph in a second, for 1536 dimensions, as long as the graph is in memory.
_GRAPH_RATE = 500
_GRAPH_DIMENSIONS = 1536
# What a row of a graph takes beside its vector with 16 neighbours; measured, and growing with them.
_GRAPH_ROW, _GRAPH_NEIGHBOURS = 740, 16
_BYTES_OF = {"vector": 4.0, "halfvec": 2.0, "bit": 1 / 8, "sparsevec": 8.0}


def table_sizes(objects: Objects) -> tuple[TableSize, ...]:
    """Return the sizes of the tables that go somewhere, their partitions counted with them, largest first."""
    leaves: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    for item in objects.planned:
        if item.type in ("table", "materialized view") and item.treatment == "home":
            leaves[objects.owner(item.node)].append(item.node)
    planned = {item.node: item for item in objects.planned}
    sizes = [_size(objects, planned[root], nodes) for root, nodes in leaves.items() if root in planned]
    return tuple(sorted(sizes, key=lambda size: (-size.bytes - size.index_bytes, size.table)))


def _size(objects: Objects, root: PlannedObject, nodes: list[ObjectId]) -> TableSize:
    found = [objects.survey.sizes[node.oid] for node in nodes if node.oid in objects.survey.sizes]
    known = [row.rows for row in found if row.rows >= 0]
    return TableSize(
        table=root.identity,
        home=root.homes[0],
        rows=sum(known) if len(known) == len(found) else None,
        bytes=sum(row.bytes for row in found),
        index_bytes=sum(row.index_bytes for row in found),
    )


def vector_builds(objects: Objects) -> tuple[VectorBuild, ...]:
    """Return the indexes of pgvector that are built again, with the memory that each wants."""
    found = []
    for row in objects.survey.vector_indexes:
        node = ObjectId("pg_class", row.oid)
        homes = objects.homes_of(node)
        if not objects.is_carried(node) or not homes:
            continue
        found.append(
            VectorBuild(
                index=objects.names.get(node, f"index of {objects.names.get(objects.owner(node), 'a partition')}"),
                home=min(homes),
                method=row.method,
                rows=max(row.rows, 0),
                dimensions=row.dimensions,
                memory=graph_memory(max(row.rows, 0), row.dimensions, row.type, row.m or _GRAPH_NEIGHBOURS)
                if row.method == "hnsw"
                else 0,
            )
        )
    return tuple(sorted(found, key=lambda build: build.index))


def graph_memory(rows: int, dimensions: int, type_: str = "vector", neighbours: int = _GRAPH_NEIGHBOURS) -> int:
    """Return the bytes that a graph of so many vectors takes while it is built.

    Args:
        rows: how many vectors.
        dimensions: of each.
        type_: vector, halfvec, bit or sparsevec.
        neighbours: the index's ``m``.
    """
    vector = _BYTES_OF.get(type_, 4.0) * dimensions + 8
    return round(rows * (vector + _GRAPH_ROW * neighbours / _GRAPH_NEIGHBOURS))


def estimates(
    databases: tuple[str, ...], sizes: tuple[TableSize, ...], builds: tuple[VectorBuild, ...]
) -> tuple[Estimate, ...]:
    """Return what each database will take: disk, time and memory."""
    return tuple(_estimate(name, sizes, builds) for name in databases)


def ways(objects: Objects, each: tuple[Estimate, ...]) -> tuple[Way, ...]:
    """Return what each method will take.

    Args:
        objects: the source's.
        each: what each database will take row by row.
    """
    size = sum(row.bytes + row.index_bytes for row in objects.survey.sizes.values())
    seconds = len(each) * (size / _FILE_RATE + len(objects.planned) * _PER_OBJECT)
    return (
        Way(
            method="stream",
            seconds=sum(item.seconds for item in each),
            bytes=sum(item.bytes for item in each),
            needs="works between any servers, while the source is used",
        ),
        Way(
            method="template",
            seconds=round(seconds),
            bytes=len(each) * size,
            needs="needs all databases on one server, and nobody connected to the source for that time",
        ),
    )


def _estimate(name: str, sizes: tuple[TableSize, ...], builds: tuple[VectorBuild, ...]) -> Estimate:
    own = [size for size in sizes if size.home == name]
    graphs = [build for build in builds if build.home == name]
    seconds = sum(size.bytes for size in own) / _COPY_RATE + sum(size.index_bytes for size in own) / _INDEX_RATE
    seconds += sum(build.rows * max(build.dimensions, 1) / _GRAPH_DIMENSIONS / _GRAPH_RATE for build in graphs)
    return Estimate(
        database=name,
        tables=len(own),
        rows=sum(size.rows or 0 for size in own),
        bytes=sum(size.bytes + size.index_bytes for size in own),
        seconds=round(seconds),
        memory=max((build.memory for build in graphs), default=0),
    )


def lists_memory(rows: int, dimensions: int, type_: str, lists: int) -> int:
    """Return the bytes that sorting so many vectors into lists takes: a sample of them, and its distances to all lists.

    Args:
        rows: how many vectors.
        dimensions: of each.
        type_: vector, halfvec or bit.
        lists: the index's ``lists``.
    """
    # Room for the whole sample is taken, however few rows there are to fill it.
    sample = max(50 * lists, 10_000)
    vector = _BYTES_OF.get(type_, 4.0) * dimensions + 8
    distances = 4 * lists * min(sample, max(rows, 1))
    return round(1.2 * (sample * vector + distances + lists * (3 * vector + 4 * lists))) + 2**20
