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
        found = [re.sub(r"0x[0-9a-f]+", "0x", line) for line in found]
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


SETTINGS = """
import os


class Settings:
    @property
    def url(self):
        return os.environ["SHOP_URL"]


settings = Settings()
"""


class TestVariants:
    """What people have made of env.py."""

    ONLINE = "connection=connection, target_metadata=target_metadata\n"

    def make(self, repository: Repository, url: str, *edits: tuple[str, str]) -> None:
        repository.make("generic", url)
        for old, new in edits:
            repository.edit("migrations/env.py", old, new)

    def registry(self, repository: Repository) -> str:
        return (repository.folder / "databases.py").read_text()

    @pytest.mark.parametrize(
        ("code", "registered"),
        [
            ('config.set_main_option("sqlalchemy.url", os.environ["SHOP_URL"])', '"env:SHOP_URL"'),
            (
                'URL = os.getenv("SHOP_URL")\nif not URL:\n    raise RuntimeError("no SHOP_URL")\n'
                'config.set_main_option("sqlalchemy.url", URL.replace("%", "%%"))',
                '"env:SHOP_URL"',
            ),
            (
                'if os.getenv("SHOP_URL"):\n    config.set_main_option("sqlalchemy.url", os.environ["SHOP_URL"])',
                'config.get_main_option("sqlalchemy.url")',
            ),
            (
                'from settings import settings\nconfig.set_main_option("sqlalchemy.url", settings.url)',
                "settings.url",
            ),
            (
                "section = config.config_ini_section\n"
                'config.set_section_option(section, "SHOP", os.environ["SHOP_URL"])\n'
                'config.set_main_option("sqlalchemy.url", "%(SHOP)s")',
                'config.get_main_option("sqlalchemy.url")',
            ),
        ],
    )
    def test_urls_that_are_set_in_env_py(self, repository: Repository, url: str, code: str, registered: str) -> None:
        """From the environment, from settings, under a condition, through the ini file."""
        self.make(
            repository,
            "postgresql://nobody@127.0.0.1:1/x",
            ("config = context.config\n", f"config = context.config\n{code}\n"),
        )
        repository.edit("migrations/env.py", "from logging", "import os\nfrom logging")
        repository.write("settings.py", SETTINGS)
        repository.environment = {"SHOP_URL": url.replace("postgresql", "postgresql+psycopg")}
        repository.fill()
        repository.adopts_with_the_same_answers(url)
        assert f"url={registered}," in self.registry(repository)

    @pytest.mark.parametrize(
        ("engine", "registered"),
        [
            ('create_engine(os.environ["SHOP_URL"], poolclass=pool.NullPool)', '"env:SHOP_URL"'),
            ("create_engine(get_url(), poolclass=pool.NullPool)", '"env:SHOP_URL"'),
            ("create_engine(settings.url, poolclass=pool.NullPool)", "settings.url"),
            ("made_elsewhere", "made_elsewhere.url"),
        ],
    )
    def test_urls_that_engines_are_made_with(
        self, repository: Repository, url: str, engine: str, registered: str
    ) -> None:
        """In the function that runs the migrations."""
        self.make(repository, "driver://user:pass@localhost/dbname")
        text = (repository.folder / "migrations/env.py").read_text()
        text = re.sub(
            r"connectable = engine_from_config\(.*?\n    \)\n", f"connectable = {engine}\n", text, flags=re.DOTALL
        )
        head = (
            "import os\nfrom sqlalchemy import create_engine\nfrom settings import settings\n"
            'def get_url():\n    """Where."""\n    return os.environ["SHOP_URL"]\n'
        )
        if "elsewhere" in engine:
            head += "from engines import made_elsewhere\n"
        repository.write("migrations/env.py", head + text)
        repository.write("settings.py", SETTINGS)
        repository.write(
            "engines.py",
            "from settings import settings\nfrom sqlalchemy import NullPool, create_engine\n"
            "made_elsewhere = create_engine(settings.url, poolclass=NullPool)\n",
        )
        repository.environment = {"SHOP_URL": url.replace("postgresql", "postgresql+psycopg")}
        repository.fill()
        repository.adopts_with_the_same_answers(url)
        assert f"url={registered}," in self.registry(repository)

    def test_options_and_hooks_come_along(self, repository: Repository, url: str) -> None:
        """Literals, functions with what they need, functions inside the runner, and the version table."""
        self.make(
            repository,
            url,
            (
                "def run_migrations_offline",
                'IGNORED = {"left_alone"}\n\n\ndef is_ignored(name):\n    return name in IGNORED\n\n\n'
                "def include_object(object, name, type_, reflected, compare_to):\n"
                '    logger.debug("asked")\n    return not (type_ == "table" and is_ignored(name))\n\n\n'
                "def run_migrations_offline",
            ),
            ("config = context.config\n", "config = context.config\nlogger = logging.getLogger(__name__)\n"),
            ("from logging.config", "import logging\nfrom logging.config"),
            (
                "    with connectable.connect() as connection:",
                "    def include_name(name, type_, parent_names):\n"
                '        return name != "left_out" or name in target_metadata.tables\n\n'
                "    with connectable.connect() as connection:",
            ),
            (
                self.ONLINE,
                f"{self.ONLINE.rstrip()},\n            include_object=include_object, include_name=include_name,\n"
                "            compare_server_default=True, render_as_batch=False,\n"
                '            version_table="history", version_table_schema="meta",\n',
            ),
        )
        psql(url, "CREATE SCHEMA meta; CREATE TABLE left_alone (id int); CREATE TABLE left_out (id int)")
        repository.write("models.py", MODELS.replace("String(50))", 'String(50), server_default="x")'))
        repository.ok("revision", "--autogenerate", "-m", "first")
        repository.ok("upgrade", "head")
        said = repository.adopts_with_the_same_answers(url)
        assert "not carried over" not in said
        psql(url, "ALTER TABLE users ALTER COLUMN name DROP DEFAULT")
        assert "modify_default" in repository.answer("-n", "core", "check")[1][0]
        registry, env = self.registry(repository), (repository.folder / "migrations/env.py").read_text()
        assert "version_table='history',\n        version_table_schema='meta'," in registry
        assert "include_object=include_object" in env and "IGNORED = " in env
        assert "from databases import target_metadata" in env

    def test_models_in_src_and_several_metadata(self, repository: Repository, url: str) -> None:
        """sys.path is set as before, seen from where env.py is."""
        self.make(
            repository,
            url,
            (
                "from models import Base\ntarget_metadata = Base.metadata",
                'sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "src"))\n'
                "from shop.models import Base\nfrom shop import more\n"
                "target_metadata = [Base.metadata, more.metadata]",
            ),
            ("from logging.config", "import os\nimport sys\nfrom logging.config"),
        )
        repository.write("src/shop/__init__.py", "")
        repository.write("src/shop/models.py", MODELS)
        repository.write(
            "src/shop/more.py",
            "from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\n"
            'Table("more", metadata, Column("id", Integer, primary_key=True))\n',
        )
        repository.ok("revision", "--autogenerate", "-m", "first")
        repository.ok("upgrade", "head")
        repository.adopts_with_the_same_answers(url)
        Project(Path("/")).ok("-c", str(repository.folder / "alembic.ini"), "-n", "core", "check")

    def test_what_cannot_be_carried_over_is_said(self, repository: Repository, url: str) -> None:
        """With its line, and without any password."""
        self.make(
            repository,
            url,
            (
                "    with connectable.connect() as connection:\n",
                "    with connectable.connect() as connection:\n"
                '        connection.exec_driver_sql("SET search_path TO shop")\n',
            ),
            (self.ONLINE, f"{self.ONLINE.rstrip()}, include_object=made(connection)\n"),
            (
                "config = context.config\n",
                'config = context.config\nTENANT = context.get_x_argument(as_dictionary=True).get("t")\n',
            ),
        )
        text = (repository.folder / "migrations/env.py").read_text()
        done = repository.run("init", "--adopt", module="alembic_multidb")
        assert done.returncode == 1
        for code, note in (
            ("connection.exec_driver_sql", "connection.exec_driver_sql('SET search_path TO shop')"),
            ("include_object=", "include_object=made(connection): it needs connection, made, which only the old"),
            ("TENANT =", "TENANT = context.get_x_argument"),
        ):
            line = text.partition(code)[0].count("\n") + 1
            assert f"migrations/env.py, line {line}: not carried over: {note}" in done.stderr

    def test_without_models_nothing_is_compared(self, repository: Repository, url: str) -> None:
        """As before: unmodelled="drop" must not become a revision that drops everything."""
        repository.make("generic", url)
        repository.edit(
            "migrations/env.py", "from models import Base\ntarget_metadata = Base.metadata", "target_metadata = None"
        )
        psql(url, "CREATE TABLE precious (id int)")
        refused = [repository.refused("check")]
        repository.adopt()
        refused.append(repository.refused("-n", "core", "check"))
        assert all("does not provide a MetaData object" in text for text in refused)

    @pytest.mark.parametrize("kind", ["sqlite:///x.db", "mysql+pymysql://u:p@h/d"])
    def test_other_kinds_of_databases_are_refused(self, repository: Repository, kind: str) -> None:
        """Before anything is written."""
        repository.make("generic", kind)
        refused = repository.refused("init", "--adopt", "--yes", module="alembic_multidb")
        assert "is not for PostgreSQL, the only kind of database that is supported" in refused
        assert not (repository.folder / "databases.py").exists()


