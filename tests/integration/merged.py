"""Databases that are merged, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic_multidb.merge.model import MergeOptions, MergePlan
from alembic_multidb.merge.moving import merge
from alembic_multidb.merge.outcome import MergeReport
from alembic_multidb.merge.plan import exit_code, place_of, planned
from alembic_multidb.operate import Project
from alembic_multidb.split.files import Files
from alembic_multidb.urls import resolve_url


@contextmanager
def ready(
    project: Project, target: str | None, options: MergeOptions, *, with_rows: bool = False
) -> Iterator[MergePlan]:
    url = resolve_url(target, {}, of="target") if target is not None else None
    with planned(project, place_of(project, url, options.into), options, with_rows=with_rows) as plan:
        yield plan


def plan_of(project: Project, target: str | None, options: MergeOptions | None = None) -> MergePlan:
    with ready(project, target, options or MergeOptions()) as plan:
        return plan


def stopping(plan: MergePlan) -> list[str]:
    return [str(item) for item in plan.findings if item.severity in ("refused", "failed")]


def bring(project: Project, target: str | None, folder: Path, options: MergeOptions | None = None) -> MergeReport:
    """Merge; whatever stands in the way is shown."""
    options = options or MergeOptions()
    with ready(project, target, options, with_rows=True) as plan:
        assert exit_code(plan) == 0, "\n".join(stopping(plan))
        return merge(project, plan, options, Files(evidence=folder / "merge.json", command="merge"))
