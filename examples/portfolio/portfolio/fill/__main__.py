"""``python -m portfolio.fill --rows 200000 --documents 20000 --seed 1``: fill OLD_DATABASE_URL's database."""

import argparse
import os
import re
import sys
from collections.abc import Sequence

import psycopg

from portfolio.fill.run import CannotFillError, Order, fill


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    order = _parse(arguments)
    try:
        with psycopg.connect(_url()) as connection:
            seconds = fill(connection, order)
    except (CannotFillError, ValueError, psycopg.Error) as error:
        print(f"portfolio.fill: {error}", file=sys.stderr)
        return 2
    print(
        f"{order.rows} rows in {seconds.rows:.1f} s, {order.documents} documents in {seconds.documents:.1f} s, "
        f"vector indexes in {seconds.vector_indexes:.1f} s"
    )
    return 0


def _parse(arguments: Sequence[str] | None) -> Order:
    parser = argparse.ArgumentParser(prog="python -m portfolio.fill", description="Fill the mixed database.")
    parser.add_argument("--rows", type=int, default=2000, help="over all tables but the documents (%(default)s)")
    parser.add_argument("--documents", type=int, default=200, help="with embeddings (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same content (%(default)s)")
    parser.add_argument("--memory", default="512MB", help="maintenance_work_mem for vector indexes (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="parallel workers for vector indexes (%(default)s)")
    return Order(**vars(parser.parse_args(arguments)))


def _url() -> str:
    """Return OLD_DATABASE_URL as libpq has it, whichever driver it names."""
    if "OLD_DATABASE_URL" not in os.environ:
        raise CannotFillError("OLD_DATABASE_URL is not set: it names the database that holds every table")
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", os.environ["OLD_DATABASE_URL"])


if __name__ == "__main__":
    sys.exit(main())
