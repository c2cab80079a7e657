"""multidb init --adopt: real repositories, before and after."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NewDatabase, Project, psql

MODELS = """
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
DRIFT = """
CREATE TABLE left_over (id int PRIMARY KEY);
ALTER TABLE users ADD COLUMN old text, ALTER COLUMN name TYPE varchar(60);
CREATE INDEX ix_old ON users (name);
"""

Adopt = Callable[..., str]


class Repository(Project):
    """A repository of plain Alembic's, with two revisions and its database at head."""

    def make(self, template: str, url: str, *, folder: str = "migrations") -> None:
        self.ok("init", "-t", template, folder)
        driver = "postgresql+asyncpg" if "async" in template else "postgresql+psycopg"
        self.edit("alembic.ini", "driver://user:pass@localhost/dbname", url.replace("postgresql", driver, 1))
        self.write("models.py", MODELS)
        self.edit(
            f"{folder}/env.py", "target_metadata = None", "from models import Base\ntarget_metadata = Base.metadata"
        )

    def fill(self) -> None:
        self.write("models.py", MODELS.partition("class Note")[0])
        self.ok("revision", "--autogenerate", "-m", "first")
        self.ok("upgrade", "head")
        self.write("models.py", MODELS)
        self.ok("revision", "--autogenerate", "-m", "second")
        self.ok("upgrade", "head")

    def answers(self, *before: str, module: str = "alembic") -> dict[str, tuple[int, list[str]]]:
        """What ``current`` and ``check`` say, without the lines of logging."""
        return {command: self.answer(*before, command, module=module) for command in ("current", "check")}

    def answer(self, *command: str, module: str = "alembic") -> tuple[int, list[str]]:
        done = self.run(*command, module=module)
        text = done.stdout + done.stderr
        assert "Traceback" not in text, text
        found = re.findall(r"(?:New upgrade operations detected|No new upgrade operations).*", text)
        return done.returncode, sorted({*found, *re.findall(r"^\w{12}(?: \(head\))?$", text, re.MULTILINE)})

    def revision_files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.rglob("versions/*.py")}

    def adopt(self, *arguments: str) -> str:
        return self.ok("init", "--adopt", "--yes", *arguments, module="alembic_multidb")

    def adopts_with_the_same_answers(self, url: str, name: str = "core", arguments: tuple[str, ...] = ()) -> str:
        """Compare current and check before and after, on a clean database and on one that has drifted."""
        answers = []
        for adopted in (False, True):
            said = self.adopt(*arguments) if adopted else ""
            chosen = ("-n", name) if adopted else ()
            answers.append([self.answers(*chosen)])
            psql(url, DRIFT)
            answers[-1].append(self.answers(*chosen))
            psql(url, "DROP TABLE left_over; DROP INDEX ix_old;")
            psql(url, "ALTER TABLE users DROP COLUMN old, ALTER COLUMN name TYPE varchar(50)")
        assert answers[0] == answers[1]
        clean, drifted = answers[0]
        assert clean["check"][0] == 0
        assert drifted["check"][0] == 255
        assert all(word in drifted["check"][1][0] for word in ("left_over", "ix_old", "'old'", "modify_type"))
        return said


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_a_repository_of_each_template_goes_on(repository: Repository, template: str, url: str) -> None:
    """The database stays at its revision, current and check say what they said, and the history goes on."""
    repository.make(template, url)
    repository.fill()
    before = repository.revision_files()
    repository.adopts_with_the_same_answers(url)
    assert repository.revision_files() == before
    assert (repository.folder / "alembic.ini.orig").is_file()
    assert (repository.folder / "migrations" / "env.py.orig").is_file()
    repository.write("models.py", MODELS + "    text: Mapped[str | None]\n")
    repository.ok("-n", "core", "revision", "--autogenerate", "-m", "third")
    repository.ok("-n", "core", "upgrade", "head")
    repository.ok("-n", "core", "downgrade", "base")
    repository.ok("-n", "core", "upgrade", "head", "--sql")
    elsewhere = Project(Path("/"))
    elsewhere.ok("-c", str(repository.folder / "alembic.ini"), "-n", "core", "upgrade", "head")
    for choice in ((), ("-n", "typo")):
        assert "name one (core) with -n" in repository.refused(*choice, "heads")
