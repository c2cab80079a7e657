"""multidb init: a new project from an empty folder to two databases at head."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NewDatabase, Project, psql

MODELS = """
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData()


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


class Document(Base):
    __tablename__ = "ai_documents"
    id: Mapped[int] = mapped_column(primary_key=True)
    embedding: Mapped[list[float]] = mapped_column(VECTOR(3))
"""
MADE = {
    "alembic.ini",
    "databases.py",
    "migrations/ai/.gitkeep",
    "migrations/core/.gitkeep",
    "migrations/env.py",
    "migrations/script.py.mako",
    "pyproject.toml",
}


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def init(folder: Path, *arguments: str) -> Project:
    project = Project(folder)
    project.ok("init", *(arguments or ("--database", "core", "--database", "ai:vector")), module="alembic_multidb")
    return project


def add_models(project: Project, module: str = "models") -> None:
    project.write(f"{module.replace('.', '/')}.py", MODELS)
    registry = f"{module.rpartition('.')[0]}/databases.py".lstrip("/")
    project.edit(registry, "from sqlalchemy import MetaData\n", f"from {module} import Base\n")
    project.edit(registry, "metadata = MetaData()\n", "metadata = Base.metadata\n")
    project.edit(registry, "tables=[],", 'tables=["ai_*"],')


@pytest.fixture
def urls(new_database: NewDatabase) -> dict[str, str]:
    return {"DATABASE_URL": new_database(), "AI_DATABASE_URL": new_database()}


def tables(url: str) -> set[str]:
    return {str(row[0]) for row in psql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_from_an_empty_folder_to_two_databases(tmp_path: Path, urls: dict[str, str]) -> None:
    """What was written works as it is; with models added, every command does, and from another folder too."""
    project = init(tmp_path)
    assert set(files(tmp_path)) == MADE
    project.environment = urls
    for name in ("core", "ai"):
        project.ok("-n", name, "upgrade", "head")
        project.ok("-n", name, "check")
    add_models(project)
    elsewhere = Project(Path("/"), urls)
    for name in ("core", "ai"):
        chosen = ("-c", str(tmp_path / "alembic.ini"), "-n", name)
        project.ok("-n", name, "revision", "--autogenerate", "-m", "x")
        elsewhere.ok(*chosen, "upgrade", "head")
        elsewhere.ok(*chosen, "check")
    elsewhere.ok(*chosen, "revision", "-m", "from elsewhere")
    assert len(project.revisions("ai")) == 2
    assert tables(urls["DATABASE_URL"]) == {"alembic_version", "users"}
    assert tables(urls["AI_DATABASE_URL"]) == {"alembic_version", "ai_documents"}
    assert "core: nothing to do; now at head" in project.ok("upgrade", module="alembic_multidb")


def test_a_forgotten_and_a_mistyped_name_are_told(tmp_path: Path) -> None:
    """The two traps are set: in alembic.ini and in pyproject.toml."""
    project = init(tmp_path)
    for choice in ((), ("-n", "cor")):
        assert "name one (core, ai) with -n" in project.refused(*choice, "heads")


def test_again_is_no_error_and_changes_nothing(tmp_path: Path) -> None:
    """On an untouched scaffold."""
    init(tmp_path)
    before = files(tmp_path)
    again = Project(tmp_path).ok("init", "--database", "core", "--database", "ai:vector", module="alembic_multidb")
    assert "nothing to do" in again
    assert files(tmp_path) == before


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """All files in the way are named, before anything is written."""
    project = Project(tmp_path)
    project.write("alembic.ini", "[alembic]\n")
    project.write("migrations/env.py", "")
    before = files(tmp_path)
    refused = project.refused("init", module="alembic_multidb")
    assert "never overwritten: alembic.ini, migrations/env.py. " in refused
    assert "multidb init --adopt" in refused
    assert files(tmp_path) == before


def test_a_migration_repository_of_pyproject_toml_is_seen(tmp_path: Path) -> None:
    """It has no alembic.ini."""
    project = Project(tmp_path)
    project.write("alembic/env.py", "")
    project.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/alembic"\n')
    assert "pyproject.toml ([tool.alembic])" in project.refused("init", module="alembic_multidb")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "# A clear error for a mistyped -n: Alembic looks here"),
        ('[project]\nname = "x"  # kept', '[project]\nname = "x"  # kept\n\n# A clear error'),
    ],
)
def test_an_existing_pyproject_toml_is_extended(tmp_path: Path, before: str, after: str) -> None:
    """What it says stays as it is, in every byte; as it was, it stays beside it."""
    Project(tmp_path).write("pyproject.toml", before)
    project = init(tmp_path)
    assert files(tmp_path)["pyproject.toml"].startswith(after)
    assert files(tmp_path)["pyproject.toml.orig"] == before
    assert "no database" in project.refused("-n", "typo", "heads")


def test_a_tool_alembic_table_stays(tmp_path: Path) -> None:
    """And what to put into it is said."""
    text = '[tool.alembic]\nfile_template = "%%(rev)s"\n'
    project = Project(tmp_path)
    project.write("pyproject.toml", text)
    said = project.ok("init", module="alembic_multidb")
    assert "pyproject.toml has a [tool.alembic] of its own and stays as it is" in said
    assert files(tmp_path)["pyproject.toml"] == text


def test_an_installed_module_called_databases_is_not_hidden(tmp_path: Path) -> None:
    """The registry takes another name."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "databases.py").write_text("")
    project = Project(tmp_path / "project", {"PYTHONPATH": os.pathsep.join((str(site), *sys.path))})
    project.folder.mkdir()
    project.ok("init", module="alembic_multidb")
    assert "multidb_databases = multidb_registry:databases" in files(project.folder)["alembic.ini"]
    assert "multidb_registry.py" in files(project.folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--database", "1st"), "a database's name is a letter"),
        (("--database", "a", "--database", "a"), '2 databases are named "a"'),
        (("--database", "alembic"), 'cannot be named "alembic"'),
        (("--database", "ai:"), '"ai:" is not of the form NAME or NAME:EXTENSION'),
    ],
)
def test_what_cannot_be_a_database_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """In one message; nothing is written."""
    assert message in Project(tmp_path).refused("init", *arguments, module="alembic_multidb")
    assert files(tmp_path) == {}


