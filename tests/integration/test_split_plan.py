"""The plan of a split: every object of a hostile mixed database once, with its right home; what crosses is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.page import page
from tests.conftest import NewDatabase, psql
from tests.integration.split_cases import (
    PARTS,
    build,
    expected,
    found,
    make_roles,
    plan_of,
    project,
    scripts,
    stopping,
)
from tests.integration.test_snapshot import snapshot_of
from tests.servers import Server


@pytest.mark.parametrize("version", ["18", "16"])
def test_every_object_has_its_home(
    request: pytest.FixtureRequest, version: str, tmp_path: Path, new_database: NewDatabase, server: Server
) -> None:
    """Each object of some 160 is there exactly once, with the home that the script says; nothing stands in the way."""
    make_roles(server)
    plan = plan_of(project(tmp_path, new_database(), new_database()), request.getfixturevalue(f"mixed_{version}"))
    assert found(plan) == expected(scripts(*PARTS[version]), "postgres")
    assert stopping(plan) == []


def test_what_crosses_is_named(crossing: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Views, functions, triggers, rules, policies and tables of every crossing kind are refused by name."""
    plan = plan_of(project(tmp_path, new_database(), new_database()), crossing)
    wanted = expected(scripts("split", "split_crossing"), "postgres")
    assert found(plan) == wanted
    named = {item.object for item in plan.findings if item.kind == "crossing"}
    parts = {
        "index:crm.m_cross_email",
        "index:public.with_vector_hnsw",
        "table constraint:ai_heir_check on public.ai_heir",
    }
    assert named == {name for name, treatment in wanted.items() if treatment == "crossing"} - parts
    assert plan.exit_code(with_rows=True) == 1
    policy = next(item for item in plan.findings if item.object.startswith("policy:"))
    assert "rows are guarded less" in policy.fix


def test_foreign_keys_become_lines_to_paste(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Each foreign key that crosses is a soft reference, with what its deletion did."""
    plan = plan_of(project(tmp_path, new_database(), new_database()), mixed_18)
    assert [(item.database, item.line, item.is_declared) for item in plan.references] == [
        ("ai", 'SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE"),', False),
        ("ai", 'SoftReference("rag.runs.order_id", "crm.orders.id", ondelete="SET NULL (order_id)"),', False),
        ("ai", 'SoftReference("rag.usage.user_id", "users.id", ondelete="SET NULL"),', False),
    ]


def test_texts_of_functions_are_looked_into(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """A body that names another home, one that puts SQL together, and one in an unknown language are reported."""
    plan = plan_of(project(tmp_path, new_database(), new_database()), mixed_18)
    kinds = {(item.kind, item.database, item.object) for item in plan.findings if item.kind.startswith("body")}
    assert kinds == {
        ("body-names-another-home", "core", "function public.dynamic(pg_catalog.text)"),
        ("body-names-another-home", "core", "function crm.plain(pg_catalog.text)"),
        ("body-dynamic", None, "function public.dynamic(pg_catalog.text)"),
        ("body-not-read", None, "function crm.in_mine()"),
    }
    whys = {item.identity: item.why for item in plan.objects}
    assert whys["public.text_only()"] == (
        "nothing in the database uses it, and its body reads table public.ai_memories"
    )


def test_what_is_outside_is_said(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Roles and large objects, too; what stands on a foreign table says so; no password is told."""
    plan = plan_of(project(tmp_path, new_database(), new_database()), mixed_18)
    assert {"roles", "large-objects"} <= {item.kind for item in plan.findings}
    view = next(item for item in plan.objects if item.identity == "public.v_far")
    assert view.why == "it stands on foreign table public.far, which stays"
    assert "hunter2" not in str(plan.to_data()) + repr(plan)


def test_large_objects_go_where_they_are_asked_for(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Each is an object of the plan; on the page, many are one line."""
    here = project(tmp_path, new_database(), new_database())
    plan = plan_of(here, mixed_18, SplitOptions(large_objects="ai"))
    assert found(plan)["large object:4242"] == "ai"
    assert "large-objects" not in {item.kind for item in plan.findings}
    source = new_database()
    psql(source, "SELECT lo_create(number) FROM generate_series(1, 30) AS number")
    plan = plan_of(here, source)
    assert len([name for name in found(plan) if name.startswith("large object:")]) == 30
    lines = [line for line in page(plan, frozenset()) if "large object:" in line]
    assert lines == ["  large object:1 and 29 more large objects; --json names them"]


def test_an_excluded_object_takes_along_what_belongs_to_it(
    crossing: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """Triggers and policies of an excluded table go with it; what needs it is refused in its turn."""
    here = project(tmp_path, new_database(), new_database())
    plan = plan_of(here, crossing, SplitOptions(exclude=("table:public.ai_documents", "view:public.v_cross")))
    treatments = found(plan)
    for name in ("trigger:touch on", 'policy:"Odd ""policy""" on', "table constraint:ai_documents_pkey on"):
        assert treatments[f"{name} public.ai_documents"] == "excluded"
    assert treatments["index:public.ai_documents_hnsw"] == "excluded"
    above = next(item for item in plan.objects if item.identity == "crm.v_above")
    assert (above.treatment, above.why) == ("crossing", "it needs view public.v_cross, which is excluded")
    on_top = next(item for item in plan.objects if item.identity == "crm.m_cross")
    assert on_top.why == "it needs view crm.v_above, which cannot be made either"
    key = "ai_memories_document_id_fkey on public.ai_memories"
    assert treatments[f"table constraint:{key}"] == "crossing"


def test_an_unknown_name_is_refused(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """What --exclude names must be there; near names are offered."""
    here = project(tmp_path, new_database(), new_database())
    with pytest.raises(ConfigurationError, match=r"names nothing in the source; near are view:public\.v_users"):
        plan_of(here, mixed_18, SplitOptions(exclude=("view:public.v_user",)))
    with pytest.raises(ConfigurationError, match="not of the form KIND:NAME"):
        plan_of(here, mixed_18, SplitOptions(exclude=("v_users",)))


def test_nothing_is_written(mixed_18: str, tmp_path: Path, new_database: NewDatabase) -> None:
    """Source and targets are the same after a plan."""
    core, ai = new_database(), new_database()
    before = [snapshot_of(url).to_json() for url in (mixed_18, core, ai)]
    plan_of(project(tmp_path, core, ai), mixed_18)
    assert [snapshot_of(url).to_json() for url in (mixed_18, core, ai)] == before


def test_a_source_whose_sessions_are_short(tmp_path: Path, new_database: NewDatabase) -> None:
    """A plan takes its time, although the database ends statements, transactions and idle ones soon."""
    source = new_database()
    build(source, "CREATE TABLE users (id int); CREATE TABLE ai_notes (id int)")
    for setting in ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"):
        psql(source, f"ALTER DATABASE {source.rpartition('/')[2]} SET {setting} = '60ms'")
    plan = plan_of(project(tmp_path, new_database(), new_database()), source)
    assert {item.name: item.homes for item in plan.objects if item.type == "table"}["table:public.ai_notes"] == ("ai",)