class TestAdoption:
    """The command itself."""

    def test_it_shows_the_difference_and_writes_nothing(self, repository: Repository, url: str) -> None:
        """Exit code 1 while there is something to do, 0 afterwards; a password is not shown."""
        secret = url.replace("postgres@", "postgres:hunter2@")
        repository.make("generic", secret)
        before = {path: path.read_bytes() for path in repository.folder.rglob("*") if path.is_file()}
        done = repository.run("init", "--adopt", module="alembic_multidb")
        assert done.returncode == 1
        assert "--- a/alembic.ini\n+++ b/alembic.ini\n" in done.stdout
        assert "+++ b/databases.py" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        assert {path: path.read_bytes() for path in repository.folder.rglob("*") if path.is_file()} == before
        repository.adopt()
        again = repository.run("init", "--adopt", module="alembic_multidb")
        assert (again.returncode, again.stdout) == (0, "")
        assert "nothing to do" in again.stderr

    def test_further_databases_get_empty_histories(self, repository: Repository, new_database: NewDatabase) -> None:
        """The first --database names the old one; the new ones share its models."""
        url, other = new_database(), new_database()
        repository.make("generic", url)
        repository.fill()
        repository.environment = {"AI_DATABASE_URL": other}
        arguments = ("--database", "main", "--database", "ai:vector")
        repository.adopts_with_the_same_answers(url, "main", arguments)
        repository.edit("databases.py", "tables=[]", 'tables=["documents"]')
        repository.write(
            "models.py",
            MODELS
            + '\n\nclass Document(Base):\n    __tablename__ = "documents"\n'
            + "    id: Mapped[int] = mapped_column(primary_key=True)\n",
        )
        repository.ok("-n", "main", "check")
        repository.ok("-n", "ai", "revision", "--autogenerate", "-m", "first")
        repository.ok("-n", "ai", "upgrade", "head")
        assert psql(other, "SELECT extname FROM pg_extension WHERE extname = 'vector'") == [("vector",)]
        assert len(list((repository.folder / "migrations/ai").glob("*.py"))) == 1

    def test_a_package_and_defaults(self, repository: Repository, new_database: NewDatabase) -> None:
        """[DEFAULT] says something for all, and the folder stands in a package: both databases go on."""
        url = new_database()
        repository.make("generic", url, folder="shop/migrations")
        repository.write("shop/__init__.py", "")
        repository.write("shop/migrations/__init__.py", "")
        text = (repository.folder / "alembic.ini").read_text()
        text = re.sub(r"^script_location = .*$", "script_location = shop:migrations", text, flags=re.MULTILINE)
        repository.write("alembic.ini", f"[DEFAULT]\nscript_location = elsewhere\nfile_template = %%(slug)s\n\n{text}")
        repository.fill()
        repository.environment = {"AI_DATABASE_URL": new_database()}
        arguments = ("--database", "core", "--database", "ai")
        repository.adopts_with_the_same_answers(url, arguments=arguments)
        for name in ("core", "ai"):
            repository.ok("-n", name, "revision", "-m", f"third {name}")
            repository.ok("-n", name, "upgrade", "head")
        found = [path.name for path in (repository.folder / "shop/migrations").rglob("*/third_*.py")]
        assert sorted(found) == ["third_ai.py", "third_core.py"]
        assert (repository.folder / "shop/migrations/ai/third_ai.py").is_file()
        assert "name one (core, ai) with -n" in repository.refused("history")

    def test_several_script_folders_by_hand(self, repository: Repository, new_database: NewDatabase) -> None:
        """What the how-to says for sections that have an env.py each, of which only one could be adopted."""
        url, other = new_database(), new_database()
        repository.make("generic", url, folder="old/core")
        repository.fill()
        (repository.folder / "alembic.ini").unlink()
        repository.ok("init", "old/ai")
        sections = "[core]\nscript_location = old/core\n\n[ai]\nscript_location = old/ai\n"
        repository.write("alembic.ini", sections)
        repository.ok("-n", "ai", "revision", "-m", "first")
        refused = repository.refused("init", "--adopt", "--yes", module="alembic_multidb")
        assert "[core], [ai]" in refused and 'see "Several script folders" in the documentation' in refused
        repository.environment = {"DATABASE_URL": url, "AI_DATABASE_URL": other}
        repository.write(
            "alembic.ini",
            "[DEFAULT]\nmultidb_databases = databases:databases\npath_separator = os\nprepend_sys_path = %(here)s\n"
            f"{sections}",
        )
        repository.write(
            "databases.py",
            "from alembic_multidb import Database, Databases\nfrom models import Base\n\ndatabases = Databases(\n"
            '    Database("core", metadata=Base.metadata, url="env:DATABASE_URL", default=True, unmodelled="drop"),\n'
            '    Database("ai", metadata=Base.metadata, url="env:AI_DATABASE_URL", tables=[], unmodelled="drop"),\n)\n',
        )
        for name in ("core", "ai"):
            repository.write(f"old/{name}/env.py", "from alembic_multidb import run_migrations\n\nrun_migrations()\n")
            repository.ok("-n", name, "upgrade", "head")
            repository.ok("-n", name, "check")

    def test_an_empty_folder_has_nothing_to_adopt(self, repository: Repository) -> None:
        """What was looked for is said."""
        refused = repository.refused("init", "--adopt", module="alembic_multidb")
        assert "there is no Alembic repository in" in refused
        assert "leave out --adopt" in refused


