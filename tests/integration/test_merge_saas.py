"""An application of the usual kind with a database for its vectors: both become one, whichever way it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb import Database, Databases, SoftReference
from alembic_multidb.merge.model import MergeOptions
from alembic_multidb.operate import Project
from tests.conftest import NewDatabase, psql
from tests.integration.merged import bring, plan_of
from tests.integration.moved import checksums
from tests.integration.split_cases import build, project, scripts

BOTH = """
    CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
    CREATE TYPE plan AS ENUM ('free', 'team');
    CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
"""
REFERENCES = [
    SoftReference("embeddings.organization_id", "organizations.id", ondelete="CASCADE"),
    SoftReference("embeddings.user_id", "users.id", ondelete="SET NULL"),
]


@pytest.mark.parametrize(
    ("into", "schemas"), [("ai", {}), (None, {"core": "app"}), (None, {"ai": "rag"})], ids=["into", "core", "ai"]
)
def test_an_application_gets_its_foreign_keys_back(
    tmp_path: Path, new_database: NewDatabase, into: str | None, schemas: dict[str, str]
) -> None:
    """The text becomes a uuid, what points at nothing is nulled, keys act, triggers fire, nothing is lost."""
    core, ai = new_database(), new_database()
    build(core, BOTH + scripts("saas"))
    build(ai, f"CREATE EXTENSION vector; {BOTH} {scripts('saas_vectors')}")
    here = project(tmp_path, core, ai)
    (tmp_path / "migrations" / "script.py.mako").write_text("")
    own = Database(
        "ai",
        url=ai,
        tables=["collections", "chunks", "embeddings"],
        extensions={"vector": "*"},
        soft_references=REFERENCES,
    )
    here = Project(here.config_file, Databases(Database("core", url=core, default=True), own))
    target = None if into else new_database()
    options = MergeOptions(into=into, restore_foreign_keys=True, cast=True, orphans="null", into_schema=schemas)
    shared = plan_of(here, target, options).shared
    assert ("function public.set_updated_at()" in shared) is not bool(schemas)
    before = checksums(core)
    report = bring(here, target, tmp_path, options)
    assert report.exit_code == 0 and report.own == ()
    url, app, rag = target or ai, schemas.get("core", "public"), schemas.get("ai", "public")
    now = checksums(url)
    assert {name: now[name.replace("public.", f"{app}.")] for name in before} == before
    psql(url, f"DELETE FROM {app}.organizations WHERE slug = 'ORG3'; DELETE FROM {app}.users WHERE email = 'u60@x'")
    assert psql(url, f"SELECT count(*), count(user_id) FROM {rag}.embeddings") == [(60, 56)]
    changed = f"UPDATE {rag}.embeddings SET content = 'new' WHERE id = 5 RETURNING updated_at > now() - interval '1 h'"
    assert psql(url, changed) == [(True,)]
