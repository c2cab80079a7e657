"""What of one target stands in the way of a split, or should be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, inspect, text

from alembic_multidb.catalog.snapshot import REPORTED_KINDS, Row, Snapshot, read_snapshot
from alembic_multidb.checks.finding import shortened
from alembic_multidb.classify import plain_name
from alembic_multidb.env.marker import find_markers, wrong_markers
from alembic_multidb.operate.project import Project
from alembic_multidb.plugin.extensions import parse_floor, reaches
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.compare import differences
from alembic_multidb.split.journal import SCHEMA, Journal
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.preflight.facts import Facts, read_facts
from alembic_multidb.stamp.record import recorded_revisions
from alembic_multidb.stamp.schema import without_version_tables

# Of whoever runs the server, not in the way of anybody's schema.
_IGNORED = REPORTED_KINDS | {"event trigger", "language", "foreign server"}

_EXTENSIONS = text(
    """
    SELECT n.name, a.default_version AS available, e.extversion AS installed, s.nspname AS schema,
           coalesce(v.trusted, false) AS is_trusted
    FROM unnest(CAST(:names AS text[])) AS n (name)
    LEFT JOIN pg_available_extensions AS a ON a.name = n.name
    LEFT JOIN pg_available_extension_versions AS v ON v.name = n.name AND v.version = a.default_version
    LEFT JOIN pg_extension AS e ON e.extname = n.name
    LEFT JOIN pg_namespace AS s ON s.oid = e.extnamespace
    ORDER BY 1
    """
)
_ROLES = text(
    """
    SELECT n.name, r.oid IS NOT NULL AS is_there,
           CASE WHEN r.oid IS NOT NULL THEN pg_has_role(current_user, r.oid, :right) ELSE false END AS may_become
    FROM unnest(CAST(:names AS text[])) AS n (name) LEFT JOIN pg_roles AS r ON r.rolname = n.name
    ORDER BY 1
    """
)
_TABLESPACES = text("SELECT spcname FROM pg_tablespace WHERE spcname = ANY(:names)")

State = Literal["empty", "begun", "equal", "used"]


@dataclass(frozen=True)
class Target:
    """One target, connected.

    Attributes:
        database: its declaration.
        connection: to it.
        facts: about it.
        snapshot: its schema as it is now, version tables left out.
        is_begun: whether an interrupted split left its journal there.
        recorded: what its version table says.
        wrong_marker: what a version table there says that this database is, if that is another one.
    """

    database: RegisteredDatabase
    connection: Connection
    facts: Facts
    snapshot: Snapshot
    is_begun: bool
    recorded: tuple[str, ...]
    wrong_marker: str | None

    @property
    def name(self) -> str:
        """Return the database's name."""
        return self.database.name

    def state(self, plan: Plan) -> State:
        """Tell what is there: nothing, part of this split, all of its schema, or something else."""
        if self.is_begun:
            return "begun"
        used = [row for row in self.snapshot.rows if _counts(row, plan.extensions[self.name])]
        if not used:
            return "empty"
        return "equal" if not differences(plan, self.name, self.snapshot) else "used"


def read_target(connection: Connection, project: Project, database: RegisteredDatabase) -> Target:
    """Look at a target; its transaction is rolled back."""
    facts = read_facts(connection)
    recorded = recorded_revisions(connection, database)
    wrong = wrong_markers(find_markers(connection, database), database, project.mark_of(database))
    is_begun = inspect(connection).has_table(Journal.TABLE, schema=SCHEMA)
    snapshot = without_version_tables(read_snapshot(connection), project.databases)
    connection.rollback()
    marker = str(wrong[0].mark) if wrong else None
    return Target(database, connection, facts, snapshot, is_begun, recorded, marker)


