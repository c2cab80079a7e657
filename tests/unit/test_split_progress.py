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


def test_bytes_rows_and_the_time_that_is_left_of_each_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a table in several parts, all of them together; a table that is done is not named any more."""
    now = [0.0]
    told: list[Progress] = []
    meter = Meter(told.append, clock=lambda: now[0])
    meter.begin("rows", 400 * 2**20)
    with (
        meter.part("public.large", 100 * 2**20, 200 * 2**20) as first,
        meter.part("public.small", 200 * 2**20) as other,
    ):
        with meter.part("public.large", 100 * 2**20, 200 * 2**20) as second:
            now[0] = 10.0
            first(50 * 2**20, 1000)
            other(20 * 2**20, 7)
            second(50 * 2**20, 500)
            assert progress.words_of_transfer(told[-1]) == (
                "copied 120 of 400 MiB, 1507 rows, 12 MiB/s, 0:23 left: "
                "public.large 50 %, 1500 rows, 0:10 left; public.small 10 %, 7 rows, 1:30 left"
            )
        now[0] = 20.0
        first(50 * 2**20, 1000)
    assert [(table.name, table.done, table.rows) for table in told[-1].tables] == [("public.large", 200 * 2**20, 2500)]
    meter.begin("indexes", 3)
    assert (told[-1].rows, told[-1].tables) == (0, ())
