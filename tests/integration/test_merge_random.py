"""Random schemas with random rows, split and merged again: nothing of them is otherwise than before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings

from alembic_multidb.catalog.difference import difference
from alembic_multidb.merge.model import MergeOptions
from tests.conftest import NewDatabase, psql
from tests.integration.merged import bring
from tests.integration.moved import checksums, move
from tests.integration.split_cases import project
from tests.integration.test_snapshot import snapshot_of
from tests.integration.test_split_random import ENOUGH, PREFIX, schemas
from tests.servers import Server


def there_and_back(server: Server, folder: Path, new_database: NewDatabase, script: tuple[str, ...]) -> None:
    urls = [new_database() for _ in range(4)]
    source, core, ai, target = urls
    try:
        psql(source, PREFIX + ";\n".join(script))
        here = project(folder, core, ai)
        move(here, source, folder)
        options = MergeOptions(restore_foreign_keys=True, evidence=folder / "evidence.json")
        assert bring(here, target, folder, options).exit_code == 0
        found = [str(item) for item in difference(snapshot_of(source), snapshot_of(target))]
        assert [item for item in found if "alembic_version" not in item] == []
        assert checksums(target) == checksums(source)
    finally:
        for url in urls:
            server.drop_database(url.rpartition("/")[2])


@settings(max_examples=2, deadline=None, suppress_health_check=ENOUGH, phases=[Phase.generate])
@given(script=schemas)
def test_some_random_schemas_there_and_back(
    server: Server, tmp_path: Path, new_database: NewDatabase, script: tuple[str, ...]
) -> None:
    """Equal in every fact of the schema, and by a checksum of rows that is not ours."""
    there_and_back(server, tmp_path, new_database, script)


@pytest.mark.soak
@settings(max_examples=100, deadline=None, suppress_health_check=ENOUGH)
@given(script=schemas)
def test_many_random_schemas_there_and_back(
    server: Server, tmp_path: Path, new_database: NewDatabase, script: tuple[str, ...]
) -> None:
    """A hundred of them."""
    there_and_back(server, tmp_path, new_database, script)