def target_findings(
    target: Target, source: Facts, source_extensions: dict[str, str], plan: Plan, options: SplitOptions
) -> Iterator[Finding]:
    """Look at one target.

    Args:
        target: what was read of it.
        source: about the source.
        source_extensions: the versions of the source's extensions.
        plan: what will be done.
        options: what was asked for.
    """
    yield from not_empty(target, plan)
    yield from marked_otherwise(target)
    yield from rights(target)
    yield from superusers_objects(target, plan)
    yield from extensions(target, plan, source_extensions)
    yield from versions(target, source)
    yield from encoding(target, source)
    yield from owners(target, plan, options)
    yield from settings_rights(target, plan)


def not_empty(target: Target, plan: Plan) -> Iterator[Finding]:
    """Refuse a target that holds anything but declared extensions and an empty version table."""
    if target.recorded:
        yield _finding(
            target,
            "target-stamped",
            "refused",
            f"its version table says {', '.join(target.recorded)}, and it is not split into yet",
            "give it an empty database",
        )
    state = target.state(plan)
    if state == "used":
        things = [
            f"{row.kind} {row.identity}"
            for row in target.snapshot.rows
            if _counts(row, plan.extensions[target.name]) and row.kind not in ("column", "constraint")
        ]
        yield _finding(
            target,
            "target-not-empty",
            "refused",
            f"it is not empty: {shortened(things)}",
            "a split fills empty databases; drop it and create it anew: multidb bootstrap is not needed before",
        )
    if state == "begun":
        yield _finding(target, "target-begun", "note", "an interrupted split is there, and goes on")


def marked_otherwise(target: Target) -> Iterator[Finding]:
    """Refuse a target whose version table says that it is another database."""
    if target.wrong_marker:
        yield _finding(
            target,
            "target-marked",
            "refused",
            f'a version table there is marked as "{target.wrong_marker}"',
            f'check the URL of "{target.name}"',
        )


def rights(target: Target) -> Iterator[Finding]:
    """Look whether this login may make a schema there."""
    facts = target.facts
    if facts.is_standby:
        yield _finding(target, "target-read-only", "failed", "its server is a standby", "name the primary")
    if not facts.may_create:
        yield _finding(
            target,
            "target-rights",
            "failed",
            f'role "{facts.login}" may create nothing in database "{facts.database}"',
            f"its owner runs: GRANT CREATE ON DATABASE {facts.database} TO {facts.login}",
        )
    elif not facts.is_owner:
        yield _finding(
            target,
            "target-not-owned",
            "warning",
            f'role "{facts.login}" does not own the database: its settings, and rights in public, may be refused',
        )


def superusers_objects(target: Target, plan: Plan) -> Iterator[Finding]:
    """Find objects that only a superuser makes."""
    if target.facts.is_superuser:
        return
    nodes = {row.node for row in plan.expected[target.name].rows if _is_superusers(row)}
    names = [item.name for item in plan.objects if item.node in nodes]
    if names:
        yield _finding(
            target,
            "needs-superuser",
            "failed",
            f'role "{target.facts.login}" is no superuser, and only one makes {shortened(names)}',
            "use a superuser's login as migration_url, or leave them out with --exclude",
        )


def extensions(target: Target, plan: Plan, of_source: dict[str, str]) -> Iterator[Finding]:
    """Look whether each extension is there or can be made, in which version, and where it lies."""
    wanted = plan.extensions[target.name]
    declared = target.database.extensions
    for row in target.connection.execute(_EXTENSIONS, {"names": list(wanted)}).all():
        version = row.installed or row.available
        if version is None:
            yield _finding(
                target,
                "extension-missing",
                "failed",
                f'extension "{row.name}" is not available on its server',
                "an administrator installs its package there",
                row.name,
            )
            continue
        yield from _version_findings(target, row, version, of_source.get(row.name), declared.get(row.name, "*"))
        if row.installed is None and not (target.facts.is_superuser or row.is_trusted):
            yield _finding(
                target,
                "extension-rights",
                "failed",
                f'role "{target.facts.login}" may not create extension "{row.name}"',
                f'an administrator runs there: CREATE EXTENSION "{row.name}"'
                f"{f' SCHEMA {wanted[row.name]}' if wanted[row.name] else ''};"
                f"{'' if row.name in declared else f' or leave it out with --exclude extension:{row.name}'}",
                row.name,
            )
        if row.installed and wanted[row.name] and row.schema != wanted[row.name]:
            yield _finding(
                target,
                "extension-schema",
                "refused",
                f'extension "{row.name}" lies in schema {row.schema}, in the source in {wanted[row.name]}',
                f'DROP EXTENSION "{row.name}" there: it is made anew in the right one',
                row.name,
            )
        if row.name not in declared:
            yield _finding(
                target,
                "extension-undeclared",
                "note",
                f'extension "{row.name}" is made, since objects need it, although "{target.name}" does not declare it',
                f'declare it: extensions={{"{row.name}": "*"}}',
                row.name,
            )
    target.connection.rollback()


