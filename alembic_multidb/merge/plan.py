"""The plan of a merge: all databases looked at, compared, and everything that stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

from alembic_multidb.checks.finding import shortened
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.merge.clash import Clashes, find_clashes
from alembic_multidb.merge.gather import Gathered, gathered, large_objects
from alembic_multidb.merge.histories import named_schemas, same_revisions
from alembic_multidb.merge.model import MergeOptions, MergePlan, Part, Place
from alembic_multidb.merge.moved import OF_A_FRESH_TARGET
from alembic_multidb.merge.pointing import Pointing, look_at
from alembic_multidb.merge.references import moved_reference, references_of_evidence, references_of_registry
from alembic_multidb.merge.revision import unwritable
from alembic_multidb.operate.project import Project
from alembic_multidb.split.model import EXIT_CODES, Finding
from alembic_multidb.transfer.journal import SCHEMA
from alembic_multidb.urls import DatabaseURL

_OUR_DEFAULTS = "SELECT oid FROM pg_default_acl WHERE defaclrole = current_user::regrole"


def place_of(project: Project, url: DatabaseURL | None, into: str | None) -> Place:
    """Return where everything is brought together.

    Args:
        project: the repository.
        url: of a fresh database.
        into: the name of a registered database.

    Raises:
        ConfigurationError: both or neither is given.
        UnknownDatabaseError: the name is not in the registry.
    """
    if (url is None) == (into is None):
        raise ConfigurationError("give --target URL for a fresh database, or --into NAME for one of the registry")
    if into is not None:
        database = project.databases[into]
        return Place(name=into, url=database.migration_url(project.variables), into=database)
    assert url is not None
    return Place(name="target", url=url, into=None)


@contextmanager
def planned(
    project: Project, place: Place, options: MergeOptions, *, with_rows: bool = False, is_copy: bool = False
) -> Iterator[MergePlan]:
    """Plan a merge and look at everything that may stand in its way; nothing is changed.

    The points in time of all databases are held open while the plan is used.

    Args:
        project: the repository.
        place: where everything is brought together.
        options: what is asked for.
        with_rows: whether rows will be read.
        is_copy: whether one database alone is meant, too.

    Raises:
        MultidbError: a database cannot be read, or what is asked for makes no sense.
    """
    with gathered(project, place, options, with_rows=with_rows) as found:
        if not is_copy and len(found.parts) + (found.there is not None) < 2:
            raise ConfigurationError("a merge takes at least two databases: the registry, or --name, gives only one")
        yield _plan(project, found, options)


def _plan(project: Project, found: Gathered, options: MergeOptions) -> MergePlan:
    parts = [*((found.there,) if found.there is not None else ()), *found.parts]
    known = [part for part in parts if part.is_known]
    clashes = find_clashes(known, project.databases)
    pointing = _pointing(project, found, known, options) if known == parts else Pointing()
    findings = [
        *_distinct(found, options),
        *clashes.findings,
        *same_revisions(project, [part.name for part in parts]),
        *_reserved(found),
        *_unstamped(found),
        *_taken(found, known),
        *(item for part in known if part.moved for item in named_schemas(project, part)),
        *_default_rights(found, options),
        *_large_objects(parts, options),
        *pointing.findings,
    ]
    plan = MergePlan(
        place=found.place,
        there=found.there,
        parts=tuple(_with_shared(part, clashes) for part in found.parts),
        shared=tuple(dict.fromkeys(clashes.names)),
        references=tuple(pointing.references),
        casts=tuple(dict.fromkeys(pointing.casts)),
        lost=tuple(pointing.lost),
        version_tables=found.version_tables,
        is_begun=found.begun is not None,
        findings=tuple(findings),
    )
    if not options.write_revision:
        return plan
    return replace(plan, findings=(*plan.findings, *unwritable(project, plan)))


def exit_code(plan: MergePlan) -> int:
    """Return what the run would end with; 0 if nothing stands in its way."""
    return max((EXIT_CODES[item.severity] for item in plan.findings), default=0)


def _pointing(project: Project, found: Gathered, parts: list[Part], options: MergeOptions) -> Pointing:
    if not options.restore_foreign_keys:
        return Pointing()
    if options.evidence is not None:
        references = references_of_evidence(options.evidence)
    else:
        references = references_of_registry(project.databases, parts)
    references = [moved_reference(item, project.databases, parts) for item in references]
    is_begun = found.begun is not None
    return look_at(parts, references, options, server_version=found.server_version, is_begun=is_begun)


def _with_shared(part: Part, clashes: Clashes) -> Part:
    """Let a database not make what an earlier one makes as well."""
    owners = clashes.owners[part.name]
    shared, adopted = frozenset(clashes.shared[part.name]), frozenset(clashes.adopted[part.name])
    objects = replace(part.objects, shared=shared, adopted=adopted)
    rows = [
        replace(row, definition={**row.definition, "owned by": owners[row.node]})
        if row.kind == "sequence" and row.node in owners
        else row
        for row in part.expected.rows
    ]
    expected = replace(part.expected, rows=tuple(rows))
    plan = replace(part.source.plan, expected={**part.source.plan.expected, part.name: expected})
    return replace(part, objects=objects, expected=expected, ready=replace(part.source, objects=objects, plan=plan))


def _distinct(found: Gathered, options: MergeOptions) -> Iterator[Finding]:
    """Yield what was found for each database; what is said of the target alone is said once."""
    told = set()
    for part in found.parts:
        for item in part.source.plan.findings:
            if item.kind in OF_A_FRESH_TARGET and found.place.into is not None:
                continue
            if item.kind == "target-there":
                item = _is_there(item)
            if item.kind == "target-not-empty":
                item = replace(item, fix="a merge fills an empty database, or comes into a registered one with --into")
            if item.kind == "locale":
                item = _collation(item, part, options)
            if (item.kind, item.object, item.message) not in told:
                told.add((item.kind, item.object, item.message))
                yield item


def _is_there(item: Finding) -> Finding:
    return replace(
        item,
        kind="target-not-empty",
        severity="refused",
        message="it is not empty: it has the schema of one of the databases",
    )


def _collation(item: Finding, part: Part, options: MergeOptions) -> Finding:
    if options.other_collation:
        return item
    return replace(
        item,
        severity="refused",
        message=f'for "{part.name}": {item.message}',
        fix="create the target with the same locale, bring the databases to one before, or allow it with "
        "--other-collation: indexes are built anew, but orders and unique texts may differ",
    )


def _reserved(found: Gathered) -> Iterator[Finding]:
    for name in found.reserved:
        yield Finding(
            kind="clash-reserved",
            severity="refused",
            database=name,
            object=f"schema {SCHEMA}",
            message=f"it has a schema {SCHEMA}, which a transfer writes its journal into",
            fix="finish or take back the split or merge that has left it, or rename the schema",
        )


def _unstamped(found: Gathered) -> Iterator[Finding]:
    for part in found.parts:
        if not part.revisions:
            yield Finding(
                kind="unstamped",
                severity="warning",
                database=part.name,
                object=part.name,
                message="its version table says no revision, so that the merged one says none either",
                fix=f"multidb stamp-from, before or afterwards (-n {part.name})",
            )


def _large_objects(parts: list[Part], options: MergeOptions) -> Iterator[Finding]:
    """Find numbers of large objects that two databases have: rows name them by these."""
    for one, other in combinations(parts, 2) if options.large_objects else ():
        if both := sorted({*large_objects(one)} & {*large_objects(other)}, key=int):
            yield Finding(
                kind="clash-large-object",
                severity="refused",
                object=f"large object {both[0]}",
                message=f'large objects of "{one.name}" and "{other.name}" have the same numbers: {shortened(both)}',
                fix="leave them behind (without --large-objects), or give them other numbers in one of the databases",
            )


def _default_rights(found: Gathered, options: MergeOptions) -> Iterator[Finding]:
    """Refuse a target whose own default privileges would give rights to what comes in."""
    if found.there is None or options.common.no_acl:
        return
    # Those of other roles are for what these make.
    ours = set(found.there.connection.exec_driver_sql(_OUR_DEFAULTS).scalars())
    for row in found.there.expected.rows:
        if row.kind == "default grants" and row.node.oid in ours:
            yield Finding(
                kind="default-privileges",
                severity="refused",
                database=found.place.name,
                object=row.identity,
                message=f"its default privileges ({row.identity}) would give rights to what comes in",
                fix="ALTER DEFAULT PRIVILEGES ... REVOKE there, and set them again afterwards; or --no-acl",
            )


def _taken(found: Gathered, parts: list[Part]) -> Iterator[Finding]:
    for name, table in found.version_tables.items():
        for part in parts:
            if (table.schema or "public", table.name) in part.relations:
                yield Finding(
                    kind="clash-version-table",
                    severity="refused",
                    object=str(table),
                    message=f'the version table of "{name}" shall be called {table}, which "{part.name}" has already',
                    fix=f'give "{name}" another version_table= in the registry',
                )
