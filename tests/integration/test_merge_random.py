"""Random schemas with random rows, split and merged again: nothing of them is otherwise than before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings

from alembic_multidb import Database, Databases
from alembic_multidb.catalog.difference import difference
from alembic_multidb.merge.model import MergeOptions
from alembic_multidb.operate import Project
from tests.conftest import NewDatabase, psql
from tests.integration.merged import bring, ready
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


def into_a_schema(server: Server, folder: Path, new_database: NewDatabase, script: tuple[str, ...]) -> None:
    """What is refused says why; whatever comes in has every row, and the schema of the source under another name."""
    urls = [new_database() for _ in range(3)]
    source, other, target = urls
    try:
        psql(source, PREFIX + ";\n".join(script))
        psql(other, "CREATE TABLE zz_other (id int)")
        here = project(folder, source, other)
        registry = Databases(Database("core", url=source, default=True), Database("ai", url=other, tables=["zz_*"]))
        here = Project(here.config_file, registry)
        (folder / "migrations" / "script.py.mako").write_text("")
        options = MergeOptions(into_schema={"core": "moved"})
        with ready(here, target, options) as plan:
            refused = {item.kind for item in plan.findings if item.severity in ("refused", "failed")}
        if refused:
            assert refused == {"into-schema"}
            return
        assert bring(here, target, folder, options).exit_code == 0
        moved = {name.replace("public.", "moved.", 1): digest for name, digest in checksums(source).items()}
        assert checksums(target) == {**moved, **checksums(other)}
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


@pytest.mark.soak
@settings(max_examples=60, deadline=None, suppress_health_check=ENOUGH)
@given(script=schemas)
def test_many_random_schemas_into_a_schema_of_their_own(
    server: Server, tmp_path: Path, new_database: NewDatabase, script: tuple[str, ...]
) -> None:
    """Sixty of them."""
    into_a_schema(server, tmp_path, new_database, script)