def _version_findings(target: Target, row: Any, version: str, of_source: str | None, floor: str) -> Iterator[Finding]:
    if not reaches(version, floor):
        yield _finding(
            target,
            "extension-version",
            "failed",
            f'extension "{row.name}" is there in version {version} only, but {floor} is declared',
            "an administrator installs a newer package",
            row.name,
        )
    elif of_source and not reaches(version, f">={_numbers(of_source)}"):
        # Types come with the first two numbers of a version, faults go with the third.
        is_near = reaches(version, f">={'.'.join(_numbers(of_source).split('.')[:2])}")
        yield _finding(
            target,
            "extension-version",
            "warning" if is_near else "failed",
            f'extension "{row.name}" is older there ({version}) than in the source ({of_source})',
            "an administrator installs a newer package",
            row.name,
        )
    if row.name == "vector" and not reaches(version, ">=0.8.4"):
        reason = (
            "a parallel build of an hnsw index may write beyond its memory"
            if not reaches(version, ">=0.8.2")
            else "vacuuming an hnsw index may corrupt it"
        )
        yield _finding(
            target,
            "pgvector-hazard",
            "warning",
            f"pgvector {version} has a known fault: {reason}",
            "install 0.8.4 or newer before the split",
            row.name,
        )


def versions(target: Target, source: Facts) -> Iterator[Finding]:
    """Compare the servers' versions."""
    if target.facts.major < source.major:
        yield _finding(
            target,
            "older-server",
            "warning",
            f"its server is PostgreSQL {target.facts.major}, the source's {source.major}: what only the newer one has "
            "cannot be made there",
        )


def encoding(target: Target, source: Facts) -> Iterator[Finding]:
    """Compare encodings and locales."""
    if target.facts.encoding != source.encoding:
        lossless = target.facts.encoding == "UTF8" and source.encoding != "SQL_ASCII"
        yield _finding(
            target,
            "encoding",
            "note" if lossless else "refused",
            f"its encoding is {target.facts.encoding}, the source's {source.encoding}",
            "" if lossless else f"create it with ENCODING '{source.encoding}', or UTF8",
        )
    if target.facts.locale != source.locale:
        yield _finding(
            target,
            "locale",
            "warning",
            f'its locale is "{target.facts.locale}", the source\'s "{source.locale}": texts are sorted otherwise',
            "create it with the source's locale, if an order or a unique index on text depends on it",
        )


def owners(target: Target, plan: Plan, options: SplitOptions) -> Iterator[Finding]:
    """Look whether the owners, and the roles that have rights, are there, and whether this login may give to them."""
    expected = plan.expected[target.name]
    names = {str(row.definition["owner"]) for row in expected.rows if row.kind == "owner"}
    right = "SET" if target.facts.major >= 16 else "MEMBER"
    found = target.connection.execute(_ROLES, {"names": sorted(names), "right": right}).all()
    target.connection.rollback()
    missing = [row.name for row in found if not row.is_there]
    if missing:
        yield _finding(
            target,
            "owner-missing",
            "failed",
            f"its server has no role {', '.join(missing)}, which owns objects of the source",
            "create it there, or leave owners out with --no-owner",
        )
    foreign = [row.name for row in found if row.is_there and not row.may_become]
    if foreign and not target.facts.is_superuser:
        yield _finding(
            target,
            "owner-rights",
            "failed",
            f'role "{target.facts.login}" may not give objects to {", ".join(foreign)}',
            f"GRANT {foreign[0]} TO {target.facts.login}, or leave owners out with --no-owner",
        )
    yield from _grantees(target, expected, options)


