"""Autogenerate with 1,000 foreign tables beside 50 own ones, against a name-list `include_object`.

    python -m tests.benchmarks.autogenerate [ROUNDS]

In process, on one server; the two run in turn. Bound: 0.1.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, ForeignKey, Integer, MetaData, String, Table, create_engine

from alembic_multidb import Database, Databases
from tests.servers import embedded_18, running_server

OWN, FOREIGN = 50, 1000


def make_metadata() -> MetaData:
    """Return the models: each table with a few columns, an index and a foreign key inside its home."""
    metadata = MetaData()
    for prefix, count in (("own", OWN), ("foreign", FOREIGN)):
        for number in range(count):
            Table(
                f"{prefix}_{number}",
                metadata,
                Column("id", Integer, primary_key=True),
                Column("name", String(50), index=True),
                Column("parent_id", Integer, ForeignKey(f"{prefix}_{max(number - 1, 0)}.id")),
                *(Column(f"c{column}", String(20)) for column in range(8)),
            )
    return metadata


def measure(connection: Connection, metadata: MetaData, **options: Any) -> float:
    """Time one comparison, which must find nothing."""
    connection.rollback()
    start = time.perf_counter()
    context = MigrationContext.configure(connection, opts=options)
    differences = compare_metadata(context, metadata)
    elapsed = time.perf_counter() - start
    assert differences == [], differences[:3]
    return elapsed


def by_name_list(object_: Any, name: str, type_: str, reflected: bool, compare_to: Any) -> bool:
    """Decide as hand-written env.py files do."""
    table = name if type_ == "table" else object_.table.name
    return table.startswith("own_")


def main(rounds: int) -> None:
    """Create all tables in one database and compare the two ways."""
    metadata = make_metadata()

    def declare() -> Databases:
        return Databases(
            Database("core", metadata=metadata, tables=["own_*"]),
            Database("other", metadata=metadata, default=True),
        )

    with running_server(embedded_18()) as server:
        url = server.create_database("autogenerate").replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url)
        for start in range(0, OWN + FOREIGN, 100):  # few locks a transaction
            metadata.create_all(engine, tables=metadata.sorted_tables[start : start + 100])

        def ours() -> float:
            begin = time.perf_counter()
            home = declare()["core"]  # the registry and the derived MetaData are part of the price
            derived, built = home.metadata, time.perf_counter() - begin
            hooks: dict[str, Callable[..., Any]] = {
                "include_name": home.include_name,
                "include_object": home.include_object,
            }
            return built + measure(connection, derived, **hooks)

        with engine.connect() as connection:
            ours(), measure(connection, metadata, include_object=by_name_list)
            measured = [(ours(), measure(connection, metadata, include_object=by_name_list)) for _ in range(rounds)]
        engine.dispose()
    medians = [statistics.median(column) for column in zip(*measured, strict=True)]
    ratio = statistics.median(first / second for first, second in measured)
    print(
        f"{OWN} own tables beside {FOREIGN} foreign ones: {medians[0]:.3f} s, name list {medians[1]:.3f} s, "
        f"median of {rounds} ratios {ratio:.3f} (bound 0.1)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
