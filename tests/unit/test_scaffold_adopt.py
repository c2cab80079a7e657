"""What multidb init --adopt reads out of alembic.ini and env.py."""

from __future__ import annotations

from configparser import RawConfigParser
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from alembic_multidb import MultidbError
from alembic_multidb.scaffold import Plan, parse_wanted, plan_adoption

INI = "[alembic]\nscript_location = migrations\nprepend_sys_path = .\nsqlalchemy.url = postgresql://h/d\n"
PREAMBLE = """
import os
from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine, engine_from_config, pool, text
from shop.models import Base
config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)
target_metadata = Base.metadata
"""
RUN = """
def run_migrations_online():
    connectable = ENGINE
    with connectable.connect() as connection:
        context.configure(connection=connection, OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
if context.is_offline_mode():
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_migrations_online()
"""
FROM_CONFIG = 'engine_from_config(config.get_section(config.config_ini_section), prefix="sqlalchemy.")'


@dataclass(frozen=True)
class Adopted:
    plan: Plan

    def text(self, name: str) -> str:
        (found,) = (change.new for change in self.plan.changes if self.plan.shown(change.path) == name)
        if name.endswith(".py"):
            compile(found, name, "exec")
        return found

    @property
    def registry(self) -> str:
        return self.text("databases.py")

    @property
    def env(self) -> str:
        return self.text("migrations/env.py")

    @property
    def notes(self) -> str:
        return "\n".join(self.plan.notes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    return tmp_path


def adopt(folder: Path, env: str, *databases: str, ini: str = INI) -> Adopted:
    (folder / "alembic.ini").write_text(ini)
    (folder / "migrations" / "env.py").write_text(env)
    (folder / "migrations" / "script.py.mako").write_text("")
    return Adopted(plan_adoption(folder, parse_wanted(databases)))


def env_py(
    head: str = "", *, engine: str = FROM_CONFIG, options: str = "target_metadata=target_metadata", run: str = RUN
) -> str:
    return PREAMBLE + head + run.replace("ENGINE", engine).replace("OPTIONS", options)


class TestUrls:
    """Where the URL comes from."""

    @pytest.mark.parametrize(
        ("head", "engine", "url"),
        [
            ("", FROM_CONFIG, 'config.get_main_option("sqlalchemy.url")'),
            ('config.set_main_option("sqlalchemy.url", os.environ["A"])\n', FROM_CONFIG, '"env:A"'),
            (
                'config.set_main_option("sqlalchemy.url", os.environ.get("A").replace("%", "%%"))\n',
                FROM_CONFIG,
                '"env:A"',
            ),
            (
                'config.set_main_option("sqlalchemy.url", os.getenv("A", "postgresql://h/d"))\n',
                FROM_CONFIG,
                "os.getenv('A', 'postgresql://h/d')",
            ),
            ("", 'create_engine(os.environ["A"].replace("postgres://", "postgresql://", 1))', '"env:A"'),
            ("", 'create_engine(str(os.environ["A"]).replace("+asyncpg", ""))', '"env:A"'),
            ("", 'create_engine(config.get_main_option("sqlalchemy.url"))', 'config.get_main_option("sqlalchemy.url")'),
            (
                'def url():\n    found = os.getenv("A")\n    if not found:\n'
                '        raise RuntimeError("no A")\n    return found\n',
                'engine_from_config({"sqlalchemy.url": url()})',
                '"env:A"',
            ),
            (
                "from shop.settings import settings\n",
                'engine_from_config(config.get_section("alembic") | {"sqlalchemy.url": settings.url})',
                "settings.url",
            ),
            ("from shop.db import engine\n", "engine", "engine.url"),
            ("from shop.db import get_engine\n", "get_engine()", "get_engine().url"),
        ],
    )
    def test_each_way_is_read(self, folder: Path, head: str, engine: str, url: str) -> None:
        """The simplest form that means the same is written."""
        adopted = adopt(folder, env_py(head, engine=engine))
        assert f"        url={url},\n" in adopted.registry
        assert adopted.notes == ""

    def test_two_urls_are_reported(self, folder: Path) -> None:
        """Nobody can say which one is used when."""
        engine = 'create_engine(os.environ["A"]) if config else create_engine(os.environ.get("B", "x"))'
        assert "a second URL" in adopt(folder, env_py(engine=engine)).notes

    @pytest.mark.parametrize("url", ["context.get_x_argument(as_dictionary=True)['url']", "URL", "url()"])
    def test_one_that_only_env_py_can_make_is_replaced_by_a_variable(self, folder: Path, url: str) -> None:
        """And reported, once for what was there and once for what is there now."""
        made = "context.get_x_argument(as_dictionary=True)['url']"
        head = f"URL = {made}\ndef url():\n    for found in {made}:\n        return found\n"
        adopted = adopt(folder, env_py(head, engine=f"create_engine({url})"))
        assert 'url="env:DATABASE_URL"' in adopted.registry
        assert f"not carried over: the URL {url}\n" in adopted.notes
        assert "its URL is read from DATABASE_URL now" in adopted.notes
        assert "fill in url=" not in adopted.notes

    @pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://u:SECRET@h/d"])
    def test_other_kinds_are_refused(self, folder: Path, url: str) -> None:
        """In alembic.ini and in env.py, without quoting them."""
        for env, ini in (
            (env_py(), INI.replace("postgresql://h/d", url)),
            (env_py(engine=f'create_engine("{url}")'), INI),
        ):
            with pytest.raises(MultidbError, match="is not for PostgreSQL") as caught:
                adopt(folder, env, ini=ini)
            assert "SECRET" not in str(caught.value)


class TestOptions:
    """What goes into run_migrations() and Database()."""

    @pytest.mark.parametrize(
        "options",
        [
            'target_metadata=target_metadata, compare_type=True, version_table="v", render_as_batch=LATER',
            '**{"target_metadata": target_metadata, "compare_type": True}, version_table="v", render_as_batch=LATER',
            "**OPTIONS_DICT",
            "**options()",
        ],
    )
    def test_every_way_to_write_them_is_read(self, folder: Path, options: str) -> None:
        """Also in a dict under a name, and in one that a function returns."""
        inside = 'target_metadata=target_metadata, compare_type=True, version_table="v", render_as_batch=LATER'
        head = (
            f"LATER = bool(os.environ)\nKWARGS = dict({inside})\n"
            f"def options():\n    found = dict({inside})\n    return found\n"
        )
        adopted = adopt(folder, env_py(head, options=options.replace("OPTIONS_DICT", "KWARGS")))
        assert "metadata=target_metadata,\n" in adopted.registry
        assert "version_table='v',\n" in adopted.registry
        assert "run_migrations(compare_type=True, render_as_batch=LATER)" in adopted.env
        assert adopted.notes == ""

    @pytest.mark.parametrize(("parameter", "option"), [("**more", "**more"), ("*more", "render_as_batch=more")])
    def test_what_a_helper_is_called_with_is_reported(self, folder: Path, parameter: str, option: str) -> None:
        """Its *args and **kwargs have a value inside only, like its other parameters."""
        head = (
            f"def set_up(connection, {parameter}):\n    context.configure(\n"
            f"        connection=connection, target_metadata=target_metadata, compare_type=True, {option}\n    )\n"
        )
        run = RUN.replace("context.configure(connection=connection, OPTIONS)", "set_up(connection)")
        adopted = adopt(folder, env_py(head, run=run))
        assert adopted.env.endswith("\nrun_migrations(compare_type=True)\n")
        assert f"not carried over: {option}" in adopted.notes

    @pytest.mark.parametrize(
        ("table", "lost"),
        [
            ("version_table_schema=schema", "version_table_schema=schema needs schema, which only"),
            ("version_table=TABLE", "version_table=TABLE needs TABLE, which only"),
            ("version_table=table()", r"version_table=table\(\) needs table, which only"),
        ],
    )
    def test_a_version_table_that_only_env_py_knows_is_refused(self, folder: Path, table: str, lost: str) -> None:
        """With another one, the database would look as if nothing had been run."""
        head = (
            "def table():\n    return context.get_x_argument(as_dictionary=True)['table']\n"
            "TABLE = context.get_x_argument(as_dictionary=True)['table']\n"
        )
        run = RUN.replace("run_migrations_online():", "run_migrations_online(schema='a'):", 1)
        with pytest.raises(MultidbError, match=rf"env\.py, line \d+: {lost}.* env.py has; write its value there"):
            adopt(folder, env_py(head, options=f"target_metadata=target_metadata, {table}", run=run))

    def test_models_that_only_env_py_knows_are_reported(self, folder: Path) -> None:
        """The registry has no name without a value."""
        head = "MODELS = {'a': Base.metadata}[context.get_x_argument(as_dictionary=True)['models']]\n"
        adopted = adopt(folder, env_py(head, options="target_metadata=MODELS"))
        assert "metadata=" not in adopted.registry
        assert "target_metadata=MODELS cannot be read; fill in metadata=" in adopted.notes

    def test_no_options_make_the_shortest_env_py(self, folder: Path) -> None:
        """Two lines."""
        assert adopt(folder, env_py()).env == "from alembic_multidb import run_migrations\n\nrun_migrations()\n"

    def test_hooks_bring_what_they_need(self, folder: Path) -> None:
        """Imports that only they use go to env.py, what the models need as well comes from the registry."""
        head = (
            "import re\nfrom shop.hooks import helper\nSKIP = {'a'}\nSKIP.add('b')\n"
            "def hook(object, name, *rest):\n    return helper(re.sub('x', '', name)) not in SKIP\n"
        )
        adopted = adopt(folder, env_py(head, options="target_metadata=target_metadata, include_object=hook"))
        assert "from shop.hooks import helper" in adopted.env and "shop.hooks" not in adopted.registry
        assert "from databases import SKIP" in adopted.env and "SKIP.add('b')" in adopted.registry
        assert "run_migrations(include_object=hook)" in adopted.env

    def test_what_a_runner_does_besides_is_reported(self, folder: Path) -> None:
        """Statements, loops, engine options, and options that --sql alone has."""
        run = RUN.replace(
            "        with context.begin",
            '        connection.execute(text("SET search_path TO x"))\n        for schema in ("a", "b"):\n'
            "            print(schema)\n        with context.begin",
        )
        engine = 'engine_from_config({}, prefix="sqlalchemy.", connect_args={"sslmode": "require"})'
        adopted = adopt(folder, env_py(run=run, engine=engine))
        for text in ("SET search_path TO x", "for schema in", "connect_args"):
            assert text in adopted.notes


class TestStatements:
    """What else stands in env.py."""

    def test_paths_models_and_effects_go_into_the_registry(self, folder: Path) -> None:
        """In their order, with __file__ as it was."""
        head = (
            "import sys\nsys.path.append(os.path.join(os.path.dirname(__file__), '..', 'src'))\n"
            "from dotenv import load_dotenv\nload_dotenv()\nimport shop.more  # noqa\n"
            "for name in ('a', 'b'):\n    __import__('shop.' + name)\n"
        )
        registry = adopt(folder, env_py(head)).registry
        order = ['ENV_FILE = str(Path(__file__).parent / "migrations" / "env.py")', "os.path.dirname(ENV_FILE)"]
        order += ["load_dotenv()", "import shop.more  # noqa", "__import__('shop.' + name)", "databases = Databases("]
        assert [registry.find(text) for text in order] == sorted(registry.find(text) for text in order)
        assert -1 not in [registry.find(text) for text in order]

    @pytest.mark.parametrize(
        ("head", "kept"),
        [
            (
                "found = os.environ['A']\nif found:  # asked\n    # as it is\n    found = found.strip()\n"
                "    print(\n        f'Using {found}'\n    )\nelse:\n    found = 'postgresql://h/d'\n"
                "config.set_main_option('sqlalchemy.url', found)\n",
                "if found:  # asked\n    # as it is\n    found = found.strip()\nelse:\n    found = 'postgresql://h/d'\n",
            ),
            ("print('to', config.get_main_option('sqlalchemy.url'))\nSHOP.act()\n", "SHOP.act()\n"),
            ("if os.environ:\n    print(settings.database_url)\nSHOP.act()\n", "logger\nSHOP.act()\n"),
            (
                "for name in SHOP.names:\n    logger.info('to %s', os.environ['DB_DSN'])\n",
                "for name in SHOP.names:\n    pass\n",
            ),
            (
                "try:\n    SHOP.act()\nexcept OSError:\n    print(settings.url)\nelse:\n    print(settings.url)\n",
                "try:\n    SHOP.act()\nexcept OSError:\n    pass\n",
            ),
            (
                "name = os.environ['A']\nshown = f'<{name}>'\nSHOP.act(); print(shown)\n"
                "config.set_main_option('sqlalchemy.url', SHOP.made(name))\n",
                "SHOP.act()\n",
            ),
        ],
    )
    def test_what_would_show_the_url_is_left_out(self, folder: Path, head: str, kept: str) -> None:
        """A registry is imported by every command, and its output is not Alembic's."""
        adopted = adopt(folder, env_py(f"from shop import SHOP, settings, logger\n{head}"))
        assert kept in adopted.registry.replace("\n\n", "\n")
        for call in ("print(", "logger.info("):
            assert call not in adopted.registry and (call in adopted.notes) == (call in head)
        assert "which may show a password" in adopted.notes

    def test_other_messages_stay(self, folder: Path) -> None:
        """As in a hook."""
        head = "def hook(object, name, *rest):\n    print(f'asked for the URL of {name}')\n    return True\n"
        adopted = adopt(folder, env_py(head, options="target_metadata=target_metadata, include_object=hook"))
        assert "    print(f'asked for the URL of {name}')\n" in adopted.env
        assert adopted.notes == ""

    def test_a_url_in_a_function_that_prints_it_is_read(self, folder: Path) -> None:
        """Without the message, it is nothing but a variable."""
        head = "def url():\n    url = os.environ['A']\n    print(url)\n    return url\n"
        adopted = adopt(folder, env_py(head, engine="create_engine(url())"))
        assert 'url="env:A"' in adopted.registry
        assert "line 13: not carried over: print(url)" in adopted.notes

    def test_a_clash_of_names_is_avoided(self, folder: Path) -> None:
        """Somebody's models have a Database of their own."""
        registry = adopt(folder, env_py("from shop.models import Database\n")).registry
        assert "import alembic_multidb\n" in registry and "alembic_multidb.Database(" in registry

    @pytest.mark.parametrize(
        ("env", "message"), [("def (:\n", "line 1: this is no Python"), ("x = 1\n", "calls no context")]
    )
    def test_what_cannot_be_read_is_an_error(self, folder: Path, env: str, message: str) -> None:
        """That names the file."""
        with pytest.raises(MultidbError, match=message):
            adopt(folder, env)

    def test_env_py_is_never_run(self, folder: Path) -> None:
        """It is only read."""
        adopt(folder, env_py(f"open({str(folder / 'ran')!r}, 'w')\n"))
        assert not (folder / "ran").exists()


class TestIni:
    """alembic.ini."""

    def test_everything_else_stays(self, folder: Path) -> None:
        """Comments, logging, hooks, options for all databases; the URL goes with its comment."""
        ini = (
            "# top\n[alembic]\n# where\nscript_location = migrations\ntimezone = UTC\n# the URL\n"
            "sqlalchemy.url = postgresql://h/d\n\n[post_write_hooks]\nhooks = x\n\n# logs\n[loggers]\nkeys = root\n"
        )
        assert adopt(folder, env_py(), "main", "ai:vector", ini=ini).text("alembic.ini") == (
            "# top\n[DEFAULT]\nmultidb_databases = databases:databases\npath_separator = os\n"
            "prepend_sys_path = %(here)s\n# where\nscript_location = %(here)s/migrations\ntimezone = UTC\n\n"
            "# A clear error for a forgotten -n.\n[alembic]\nscript_location = alembic_multidb:choose\n\n"
            "[main]\n# the URL\nsqlalchemy.url = postgresql://h/d\nversion_locations = %(here)s/migrations/versions\n\n"
            "[ai]\nversion_locations = %(here)s/migrations/ai\n\n"
            "[post_write_hooks]\nhooks = x\n\n# logs\n[loggers]\nkeys = root\n"
        )

    def test_defaults_are_kept(self, folder: Path) -> None:
        """Both sections become one; where they differ, the first database has what [alembic] said."""
        ini = (
            "[DEFAULT]\n# for all\nscript_location = old\ntimezone = UTC\nfile_template = a\n\n[loggers]\n"
            "keys = root\n\n# ours\n[alembic]\nscript_location = migrations\ntimezone = CET\n# cut\n"
            "truncate_slug_length = 9\nsqlalchemy.url = postgresql://h/d\n\n[formatters]\nkeys = x\n"
        )
        text = adopt(folder, env_py(), "main", "ai", ini=ini).text("alembic.ini")
        assert text == (
            "[DEFAULT]\nmultidb_databases = databases:databases\npath_separator = os\nprepend_sys_path = %(here)s\n"
            "# for all\nscript_location = %(here)s/migrations\ntimezone = UTC\nfile_template = a\n"
            "# ours\n# cut\ntruncate_slug_length = 9\n\n[loggers]\nkeys = root\n\n"
            "# A clear error for a forgotten -n.\n[alembic]\nscript_location = alembic_multidb:choose\n\n"
            "[main]\ntimezone = CET\nsqlalchemy.url = postgresql://h/d\n"
            "version_locations = %(here)s/migrations/versions\n\n"
            "[ai]\nversion_locations = %(here)s/migrations/ai\n\n[formatters]\nkeys = x\n"
        )

    def test_a_forgotten_name_stays_an_error(self, folder: Path) -> None:
        """Revisions that [DEFAULT] names are not those of the section that stands for no database."""
        ini = f"[DEFAULT]\nversion_locations = migrations/versions\n{INI}"
        text = adopt(folder, env_py(), ini=ini).text("alembic.ini")
        assert "[alembic]\nscript_location = alembic_multidb:choose\nversion_locations =\n" in text
        assert "[core]\nsqlalchemy.url = postgresql://h/d\nversion_locations = %(here)s/migrations/versions\n" in text

    @pytest.mark.parametrize("ini", [INI.replace("[alembic]", "[DEFAULT]"), f"[loggers]\nkeys = root\n{INI}"])
    def test_every_section_stands_once(self, folder: Path, ini: str) -> None:
        """Whichever there were, and in whatever order."""
        parser = RawConfigParser()
        parser.read_string(adopt(folder, env_py(), "main", "ai", ini=ini).text("alembic.ini"))
        assert {"alembic", "main", "ai"} <= set(parser.sections())
        assert parser["main"]["sqlalchemy.url"] == "postgresql://h/d"
        assert parser["alembic"]["script_location"] == "alembic_multidb:choose"

    def test_a_script_folder_for_each_section_is_refused(self, folder: Path) -> None:
        """The sections are named, and nobody is sent to make a new project."""
        ini = "[alembic]\ntimezone = UTC\n[core]\nscript_location = migrations\n[ai]\nscript_location = other\n"
        with pytest.raises(MultidbError, match=r"script_location in \[core\], \[ai\] instead of") as caught:
            adopt(folder, env_py(), ini=ini)
        assert "leave out --adopt" not in str(caught.value)
        assert 'see "Several script folders" in the documentation' in str(caught.value)

    @pytest.mark.parametrize(
        ("section", "names", "message"),
        [
            ("[ai]\nscript_location = other\n", ("core", "ai"), r"\[ai\] has an env.py of its own, in other"),
            ("[ai]\nsqlalchemy.url = x\n", ("core", "ai"), r"section \[ai\] already, which has no revisions"),
            ("[ai]\nscript_location = other\n", ("ai",), r"section \[ai\] already, and the history that is adopted is"),
        ],
    )
    def test_a_section_that_is_something_else_is_refused(
        self, folder: Path, section: str, names: tuple[str, ...], message: str
    ) -> None:
        """A second one of the same name would point to an empty folder."""
        with pytest.raises(MultidbError, match=message):
            adopt(folder, env_py(), *names, ini=f"{INI}{section}")

    def test_a_section_with_revisions_becomes_its_database(self, folder: Path) -> None:
        """They stay where they are, and what else it says stays with them."""
        (folder / "more").mkdir()
        section = "[ai]\nscript_location = ./migrations\nversion_locations = more\ntimezone = CET\n"
        adopted = adopt(folder, env_py(), "main", "ai", ini=f"{INI}{section}")
        assert adopted.text("alembic.ini").endswith("\n[ai]\nversion_locations = %(here)s/more\ntimezone = CET\n")
        assert not any("migrations/ai" in adopted.plan.shown(change.path) for change in adopted.plan.changes)
        assert '"ai",\n' in adopted.registry
        assert 'database "ai": it has the revisions of its section; fill in tables=' in adopted.notes

    @pytest.mark.parametrize(
        ("option", "expected"),
        [
            (
                "version_locations = migrations/a migrations/b",
                "version_locations = %(here)s/migrations/a %(here)s/migrations/b",
            ),
            (
                "version_locations = %(here)s/a:%(here)s/b\npath_separator = os",
                "version_locations = %(here)s/a:%(here)s/b",
            ),
            ("prepend_sys_path = .", "prepend_sys_path = %(here)s\n"),
            ("prepend_sys_path = src\npath_separator = os", "prepend_sys_path = %(here)s:%(here)s/src\n"),
            ("version_path_separator = space\nversion_locations = a b", "path_separator = space\n"),
        ],
    )
    def test_paths_keep_their_meaning(self, folder: Path, option: str, expected: str) -> None:
        """Whatever separates them, and seen from every working directory."""
        for name in ("src", "migrations/a", "migrations/b"):
            (folder / name).mkdir()
        ini = INI.replace("prepend_sys_path = .\n", f"{option}\n")
        assert expected in adopt(folder, env_py(), ini=ini).text("alembic.ini")

    @pytest.mark.parametrize(
        ("separator", "place"),
        [
            ("", "%(here)s/src/shop/migrations/ai"),
            ("path_separator = os\n", "%(here)s/src/shop/migrations/ai"),
            ("path_separator = space\n", "shop:migrations/ai"),
        ],
    )
    def test_a_package_is_not_cut_at_its_colon(self, folder: Path, separator: str, place: str) -> None:
        """The default place of the revisions, beside env.py, needs no option; a new place is written as a path."""
        (folder / "src" / "shop").mkdir(parents=True)
        (folder / "migrations").rename(folder / "src" / "shop" / "migrations")
        (folder / "src" / "shop" / "migrations" / "env.py").write_text(env_py())
        ini = INI.replace("script_location = migrations\n", f"script_location = shop:migrations\n{separator}")
        (folder / "alembic.ini").write_text(ini)
        adopted = Adopted(plan_adoption(folder, parse_wanted(["core", "ai"])))
        assert f"[ai]\nversion_locations = {place}\n" in adopted.text("alembic.ini")
        assert adopted.text("src/shop/migrations/ai/.gitkeep") == ""
        if "space" not in separator:
            core = "[core]\nsqlalchemy.url = postgresql://h/d\nscript_location = shop:migrations\n"
            assert core in adopted.text("alembic.ini")


MULTI = """
import re
def run_migrations_online():
    for name in re.split(r",\\s*", config.get_main_option("databases")):
        engine = create_engine(URLS)
        with engine.connect() as connection:
            context.configure(
                connection=connection, upgrade_token="%s_upgrades" % name, target_metadata=target_metadata.get(name),
                version_table=version_table(name), include_object=hook_for(name),
            )
            context.run_migrations(engine_name=name)
run_migrations_online()
"""


class TestFlask:
    """What Flask-Migrate makes."""

    def test_no_helper_is_left_over(self, folder: Path) -> None:
        """The registry has functions of its own for models and URLs, and nothing that they replace."""
        spec = find_spec("flask_migrate")
        assert spec is not None and spec.origin is not None
        env = Path(spec.origin).parent / "templates" / "flask" / "env.py"
        registry = adopt(folder, env.read_text()).registry
        assert "url=url(),\n" in registry
        assert "def get_engine" not in registry and registry.count("import Flask, current_app") == 1
        assert "\nfrom flask import current_app\n" not in registry


class TestMultidb:
    """Several databases, one history."""

    def adopt(self, folder: Path, urls: str, *databases: str, names: str = "databases = a, b\n") -> Adopted:
        head = (
            "from shop.hooks import hook_for\ntarget_metadata = {'a': Base.metadata, 'b': None}\n"
            "def url_of(name):\n    return os.environ[name]\n"
            "def version_table(name):\n    return 'version_' + name\n"
        )
        ini = INI.replace("prepend_sys_path = .\n", names) + "[a]\nsqlalchemy.url = postgresql://h/a\n[b]\n"
        return adopt(folder, PREAMBLE + head + MULTI.replace("URLS", urls), *databases, ini=ini)

    def test_what_depends_on_the_name_is_written_for_each(self, folder: Path) -> None:
        """URLs, version tables, models; hooks ask for the name at run time."""
        adopted = self.adopt(folder, "url_of(name)")
        for name in ("a", "b"):
            assert f"url=url_of('{name}'),\n" in adopted.registry
            assert f"version_table=version_table({name!r}),\n" in adopted.registry
        assert 'metadata=target_metadata["a"],' in adopted.registry
        assert 'target_metadata["b"]' not in adopted.registry
        assert "include_object=hook_for(engine_name)" in adopted.env
        assert 'migration_arguments={"engine_name": engine_name}' in adopted.env
        assert adopted.notes == ""

    def test_urls_of_the_ini_file_stay_there(self, folder: Path) -> None:
        """Where there is none, a variable takes its place."""
        adopted = self.adopt(folder, 'config.get_section(name)["sqlalchemy.url"]')
        assert adopted.text("alembic.ini").count("version_locations = %(here)s/migrations/versions") == 2
        assert "databases = a, b" in adopted.text("alembic.ini").partition("[alembic]")[0]

    def test_names_that_nobody_says_are_asked_for(self, folder: Path) -> None:
        """--database names all of them."""
        with pytest.raises(MultidbError, match="name all of them, as engine_name has them"):
            self.adopt(folder, "url_of(name)", names="")
        assert "[b]" in self.adopt(folder, "url_of(name)", "a", "b", names="").text("alembic.ini")
