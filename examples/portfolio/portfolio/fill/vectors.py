"""Embeddings in the binary form of pgvector, made from random bytes: millions of floats within a second or two."""

import struct
from random import Random

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

TOPICS = 50

# The first byte of a big-endian float4 is its sign and most of its exponent: with these it lies in 1/128 to 1/8.
_FIRST_BYTES = bytes((0x3C, 0x3D, 0xBC, 0xBD)) * 64


class Embedding(bytes):
    """A vector as pgvector's binary COPY has it: dimensions, an unused number, big-endian float4."""


class Embeddings:
    """Vectors about one of a few topics each: near to those of the same topic, far from all others."""

    def __init__(self, random: Random, dimensions: int) -> None:
        self.random = random
        self.dimensions = dimensions
        self.header = struct.pack("!HH", dimensions, 0)
        self.topics = [self._first_bytes(dimensions) for _ in range(TOPICS)]

    def make(self) -> Embedding:
        """Make one: it has the signs and sizes of its topic in most dimensions, and its own in the others."""
        random, dimensions = self.random, self.dimensions
        own = random.randrange(dimensions // 2)
        numbers = bytearray(random.randbytes(4 * dimensions))
        numbers[0::4] = self._first_bytes(own) + random.choice(self.topics)[own:]
        return Embedding(self.header + numbers)

    def _first_bytes(self, count: int) -> bytes:
        return self.random.randbytes(count).translate(_FIRST_BYTES)


def register(connection: Connection[tuple[object, ...]]) -> None:
    """Let binary COPY on this connection take embeddings."""
    info = TypeInfo.fetch(connection, "vector")
    assert info is not None, "a column of type vector was found before"
    info.register(connection)
    connection.adapters.register_dumper(Embedding, type("EmbeddingDumper", (_EmbeddingDumper,), {"oid": info.oid}))


class _EmbeddingDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Embedding) -> Buffer:
        return bytes(obj)
