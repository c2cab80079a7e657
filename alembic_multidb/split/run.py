"""A split from its source: planned, looked at from all sides, and then carried out or not."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from alembic_multidb.operate.project import Project
from alembic_multidb.split.model import Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.plan import make_plan
from alembic_multidb.split.preflight.run import ScratchMaker, drift, preflight, source_pooler
from alembic_multidb.split.survey import read_survey
from alembic_multidb.stamp.source import connect_source
from alembic_multidb.urls import DatabaseURL


@dataclass(frozen=True)
class Prepared:
    """A split that is decided and looked at; the source's point in time is held open.

    Attributes:
        connection: to the source.
        url: where the source is.
        objects: what becomes of its objects.
        plan: what will be done, all findings included.
    """

    connection: Connection
    url: DatabaseURL
    objects: Objects
    plan: Plan


@contextmanager
def _without_collector() -> Iterator[None]:
    """Do not look for garbage among hundreds of thousands of objects of which none is: it takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def prepared(
    project: Project, url: DatabaseURL, options: SplitOptions, scratch: ScratchMaker | None = None
) -> Iterator[Prepared]:
    """Plan a split and look at everything that may stand in its way; nothing is changed.

    Args:
        project: the repository.
        url: the source.
        options: what is asked for.
        scratch: returns the server for scratch databases, on which drift is looked for; None not to look.

    Raises:
        ConfigurationError: an object that is to be excluded is not there.
        ConnectionFailedError: the source cannot be reached.
    """
    with connect_source(url) as connection:
        pooler = list(source_pooler(connection))
        with _without_collector():
            survey = read_survey(connection, url)
            objects = Objects.of(survey, project.databases, options)
            plan = make_plan(objects)
            found = [*plan.findings, *pooler, *preflight(connection, project, objects, plan, options)]
        if scratch is not None:
            revisions = sorted({item for each in survey.revisions.values() for item in each or ()})
            found += drift(project, plan, revisions, scratch)
        yield Prepared(connection, url, objects, replace(plan, findings=tuple(found)))
