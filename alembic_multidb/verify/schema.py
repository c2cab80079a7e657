"""The schema of a target against the source's part that belongs to it, and what may differ with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from alembic_multidb.catalog.difference import Difference, difference
from alembic_multidb.catalog.snapshot import REPORTED_KINDS, ObjectId, Row, Snapshot
from alembic_multidb.classify import INVALID, plain_name
from alembic_multidb.operate.project import Project
from alembic_multidb.plugin.extensions import ANY_VERSION, reaches
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.stamp.schema import home_of, read_schema
from alembic_multidb.stamp.source import Source, read_revisions
from alembic_multidb.verify.options import VerifyOptions
from alembic_multidb.verify.report import Expected, Finding, fact
from alembic_multidb.verify.rights import WITH_MAINTAIN
from alembic_multidb.verify.side import Side

Told = Finding | Expected

# Values of settings are compared elsewhere: a snapshot leaves some out, and gives all to one home.
_ELSEWHERE = frozenset({"settings"})
_RIGHTS = frozenset({"grants", "default grants"})
_STAYS = "it belongs to how a database is run, and a split leaves it behind"


@dataclass(frozen=True)
class Schemas:
    """What is compared.

    Attributes:
        expected: the source's part.
        target: what is there.
    """

    expected: Snapshot
    target: Snapshot

    def without_excluded(self, options: VerifyOptions) -> Schemas:
        """Leave out what the user excluded."""
        return Schemas(_without_excluded(self.expected, options)[0], _without_excluded(self.target, options)[0])

    @property
    def objects(self) -> dict[str, Mapping[str, str]]:
        """Return a hash of each fact of the target, by kind and name."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self.target.rows:
            found[row.kind][row.identity] = fact(row.attributes)
        return dict(found)


def read_target(
    side: Side, project: Project, database: RegisteredDatabase, source: Source | None, *, is_whole: bool = False
) -> Snapshot:
    """Read a target's schema: all of it, unless other databases may lie in it, too.

    Args:
        side: the target.
        project: the repository.
        database: the target's declaration.
        source: where it came from, if that is there.
        is_whole: whether all of it is wanted all the same.
    """

    def read(connection: Connection) -> Snapshot:
        named = {each.version_table_name for each in project.databases.declarations}
        tables = source.version_tables if source is not None else tuple(read_revisions(connection, named))
        return read_schema(connection, project.databases, *tables)

    schema = side.run(read).result()
    return home_of(schema, project.databases, database) if database.may_share_with and not is_whole else schema


def prepare(source: Snapshot, target: Snapshot, options: VerifyOptions) -> Schemas:
    """Leave out of both what is not compared."""
    without = {*_ELSEWHERE, *(() if options.owners else ("owner",)), *(() if options.grants else _RIGHTS)}
    schemas = Schemas(*(each.only(lambda row: row.kind not in without) for each in (source, target)))
    if min(source.server_version, target.server_version) < WITH_MAINTAIN:
        schemas = Schemas(*map(_without_maintain, (schemas.expected, schemas.target)))
    return schemas


def compare_schemas(
    schemas: Schemas, source: Source, database: RegisteredDatabase, options: VerifyOptions, *, is_planned: bool = False
) -> Iterator[Told]:
    """Compare both ways; what is expected is told with its reason, anything else is a finding.

    Args:
        schemas: what is compared.
        source: where it came from.
        database: the target.
        options: what is excluded.
        is_planned: whether what crosses homes was left out by a plan that has said so.
    """
    for each in (schemas.expected, schemas.target):
        yield from _without_excluded(each, options)[1]
    for told in _crossing(source, database, options):
        if isinstance(told, Expected) or not is_planned:
            yield told
    for name in source.version_tables:
        yield Expected(kind="table", object=str(name), reason="a version table: it says where a history is")
    yield from compare_parts(schemas.without_excluded(options), database, source.classification.outside)


def compare_parts(schemas: Schemas, database: RegisteredDatabase, outside: Collection[ObjectId] = ()) -> Iterator[Told]:
    """Compare what is to be there with what is there, fact by fact.

    Args:
        schemas: both.
        database: the target.
        outside: what of the source a split leaves behind, and may be missing.
    """
    may_stay = {row.key for row in schemas.expected.rows if row.node in outside}
    feeds = _feeds(schemas.expected, schemas.target)
    for item in difference(schemas.expected, schemas.target):
        stays = item.what == "missing" and (item.kind, item.identity) in may_stay
        why_it_stays = INVALID if item.kind == "index" else _STAYS
        reason = why_it_stays if stays else _reason(item, database, feeds)
        if reason is not None:
            yield Expected(kind=item.kind, object=item.identity, reason=reason)
        else:
            yield _finding(item)


