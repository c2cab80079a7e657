"""multidb bootstrap: from nothing to head, from many at once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_change import lines, version
from tests.acceptance.test_status import MULTIDB, as_json
from tests.conftest import NewDatabase, Project, copy_example, psql
from tests.servers import Server

_numbers = itertools.count(1)

NewName = Callable[[str], str]


@pytest.fixture
def missing(server: Server) -> Iterator[NewName]:
    """Name databases that are not there; each is dropped afterwards."""
    names: list[str] = []

    def name(suffix: str) -> str:
        names.append(f"b{os.getpid()}_{next(_numbers)}{suffix}")
        return names[-1]

    yield name
    for each in names:
        server.drop_database(each)


@pytest.fixture
def nothing(notes: Project, server: Server, missing: NewName) -> Project:
    """The notes example, whose two databases are not there."""
    notes.environment = {
        "DATABASE_URL": server.url(missing("core")),
        "AI_DATABASE_URL": server.url(missing(" ai-%20Ä")).replace(" ", "%20").replace("-%20Ä", "-%2520%C3%84"),
    }
    return notes


class TestBootstrap:
    """One at a time."""

    def test_it_creates_what_is_missing_and_goes_to_head(self, nothing: Project) -> None:
        """Again, there is nothing to do; odd names are quoted."""
        first = lines(nothing, "bootstrap")
        assert first[0] == "core: done, ran c001, c002, c003; now at head (c003)"
        assert first[1].startswith('  created database "b')
        assert first[2] == "ai: done, ran a001, a002; now at head (a002)"
        assert ' ai-%20Ä"' in first[3]
        assert psql(nothing.environment["AI_DATABASE_URL"], "SELECT extname FROM pg_extension WHERE extname = 'vector'")
        assert lines(nothing, "bootstrap") == [
            "core: nothing to do; now at head (c003)",
            "ai: nothing to do; now at head (a002)",
        ]

    def test_with_the_encoding_and_locale_that_were_asked_for(self, nothing: Project) -> None:
        """From template0, since no other template takes them; an existing one is only told to differ."""
        lines(nothing, "bootstrap", "-n", "core", "--encoding", "LATIN1", "--locale", "C")
        url = nothing.environment["DATABASE_URL"]
        facts = "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()"
        assert psql(url, facts) == [("LATIN1", "C")]
        assert lines(nothing, "bootstrap", "-n", "core", "--locale", "de_DE.UTF-8") == [
            "core: nothing to do; now at head (c003)",
            "  note: it has the encoding LATIN1, not UTF8, and keeps it",
            "  note: it has the locale C, not de_DE.UTF-8, and keeps it",
        ]
        refused = nothing.run("bootstrap", "-n", "ai", "--locale", "no_SUCH", module=MULTIDB)
        assert refused.returncode == 2
        assert "is missing and cannot be created: " in refused.stderr
        assert "as a role that may, run: CREATE DATABASE" in refused.stderr

    def test_an_existing_empty_database_is_filled(self, notes: Project) -> None:
        """As an administrator may have made it."""
        assert [item["result"] for item in as_json(notes, "bootstrap", code=0)["databases"]] == ["done", "done"]

    def test_without_the_right_to_create_it_is_said_what_to_run(self, nothing: Project, server: Server) -> None:
        """By whom may."""
        server.run("CREATE ROLE plain LOGIN PASSWORD 'pw%40x'")
        try:
            url = server.url("no_such_db", user="plain", password="pw%2540x")
            nothing.environment["DATABASE_URL"] = url
            done = nothing.run("bootstrap", "-n", "core", module=MULTIDB)
            assert done.returncode == 2
            assert "permission denied to create database" in done.stderr
            assert "run: CREATE DATABASE no_such_db TEMPLATE template0 ENCODING 'UTF8';" in done.stderr
            assert "pw%" not in done.stdout + done.stderr
        finally:
            server.run("DROP ROLE plain")

    def test_a_server_that_is_not_there(self, nothing: Project) -> None:
        """One message about it, and the other database is made."""
        nothing.environment["DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
        done = nothing.run("bootstrap", module=MULTIDB)
        assert done.returncode == 2
        assert done.stdout.splitlines()[0] == "core: failed"
        assert done.stdout.splitlines()[1].startswith("ai: done, ran a001, a002")
        assert 'multidb: core: cannot connect to database "core" at 127.0.0.1:1/x' in done.stderr

    def test_another_maintenance_database(self, nothing: Project) -> None:
        """For a server whose login may not enter postgres; a wrong one is said."""
        done = nothing.run("bootstrap", "-n", "core", "--maintenance-db", "nowhere", module=MULTIDB)
        assert done.returncode == 2
        assert "name another one with --maintenance-db" in done.stderr
        nothing.ok("bootstrap", "-n", "core", "--maintenance-db", "template1", module=MULTIDB)

    def test_a_schema_that_came_from_elsewhere_is_refused(self, notes: Project) -> None:
        """Before anything runs: the history would collide with it half-way."""
        core = notes.environment["DATABASE_URL"]
        psql(core, "CREATE TABLE notes (id int)")
        done = notes.run("bootstrap", "-n", "core", module=MULTIDB)
        assert done.returncode == 2
        assert 'holds notes but no version table "alembic_version"' in done.stderr
        assert "alembic -n core stamp REVISION" in done.stderr
        assert psql(core, "SELECT to_regclass('alembic_version'), to_regclass('users')") == [(None, None)]
        psql(core, "DROP TABLE notes; CREATE TABLE somebody_elses (id int)")
        notes.ok("bootstrap", "-n", "core", module=MULTIDB)


class TestManyAtOnce:
    """Every replica of a deployment runs it."""

    def test_twenty_on_nothing(self, nothing: Project) -> None:
        """All exit 0; one set of databases, one run of each history."""
        running = [nothing.start("bootstrap", module=MULTIDB) for _ in range(20)]
        ends = [(process.communicate(timeout=300), process.returncode) for process in running]
        assert [code for _, code in ends] == [0] * 20, [streams for streams, code in ends if code]
        said = "".join(stdout + stderr for (stdout, stderr), _ in ends)
        for step in (" -> c001", "c001 -> c002", "c002 -> c003", " -> a001", "a001 -> a002"):
            assert said.count(f"Running upgrade {step}") == 1, step
        assert said.count("  created database") == 2
        assert version(nothing, "core") == [("c003",)]
        assert version(nothing, "ai") == [("a002",)]

    @pytest.mark.soak
    def test_many_rounds(self, notes: Project, server: Server, missing: NewName) -> None:
        """Ten rounds of twenty."""
        for _ in range(10):
            notes.environment = {
                "DATABASE_URL": server.url(missing("core")),
                "AI_DATABASE_URL": server.url(missing("ai")),
            }
            self.test_twenty_on_nothing(notes)


def test_bootstrap_of_the_larger_example(tmp_path: Path, new_database: NewDatabase) -> None:
    """42 tables in two databases that are there already."""
    project = copy_example("portfolio", tmp_path)
    project.environment = {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}
    assert [item["state"] for item in as_json(project, "bootstrap", code=0)["databases"]] == ["at head", "at head"]
