"""The plan of a split, made from what was read of the source and from the registry, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote

from alembic_multidb.catalog.snapshot import ObjectId, Row, Snapshot
from alembic_multidb.classify import plain_name
from alembic_multidb.registry import Databases
from alembic_multidb.split.bodies import body_findings
from alembic_multidb.split.estimate import estimates, table_sizes, vector_builds, ways
from alembic_multidb.split.model import Finding, Plan, PlannedObject, Setting, SplitOptions
from alembic_multidb.split.objects import Objects, misplaced_partitions
from alembic_multidb.split.references import planned_references
from alembic_multidb.split.survey import Survey

_PASTE = "exclude it by name, change or drop it in the source, or give both tables one home"
_REFUSED = {"crossing": "crosses homes", "homeless": "has no home"}


def make_plan(objects: Objects) -> Plan:
    """Decide what a split does, from what becomes of every object.

    Args:
        objects: the source's objects with their homes.

    Raises:
        UnknownDatabaseError: a name that was asked for is not in the registry.
    """
    survey, databases = objects.survey, objects.databases
    wanted = {databases[name].name for name in objects.options.names} or set(databases)
    names = tuple(name for name in databases if name in wanted)
    sizes, builds = table_sizes(objects), vector_builds(objects)
    each = estimates(names, sizes, builds)
    return Plan(
        source=str(survey.url),
        server_version=survey.snapshot.server_version,
        databases=names,
        extensions={name: _extensions(objects, name) for name in names},
        objects=objects.planned,
        references=planned_references(objects),
        left_out=_left_out(objects.options),
        settings=_settings(survey, objects, databases),
        database_facts=tuple(
            item for item in survey.database_facts if item.what == "comment" or not objects.options.no_acl
        ),
        sizes=sizes,
        vector_builds=builds,
        estimates=each,
        ways=ways(objects, each),
        findings=(*_refusals(objects), *body_findings(objects)),
        expected={name: expected_schema(objects, name) for name in names},
    )


def expected_schema(objects: Objects, database: str) -> Snapshot:
    """Return the schema that a database has after the split, less what was excluded or stays behind."""
    dropped = {"settings", *_left_out(objects.options)}

    def is_kept(row: Row) -> bool:
        if row.kind in dropped or (row.node.catalog == "pg_extension" and row.kind in ("owner", "comment")):
            return False
        return objects.is_carried(row.node)

    schema = objects.classification.restrict({database}).only(is_kept)
    return replace(schema, rows=tuple(_owned(objects, row) for row in schema.rows))


def _owned(objects: Objects, row: Row) -> Row:
    """Return a sequence as it is where the table that owns it is left out: nobody's."""
    if row.kind != "sequence" or not row.relation or objects.is_carried(ObjectId("pg_class", row.relation)):
        return row
    return replace(
        row, definition={key: row.definition[key] for key in row.definition if key != "owned by"}, relation=0
    )


def _left_out(options: SplitOptions) -> tuple[str, ...]:
    """Return the kinds of facts that are left out by option."""
    owners = ("owner",) if options.no_owner else ()
    return (*owners, "grants", "default grants") if options.no_acl else owners


def _extensions(objects: Objects, database: str) -> dict[str, str]:
    """Return the extensions that a database needs or declares, each with its schema; empty where it does not matter."""
    found = dict.fromkeys(objects.databases[database].extensions, "")
    for row in objects.classification.snapshot.rows:
        if row.kind == "extension" and database in objects.homes_of(row.node) and objects.is_carried(row.node):
            found[plain_name(row.identity)] = str(row.definition["schema"])
    return found


def _settings(survey: Survey, objects: Objects, databases: Databases) -> tuple[Setting, ...]:
    """Give each setting to all databases, but one that an extension brings only to those that have the extension."""
    homes = {
        plain_name(item.identity): item.homes
        for item in objects.planned
        if item.type == "extension" and item.treatment == "home"
    }
    everywhere = tuple(databases)
    return tuple(
        Setting(
            name=row.name,
            value=row.value,
            role=row.role,
            homes=homes.get(survey.parameters.get(row.name, ""), everywhere),
        )
        for row in survey.settings
    )


def _refusals(objects: Objects) -> list[Finding]:
    refused = [item for item in objects.planned if item.treatment in _REFUSED and not objects.is_part(item)]
    found = [_refusal(item) for item in refused]
    for table, message in misplaced_partitions(objects).items():
        found.append(
            Finding(
                kind="partition",
                severity="refused",
                object=f"table:{table}",
                message=message,
                fix="a partition has its root's home: change the rule",
            )
        )
    return found


def _refusal(item: PlannedObject) -> Finding:
    finding = Finding(
        kind=item.treatment,
        severity="refused",
        object=item.name,
        message=f"{item.name} {_REFUSED[item.treatment]}: {item.why}",
        fix=f"{_PASTE} (--exclude {quote(item.name)})",
    )
    if item.type == "policy":
        consent = "without this policy rows are guarded less, or not at all, in the new database: "
        return replace(finding, fix=consent + finding.fix)
    if item.treatment == "homeless":
        return replace(finding, fix="name its table in tables= or schemas=, or give one database default=True")
    return finding