def undeclared(schemas: Schemas, database: RegisteredDatabase) -> Iterator[Finding]:
    """Find the extensions that a database declares and neither side has."""
    here = {plain_name(row.identity) for each in (schemas.expected, schemas.target) for row in _extensions(each)}
    for name in sorted(database.extensions.keys() - here):
        message = f'extension {name} is declared for "{database.name}", but missing on both sides'
        yield Finding(kind="extension", object=name, what="missing", message=message)


def _extensions(snapshot: Snapshot) -> list[Row]:
    return [row for row in snapshot.rows if row.kind == "extension"]


def _finding(item: Difference) -> Finding:
    return Finding(kind=item.kind, object=item.identity, what=item.what, message=str(item))


def _reason(item: Difference, database: RegisteredDatabase, feeds: frozenset[str]) -> str | None:
    """Return why a difference is as it should be."""
    name = plain_name(item.identity) if item.kind in ("extension", "extension version") else ""
    if item.what == "extra" and name in database.extensions:
        return f'declared for "{database.name}"'
    if item.kind == "extension version" and item.what == "different":
        one, other = item.attributes["version"]
        if reaches(other, database.extensions.get(name, ANY_VERSION)):
            return f"another server may have another version: {one} -> {other}"
    if item.kind == "publication" and item.identity in feeds and item.what != "different":
        return "rows come, or came, by logical replication"
    return None


def _feeds(expected: Snapshot, target: Snapshot) -> frozenset[str]:
    """Return the subscriptions of both sides, and the publications that these name."""
    found = set()
    for row in (*expected.rows, *target.rows):
        if row.kind == "publication" and row.identity.startswith("subscription "):
            found.add(row.identity)
            found |= {f"publication {name}" for name in row.definition["publications"]}
    return frozenset(found)


def _crossing(source: Source, database: RegisteredDatabase, options: VerifyOptions) -> Iterator[Told]:
    """Tell what stands on tables of several homes: a foreign key is a soft reference now, anything else is lost."""
    for row in source.crossing(database):
        kind = str(row.definition.get("kind", row.kind))
        excluded = options.excludes({kind, row.kind}, row.identity)
        homes = ", ".join(f"{table} ({home})" for table, home in source.classification.tables_under(row))
        if kind == "foreign key":
            yield Expected(kind=kind, object=row.identity, reason=f"it crosses homes, a soft reference now: {homes}")
        elif excluded is not None:
            yield Expected(kind=kind, object=row.identity, reason=f"excluded by {excluded}")
        else:
            yield Finding(
                kind=row.kind,
                object=row.identity,
                what="missing",
                message=f"{kind} {row.identity} crosses homes and can be in none of them: {homes}; if it is not needed "
                f"any more: --exclude '{kind}:{row.identity}'",
            )


def _without_excluded(snapshot: Snapshot, options: VerifyOptions) -> tuple[Snapshot, list[Expected]]:
    """Leave out what the user excluded, and what belongs to it."""
    gone: dict[tuple[str, str], Expected] = {}
    nodes, relations = set(), set()
    for row in snapshot.rows:
        excluded = options.excludes(_kinds(row), row.identity)
        if excluded is not None:
            gone[row.key] = Expected(kind=row.kind, object=row.identity, reason=f"excluded by {excluded}")
            if row.kind not in REPORTED_KINDS:
                nodes.add(row.node)
                relations |= {row.relation} if row.kind in ("table", "view") else set()
    rest = snapshot.only(
        lambda row: (
            row.key not in gone and row.node not in nodes and (not row.relation or row.relation not in relations)
        )
    )
    return rest, list(gone.values())


def _kinds(row: Row) -> set[str]:
    return {row.kind, str(row.definition.get("kind", row.kind))}


def _without_maintain(snapshot: Snapshot) -> Snapshot:
    rows = [_row_without_maintain(row) if row.kind in _RIGHTS else row for row in snapshot.rows]
    return replace(snapshot, rows=tuple(row for row in rows if row.definition or row.kind not in _RIGHTS))


def _row_without_maintain(row: Row) -> Row:
    kept = {name: _plain_rights(value) for name, value in row.definition.items() if value}
    return replace(row, definition={name: value for name, value in kept.items() if value})


def _plain_rights(rights: Iterable[str]) -> list[str]:
    return [right for right in rights if ": MAINTAIN" not in right]


def homeless(source: Source) -> Iterator[str]:
    """Name the tables of the source that belong to no database, and so would be lost."""
    for row in source.classification.snapshot.rows:
        is_table = row.kind == "table" and row.definition.get("kind") != "foreign table"
        if is_table and row.node not in source.classification.crossing and not source.classification.home_of(row):
            yield row.identity
