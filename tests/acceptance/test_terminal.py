"""What people see: help, completion, narrow and wide screens, pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from tests.acceptance.test_status import MULTIDB
from tests.conftest import Project, psql

COMMANDS = (
    *("status", "tables", "check", "upgrade", "downgrade", "revision", "bootstrap", "adopt"),
    *("init", "demo"),
)
REPORTING = COMMANDS[:8]


def on_screen(project: Project, *arguments: str, columns: int, **environment: str) -> list[str]:
    """Run a command on a terminal of this width and return the lines that it shows."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = project.variables(TERM="xterm", **environment)
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        variables.pop(name, None)
    running = subprocess.Popen(
        [sys.executable, "-m", MULTIDB, *arguments],
        cwd=project.folder,
        env=variables,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    text = b""
    while True:
        try:
            chunk = os.read(controller, 65536)
        except OSError:  # Linux's way of saying that the other side has gone
            break
        if not chunk:
            break
        text += chunk
    running.wait(timeout=60)
    os.close(controller)
    return text.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()


@pytest.fixture
def eventful(notes_at_head: Project) -> Project:
    """Something to say of everything."""
    psql(notes_at_head.environment["DATABASE_URL"], "CREATE TABLE ai_memories (id uuid); CREATE EXTENSION hstore")
    return notes_at_head


class TestScreens:
    """Width of terminals."""

    @pytest.mark.parametrize("command", ["status", "tables", "check"])
    @pytest.mark.parametrize("columns", [80, 200])
    def test_no_line_is_longer_than_the_screen(self, eventful: Project, command: str, columns: int) -> None:
        """So that the terminal breaks none of them in the middle of a word."""
        shown = on_screen(eventful, command, columns=columns)
        assert shown
        assert max(map(len, shown)) <= columns

    def test_a_wide_screen_shows_a_table(self, eventful: Project) -> None:
        """A row a database, in columns."""
        header, core, ai = on_screen(eventful, "status", columns=200)
        assert header.split() == ["database", "state", "revision", "pending", "PostgreSQL", "size", "extensions"]
        for line in (core, ai):
            assert line.index("at head") == header.index("state")
        assert core.endswith("(undeclared)")

    def test_a_narrow_screen_shows_paragraphs_where_a_table_has_no_room(self, eventful: Project) -> None:
        """Nothing is cut off."""
        shown = on_screen(eventful, "tables", columns=80)
        place = shown.index("ai_memories")
        assert shown[place + 1 : place + 5] == [
            "  home: ai",
            "  found in: core, ai",
            "  notes: legacy copy in core",
            "  soft references: ai_memories.user_id -> users.id (core)",
        ]

    def test_a_narrow_screen_wraps_the_last_column(self, eventful: Project) -> None:
        """As long as there is room for it."""
        psql(eventful.environment["DATABASE_URL"], "CREATE EXTENSION citext; CREATE EXTENSION ltree")
        shown = on_screen(eventful, "status", "-n", "core", columns=90)
        assert len(shown) == 3 or len(shown) == 4
        place = shown[0].index("extensions")
        assert "".join(line[place:] for line in shown[1:]).count("(undeclared)") == 3

    def test_a_pipe_gets_a_row_on_a_line_whatever_the_screen(self, eventful: Project) -> None:
        """Without colours, in CI as well."""
        for environment in ({}, {"CI": "true", "GITHUB_ACTIONS": "true"}, {"COLUMNS": "20"}):
            done = eventful.run("tables", module=MULTIDB, **environment)
            rows = done.stdout.splitlines()
            assert len(rows) == 7
            assert "\x1b" not in done.stdout
            assert all(row == row.rstrip() for row in rows)


class TestHelp:
    """--help."""

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_an_example(self, notes: Project, command: str) -> None:
        """At the end of its help, beginning with the program's name."""
        for option in ("--help", "-h"):
            done = notes.run(command, option, module=MULTIDB)
            assert done.returncode == 0
            assert f"Example: multidb {command}" in done.stdout

    @pytest.mark.parametrize("command", REPORTING)
    def test_every_command_that_reports_takes_json_name_and_config(self, notes: Project, command: str) -> None:
        """Under the same names."""
        text = notes.run(command, "--help", module=MULTIDB).stdout
        for option in ("--json", "--name", "-n", "--config", "-c"):
            assert option in text

    def test_the_commands_are_listed(self, notes: Project) -> None:
        """By multidb alone, too; that is an error of usage."""
        for arguments in ((), ("--help",)):
            done = notes.run(*arguments, module=MULTIDB)
            assert all(f" {command} " in done.stdout + done.stderr for command in COMMANDS)


class TestCompletion:
    """What the shell asks for when Tab is pressed."""

    def complete(self, project: Project, words: str) -> list[str]:
        done = project.run(
            module=MULTIDB,
            _MULTIDB_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def test_commands(self, notes: Project) -> None:
        """By their beginning."""
        assert self.complete(notes, "multidb up") == ["upgrade"]
        assert set(self.complete(notes, "multidb ")) >= set(COMMANDS)

    def test_options(self, notes: Project) -> None:
        """Of the command that is being typed."""
        assert self.complete(notes, "multidb upgrade --dr") == ["--dry-run"]

    def test_names_of_databases(self, notes: Project) -> None:
        """From alembic.ini, without any URL and without a database."""
        notes.environment = {}
        assert self.complete(notes, "multidb status -n ") == ["core", "ai"]
        assert self.complete(notes, "multidb upgrade --name a") == ["ai"]
        (notes.folder / "alembic.ini").rename(notes.folder / "other.ini")
        assert self.complete(notes, "multidb status -n ") == []
        assert self.complete(notes, "multidb status -c other.ini -n ") == ["core", "ai"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_script_for_a_shell(self, notes: Project, shell: str) -> None:
        """It names the program and the variable."""
        done = notes.run("--show-completion", shell, module=MULTIDB)
        assert done.returncode == 0
        assert "_MULTIDB_COMPLETE" in done.stdout


INTERRUPTED = """
import builtins
real = builtins.__import__
def stopped(name, *arguments):
    if name == "alembic_multidb.cli.main":
        raise KeyboardInterrupt
    return real(name, *arguments)
builtins.__import__ = stopped
import alembic_multidb.cli
"""


def test_ctrl_c_while_it_is_being_loaded_is_no_traceback() -> None:
    """Nothing has begun then, and nothing is said."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