def test_an_installed_wheel_migrates(tmp_path: Path, urls: dict[str, str]) -> None:
    """The package carries alembic.ini, registry and histories; nothing else of the project is there."""
    source = tmp_path / "source"
    project = Project(source, urls)
    package = source / "shop"
    project.write("shop/__init__.py", "")
    init(package)
    add_models(project, "shop.models")
    ini = "shop/alembic.ini"
    project.edit(ini, "= databases:databases", "= shop.databases:databases")
    project.edit(ini, "prepend_sys_path = %(here)s\n", "prepend_sys_path = %(here)s/..\n")
    for name in ("core", "ai"):
        project.ok("-c", ini, "-n", name, "revision", "--autogenerate", "-m", "x")
    project.edit(ini, "prepend_sys_path = %(here)s/..\n", "")
    project.edit(ini, "%(here)s/migrations", "shop:migrations")
    assert "version_locations = shop:migrations/core\n" in (source / ini).read_text()
    project.write(
        "pyproject.toml",
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "shop"\nversion = "1"\n',
    )
    site = tmp_path / "site"
    python = (sys.executable, "-m")
    build = (*python, "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    install = (*python, "pip", "install", "-q", "--no-deps", "--no-index", "-t", str(site), str(wheel))
    subprocess.run(install, cwd=source, check=True, capture_output=True)
    installed = Project(Path("/"), {**urls, "PYTHONPATH": os.pathsep.join((str(site), *filter(None, sys.path)))})
    for name in ("core", "ai"):
        installed.ok("-c", str(site / ini), "-n", name, "upgrade", "head")
        installed.ok("-c", str(site / ini), "-n", name, "check")
    assert tables(urls["AI_DATABASE_URL"]) == {"alembic_version", "ai_documents"}
