"""What multidb init decides before it writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb import MultidbError
from alembic_multidb.scaffold import WantedDatabase, parse_wanted, plan_init, write
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
