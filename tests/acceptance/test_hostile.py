"""What a hostile look at the commands found, each with the behaviour that users would expect."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from tests.conftest import Project, psql, short_folder
from tests.servers import Server, embedded_18, running_server, wait_until

REGISTRY = "notes/databases.py"
STANDARD_LOGGING = """
[loggers]
keys = root,sqlalchemy,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARNING
handlers = console
qualname =
[logger_sqlalchemy]
level = WARNING
handlers =
qualname = sqlalchemy.engine
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""


def revision(name: str, down: str, *lines: str, **variables: str) -> str:
    more = "".join(f"{key} = {value!r}\n" for key, value in variables.items())
    body = "\n    ".join(lines or ("pass",))
    return (
        f"from alembic import op\nimport sqlalchemy as sa\n\nrevision = {name!r}\ndown_revision = {down!r}\n{more}\n\n"
        f"def upgrade():\n    {body}\n\n\ndef downgrade():\n    pass\n"
    )


class TestUnknownRevision:
    """Two databases from before there were markers, with the URLs swapped."""

    @pytest.fixture
    def unmarked(self, notes_at_head: Project) -> Project:
        for url in notes_at_head.environment.values():
            psql(url, "COMMENT ON TABLE alembic_version IS NULL")
        return notes_at_head

    @pytest.mark.parametrize(
        "arguments", [("upgrade", "head"), ("downgrade", "base"), ("ensure_version",), ("stamp", "head")]
    )
    def test_it_is_refused_before_anything_is_changed(self, unmarked: Project, arguments: tuple[str, ...]) -> None:
        """No extension is created, no marker is set."""
        core = unmarked.environment["DATABASE_URL"]
        refused = unmarked.refused("-n", "ai", *arguments, AI_DATABASE_URL=core)
        assert 'is at revision "c003", which the history of "ai" does not have' in refused
        assert psql(core, "SELECT extname FROM pg_extension") == [("plpgsql",)]
        assert psql(core, "SELECT obj_description('alembic_version'::regclass)") == [(None,)]

    def test_stamp_purge_is_the_way_out(self, unmarked: Project) -> None:
        """A copied database carries a revision that the new history does not know."""
        core = unmarked.environment["DATABASE_URL"]
        unmarked.ok("-n", "ai", "stamp", "--purge", "a001", AI_DATABASE_URL=core)
        assert psql(core, "SELECT version_num FROM alembic_version") == [("a001",)]


class TestExitCodes:
    """multidb ends with 2 when it could not do it."""

    def test_an_unknown_target_is_one_message(self, notes_at_head: Project) -> None:
        """Ours without a name, Alembic's own with one."""
        assert 'no history has a revision "nosuch"' in notes_at_head.refused(
            "upgrade", "nosuch", module="alembic_multidb"
        )
        refused = notes_at_head.refused("upgrade", "-n", "core", "nosuch", module="alembic_multidb")
        assert "Can't locate revision identified by 'nosuch'" in refused

    def test_a_failing_revision_shows_its_traceback(self, notes_at_head: Project) -> None:
        """It is the user's own code."""
        notes_at_head.write("migrations/core/c004.py", revision("c004", "c003", 'op.execute("SELECT 1/0")'))
        done = notes_at_head.run("upgrade", module="alembic_multidb")
        assert done.returncode == 2
        assert "division by zero" in done.stderr

    def test_one_that_may_not_be_read_does_not_hide_the_others(self, notes_at_head: Project, server: Server) -> None:
        """A login without rights on the version table."""
        name = notes_at_head.environment["DATABASE_URL"].rpartition("/")[2]
        server.run(f"CREATE ROLE blind_{name} LOGIN PASSWORD 'x'")
        try:
            url = server.url(name, user=f"blind_{name}", password="x")
            done = notes_at_head.run("status", module="alembic_multidb", DATABASE_URL=url)
        finally:
            server.run(f"DROP ROLE blind_{name}")
        assert done.returncode == 1
        assert "at head" in done.stdout and "unreachable" in done.stdout
        assert "permission denied for table alembic_version" in done.stderr

    def test_a_head_that_another_one_depends_on_counts_as_reached(self, notes_at_head: Project) -> None:
        """Alembic does not write it down."""
        notes_at_head.write(
            "migrations/core/d1.py",
            revision("d1", "", branch_labels="side").replace("down_revision = ''", "down_revision = None"),
        )
        notes_at_head.write("migrations/core/c004.py", revision("c004", "c003", depends_on="d1"))
        text = notes_at_head.ok("upgrade", "-n", "core", module="alembic_multidb")
        assert "core: done, ran d1, c004; now at head (c004)" in text
        notes_at_head.ok("status", module="alembic_multidb")


