"""``multidb merge --rehearse``: the same code into a scratch database beside the target, of which nothing remains."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.merge.model import Place
from alembic_multidb.merge.target import target_of
from alembic_multidb.operate.project import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.rehearsal import scratch_databases
from alembic_multidb.split.template.maintenance import database_of
from alembic_multidb.split.template.strays import REHEARSAL, stray_name


@contextmanager
def rehearsal(project: Project, place: Place, options: SplitOptions) -> Iterator[tuple[Place, Files]]:
    """Make an empty database beside a fresh target, and a folder for what is written; both are gone at the end.

    Args:
        project: the repository.
        place: the target.
        options: how long to wait for somebody else.

    Yields:
        Where to merge instead, and where to write.

    Raises:
        ConfigurationError: the target is a registered database with tables of its own.
        MultidbError: the login may not make databases.
    """
    if place.into is not None:
        raise ConfigurationError(
            f'--rehearse takes a fresh --target: a copy of "{place.name}" would be needed for a rehearsal; restore a '
            "backup of it elsewhere, and merge into that"
        )
    name = stray_name(REHEARSAL, database_of(place.url))
    owner, database = target_of(project, place)
    with (
        scratch_databases(owner, {database.name: name}, options),
        tempfile.TemporaryDirectory(prefix="multidb-merge-") as folder,
    ):
        yield replace(place, url=place.url.to(name)), Files(evidence=Path(folder) / "merge.json", command="merge")
