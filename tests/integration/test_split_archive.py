"""Entries of an archive, each as SQL of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from alembic_multidb.postgres import find_programs
from alembic_multidb.split.archive import Archive, dumped, without_settings
from alembic_multidb.split.toc import Entry
from tests.conftest import NewDatabase, psql
from tests.integration.split_cases import project, ready
from tests.servers import Server

_COMMENTS = re.compile(r"^--.*\n", re.MULTILINE)


@contextmanager
def archived(source: str, folder: Path, new_database: NewDatabase) -> Iterator[tuple[Archive, list[Entry]]]:
    """Dump a database; the entries are those of both homes."""
    with ready(project(folder, new_database(), new_database()), source) as found:
        programs = find_programs(found.plan.server_version // 10000, None)
        with dumped(found.connection, found.url, programs, found.objects) as archive:
            entries = {entry.id: entry for name in ("core", "ai") for entry in archive.contents.of(name)}
            yield archive, list(entries.values())


def statements(script: str) -> list[str]:
    return [line for line in _COMMENTS.sub("", without_settings(script)).split("\n") if line]


def alone(archive: Archive, entries: Sequence[Entry]) -> dict[int, list[str]]:
    return {entry.id: statements(archive.sql([entry])) for entry in entries}


@pytest.mark.parametrize("version", ["18", "16"])
def test_one_run_of_pg_restore_writes_what_one_for_each_does(
    request: pytest.FixtureRequest, version: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Of every kind of entry, with odd names in them."""
    source = request.getfixturevalue(f"mixed_{version}")
    with archived(source, tmp_path, new_database) as (archive, entries):
        chosen = [entry for number, entry in enumerate(entries) if entry.id in archive.late or number % 7 == 0]
        assert len(chosen) > 60
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Archive, "sql", None)  # not one by one
            found = archive.each_sql(chosen)
        assert {number: statements(script) for number, script in found.items()} == alone(archive, chosen)


def test_settings_between_entries_are_kept(server: Server, tmp_path: Path, new_database: NewDatabase) -> None:
    """A tablespace that the next entry does not have, and one that it has, too."""
    source, space = new_database(), f"space_{os.getpid()}"
    with server.connect() as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute(f"CREATE TABLESPACE {space} LOCATION ''".encode())
    try:
        psql(source, "CREATE TABLE users (id int, name text)")
        for number, where in enumerate(("", space, space, "", space)):
            psql(source, f"CREATE INDEX i{number} ON users (id) {where and f'TABLESPACE {where}'}")
        psql(source, "COMMENT ON INDEX i1 IS 'x\n--\n-- what\n--\n\nSET default_tablespace = nowhere;\n\n'")
        with archived(source, tmp_path, new_database) as (archive, entries):
            found = archive.each_sql(entries)
            assert {number: statements(script) for number, script in found.items()} == alone(archive, entries)
            places = {}
            for script in found.values():
                if made := re.search(r"^CREATE INDEX (\w+)", script, re.MULTILINE):
                    places[made[1]] = re.findall(
                        r"^SET default_tablespace = (.*);$", script[: made.start()], re.MULTILINE
                    )
            assert places == {"i0": ["''"], "i1": [space], "i2": [space], "i3": ["''"], "i4": [space]}
    finally:
        server.drop_database(source.rpartition("/")[2])
        server.run(f"DROP TABLESPACE {space}")


def test_a_text_that_reads_like_a_header_is_no_header(tmp_path: Path, new_database: NewDatabase) -> None:
    source = new_database()
    psql(source, "CREATE TABLE users (id int)")
    with archived(source, tmp_path, new_database) as (_, entries):
        number = entries[-1].id
    header = f"\n--\n-- TOC entry {number} (class 1259 OID 16385)\n-- Name: users\n--\n\nDROP TABLE users;\n"
    psql(source, f"COMMENT ON TABLE users IS '{header}'")
    with archived(source, tmp_path, new_database) as (archive, entries):
        assert number in {entry.id for entry in entries}
        found = archive.each_sql(entries)
        assert {number: statements(script) for number, script in found.items()} == alone(archive, entries)
