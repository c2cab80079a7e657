"""The ``multidb`` command: arguments in, one call, a printed result, an exit code out.

Exit codes: 0 done; 1 it looked, and the answer is no; 2 it could not look or could not do it; 128 and a signal's
number if it was interrupted. Data go to stdout, everything else to stderr.
"""

from alembic_multidb.cli.main import app, main

__all__ = ["app", "main"]
