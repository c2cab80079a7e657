"""``multidb stamp-from --write-revision``: what a source has beyond every revision becomes the next one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewDatabase, Project, psql

# Many kinds of drift at once, on the schema of the notes example's core database.
PLANTS = r"""
CREATE SCHEMA extra;
CREATE EXTENSION pg_trgm SCHEMA extra;
CREATE TYPE mood AS ENUM ('good', 'it''s so:so', 'bad');
CREATE DOMAIN short_text AS text CONSTRAINT is_short CHECK (length(VALUE) < 100) NOT NULL;
CREATE TYPE place AS (x numeric(10, 2), y numeric(10, 2));
CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE COLLATION binary_order (provider = libc, locale = 'C');
CREATE SEQUENCE tickets START 100 INCREMENT 5 MAXVALUE 9000 CYCLE;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- "quotes", a \backslash, 50% and :colons, ::casts, '\:x'
    NEW.body := trim(NEW.body);
    RETURN NEW;
END
$$;
CREATE FUNCTION label_of(n notes) RETURNS text LANGUAGE sql STABLE AS 'SELECT left(n.body, 10)';
CREATE AGGREGATE greatest_of (int) (SFUNC = int4larger, STYPE = int);
CREATE TABLE wishes (
    id bigint GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY,
    ticket bigint DEFAULT nextval('tickets') NOT NULL,
    user_id uuid REFERENCES users ON DELETE CASCADE,
    feeling mood DEFAULT 'good',
    title short_text,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED,
    spot place,
    CONSTRAINT wishes_ticket UNIQUE (ticket) DEFERRABLE,
    CHECK (ticket BETWEEN 1 AND 10000 OR feeling = 'bad')
);
ALTER SEQUENCE tickets OWNED BY wishes.ticket;
CREATE PROCEDURE clean() LANGUAGE sql AS 'DELETE FROM public.wishes';
CREATE TABLE parts (id int, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE INDEX parts_at ON parts (at);
CREATE UNLOGGED TABLE cache (key text COLLATE "C" PRIMARY KEY, value jsonb) WITH (fillfactor = 70);
ALTER TABLE users ADD COLUMN "Display name" varchar(40) DEFAULT 'a:b' NOT NULL;
ALTER TABLE users ALTER email TYPE text;
ALTER TABLE notebooks ALTER title DROP NOT NULL, ALTER title SET DEFAULT 'untitled';
ALTER TABLE notes ADD COLUMN feeling mood, ADD COLUMN size int GENERATED ALWAYS AS (length(body)) STORED;
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL, ALTER body SET STATISTICS 200;
ALTER TABLE tags DROP CONSTRAINT uq_tags_note_id_label;
ALTER TABLE tags ADD CONSTRAINT tags_label CHECK (label <> '' AND label NOT LIKE '%:x%');
ALTER TABLE tags REPLICA IDENTITY FULL;
DROP INDEX ix_notes_created_at;
CREATE INDEX notes_body_trigrams ON notes USING gin (body extra.gin_trgm_ops);
CREATE UNIQUE INDEX users_lower ON users (lower(email)) WHERE email LIKE '%@%';
CREATE STATISTICS notes_statistics (dependencies) ON notebook_id, created_at FROM notes;
CREATE TRIGGER notes_touch BEFORE INSERT OR UPDATE OF body ON notes FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE notes ENABLE ALWAYS TRIGGER notes_touch;
CREATE RULE tags_keep AS ON DELETE TO tags WHERE OLD.label = 'keep' DO INSTEAD NOTHING;
ALTER TABLE notebooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notebooks FOR SELECT USING (title = current_user);
CREATE VIEW note_titles WITH (security_barrier) AS SELECT n.id, label_of(n) AS label, b.title FROM notes n JOIN notebooks b ON b.id = n.notebook_id;
CREATE MATERIALIZED VIEW counted AS SELECT title, count(*) AS n FROM note_titles GROUP BY title;
CREATE UNIQUE INDEX counted_title ON counted (title);
"""  # noqa: E501


@dataclass
class Import:
    """The notes example, an old database that is the source, and a target with its schema."""

    project: Project
    source: str
    target: str

    def run(self, *arguments: str) -> tuple[int, str]:
        done = self.project.run(
            *("stamp-from", "--source", "env:OLD_URL", "-n", "core", *arguments), module="alembic_multidb"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def data(self, *arguments: str) -> dict[str, Any]:
        done = self.project.run(
            *("stamp-from", "--source", "env:OLD_URL", "-n", "core", "--json", *arguments), module="alembic_multidb"
        )
        found: dict[str, Any] = json.loads(done.stdout)["databases"][0]
        return {**found, "exit_code": done.returncode}

    def stamped(self) -> list[tuple[object, ...]]:
        if psql(self.target, "SELECT to_regclass('alembic_version')") == [(None,)]:
            return []
        return psql(self.target, "SELECT version_num FROM alembic_version")

    def file(self, before: set[str]) -> Path:
        (name,) = self.project.revisions("core") - before
        return self.project.folder / "migrations" / "core" / name


def imported(notes_at_head: Project, new_database: NewDatabase, plants: str, *, revision: str = "c003") -> Import:
    """Plant a drift in the source, and make the target a copy of it without its version table."""
    source = notes_at_head.environment["DATABASE_URL"]
    psql(source, plants)
    psql(source, f"UPDATE alembic_version SET version_num = '{revision}'")
    target = new_database(source.rpartition("/")[2])
    psql(target, "DROP TABLE alembic_version")
    notes_at_head.environment |= {"DATABASE_URL": target, "OLD_URL": source}
    return Import(notes_at_head, source, target)


def test_many_kinds_at_once(notes_at_head: Project, new_database: NewDatabase) -> None:
    """The complete way: write the revision, upgrade a fresh database with it, and stamp the target with proof."""
    plan = imported(notes_at_head, new_database, PLANTS)
    before = plan.project.revisions("core")
    found = plan.data("--write-revision")
    assert (found["result"], found["exit_code"]) == ("wrote revision", 1), found
    assert plan.stamped() == []
    file = plan.file(before)
    assert found["files"] == [str(file)]
    revision = found["revisions"][0]
    text = file.read_text()
    assert 'down_revision = "c003"' in text.replace("'", '"').replace(": str", "")
    assert f"--revision {revision}" in found["message"]
    assert 'op.execute("""\nCREATE TABLE public.wishes (' in text

    fresh = new_database()
    plan.project.ok("-n", "core", "upgrade", "head", DATABASE_URL=fresh)
    code, output = plan.run("--revision", revision)
    assert code == 0, output
    assert plan.stamped() == [(revision,)]
    body = "SELECT prosrc FROM pg_proc WHERE proname = 'touch'"
    assert psql(fresh, body) == psql(plan.source, body)
    which = plan.project.ok("which-revision", "-n", "core", module="alembic_multidb", DATABASE_URL=fresh)
    assert f"core: {revision}" in which
    # The way back ends at the schema of the revision before.
    plan.project.ok("-n", "core", "downgrade", "-1", DATABASE_URL=fresh)
    which = plan.project.ok("which-revision", "-n", "core", module="alembic_multidb", DATABASE_URL=fresh)
    assert "core: c003" in which


def test_is_not_written_twice(notes_at_head: Project, new_database: NewDatabase) -> None:
    """A second run finds the revision that the first one wrote, and names it."""
    plan = imported(notes_at_head, new_database, "ALTER TABLE users ADD age int")
    first = plan.data("--write-revision")
    files = plan.project.revisions("core")
    code, output = plan.run("--write-revision")
    assert code == 1
    assert f"stamp it with --revision {first['revisions'][0]}" in output
    assert plan.project.revisions("core") == files


def test_nothing_to_write(notes_at_head: Project, new_database: NewDatabase) -> None:
    """Where the source is exactly its revision, the database is stamped as ever, and no file is written."""
    plan = imported(notes_at_head, new_database, "COMMENT ON TABLE users IS 'x'")
    before = plan.project.revisions("core")
    code, output = plan.run("--write-revision")
    assert code == 0, output
    assert plan.stamped() == [("c003",)]
    assert plan.project.revisions("core") == before


def test_dry_run(notes_at_head: Project, new_database: NewDatabase) -> None:
    """With --dry-run the statements are printed, and nothing is written or stamped."""
    plan = imported(notes_at_head, new_database, "ALTER TABLE users ADD age int DEFAULT 3")
    before = plan.project.revisions("core")
    code, output = plan.run("--write-revision", "--dry-run")
    assert code == 1, output
    assert "would write revision" in output
    assert "ALTER TABLE public.users ADD COLUMN age integer DEFAULT 3" in output
    assert "in the revision: column public.users.age is extra" in output
    assert plan.project.revisions("core") == before
    assert plan.stamped() == []


UNSUPPORTED = "CREATE CONVERSION odd FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["write", "dry run"])
def test_unsupported_leaves_no_file(notes_at_head: Project, new_database: NewDatabase, dry: tuple[str, ...]) -> None:
    """A difference that no statement is known for is named, and no file stays behind."""
    plan = imported(notes_at_head, new_database, f"ALTER TABLE users ADD age int; {UNSUPPORTED}")
    before = plan.project.revisions("core")
    code, output = plan.run("--write-revision", *dry)
    assert code == 1, output
    assert "left to you" in output
    assert "conversion public.odd is extra" in output
    assert plan.project.revisions("core") == before
    assert plan.stamped() == []


def test_secret_is_not_written(notes_at_head: Project, new_database: NewDatabase) -> None:
    """A function with a setting that sounds like a secret is left to its people; the value stands nowhere."""
    plan = imported(
        notes_at_head,
        new_database,
        "CREATE FUNCTION hidden() RETURNS int LANGUAGE sql SET my.api_key = 'hunter2' AS 'SELECT 1'",
    )
    before = plan.project.revisions("core")
    code, output = plan.run("--write-revision")
    assert code == 1, output
    assert "function public.hidden() is extra" in output
    assert "hunter2" not in output
    assert plan.project.revisions("core") == before


def test_nearest_is_no_head(notes_at_head: Project, new_database: NewDatabase) -> None:
    """An unknown revision near one that is no head: the file begins a branch, which the message says."""
    plan = imported(
        notes_at_head,
        new_database,
        "DROP INDEX ix_notes_created_at; ALTER TABLE users ADD age int",
        revision="elsewhere",
    )
    before = plan.project.revisions("core")
    found = plan.data("--write-revision")
    assert found["result"] == "wrote revision", found
    text = plan.file(before).read_text().replace("'", '"')
    assert '"c002"' in text
    assert "branch" in found["message"] and "alembic merge" in found["message"]
    code, output = plan.run("--revision", found["revisions"][0])
    assert code == 0, output
    assert plan.stamped() == [(found["revisions"][0],)]


def test_on_a_named_revision(notes_at_head: Project, new_database: NewDatabase) -> None:
    """With --revision the difference is written on top of that revision."""
    plan = imported(notes_at_head, new_database, "ALTER TABLE users ADD age int", revision="elsewhere")
    before = plan.project.revisions("core")
    found = plan.data("--write-revision", "--revision", "c003")
    assert found["result"] == "wrote revision", found
    assert '"c003"' in plan.file(before).read_text().replace("'", '"')


def test_new_label_that_is_used(notes_at_head: Project, new_database: NewDatabase) -> None:
    """A new label of an enum is committed before the default that uses it."""
    plan = imported(notes_at_head, new_database, "CREATE TYPE mood AS ENUM ('a'); ALTER TABLE users ADD m mood")
    first = plan.data("--write-revision")
    assert first["result"] == "wrote revision", first
    for url in (plan.source, plan.target):
        psql(url, "ALTER TYPE mood ADD VALUE 'b' BEFORE 'a'")
        psql(url, "ALTER TABLE users ALTER m SET DEFAULT 'b'")
    psql(plan.source, f"UPDATE alembic_version SET version_num = '{first['revisions'][0]}'")
    before = plan.project.revisions("core")
    second = plan.data("--write-revision")
    assert second["result"] == "wrote revision", second
    assert "autocommit_block():\n        op.execute(" in plan.file(before).read_text()
    fresh = new_database()
    plan.project.ok("-n", "core", "upgrade", "head", DATABASE_URL=fresh)
    assert psql(fresh, "SELECT enum_range(NULL::mood)::text") == [("{b,a}",)]


def test_settings_of_the_project_are_used(notes_at_head: Project, new_database: NewDatabase) -> None:
    """The file has the name and the template that the project gives its revisions."""
    plan = imported(notes_at_head, new_database, "ALTER TABLE users ADD age int")
    plan.project.edit("migrations/script.py.mako", "def upgrade", "# by the project's own template\ndef upgrade")
    before = plan.project.revisions("core")
    assert plan.data("--write-revision")["result"] == "wrote revision"
    assert "# by the project's own template" in plan.file(before).read_text()


def test_failing_hook_leaves_no_file(notes_at_head: Project, new_database: NewDatabase) -> None:
    """Where a hook of the project's fails after the file is written, it is taken away again."""
    plan = imported(notes_at_head, new_database, "ALTER TABLE users ADD age int")
    hook = "\n[post_write_hooks]\nhooks = broken\nbroken.type = exec\nbroken.executable = there-is-no-such-program\n"
    ini = plan.project.folder / "alembic.ini"
    ini.write_text(ini.read_text() + hook)
    before = plan.project.revisions("core")
    code, output = plan.run("--write-revision")
    assert code in (1, 2), output
    assert "cannot be written" in output
    assert plan.project.revisions("core") == before
    assert plan.stamped() == []
