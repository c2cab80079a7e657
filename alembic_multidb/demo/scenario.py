"""The scenario: one mixed database, what a split would do, the split, and a change afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic_multidb.demo.place import VARIABLES, Demo, Say
from alembic_multidb.errors import MultidbError

ROWS, DOCUMENTS = 5000, 500
EVIDENCE = "split.json"
MODEL = "portfolio/models/accounts.py"
REVISION = "c015"

# Of lines that belong to the one before, so many are shown.
_SHOWN = 5
# What Alembic says each time it is run.
_NOISE = ("Context impl ", "Will assume ", ", assuming SERIAL and omitting")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the scenario.

    Attributes:
        command: as a user types it, in the example's folder.
        title: what this and the following commands are for; empty if it goes on with what was begun.
        silence: what it means if the command has nothing to say.
    """

    command: str
    title: str = ""
    silence: str = ""


STEPS = (
    Step(
        title="The application has one database for everything, pgvector and 1536 dimensions included",
        command="alembic -c mixed/alembic.ini upgrade head",
    ),
    Step(command=f"python -m portfolio.fill --rows {ROWS} --documents {DOCUMENTS}"),
    Step(
        title="What goes where, if it is split into core and ai? (nothing is touched; the page is shortened here)",
        command="multidb split --source env:OLD_DATABASE_URL --plan",
    ),
    Step(
        title="The split: schemas, rows, indexes, revisions, and the proof that all is there (the source is only read)",
        command=f"multidb split --source env:OLD_DATABASE_URL --evidence {EVIDENCE}",
    ),
    Step(title="Each database goes on with a history of its own", command="multidb upgrade"),
    Step(
        title="A model of core changes: its history gets a revision",
        command=f"echo 'User.nickname = mapped_column(String(80))' >> {MODEL}",
    ),
    Step(command=f'alembic -n core revision --autogenerate -m "users have nicknames" --rev-id {REVISION}'),
    Step(command="alembic -n core upgrade head"),
    Step(
        title="The other database has nothing to do with it",
        command="alembic -n ai upgrade head",
        silence="(nothing to do)",
    ),
    Step(title="Where everything stands", command="multidb status"),
)


def play(demo: Demo, say: Say, steps: Sequence[Step] = STEPS) -> None:
    """Play the scenario: print each command as it is typed, run it, and show what it prints, shortened.

    Args:
        demo: with empty databases.
        say: told each line.
        steps: what is played.

    Raises:
        MultidbError: a command failed; everything that it printed is shown.
    """
    variables = ", ".join(f"{VARIABLES[name]} ({name})" for name in demo.urls)
    say(f"three empty databases are there: {variables}")
    for step in steps:
        if step.title:
            say("")
            say(f"# {step.title}")
        say(f"$ {step.command}")
        if step.command.startswith("echo "):
            _append(demo, step.command)
        else:
            _run(demo, step, say)


def _run(demo: Demo, step: Step, say: Say) -> None:
    shortened = Shortened(say)
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        shortened.show(line)

    try:
        demo.run(step.command, show)
    except MultidbError:
        for line in lines:
            say(line)
        raise
    shortened.end()
    if step.silence and not shortened.is_any:
        say(step.silence)


def _append(demo: Demo, command: str) -> None:
    """Do what a shell does with ``echo TEXT >> FILE``."""
    _, text, _, file = shlex.split(command)
    with (demo.project / file).open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\n")


@dataclass
class Shortened:
    """Lines that a program prints, without most of those that belong to the one before.

    Attributes:
        say: told each line that is shown.
        is_any: whether any was.
    """

    say: Say
    is_any: bool = False
    _belonging: int = field(default=0, init=False)

    def show(self, line: str) -> None:
        """Show a line, or leave it out."""
        if not line.strip() or any(words in line for words in _NOISE):
            return
        if line.startswith("  "):
            self._belonging += 1
        else:
            self.end()
        if self._belonging <= _SHOWN:
            self.is_any = True
            self.say(line)

    def end(self) -> None:
        """Say how many lines were left out."""
        left_out, self._belonging = self._belonging - _SHOWN, 0
        if left_out > 0:
            self.say(f"  ... and {left_out} more")
