"""What multidb init decides before it writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb import MultidbError
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold import WantedDatabase, parse_wanted, plan_adoption, plan_init, write
from alembic_multidb.scaffold.changes import FileChange, Plan, hide_passwords
from alembic_multidb.scaffold.tomltext import TRAP, add_trap, alembic_table, parse_toml, set_trap
from alembic_multidb.scaffold.wanted import variable_for


class TestWanted:
    """--database NAME:EXTENSION,..."""

    def test_name_and_extensions_are_read(self) -> None:
        """Several extensions stand behind one colon."""
        assert parse_wanted(["core", "ai:vector, pg_trgm"]) == (
            WantedDatabase("core"),
            WantedDatabase("ai", ("vector", "pg_trgm")),
        )

    def test_each_url_has_a_variable_of_its_own(self) -> None:
        """The first database's is plain DATABASE_URL."""
        names = ["core", "audit-log"]
        assert [variable_for(name, names) for name in names] == ["DATABASE_URL", "AUDIT_LOG_DATABASE_URL"]


class TestPlans:
    """Diffs and writing."""

    def test_a_plan_writes_nothing(self, tmp_path: Path) -> None:
        """It says what would be written."""
        plan = plan_init(tmp_path)
        assert [plan.shown(change.path) for change in plan.changes][:2] == ["alembic.ini", "migrations/env.py"]
        assert "+++ b/databases.py\n" in plan.diff()
        assert list(tmp_path.iterdir()) == []

    def test_what_is_replaced_is_kept(self, tmp_path: Path) -> None:
        """An .orig of an earlier run as well."""
        file = tmp_path / "a.txt"
        for text in ("one\n", "two\n", "three\n"):
            if file.exists():
                write(Plan(tmp_path, (FileChange.of(file, text),)))
            else:
                file.write_text(text)
        kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert kept == {"a.txt": "three\n", "a.txt.orig": "one\n", "a.txt.orig.1": "two\n"}

    def test_a_diff_shows_no_password(self, tmp_path: Path) -> None:
        """Whatever it is made of."""
        file = tmp_path / "alembic.ini"
        file.write_text("sqlalchemy.url = postgresql://me:p@ss:w/rd@host/name\n")
        diff = Plan(tmp_path, (FileChange.of(file, ""),)).diff()
        assert "-sqlalchemy.url = postgresql://me:***@host/name\n" in diff

    @pytest.mark.parametrize(
        "text",
        [
            "url = postgresql://u:SECRET@h/d",
            "url = postgresql://h/d?user=u&password=SECRET&sslmode=require",
            'DB_PASSWORD = "SECRET"',
            "config['password'] = 'SECRET'",
            'URL.create("postgresql", password="SECRET")',
        ],
    )
    def test_passwords_are_hidden(self, text: str) -> None:
        """In URLs and in assignments."""
        assert "SECRET" not in hide_passwords(text)
        assert "***" in hide_passwords(text)


