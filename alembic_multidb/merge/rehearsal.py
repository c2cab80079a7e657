"""``multidb merge --rehearse``: the same code into a scratch database beside the target, of which nothing remains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from alembic_multidb.errors import MultidbError
from alembic_multidb.folders import temporary_folder
from alembic_multidb.merge.model import MergeOptions, MergePlan, Place
from alembic_multidb.merge.moving import merge
from alembic_multidb.merge.outcome import MergeReport
from alembic_multidb.merge.plan import exit_code, place_of, planned
from alembic_multidb.merge.target import target_of
from alembic_multidb.operate.project import Project
from alembic_multidb.split.connections import Connections
from alembic_multidb.split.files import Files
from alembic_multidb.split.gauge import Gauge
from alembic_multidb.split.rehearsal import scratch_databases
from alembic_multidb.split.template.maintenance import database_of, maintenance, session_at
from alembic_multidb.split.template.strays import REHEARSAL, stray_name
from alembic_multidb.transfer.progress import Show
from alembic_multidb.verify.progress import Show as ShowVerify


@dataclass(frozen=True)
class Stage:
    """Where a merge is rehearsed.

    Attributes:
        project: the repository, whose target is the scratch database.
        place: the scratch database.
        files: where it is written.
        gauge: what looks at what it takes.
        began: when, by a clock that only goes forward.
    """

    project: Project
    place: Place
    files: Files
    gauge: Gauge
    began: float


@contextmanager
def rehearsal(project: Project, place: Place, options: MergeOptions) -> Iterator[Stage]:
    """Make a database beside the target, empty or a copy of it, and a folder for what is written; both go at the end.

    Args:
        project: the repository.
        place: the target.
        options: what is asked for.

    Raises:
        MultidbError: the login may not make databases, or the target cannot be copied.
    """
    name = stray_name(REHEARSAL, database_of(place.url))
    owner, database = target_of(project, place)
    with (
        scratch_databases(owner, {database.name: name}, options.common),
        temporary_folder("merge") as folder,
        ExitStack() as stack,
    ):
        files = Files(evidence=folder / "merge.json", command="merge")
        there = project, replace(place, url=place.url.to(name))
        if place.into is not None:
            _copy(project, place, name, options, folder)
            elsewhere = project.elsewhere({place.name: name})
            there = elsewhere, place_of(elsewhere, None, place.name)
        gauge = _gauge(stack, project, place, name, options)
        yield Stage(*there, files, gauge, time.monotonic())


def rehearse(
    stage: Stage,
    plan: MergePlan,
    options: MergeOptions,
    *,
    show: Show = lambda progress: None,
    show_verify: ShowVerify = lambda progress: None,
) -> MergeReport:
    """Merge into the scratch database, and return what came of it, with what the real run will need.

    Args:
        stage: where.
        plan: made for that place, with nothing in its way.
        options: what is asked for.
        show: told how far it is.
        show_verify: told how far the proof is.

    Raises:
        MultidbError: it could not be finished.
    """
    report = merge(stage.project, plan, options, stage.files, show=show, show_verify=show_verify)
    return replace(report, needs=stage.gauge.needs(time.monotonic() - stage.began))


def _gauge(stack: ExitStack, project: Project, place: Place, scratch: str, options: MergeOptions) -> Gauge:
    """Look, from outside, at what the rehearsal takes from now on; what was copied for it alone is left out."""
    names = [each.name for each in project.select(options.names) if each.name != place.name]
    urls = [project.databases[name].migration_url(project.variables) for name in names]
    sources = [database_of(url) for url in urls]
    sessions = [stack.enter_context(maintenance(place.url, {database_of(place.url)}))]
    sessions += [stack.enter_context(session_at(url)) for url in urls]
    before = int(sessions[0].rows("SELECT pg_catalog.pg_database_size(%s::name) AS bytes", scratch)[0]["bytes"])
    counted = stack.enter_context(Connections(urls))
    gauge = Gauge(sessions, sources, [scratch], counted, bytes_before=before if place.into is not None else 0)
    return stack.enter_context(gauge)


def _copy(project: Project, place: Place, scratch: str, options: MergeOptions, folder: Path) -> None:
    """Bring all that the target has into the scratch database, as a merge of it alone."""
    there = Place(name="target", url=place.url.to(scratch), into=None)
    # What a copy lets out is no copy, and what it sorts otherwise is the same server's.
    alone = MergeOptions(names=(place.name,), large_objects=True, other_collation=True, common=options.common)
    with planned(project, there, alone, with_rows=True, is_copy=True) as plan:
        found = [str(item) for item in plan.findings if item.severity in ("refused", "failed")]
        if exit_code(plan):
            raise MultidbError(f'"{place.name}" cannot be copied for a rehearsal: {"; ".join(found)}')
        report = merge(project, plan, alone, Files(evidence=folder / "copy.json", command="merge"))
    if report.exit_code:
        words = "; ".join(item["message"] for each in report.proof["databases"] for item in each["findings"][:3])
        raise MultidbError(f'the copy of "{place.name}" for a rehearsal is not what it should be: {words}')
