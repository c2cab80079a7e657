"""Shared histories made of a few lines each, run on real databases beside the mixed one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from alembic_multidb import Database, Databases
from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import Snapshot
from alembic_multidb.classify import classify
from alembic_multidb.config import REGISTRY_OPTION
from alembic_multidb.stamp.schema import read_schema

NAMES = ("core", "ai")
# What most histories begin with: a table at home in each database.
TABLES = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
op.create_table("ai_docs", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
"""
DROPS = """
op.drop_table("ai_docs")
op.drop_table("users")
"""
HEADER = """
import sqlalchemy as sa
from alembic import op
from alembic_multidb import only
from sqlalchemy.dialects import postgresql
from pgvector.sqlalchemy import VECTOR

revision = {revision!r}
down_revision = {down!r}
"""


def registry(*, ai_tables: Sequence[str] = ("ai_*",), extensions: bool = True, shared: bool = True) -> Databases:
    """Return core, the default home, and ai, whose tables have a prefix."""
    return Databases(
        Database("core", default=True, shared_history=shared),
        Database("ai", tables=ai_tables, extensions={"vector": "*"} if extensions else {}, shared_history=shared),
    )


@dataclass
class Shared:
    """One history, the mixed database that it makes, and the two that take their own of it.

    Attributes:
        folder: where the files are.
        new_database: makes a database.
        databases: the registry.
        urls: the databases, ``mixed`` among them.
        engines: to the same.
    """

    folder: Path
    new_database: Callable[..., str]
    databases: Databases = field(default_factory=registry)
    urls: dict[str, str] = field(default_factory=dict)
    engines: dict[str, Engine] = field(default_factory=dict)
    revisions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "versions").mkdir(parents=True)
        (self.folder / "env.py").write_text("from alembic_multidb import run_migrations\n\nrun_migrations()\n")
        (self.folder / "script.py.mako").write_text("")
        sections = "".join(f"[{name}]\n" for name in ("mixed", *NAMES))
        (self.folder / "alembic.ini").write_text(
            "[DEFAULT]\nscript_location = %(here)s\nversion_locations = %(here)s/versions\npath_separator = os\n"
            + sections
        )

    def revise(self, upgrade: str, downgrade: str = "pass", *, down: str | tuple[str, ...] | None = "") -> str:
        """Add a revision; by default after the newest one."""
        revision = f"r{len(self.revisions) + 1:03}"
        parent = (self.revisions[-1] if self.revisions else None) if down == "" else down
        body = HEADER.format(revision=revision, down=parent)
        for name, text in (("upgrade", upgrade), ("downgrade", downgrade)):
            text = textwrap.dedent(text).strip()
            decorator, text = (text.split("\n", 1)) if text.startswith("@") else ("", text)
            body += f"\n{decorator}\ndef {name}():\n{textwrap.indent(text, '    ')}\n"
        (self.folder / "versions" / f"{revision}.py").write_text(body)
        self.revisions.append(revision)
        return revision

    def config(self, name: str, *, connected: bool = True) -> Config:
        """Return Alembic's configuration for one of the databases."""
        config = Config(str(self.folder / "alembic.ini"), ini_section=name)
        mixed = Databases(Database("mixed", default=True, extensions={"vector": "*"}))
        config.attributes[REGISTRY_OPTION] = mixed if name == "mixed" else self.databases
        if connected:
            config.attributes["connection"] = self.engine(name)
        return config

    def engine(self, name: str) -> Engine:
        """Return an engine to one of the databases, which is made when it is first asked for."""
        if name not in self.engines:
            self.urls[name] = self.new_database()
            url = self.urls[name].replace("postgresql:", "postgresql+psycopg:")
            self.engines[name] = create_engine(url, poolclass=NullPool)
        return self.engines[name]

    def upgrade(self, *names: str, to: str = "heads") -> None:
        """Upgrade databases; all three without names."""
        for name in names or ("mixed", *NAMES):
            command.upgrade(self.config(name), to)

    def downgrade(self, *names: str, to: str = "base") -> None:
        """Downgrade databases; all three without names."""
        for name in names or ("mixed", *NAMES):
            command.downgrade(self.config(name), to)

    def snapshot(self, name: str) -> Snapshot:
        """Return the whole schema of a database, version tables apart."""
        with self.engine(name).connect() as connection:
            return read_schema(connection, self.databases)

    def differences(self) -> list[str]:
        """Return how the databases differ from the mixed one's parts at their homes."""
        classified = classify(self.snapshot("mixed"), self.databases)
        return [
            f"{name}: {item}" for name in NAMES for item in difference(classified.restrict({name}), self.snapshot(name))
        ]