class TestPyproject:
    """The [tool.alembic] table."""

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[project]\nname = 'x'",
            "[project]\r\nname = 'x'\r\n",
            "[tool.ruff]\nline-length = 1\n[[tool.x.y]]\na = [\n1,\n]\n",
        ],
    )
    def test_it_is_appended(self, tmp_path: Path, text: str) -> None:
        """Everything else stays in every byte, with the file's kind of line ends."""
        file = tmp_path / "pyproject.toml"
        file.write_bytes(text.encode())
        change = add_trap(file)
        assert change is not None and change.new.startswith(text)
        assert ("\r\n" in text) == ("\r\n" in change.new)
        assert alembic_table(parse_toml(change.new, "x")) == {"script_location": TRAP}

    @pytest.mark.parametrize("text", ["tool = {ruff = {line-length = 1}}\n", "[project\n"])
    def test_what_cannot_be_extended_is_refused(self, tmp_path: Path, text: str) -> None:
        """An inline table, and what is no TOML at all."""
        file = tmp_path / "pyproject.toml"
        file.write_text(text)
        with pytest.raises(MultidbError, match=r"pyproject\.toml is"):
            add_trap(file)

    def test_one_that_is_there_is_turned_into_the_trap(self, tmp_path: Path) -> None:
        """The keys that alembic.ini takes over go; comments, other keys and other tables stay."""
        file = tmp_path / "pyproject.toml"
        file.write_text(
            '[tool.alembic]  # mine\n# where\nscript_location = "%(here)s/alembic"\nversion_locations = [\n'
            '  "a", # first\n  "b",\n]\ntimezone = "UTC"\n\n[[tool.alembic.post_write_hooks]]\nname = "ruff"\n'
            '[tool.other]\nscript_location = "kept"\n'
        )
        change = set_trap(file, frozenset({"version_locations"}))
        assert change.new == (
            f'[tool.alembic]  # mine\n# where\nscript_location = "{TRAP}"\ntimezone = "UTC"\n\n'
            '[[tool.alembic.post_write_hooks]]\nname = "ruff"\n[tool.other]\nscript_location = "kept"\n'
        )

    def test_a_dotted_one_is_left_to_the_user(self, tmp_path: Path) -> None:
        """It says what to write."""
        file = tmp_path / "pyproject.toml"
        file.write_text('[tool]\nalembic.script_location = "x"\n')
        with pytest.raises(MultidbError, match="put this into it by hand"):
            set_trap(file, frozenset())


class TestMistakes:
    """What users get wrong, each with one message and nothing written."""

    def test_names_that_would_share_a_variable(self) -> None:
        """A dash and an underscore, or another case."""
        for names in (["core", "a-b", "a_b"], ["Core", "core"]):
            with pytest.raises(ConfigurationError, match="would share the variable"):
                parse_wanted(names)

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        """The folder itself, or a part of its path."""
        (tmp_path / "file").write_text("")
        for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
            with pytest.raises(ConfigurationError, match="a part of it is a file"):
                write(plan_init(folder, parse_wanted(["core"])))

    def test_a_pyproject_that_is_not_in_utf_8(self, tmp_path: Path) -> None:
        """It is named, with the place of the odd byte."""
        (tmp_path / "pyproject.toml").write_bytes(b"# \xff\xfe\n")
        with pytest.raises(ConfigurationError, match=r"pyproject\.toml is not in UTF-8 \(see its byte 2\)"):
            plan_init(tmp_path, parse_wanted(["core"]))

    @pytest.mark.parametrize(
        "line",
        [
            'config.set_section_option(section, "DB_PASS", os.environ.get("DB_PASS", "S3cret"))',
            "PGPASS = 'S3cret'",
            'pwd="S3cret"',
            'API_TOKEN: str = "S3cret"',
            'url = "postgresql://u:S3cret@h/d"',
        ],
    )
    def test_no_password_is_in_a_diff(self, line: str) -> None:
        """Whatever the setting is called."""
        assert "S3cret" not in hide_passwords(line)

    def test_options_that_nobody_can_read_are_refused(self, tmp_path: Path) -> None:
        """The models may be among them: an adoption without them would not run."""
        (tmp_path / "alembic.ini").write_text(
            "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://h/d\n"
        )
        (tmp_path / "migrations" / "versions").mkdir(parents=True)
        (tmp_path / "migrations" / "env.py").write_text(
            "from alembic import context\nfrom app import Base\nfrom sqlalchemy import engine_from_config\n\n\n"
            "def options():\n    conf = dict(target_metadata=Base.metadata)\n    conf.update(x=1)\n"
            "    return conf\n\n\n"
            "def run_migrations_online():\n"
            "    connectable = engine_from_config(context.config.get_section('alembic'), prefix='sqlalchemy.')\n"
            "    with connectable.connect() as connection:\n"
            "        context.configure(connection=connection, **options())\n"
            "        with context.begin_transaction():\n            context.run_migrations()\n\n\n"
            "run_migrations_online()\n"
        )
        with pytest.raises(ConfigurationError, match=r"env\.py, line 15: what configure\(\*\*options\(\)\) holds"):
            plan_adoption(tmp_path, ()).diff()
