"""How results are printed: tables and lines for people, one JSON object for programs."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, TextIO

import typer
from alembic.util.exc import CommandError
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from alembic_multidb.checks import Finding
from alembic_multidb.operate.outcome import Outcome
from alembic_multidb.operate.status import DatabaseStatus

NO, FAILED, SIGNALLED = 1, 2, 128
# The last column of a table is wrapped if it has at least so much room.
_NARROW = 24


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or another signal that asks to stop.

    Attributes:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


def say(line: str) -> None:
    """Print a line for people, who may have sent stdout elsewhere."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Output:
    """The results of one command.

    While it is open, whatever else is printed to stdout (by models, revisions, hooks, programs) goes to stderr.

    Args:
        command: the command's name.
        as_json: whether one JSON object is printed at the end, and nothing else.

    Attributes:
        exit_code: what the command ends with.
        databases: what is said of each database, in the registry's order.
        findings: what was found wrong.
        more: what else the JSON object holds.
    """

    def __init__(self, command: str, as_json: bool) -> None:
        self.command = command
        self.as_json = as_json
        self.exit_code = 0
        self.databases: list[dict[str, Any]] = []
        self.findings: list[dict[str, Any]] = []
        self.more: dict[str, Any] = {}
        self._stream: TextIO = sys.stdout

    def __enter__(self) -> Output:
        sys.stdout.flush()
        try:
            copy = os.dup(sys.stdout.fileno())
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        except (OSError, io.UnsupportedOperation):  # no file behind it
            return self
        self._stream = os.fdopen(copy, "w", encoding=sys.stdout.encoding, errors="backslashreplace")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not sys.stdout:
            sys.stdout.flush()
            os.dup2(self._stream.fileno(), sys.stdout.fileno())
        if self.as_json:
            self._print_json(error)
        self._stream.flush()
        if self._stream is not sys.stdout:
            self._stream.close()
        if error is None and self.exit_code:
            raise typer.Exit(self.exit_code)

    def worst(self, code: int) -> None:
        """End with this exit code, unless something worse is known already."""
        self.exit_code = max(self.exit_code, code)

    def line(self, text: str, indent: str = "") -> None:
        """Print a line for people, at once; on a screen, long ones are wrapped."""
        if self.as_json:
            return
        if self._is_screen():
            width = max(20, Console(file=self._stream).width - 1)
            text = "\n".join(
                textwrap.wrap(
                    text,
                    width,
                    initial_indent=indent,
                    subsequent_indent=indent + "    ",
                    break_on_hyphens=False,
                    break_long_words=False,
                )
            )
        else:
            text = indent + text
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, a row on a line; on a screen that is too narrow for it, each row as a paragraph."""
        if self.as_json:
            return
        cells = [[cell.replace("\n", "\\n") for cell in row] for row in rows]
        *widths, last = [max(cell_len(row[n]) for row in [list(columns), *cells]) for n in range(len(columns))]
        console = Console(file=self._stream)
        room = console.width - sum(widths) - 2 * len(widths) - 1 if self._is_screen() else last
        if room < min(last, _NARROW):
            for row in cells:
                self.line(row[0])
                for column, cell in zip(columns[1:], row[1:], strict=True):
                    if cell != "-":
                        self.line(f"{column}: {cell}", indent="  ")
            return
        for number, row in enumerate([list(columns), *cells]):
            parts = textwrap.wrap(row[-1], room, break_on_hyphens=False) if room < cell_len(row[-1]) else [row[-1]]
            for first, part in enumerate(parts):
                left = [*row[:-1]] if not first else [""] * len(widths)
                line = "".join(f"{set_cell_size(cell, width)}  " for cell, width in zip(left, widths, strict=True))
                console.print(Text((line + part).rstrip(), style="" if number else "bold"), soft_wrap=True)

    def outcome(self, outcome: Outcome) -> None:
        """Take in what came of a change on one database: a line at once, an exit code, a part of the JSON object."""
        self.databases.append(outcome_data(outcome))
        if not outcome.is_good:
            self.worst(FAILED)
        self.line(describe(outcome))
        for note in outcome.notes:
            self.line(note, indent="  ")
        for file in outcome.files:
            self.line(file, indent="  ")
        if outcome.error is not None and outcome.result == "failed":
            if not isinstance(outcome.error, CommandError):
                traceback.print_exception(outcome.error)
            say(f"multidb: {outcome.name}: {outcome.message}")

    def in_order(self, names: Iterable[str]) -> None:
        """Sort what is said of the databases as the registry does."""
        order = list(names)
        self.databases.sort(key=lambda data: order.index(data["name"]))

    def _is_screen(self) -> bool:
        return self._stream.isatty()

    def _print_json(self, error: BaseException | None) -> None:
        data: dict[str, Any] = {
            "command": self.command,
            "exit_code": self.exit_code,
            "databases": self.databases,
            "findings": self.findings,
            **self.more,
        }
        if isinstance(error, typer.Exit):
            data["exit_code"] = error.exit_code
        elif isinstance(error, KeyboardInterrupt):
            number = error.number if isinstance(error, Interrupted) else signal.SIGINT
            data |= {"exit_code": SIGNALLED + number, "error": str(error)}
        elif error is not None:
            text = str(error) if isinstance(error, CommandError) else type(error).__name__
            data |= {"exit_code": FAILED, "error": text}
        self._stream.write(json.dumps(data, indent=2) + "\n")


def status_data(status: DatabaseStatus) -> dict[str, Any]:
    """Return what JSON says of where a database stands."""
    return {**asdict(status), "reachable": status.is_reachable}


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return what JSON says of a finding."""
    return {**asdict(finding), "severity": finding.severity}


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """Return what JSON says of a change on one database."""
    standing = status_data(outcome.status) if outcome.status is not None else {"name": outcome.name}
    return {
        "state": None,
        "revisions": [],
        "heads": [],
        **standing,
        "result": outcome.result,
        "before": outcome.before,
        "steps": outcome.steps,
        "files": outcome.files,
        "notes": outcome.notes,
        "message": outcome.message,
    }


def describe(outcome: Outcome) -> str:
    """Say in one line what came of a change on one database."""
    parts: list[str] = [outcome.result]
    if outcome.result in ("failed", "interrupted", "done") and outcome.steps:
        verb = "ran" if outcome.result == "done" else "after"
        parts = [f"{outcome.result}, {verb} {', '.join(outcome.steps)}"]
    if outcome.result == "would run":
        parts = [f"would run {', '.join(outcome.steps)}"]
    if outcome.message and outcome.result != "failed":
        parts.append(outcome.message)
    if outcome.status is not None:
        now = "now " if outcome.result != "would run" else "is now "
        parts.append(f"{now}{outcome.status.state} ({', '.join(outcome.status.revisions) or 'no revision'})")
    return f"{outcome.name}: {'; '.join(parts)}"
