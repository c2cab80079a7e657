"""How far a transfer is, told again and again."""

from __future__ import annotations

import pytest

from alembic_multidb.cli import progress
from alembic_multidb.transfer.progress import Meter, Progress
from tests.servers import wait_until


def test_a_line_now_and_then_while_a_server_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A statement that takes minutes tells nothing by itself; whoever waits sees that it is at work all the same."""
    monkeypatch.setattr(progress, "_FIRST", 0.01)
    monkeypatch.setattr(progress, "_ELSEWHERE", 0.01)
    lines: list[str] = []

    def has_several() -> bool:
        lines.extend(capsys.readouterr().err.splitlines())
        return len(lines) > 3

    with progress.Bar() as bar:
        meter = Meter(bar.show_transfer)
        meter.begin("indexes", 3)
        with meter.part("public.large", 1):
            wait_until(has_several)
    assert lines[-1] == "made 0 of 3 indexes and constraints: public.large"


def test_no_guess_of_the_time_that_is_left_at_the_beginning() -> None:
    """The first bytes come late, which says nothing of the rest."""
    assert Progress("rows", 1, 2**30, 0.01, ()).left is None
    assert Progress("rows", 2**29, 2**30, 10.0, ()).left == 10.0
