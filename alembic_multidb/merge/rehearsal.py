"""``multidb merge --rehearse``: the same code into a scratch database beside the target, of which nothing remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from alembic_multidb.errors import MultidbError
from alembic_multidb.folders import temporary_folder
from alembic_multidb.merge.model import MergeOptions, Place
from alembic_multidb.merge.moving import merge
from alembic_multidb.merge.plan import exit_code, place_of, planned
from alembic_multidb.merge.target import target_of
from alembic_multidb.operate.project import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.rehearsal import scratch_databases
from alembic_multidb.split.template.maintenance import database_of
from alembic_multidb.split.template.strays import REHEARSAL, stray_name


@dataclass(frozen=True)
class Stage:
    """Where a merge is rehearsed.

    Attributes:
        project: the repository, whose target is the scratch database.
        place: the scratch database.
        files: where it is written.
    """

    project: Project
    place: Place
    files: Files


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
    ):
        files = Files(evidence=folder / "merge.json", command="merge")
        if place.into is None:
            yield Stage(project, replace(place, url=place.url.to(name)), files)
            return
        _copy(project, place, name, options, folder)
        elsewhere = project.elsewhere({place.name: name})
        yield Stage(elsewhere, place_of(elsewhere, None, place.name), files)


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
