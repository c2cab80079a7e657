"""What of one target stands in the way of a split, or should be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, inspect, text

from alembic_multidb.catalog.snapshot import REPORTED_KINDS, Row, Snapshot, read_snapshot
from alembic_multidb.checks.finding import shortened
from alembic_multidb.classify import plain_name
from alembic_multidb.env.marker import find_markers, wrong_markers
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.split.compare import differences
from alembic_multidb.split.model import Finding, Plan, Severity
from alembic_multidb.split.preflight.facts import Facts, read_facts
from alembic_multidb.stamp.record import recorded_revisions
from alembic_multidb.stamp.schema import without_version_tables
from alembic_multidb.transfer.journal import SCHEMA, Journal

# Of whoever runs the server, not in the way of anybody's schema.
_IGNORED = REPORTED_KINDS | {"event trigger", "language", "foreign server"}

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
        return "equal" if not differences(plan, self.database, self.snapshot) else "used"


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


def target_findings(target: Target, source: Facts, plan: Plan) -> Iterator[Finding]:
    """Look at one target.

    Args:
        target: what was read of it.
        source: about the source.
        plan: what will be done.
    """
    yield from not_empty(target, plan)
    yield from marked_otherwise(target)
    yield from rights(target)
    yield from superusers_objects(target, plan)
    yield from versions(target, source)
    yield from encoding(target, source)


def not_empty(target: Target, plan: Plan) -> Iterator[Finding]:
    """Refuse a target that holds anything but declared extensions and an empty version table."""
    state = target.state(plan)
    if target.recorded and state not in ("begun", "equal"):
        yield finding(
            target,
            "target-stamped",
            "refused",
            f"its version table says {', '.join(target.recorded)}, and it is not split into yet",
            "give it an empty database",
        )
    if state == "used":
        things = [
            f"{row.kind} {row.identity}"
            for row in target.snapshot.rows
            if _counts(row, plan.extensions[target.name]) and row.kind not in ("column", "constraint")
        ]
        yield finding(
            target,
            "target-not-empty",
            "refused",
            f"it is not empty: {shortened(things)}",
            "a split fills empty databases; drop it and create it anew: multidb bootstrap is not needed before",
        )
    if state == "equal":
        yield finding(
            target,
            "target-there",
            "note",
            "its part of the source's schema is there already: nothing is copied, and its rows are compared",
        )
    if state == "begun":
        yield finding(target, "target-begun", "note", "an interrupted split is there, and goes on")


def marked_otherwise(target: Target) -> Iterator[Finding]:
    """Refuse a target whose version table says that it is another database."""
    if target.wrong_marker:
        yield finding(
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
        yield finding(target, "target-read-only", "failed", "its server is a standby", "name the primary")
    if not facts.may_create:
        yield finding(
            target,
            "target-rights",
            "failed",
            f'role "{facts.login}" may create nothing in database "{facts.database}"',
            f"its owner runs: GRANT CREATE ON DATABASE {facts.database} TO {facts.login}",
        )
    elif not facts.is_owner:
        yield finding(
            target,
            "target-not-owned",
            "warning",
            f'role "{facts.login}" does not own the database: its settings, and rights in public, may be refused',
        )


def superusers_objects(target: Target, plan: Plan) -> Iterator[Finding]:
    """Find objects that only a superuser makes."""
    if target.facts.is_superuser:
        return
    rows = plan.expected[target.name].rows
    nodes = {row.node for row in rows if _is_superusers(row)}
    # A type that is only named yet is no row.
    known = {row.node for row in rows}
    shells = {
        item.node
        for item in plan.objects
        if item.type == "type" and target.name in item.homes and item.node not in known
    }
    names = [item.name for item in plan.objects if item.node in nodes | shells]
    if names:
        yield finding(
            target,
            "needs-superuser",
            "failed",
            f'role "{target.facts.login}" is no superuser, and only one makes {shortened(names)}',
            "use a superuser's login as migration_url, or leave them out with --exclude",
        )


def versions(target: Target, source: Facts) -> Iterator[Finding]:
    """Compare the servers' versions."""
    if target.facts.major < source.major:
        yield finding(
            target,
            "older-server",
            "warning",
            f"its server is PostgreSQL {target.facts.major}, the source's {source.major}: what only the newer one has "
            "cannot be made there",
        )


def encoding(target: Target, source: Facts) -> Iterator[Finding]:
    """Compare encodings and locales."""
    if target.facts.encoding != source.encoding:
        # What is in a database without an encoding need not be text in another one's.
        lossless = target.facts.encoding == "UTF8" and source.encoding != "SQL_ASCII"
        others = "" if source.encoding in ("SQL_ASCII", "UTF8") else ", or UTF8"
        yield finding(
            target,
            "encoding",
            "note" if lossless else "refused",
            f"its encoding is {target.facts.encoding}, the source's {source.encoding}",
            "" if lossless else f"create it with ENCODING '{source.encoding}'" + others,
        )
    if target.facts.locale != source.locale:
        yield finding(
            target,
            "locale",
            "warning",
            f'its locale is "{target.facts.locale}", the source\'s "{source.locale}": texts are sorted otherwise',
            "create it with the source's locale, if an order or a unique index on text depends on it",
        )


def missing_tablespaces(target: Target, names: Sequence[str]) -> Iterator[Finding]:
    """Tell which tablespaces are not there: tables lie in the database's own then."""
    if not names:
        return
    there = set(target.connection.execute(_TABLESPACES, {"names": list(names)}).scalars())
    target.connection.rollback()
    if missing := [name for name in names if name not in there]:
        yield finding(
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
    if row.kind == "constraint":
        return "enforced by triggers" in definition
    if definition.get("kind") == "aggregate":
        return bool(definition["aggregate"].get("state") == "internal")
    if row.kind == "function":
        return bool(definition.get("leakproof")) or definition.get("language") in ("c", "internal")
    return False


def finding(target: Target, kind: str, severity: Severity, message: str, fix: str = "", object_: str = "") -> Finding:
    """Build a finding about a target."""
    return Finding(kind=kind, severity=severity, database=target.name, object=object_, message=message, fix=fix)
