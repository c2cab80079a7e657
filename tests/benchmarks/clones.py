"""A hundred tests that each want both migrated databases of the portfolio example, and write to them.

    python -m tests.benchmarks.clones [WORKERS]

Printed are the seconds of the whole run of pytest. Bound: 30 on two cores.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.conftest import copy_example

SUITE = """
import pytest
from sqlalchemy import text


@pytest.mark.parametrize("number", range(100))
def test_both(database_engines, number):
    for name in ("core", "ai"):
        with database_engines[name].begin() as connection:
            connection.execute(text("CREATE TABLE written (id integer)"))
"""


def main(workers: int) -> None:
    """Run the suite, once in one process and once in several."""
    with tempfile.TemporaryDirectory() as folder:
        project = copy_example("portfolio", Path(folder))
        project.write("tests/test_both.py", SUITE)
        for options in ((), ("-n", str(workers))):
            done = project.run("-q", "-p", "no:cacheprovider", *options, "tests", module="pytest")
            match = re.search(r"100 passed in ([\d.]+)s", done.stdout)
            assert match is not None, done.stdout
            print(f"{' '.join(options) or 'one process'}: {match[1]} s (bound 30)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
