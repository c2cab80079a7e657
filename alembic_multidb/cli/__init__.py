"""The ``multidb`` command: arguments in, one call, a printed result, an exit code out.

Exit codes: 0 done; 1 it looked, and the answer is no; 2 it could not look or could not do it; 128 and a signal's
number if it was interrupted. Data go to stdout, everything else to stderr.
"""

import gc
import sys

# What is imported stays: looking for garbage among it, again and again, takes a fifth of a short command's time.
gc.disable()
try:
    from alembic_multidb.cli.main import app, main
except KeyboardInterrupt:  # nothing has begun, and there is nothing to say
    sys.exit(130)
finally:
    gc.freeze()
    gc.enable()

__all__ = ["app", "main"]