class TestVersionTableSchema:
    """version_table_schema= in a schema of its own."""

    def test_it_is_created_only_where_it_is_missing(self, notes: Project, server: Server) -> None:
        """CREATE SCHEMA IF NOT EXISTS needs a right on the database even if the schema is there."""
        url = notes.environment["DATABASE_URL"]
        name = url.rpartition("/")[2]
        notes.edit(REGISTRY, '"core",', '"core", version_table_schema="meta",')
        server.run(f"CREATE ROLE app_{name} LOGIN PASSWORD 'x'")
        psql(url, f"CREATE SCHEMA meta AUTHORIZATION app_{name}; GRANT ALL ON SCHEMA public TO app_{name}")
        try:
            app = server.url(name, user=f"app_{name}", password="x")
            notes.ok("-n", "core", "upgrade", "head", DATABASE_URL=app)
            notes.ok("-n", "core", "check", DATABASE_URL=app)
        finally:
            psql(url, f"DROP OWNED BY app_{name} CASCADE")
            server.run(f"DROP ROLE app_{name}")

    @pytest.mark.parametrize("arguments", [("stamp", "head"), ("ensure_version",), ("upgrade", "head")])
    def test_every_change_creates_it(self, notes: Project, arguments: tuple[str, ...]) -> None:
        """And so does a script from the start."""
        notes.edit(REGISTRY, '"core",', '"core", version_table_schema="meta",')
        notes.ok("-n", "core", *arguments)
        url = notes.environment["DATABASE_URL"]
        assert psql(url, "SELECT to_regclass('meta.alembic_version')::text") == [("meta.alembic_version",)]

    def test_a_script_of_a_stamp_runs_by_itself(self, notes: Project) -> None:
        """stamp --sql on nothing."""
        notes.edit(REGISTRY, '"core",', '"core", version_table_schema="meta",')
        url = notes.environment["DATABASE_URL"]
        psql(url, notes.run("-n", "core", "stamp", "head", "--sql").stdout)
        assert psql(url, "SELECT version_num FROM meta.alembic_version") == [("c003",)]


def test_a_login_with_a_schema_of_its_own_name_finds_the_version_table(notes_at_head: Project, server: Server) -> None:
    """It comes first in the search path, but the table is in public, and somebody else's."""
    url = notes_at_head.environment["DATABASE_URL"]
    name = url.rpartition("/")[2]
    notes_at_head.write("migrations/core/c004.py", revision("c004", "c003"))
    server.run(f"CREATE ROLE me_{name} LOGIN PASSWORD 'x'")
    psql(url, f"CREATE SCHEMA me_{name} AUTHORIZATION me_{name}; GRANT ALL ON alembic_version TO me_{name}")
    try:
        app = server.url(name, user=f"me_{name}", password="x")
        notes_at_head.ok("-n", "core", "upgrade", "head", DATABASE_URL=app)
        psql(url, "COMMENT ON TABLE alembic_version IS 'it''s mine, 100%'")
        text = notes_at_head.ok("-n", "core", "upgrade", "head", DATABASE_URL=app)
    finally:
        psql(url, f"DROP OWNED BY me_{name} CASCADE")
        server.run(f"DROP ROLE me_{name}")
    statement = text.partition("as the owner, run: ")[2].partition(";\n")[0]
    psql(url, statement)  # what is printed can be run
    assert psql(url, "SELECT obj_description('alembic_version'::regclass)") == [
        ("it's mine, 100%\nalembic_multidb: database=core",)
    ]


class TestLeftovers:
    """Indexes of an interrupted run, in statements that were written by hand."""

    @pytest.mark.parametrize(
        "statement",
        [
            "create index /* x */ concurrently ix_q on users (created_at)",
            "create index concurrently -- note\\n ix_q on users (created_at)",
        ],
    )
    def test_comments_do_not_hide_them(self, notes_at_head: Project, statement: str) -> None:
        """The error names index, validity and DROP."""
        url = notes_at_head.environment["DATABASE_URL"]
        psql(url, "CREATE INDEX ix_q ON users (created_at)")
        notes_at_head.write(
            "migrations/core/c004.py",
            revision("c004", "c003", "with op.get_context().autocommit_block():", f'    op.execute("{statement}")'),
        )
        refused = notes_at_head.refused("-n", "core", "upgrade", "head")
        assert 'index "ix_q" on table users of database "core" is already there and is valid' in refused
        assert "DROP INDEX CONCURRENTLY public.ix_q;" in refused