def _grantees(target: Target, expected: Snapshot, options: SplitOptions) -> Iterator[Finding]:
    """Look whether the roles that rights, policies and settings name are there."""
    names: set[str] = set()
    for row in expected.rows:
        if row.kind in ("grants", "default grants"):
            for rights_ in ("granted", "revoked"):
                names |= {text_.rpartition(": ")[0] for text_ in row.definition.get(rights_) or ()}
        if row.kind == "policy":
            names |= set(row.definition.get("roles") or ())
    names -= {"PUBLIC", "public"}
    found = target.connection.execute(_ROLES, {"names": sorted(names), "right": "USAGE"}).all()
    target.connection.rollback()
    if missing := [row.name for row in found if not row.is_there]:
        yield _finding(
            target,
            "role-missing",
            "failed",
            f"its server has no role {', '.join(missing)}, which has rights or policies in the source",
            "create it there" + (", or leave rights out with --no-acl" if not options.no_acl else ""),
        )


def settings_rights(target: Target, plan: Plan) -> Iterator[Finding]:
    """Tell which settings this login may not make."""
    settings = [item for item in plan.settings if target.name in item.homes]
    if target.facts.is_superuser or not settings:
        return
    names = [item.name for item in settings if item.role and item.role != target.facts.login]
    if not target.facts.is_owner:
        names = [item.name for item in settings]
    if names:
        yield _finding(
            target,
            "settings-rights",
            "warning",
            f'role "{target.facts.login}" may not set {shortened(names)}: they are not carried over',
            "a superuser sets them afterwards",
        )


def missing_tablespaces(target: Target, names: Sequence[str]) -> Iterator[Finding]:
    """Tell which tablespaces are not there: tables lie in the database's own then."""
    if not names:
        return
    there = set(target.connection.execute(_TABLESPACES, {"names": list(names)}).scalars())
    target.connection.rollback()
    if missing := [name for name in names if name not in there]:
        yield _finding(
            target,
            "tablespace-missing",
            "warning",
            f"its server has no tablespace {', '.join(missing)}: what lies there in the source goes to the default one",
        )


def _counts(row: Row, extensions_: dict[str, str]) -> bool:
    """Tell whether a fact makes a target count as used."""
    if row.kind in _IGNORED or row.key == ("schema", "public"):
        return False
    if row.kind == "extension":
        return plain_name(row.identity) not in extensions_
    return not (row.kind == "schema" and plain_name(row.identity) in extensions_.values())


def _is_superusers(row: Row) -> bool:
    definition = row.definition
    if row.kind in ("operator class", "language"):
        return "transform" not in row.identity.split(" ")[:1] and "conversion" not in row.identity.split(" ")[:1]
    if row.kind == "text search":
        return row.identity.startswith(("template ", "parser "))
    if row.kind == "type":
        return definition.get("kind") == "base"
    if definition.get("kind") == "aggregate":
        return bool(definition["aggregate"].get("state") == "internal")
    if row.kind == "function":
        return bool(definition.get("leakproof")) or definition.get("language") in ("c", "internal")
    return False


def _numbers(version: str) -> str:
    floor = version.split("-")[0]
    return floor if parse_floor(f">={floor}") is not None else "0"


def _finding(target: Target, kind: str, severity: Any, message: str, fix: str = "", object_: str = "") -> Finding:
    return Finding(kind=kind, severity=severity, database=target.name, object=object_, message=message, fix=fix)
