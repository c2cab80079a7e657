"""Every kind of difference that is planted in a copy is found, with the right object named."""

from __future__ import annotations

import pytest

from alembic_multidb.verify import Report
from tests.integration.verified import compared, target_of
from tests.integration.verify_cases import OTHERS, VALUES, Case
from tests.servers import Server

CASES = [*VALUES, *OTHERS]


def assert_named(report: Report, case: Case) -> None:
    _, _, kind, name, words = case
    messages = [finding.message for finding in report.findings if (finding.kind, finding.object) == (kind, name)]
    text = "\n".join(messages)
    assert report.exit_code == 1, [finding.message for finding in report.findings]
    assert messages, [(finding.kind, finding.object, finding.message) for finding in report.findings]
    assert all(word in text for word in words), text


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_named_on_18(server: Server, source_18: str, case: Case) -> None:
    """On PostgreSQL 18; the half of the comparison that has nothing to do with it is left out, to save time."""
    in_rows = case[2] in ("rows", "sequence", "large object", "materialized view")
    with target_of(server, case[1]) as target:
        assert_named(compared(source_18, target, recall_samples=0, schema=case in OTHERS, data=in_rows), case)


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_named_on_16(server_16: Server, source_16: str, case: Case) -> None:
    """On PostgreSQL 16."""
    with target_of(server_16, case[1]) as target:
        assert_named(compared(source_16, target, recall_samples=0), case)


def test_an_untouched_copy_is_equal(server: Server, source_18: str) -> None:
    """And every table was read, with two hashes too."""
    with target_of(server) as target:
        for options in ({}, {"strong": True}, {"schema": False}, {"data": False}):
            report = compared(source_18, target, **options)
            assert (report.exit_code, report.findings) == (0, [])
        assert sum(table.rows[0] for table in compared(source_18, target).databases[0].tables) > 20_000


def test_so_many_kinds() -> None:
    """More than sixty kinds of difference, no two of them the same."""
    assert len({case[1] for case in CASES}) == len(CASES) > 60