class TestStandardLogging:
    """The [loggers] of Alembic's own template."""

    def test_our_lines_are_alembics(self, notes: Project) -> None:
        """What the template says of the logger alembic holds for them too."""
        notes.write("alembic.ini", (notes.folder / "alembic.ini").read_text() + STANDARD_LOGGING)
        text = notes.ok("-n", "ai", "upgrade", "head")
        assert 'INFO  [alembic.multidb] created extension "vector"' in text
        assert 'INFO  [alembic.multidb] marked this database as "ai"' in text


class TestExtensionOrder:
    """Extensions that need each other, and floors that cannot be reached."""

    def test_what_is_required_comes_first(self, notes: Project) -> None:
        """In whatever order they were declared."""
        notes.edit(REGISTRY, '{"vector": ">=0.5"}', '{"earthdistance": "*", "cube": "*", "vector": "*"}')
        notes.ok("-n", "ai", "upgrade", "head")
        names = psql(notes.environment["AI_DATABASE_URL"], "SELECT extname FROM pg_extension ORDER BY 1")
        assert names == [("cube",), ("earthdistance",), ("plpgsql",), ("vector",)]

    def test_one_that_would_be_too_old_is_not_created(self, notes: Project) -> None:
        """ALTER EXTENSION UPDATE could not help."""
        notes.edit(REGISTRY, '">=0.5"', '">=99"')
        refused = notes.refused("-n", "ai", "upgrade", "head")
        assert 'extension "vector" of database "ai" is available in version 0.' in refused
        assert "only, but >=99 is declared; an administrator installs a newer package" in refused
        assert psql(notes.environment["AI_DATABASE_URL"], "SELECT extname FROM pg_extension") == [("plpgsql",)]


class TestDemo:
    """multidb demo, where users do not do as they should."""

    COMMAND = (sys.executable, "-m", "alembic_multidb", "demo")

    @pytest.fixture
    def temporary(self) -> Iterator[Path]:
        folder = short_folder()
        yield folder
        shutil.rmtree(folder)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.COMMAND, *arguments],
            cwd="/",
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_stop_touches_nobody_elses_server(self) -> None:
        """A folder with data of a server that is no demo's."""
        with running_server(embedded_18()) as other:
            owner = other.data.stat().st_uid
            done = self.run("--stop", str(other.data.parent))
            assert done.returncode == 2
            assert "is not the folder of a kept demo; nothing was touched" in done.stderr
            assert other.run("SELECT 1") == [(1,)]
            assert other.data.stat().st_uid == owner

    @pytest.mark.parametrize(
        ("number", "command"),
        [
            (signal.SIGTERM, "alembic -c mixed"),
            (signal.SIGHUP, "python -m portfolio.fill"),
            (signal.SIGINT, "multidb split --source env:OLD_DATABASE_URL --evidence"),
        ],
    )
    def test_a_signal_leaves_no_server_and_no_folder(
        self, temporary: Path, number: signal.Signals, command: str
    ) -> None:
        """As a closed terminal or a cancelled job sends it, whichever program runs just then."""
        process = subprocess.Popen(
            self.COMMAND,
            cwd="/",
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"$ {command}"):
                break
        time.sleep(1.0)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode != 0
        assert list(temporary.glob("multidb-demo*")) == []
        assert not _processes_with(str(temporary))

    def test_a_folder_that_cannot_be_used_is_said(self, temporary: Path) -> None:
        """A blank in TMPDIR."""
        folder = temporary / "with space"
        folder.mkdir()
        done = self.run(TMPDIR=str(folder))
        assert done.returncode == 2
        assert "which has a blank in it; set TMPDIR" in done.stderr
        assert list(folder.iterdir()) == []


def _processes_with(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = f"{path.read_bytes().decode(errors='replace')} in {path.with_name('cwd').readlink()}"
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@pytest.fixture
def foreign_driver(notes: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.syspath_prepend(str(notes.folder))
    before = set(sys.modules)
    yield notes
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "notes":
            del sys.modules[name]


def test_an_engine_on_asyncpg_through_run_sync(foreign_driver: Project) -> None:
    """As Alembic's asynchronous template hands it in."""
    import asyncio

    from sqlalchemy.ext.asyncio import create_async_engine

    url = foreign_driver.environment["AI_DATABASE_URL"]
    config = Config(str(foreign_driver.folder / "alembic.ini"), ini_section="ai")

    def upgrade(connection: object) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async def main() -> None:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
        await engine.dispose()

    asyncio.run(main())
    assert psql(url, "SELECT version_num FROM alembic_version") == [("a002",)]
    wait_until(lambda: psql(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)])
