"""Generated DDL: whatever differs, its statements make one schema the other, and back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError

from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import read_snapshot
from alembic_multidb.stamp.ddl.schema import Schema
from alembic_multidb.stamp.ddl.statements import Statements, statements
from alembic_multidb.stamp.write import as_python
from tests.conftest import NewDatabase
from tests.integration.snapshot_cases import COUNTED
from tests.integration.test_snapshot import NAME, build, connected
from tests.servers import Server


@pytest.fixture(scope="session")
def rich_url(server: Server) -> str:
    """The rich schema on PostgreSQL 18."""
    name = f"{NAME}_ddl"
    build(server, name, "rich", "rich_vector", "rich_18")
    return server.url(name)


def read(connection: Connection) -> Schema:
    return Schema.read(connection, read_snapshot(connection))


def run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def left_after(connection: Connection, before: Schema, after: Schema) -> list[str]:
    """Run the statements on a database with one schema; return what still differs from the other."""
    made = statements(before, after)
    for statement in [*made.first, *made.rest]:
        try:
            run(connection, statement)
        except DBAPIError as error:
            return [f"{error.orig} IN {statement} OF " + ";\n".join(made.rest)]
    found = difference(after.snapshot, read_snapshot(connection))
    return [str(item) for item in found if not item.is_reported]


# What is left to people: no statement is known for these, or they would lose rows.
LEFT = frozenset(
    {
        *("order of parents", "detached", "partition key", "invalid index", "operator family", "conversion"),
        *("server", "server missing", "wrapper's option", "text search", "text search mapping"),
        *("text search dictionary", "text search template"),
        *("matview column's statistics", "matview's toast option"),
    }
)


@pytest.mark.parametrize(("name", "plant"), [case[:2] for case in COUNTED], ids=[case[0] for case in COUNTED])
def test_makes_and_unmakes(rich_url: str, name: str, plant: str) -> None:
    """A difference of each kind is taken back by the generated statements, and made again; or it is seen to be left."""
    with connected(rich_url) as connection:
        old = read(connection)
        run(connection, plant)
        new = read(connection)
        left = left_after(connection, new, old)
        if name not in LEFT:
            assert left == []
            assert left_after(connection, read(connection), new) == []
        elif not left:
            assert left_after(connection, read(connection), new)


def test_whole_schema(rich_url: str, new_database: NewDatabase) -> None:
    """All of a rich schema is made in an empty database, and dropped again, foreign servers and text search apart."""
    apart = (
        "DROP FOREIGN TABLE app.far; DROP FOREIGN DATA WRAPPER rich_wrapper CASCADE; "
        "DROP TEXT SEARCH CONFIGURATION app.search CASCADE; DROP OPERATOR CLASS app.int_class USING btree CASCADE"
    )
    with connected(rich_url) as connection:
        run(connection, apart)
        whole = read(connection)
    left = ("text search", "operator class family", "language conversion")
    with connected(new_database()) as connection:
        empty = read(connection)
        assert [item for item in left_after(connection, empty, whole) if not item.startswith(left)] == []
        made = read(connection)
        assert left_after(connection, made, empty) == []


def test_nothing_to_do(rich_url: str) -> None:
    """Between equal schemas there is no statement."""
    with connected(rich_url) as connection:
        schema = read(connection)
    assert not statements(schema, schema)


@pytest.mark.parametrize(("version", "schemas"), [("16", ("rich", "rich_vector")), ("15", ("rich",))])
def test_older_servers(request: pytest.FixtureRequest, version: str, schemas: tuple[str, ...]) -> None:
    """What differs on PostgreSQL 15 and 16 is taken back and made again there, too."""
    plants = "; ".join(case[1] for case in COUNTED if case[0] in OLD)
    older: Server = request.getfixturevalue(f"server_{version}")
    build(older, f"{NAME}_ddl_old", *schemas)
    with connected(older.url(f"{NAME}_ddl_old")) as connection:
        old = read(connection)
        run(connection, plants)
        new = read(connection)
        assert left_after(connection, new, old) == []
        assert left_after(connection, read(connection), new) == []


OLD = frozenset(
    {
        *(
            "column type",
            "default",
            "nullable",
            "not generated",
            "identity",
            "extra column",
            "unlogged",
            "row security",
        ),
        *("replica identity", "foreign key missing", "exclusion", "missing index", "domain check", "composite order"),
        *("volatility", "aggregate", "increment", "missing view", "rule missing", "trigger missing", "policy missing"),
    }
)


@pytest.mark.parametrize(
    "statement", ["SELECT ':x', E'\\\\:x', '\\:x', a::text[1:2], ':' || '%(x)s' -- \"\"\" :y", "a\\"]
)
def test_text_of_a_statement_survives(statement: str) -> None:
    """What op.execute() makes of the file's text is the statement."""
    code = as_python(Statements((), (statement,)))
    found: list[str] = []
    operations = SimpleNamespace(execute=lambda text: found.append(text))
    exec(code, {"op": operations})
    compiled = sqlalchemy.text(found[0]).compile(dialect=dialect())  # type: ignore[no-untyped-call]
    assert str(compiled).replace("%%", "%").strip() == statement.strip()