class TestMultidb:
    """Alembic's multidb template: one history, an upgrade function for each database."""

    @pytest.fixture
    def urls(self, new_database: NewDatabase) -> tuple[str, str]:
        return new_database(), new_database()

    def make(self, repository: Repository, urls: tuple[str, str]) -> None:
        repository.ok("init", "-t", "multidb", "migrations")
        for name, url in zip(("dbname2", "dbname"), reversed(urls), strict=True):
            repository.edit("alembic.ini", f"driver://user:pass@localhost/{name}", url.replace("://", "+psycopg://", 1))
        for number in (1, 2):
            repository.write(
                f"models{number}.py", MODELS.replace("users", f"users{number}").replace("notes", f"notes{number}")
            )
        repository.edit(
            "migrations/env.py",
            "target_metadata = {}",
            "import models1\nimport models2\n"
            'target_metadata = {"engine1": models1.Base.metadata, "engine2": models2.Base.metadata}',
        )
        repository.ok("revision", "--autogenerate", "-m", "first")
        repository.ok("upgrade", "head")

    def test_every_database_goes_on(self, repository: Repository, urls: tuple[str, str]) -> None:
        """Under its name, with all revisions as they are; new ones have a function for each database, too."""
        self.make(repository, urls)
        files, before = repository.revision_files(), repository.answers()
        repository.adopt()
        assert repository.revision_files() == files
        for name in ("engine1", "engine2"):
            assert repository.answers("-n", name) == before
            repository.ok("-n", name, "downgrade", "base")
            repository.ok("-n", name, "upgrade", "head")
            assert "CREATE TABLE users" in repository.ok("-n", name, "upgrade", "head", "--sql")
        repository.write(
            "models2.py", (repository.folder / "models2.py").read_text() + "    text: Mapped[str | None]\n"
        )
        assert repository.answers("-n", "engine1") == before
        assert repository.answer("-n", "engine2", "check")[0] == 255
        repository.ok("-n", "engine2", "revision", "--autogenerate", "-m", "second")
        (new,) = repository.revision_files().keys() - files.keys()
        text = repository.revision_files()[new]
        assert "def upgrade_engine1() -> None" in text and "op.add_column('notes2'" in text
        for name in ("engine1", "engine2"):
            repository.ok("-n", name, "upgrade", "head")
            repository.ok("-n", name, "check")
        repository.ok("-n", "engine1", "revision", "-m", "by hand")

    def test_a_further_database_has_a_history_of_its_own(
        self, repository: Repository, urls: tuple[str, str], url: str
    ) -> None:
        """Its revisions take no engine_name."""
        self.make(repository, urls)
        repository.adopt("--database", "ai:vector")
        repository.environment = {"AI_DATABASE_URL": url}
        repository.ok("-n", "ai", "revision", "-m", "first")
        repository.ok("-n", "ai", "upgrade", "head")
        assert psql(url, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == [(1,)]
        repository.ok("-n", "engine2", "check")


APP = """
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
migrate = Migrate(compare_server_default=True)


class User(db.Model):
    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)


class Note(db.Model):
    __tablename__ = "notes"
    __bind_key__ = BIND
    id = db.Column(db.Integer, primary_key=True)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["APP_URL"]
    app.config["SQLALCHEMY_BINDS"] = {"logs": os.environ["LOGS_URL"]}
    db.init_app(app)
    migrate.init_app(app, db)
    return app
"""


class TestFlask:
    """Flask-Migrate's two layouts: the application knows models and URLs."""

    @pytest.fixture
    def app(self, repository: Repository, new_database: NewDatabase) -> Repository:
        for variable in ("APP_URL", "LOGS_URL"):
            repository.environment[variable] = new_database().replace("://", "+psycopg://", 1)
        return repository

    def flask(self, app: Repository, *arguments: str) -> None:
        done = app.run(*arguments, module="flask", PYTHONWARNINGS="ignore")
        assert done.returncode == 0, done.stdout + done.stderr

    def plain(self, app: Repository, name: str) -> str:
        return app.environment[name].replace("+psycopg", "")

    @pytest.mark.parametrize("where", ["app.py", "shop.py"])
    def test_a_single_database(self, app: Repository, where: str) -> None:
        """FLASK_APP is asked, else app.py, from another folder too; flask db current and check are kept."""
        app.write(where, APP.replace("= BIND", "= None").replace('{"logs": os.environ["LOGS_URL"]}', "{}"))
        if where != "app.py":
            app.write(".flaskenv", "FLASK_APP=shop:create_app\n")
        self.flask(app, "db", "init")
        self.flask(app, "db", "migrate", "-m", "first")
        self.flask(app, "db", "upgrade")
        url, files = self.plain(app, "APP_URL"), app.revision_files()
        answers = [app.answers("db", module="flask")]
        psql(url, DRIFT)
        answers.append(app.answers("db", module="flask"))
        app.adopt()
        assert app.revision_files() == files
        drifted = app.answers("-n", "core")
        psql(url, "DROP TABLE left_over; DROP INDEX ix_old;")
        psql(url, "ALTER TABLE users DROP COLUMN old, ALTER COLUMN name TYPE varchar(50)")
        clean = app.answers("-n", "core")
        for before, after in zip(answers, (clean, drifted), strict=True):
            assert after["current"] == before["current"]
            assert after["check"][1] == before["check"][1]
            assert (after["check"][0] == 0) == (before["check"][0] == 0)
        app.ok("-n", "core", "revision", "--autogenerate", "-m", "nothing new")
        assert app.revision_files() == files
        ini = str(app.folder / "alembic.ini")
        Project(Path("/"), app.environment).ok("-c", ini, "-n", "core", "check")
        done = app.run("db", "current", module="flask")
        assert done.returncode == 1 and "-n" in done.stderr

    def test_several_databases(self, app: Repository) -> None:
        """The one without a name is core, the others have their binds' names; old revisions run as they are."""
        app.write("app.py", APP.replace("= BIND", '= "logs"'))
        self.flask(app, "db", "init", "--multidb")
        self.flask(app, "db", "migrate", "-m", "first")
        self.flask(app, "db", "upgrade")
        files, before = app.revision_files(), app.answers("db", module="flask")
        app.adopt()
        assert app.revision_files() == files
        for name in ("core", "logs"):
            assert app.answers("-n", name) == before
            app.ok("-n", name, "downgrade", "base")
            app.ok("-n", name, "upgrade", "head")
        app.edit("app.py", '__bind_key__ = "logs"\n', '__bind_key__ = "logs"\n    text = db.Column(db.Text)\n')
        assert app.answers("-n", "core") == before
        assert app.answer("-n", "logs", "check")[0] == 255
        app.ok("-n", "logs", "revision", "--autogenerate", "-m", "second")
        (new,) = app.revision_files().keys() - files.keys()
        assert "def upgrade_logs():" in app.revision_files()[new] and "add_column" in app.revision_files()[new]
        for name in ("core", "logs"):
            app.ok("-n", name, "upgrade", "head")
            app.ok("-n", name, "check")
        app.ok("-n", "core", "revision", "-m", "by hand")

    def test_an_application_on_sqlite(self, app: Repository) -> None:
        """Is told, as soon as a database is wanted."""
        app.environment["APP_URL"] = "sqlite://"
        app.write("app.py", APP.replace("= BIND", "= None").replace('{"logs": os.environ["LOGS_URL"]}', "{}"))
        self.flask(app, "db", "init")
        app.adopt()
        assert 'URL of database "core": it is not for PostgreSQL' in app.refused("-n", "core", "current")
