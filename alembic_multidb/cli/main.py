"""The command line as a whole: its commands, and how it ends."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import traceback
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer
from alembic.util.exc import CommandError

from alembic_multidb.cli import change, history, look, merge, schema, split, stamp, start, verify
from alembic_multidb.cli.output import FAILED, SIGNALLED, Interrupted, say

app = typer.Typer(
    name="multidb",
    help="Several PostgreSQL databases from one repository: every table has one home.",
    epilog="Example: multidb status",
    no_args_is_help=True,
    # A traceback must show no local variable: they hold URLs.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (look, change, stamp, split, merge, history, schema, verify, start):
    commands.add_to(app)


class _Interrupts:
    """Ctrl-C, SIGTERM, a closed terminal: each ends the running statement on its server, as psycopg does for Ctrl-C."""

    def __init__(self) -> None:
        self.number = 0
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
                signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        raise Interrupted(number)


def main() -> None:
    """Run the command line; what cannot be done is one message on stderr and exit code 2.

    Any other exception is a revision's own, or a defect: its traceback says where, and the exit code is 2 as well.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell: `multidb status >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    # What cannot be cleaned up on a connection that was lost, or taken away by Ctrl-C, is no news beside the error.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    interrupts = _Interrupts()
    try:
        app(prog_name="multidb")
    except SystemExit as error:  # typer's own word for Ctrl-C is exit code 1
        sys.exit(SIGNALLED + interrupts.number if interrupts.number else error.code)
    except KeyboardInterrupt:
        sys.exit(SIGNALLED + interrupts.number)
    except Exception as error:
        sys.exit(_explain(error))


def _explain(error: Exception) -> int:
    """Say what went wrong, and return the exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read stdout has gone: `multidb tables | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return SIGNALLED + signal.SIGPIPE
    if isinstance(error, CommandError):
        say(f"multidb: {error}")
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO):
        say(f"multidb: the results cannot be written: {error.strerror}")
    else:
        traceback.print_exception(error)
    return FAILED


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(f"multidb {version('alembic-multidb')}")
        raise typer.Exit


__all__ = ["app", "main"]
