"""How the demo shows what its programs print."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb.demo.place import Demo
from alembic_multidb.demo.scenario import Shortened, Step, play
from alembic_multidb.errors import MultidbError


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    (tmp_path / "portfolio").mkdir()
    (tmp_path / "tmp").mkdir()
    return Demo(tmp_path, {}, "")


def test_many_lines_that_belong_to_one_are_counted() -> None:
    """Some of them are shown, of each list; blank lines and what Alembic says each time are left out."""
    shown: list[str] = []
    shortened = Shortened(shown.append)
    for line in ("a", *["  x"] * 7, "", "b", "  x", "[b] Context impl X.", "c", *["  x"] * 6):
        shortened.show(line)
    shortened.end()
    few = ["  x"] * 5
    assert shown == ["a", *few, "  ... and 2 more", "b", "  x", "c", *few, "  ... and 1 more"]


def test_what_is_typed_is_shown_and_done(demo: Demo) -> None:
    """A file grows by a line, a program's two streams come in their order, and silence is explained."""
    shown: list[str] = []
    code = "import sys; print(open(chr(102)).read()); print(2, file=sys.stderr); print(3)"
    steps = (
        Step(title="first", command="echo 'a b' >> f"),
        Step(command=f"python -c '{code}'"),
        Step(command="python -c 0", silence="(nothing)"),
    )
    play(demo, shown.append, steps)
    commands = [f"$ {step.command}" for step in steps]
    assert shown[1:] == ["", "# first", *commands[:2], "a b", "2", "3", commands[2], "(nothing)"]


def test_a_command_that_fails_shows_everything(demo: Demo) -> None:
    """It is named, with how it ended, and what would have been left out is shown."""
    shown: list[str] = []
    with pytest.raises(MultidbError, match=r"^python -c .* ended with exit code 3$"):
        play(demo, shown.append, (Step(command="python -c 'print(\"  x\\n\" * 9); exit(3)'"),))
    assert shown[-10:] == ["  x"] * 9 + [""]
