"""What is nearest to a vector, found in one pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from alembic_multidb.verify.nearest import NEAREST, Index, find_by_index, find_exactly, take_samples
from alembic_multidb.verify.side import raw
from alembic_multidb.verify.statements import query, rows
from tests.conftest import psql
from tests.servers import Server

TABLE = """
    CREATE EXTENSION vector SCHEMA public;
    CREATE DOMAIN short AS vector(4) CHECK (vector_dims(VALUE) = 4);
    CREATE TABLE things (id int PRIMARY KEY, v vector(4), d short, h halfvec(4), s sparsevec(4), b bit(8),
        big vector(1200));
    ALTER TABLE things ALTER big SET STORAGE EXTERNAL;
    INSERT INTO things SELECT n, x, x, x, x::vector::sparsevec, n::bit(8),
        ARRAY(SELECT sin(n * i) FROM generate_series(1, 1200) AS i)::real[]::vector
    FROM generate_series(1, 400) AS n, LATERAL (SELECT ARRAY[n % 13 - 6, n % 7, 1, n / 40]::real[] AS x) AS r;
    INSERT INTO things SELECT n, '[1,1,1,1]', '[1,1,1,1]', '[1,1,1,1]', '{1:1}/4', B'11111111'
    FROM generate_series(500, 560) AS n;
    INSERT INTO things VALUES (0, '[0,0,0,0]', '[0,0,0,0]', '[0,0,0,0]', '{}/4', B'00000000');
    INSERT INTO things VALUES (-1);
"""
INDEXES = {
    "l2": ("hnsw (v vector_l2_ops)", "v <-> {}", "true"),
    "ip": ("hnsw (v vector_ip_ops)", "v <#> {}", "true"),
    "cosine": ("ivfflat (v vector_cosine_ops) WITH (lists = 1)", "v <=> {}", "true"),
    "l1": ("hnsw (v vector_l1_ops)", "v <+> {}", "true"),
    "domain": ("hnsw ((d::vector(4)) vector_l2_ops)", "d::vector(4) <-> {}", "true"),
    "half": ("hnsw (h halfvec_l2_ops) WHERE id > 3", "h <-> {}", "id > 3"),
    "sparse": ("hnsw (s sparsevec_l2_ops)", "s <-> {}", "true"),
    "bits": ("hnsw (b bit_hamming_ops)", "b <~> {}::bit(8)", "true"),
    "expression": ("hnsw ((big::halfvec(1200)) halfvec_cosine_ops)", "big::halfvec(1200) <=> {}", "true"),
    "large": ("hnsw (big vector_l2_ops)", "big <-> {}", "true"),
    "few": ("hnsw (v vector_l2_ops) WHERE id < 5", "v <-> {}", "id < 5"),
}


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    url = server.create_database("nearest")
    psql(url, TABLE)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()
    server.drop_database("nearest")


@pytest.mark.parametrize("kind", INDEXES)
def test_one_pass_finds_what_a_search_for_each_finds(connection: Connection, kind: str) -> None:
    """Whatever distance, type, domain, condition or expression, with rows that are equal and such without distance."""
    definition, distance, condition = INDEXES[kind]
    driver = raw(connection)
    driver.execute("SET client_min_messages = 'error'")
    driver.execute(f"CREATE INDEX asked ON things USING {definition}".encode())
    (facts,) = rows(driver, query("vector_indexes"))
    index = Index(facts, frozenset({"asked"}))
    samples = take_samples(driver, index, 12)
    found = find_by_index(connection, index, samples)
    driver.execute("SET LOCAL enable_indexscan = off")
    peer = [
        [
            row[0]
            for row in driver.execute(
                f"SELECT {distance.format('%s')} AS d FROM things WHERE {condition} AND ({distance.format('%s')}) "
                f"<> 'NaN' ORDER BY d LIMIT {NEAREST}".encode(),
                (sample, sample),
            )
        ]
        for sample in samples
    ]
    assert len(samples) == (5 if kind == "few" else 12)
    for bounds in (found.bounds, [math.inf] * len(samples), [max(each) + 1 for each in peer]):
        known = [bound if len(each) == NEAREST else math.inf for bound, each in zip(bounds, peer, strict=True)]
        assert find_exactly(connection, index, samples, known) == peer
    assert found.recall(peer) > 0.5
    driver.rollback()
