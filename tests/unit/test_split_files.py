"""Where a split leaves its files is looked at before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.split.files import Files


def test_what_can_be_written(tmp_path: Path) -> None:
    """Nothing of the attempt remains."""
    Files(evidence=tmp_path / "proof.json", backup=tmp_path).check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("evidence", "words"),
    [(".", "is a folder"), ("missing/proof.json", "nothing can be written"), ("/proc/proof.json", "nothing can be")],
)
def test_what_could_not_be_written_at_the_end(tmp_path: Path, evidence: str, words: str) -> None:
    """A folder in the file's place, a folder that is not there, one that takes no files whatever its rights say."""
    with pytest.raises(ConfigurationError, match=words):
        Files(evidence=tmp_path / evidence).check()
