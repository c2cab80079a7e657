"""What keeps a source from being cloned into its targets: rights, whoever is connected, and what the targets are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection, text

from alembic_multidb.checks.finding import shortened
from alembic_multidb.plugin.extensions import reaches
from alembic_multidb.registry import Databases
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.preflight.beside import KEEPS
from alembic_multidb.split.preflight.facts import read_facts
from alembic_multidb.split.template.maintenance import Maintenance
from alembic_multidb.split.template.sessions import PREPARED, staying

# Who may own a database that a role makes: since this version that is a right of its own.
_SETS_ROLES = 160000
_RIGHTS = """
    SELECT r.rolname AS login, r.rolsuper AS is_superuser, r.rolcreatedb AS creates,
           ARRAY(SELECT d.datname::text FROM pg_catalog.pg_database AS d
                 WHERE d.datname = ANY (%s::text[]) AND NOT pg_catalog.pg_has_role(d.datdba, 'USAGE')
                 ORDER BY 1) AS others,
           ARRAY(SELECT DISTINCT pg_catalog.pg_get_userbyid(d.datdba)::text FROM pg_catalog.pg_database AS d
                 WHERE d.datname = ANY (%s::text[]) AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
                   AND NOT pg_catalog.pg_has_role(d.datdba, %s)
                 ORDER BY 1) AS unset,
           ARRAY(SELECT o.rolname::text FROM pg_catalog.pg_roles AS o
                 WHERE o.rolname = ANY (%s::text[]) AND NOT pg_catalog.pg_has_role(o.oid, 'USAGE')
                 ORDER BY 1) AS owners,
           ARRAY(SELECT v.name::text FROM pg_catalog.pg_available_extension_versions AS v
                 JOIN pg_catalog.pg_available_extensions AS a ON a.name = v.name AND a.default_version = v.version
                 WHERE v.name = ANY (%s::text[]) AND NOT v.trusted
                 ORDER BY 1) AS extensions
    FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
"""
# Whose the other objects are that a clone has and its target may not; a schema's default rights go with it.
_MORE_OWNERS = text(
    """
    SELECT DISTINCT pg_get_userbyid(x.owner)::text
    FROM (SELECT pubowner AS owner FROM pg_publication
          UNION ALL SELECT conowner FROM pg_conversion WHERE oid >= 16384
          UNION ALL SELECT defaclrole FROM pg_default_acl WHERE defaclnamespace <> 0
          UNION ALL SELECT lomowner FROM pg_largeobject_metadata) AS x
    """
)
_DEFAULT_RIGHTS = text("SELECT oid, pg_get_userbyid(defaclrole)::text AS role FROM pg_default_acl")
_VERSIONS = text("SELECT extname, extversion FROM pg_extension")
_UNREADABLE = text(
    """
    SELECT oid::regclass::text FROM pg_class
    WHERE oid = ANY (CAST(:tables AS oid[])) AND NOT has_table_privilege(CAST(:login AS name), oid, 'SELECT') ORDER BY 1
    """
)
_TARGETS = """
    SELECT d.datname AS name, d.datistemplate AS is_template, t.spcname AS tablespace,
           t.oid <> s.dattablespace AND s.oid IN (SELECT pg_catalog.pg_tablespace_databases(t.oid)) AS has_files,
           t.oid <> s.dattablespace AND NOT pg_catalog.has_tablespace_privilege(t.oid, 'CREATE') AS refuses,
           ARRAY(SELECT DISTINCT pg_catalog.pg_get_userbyid(a.grantor)::text
                 FROM pg_catalog.aclexplode(d.datacl) AS a
                 WHERE a.grantor <> d.datdba AND (NOT pg_catalog.pg_has_role(a.grantor, %s)
                                                  OR pg_catalog.pg_has_role(a.grantor, d.datdba, 'USAGE'))
                 ORDER BY 1) AS grantors,
           ARRAY(SELECT l.slot_name::text FROM pg_catalog.pg_replication_slots AS l
                 WHERE l.database = d.datname ORDER BY 1) AS slots
    FROM pg_catalog.pg_database AS d JOIN pg_catalog.pg_tablespace AS t ON t.oid = d.dattablespace
    CROSS JOIN (SELECT oid, dattablespace FROM pg_catalog.pg_database WHERE datname = %s) AS s
    WHERE d.datname = ANY (%s::text[]) ORDER BY 1
"""


def unfit(connection: Connection, plan: Plan, options: SplitOptions, found: Sequence[Finding]) -> Iterator[Finding]:
    """Look at what was asked for, at the source, and at what was found in the targets."""
    if options.no_owner or options.no_acl:
        yield finding("template-options", "a clone has the owners and rights of the source; --no-owner and --no-acl")
    facts = read_facts(connection)
    if facts.collation_version and facts.collation_version != facts.library_version:
        yield finding(
            "template-collation",
            f"the source was made with collation version {facts.collation_version}, its server has "
            f"{facts.library_version}: its indexes on text would be cloned as they are",
        )
    for item in found:
        if item.kind == KEEPS:
            what = item.message.partition(" is there")[0]
            yield finding(
                "template-target", f'"{item.database}" has {what}, which would go with the database that is replaced'
            )
        if item.kind == "target-begun":
            yield finding(
                "template-begun", f'a split by stream has begun to fill "{item.database}"; go on with it, or --abort'
            )


def owners(connection: Connection, objects: Objects, plan: Plan) -> list[str]:
    """Return whose objects may have to be dropped or changed in a clone.

    The schema public is never dropped, nor is an extension that all targets have; members go with their extension.
    """
    stays = {item.node for item in plan.objects if item.type == "extension" and item.homes == plan.databases}
    dropped = {item.node for item in plan.objects} - stays
    rows = [row for row in objects.survey.snapshot.rows if row.kind == "owner" and row.node in dropped]
    found = {row.definition["owner"] for row in rows if row.identity != "schema public"}
    return sorted(found | set(connection.execute(_MORE_OWNERS).scalars()))


def missing_rights(
    session: Maintenance, source: str, targets: Sequence[str], owners: Sequence[str], extensions: Sequence[str]
) -> Iterator[Finding]:
    """Tell what a login may not do that cloning takes.

    Args:
        session: the login's.
        source: its name on the server.
        targets: theirs.
        owners: whose objects may have to be dropped.
        extensions: what may have to be created.
    """
    names = list(targets)
    row = session.rows(_RIGHTS, [source, *names], names, _becoming(session), list(owners), list(extensions))[0]
    if row["is_superuser"]:
        return
    missing = [
        (not row["creates"], "may not create databases"),
        (row["others"], f"does not own database {', '.join(row['others'])}"),
        (row["unset"], f"may not SET ROLE {', '.join(row['unset'])}, and so make no database for it"),
        (
            row["extensions"],
            f"may not create extension {', '.join(row['extensions'])}, which no clone has from the source",
        ),
        (row["owners"], f"may not drop what belongs to {shortened(row['owners'])} in the source's clone"),
    ]
    for is_missing, words in missing:
        if is_missing:
            yield finding("template-rights", f'role "{row["login"]}" {words}', severity="failed")


def _becoming(session: Maintenance) -> str:
    """Return what a server calls the right to become a role."""
    return "SET" if session.raw.info.server_version >= _SETS_ROLES else "MEMBER"


def new_extensions(
    connection: Connection, logins: Mapping[str, str], plan: Plan, cloned: Collection[str]
) -> Iterator[Finding]:
    """Look at extensions that the source does not have: in its clone they are made under its default rights.

    Args:
        connection: to the source.
        logins: the role that works in each target.
        plan: what will be done.
        cloned: the extensions that the source has.
    """
    rows = connection.execute(_DEFAULT_RIGHTS).all()
    for name, login in logins.items():
        new = sorted(set(plan.extensions[name]) - set(cloned))
        there = {item.node.oid for item in plan.objects if item.type == "default acl" and name in item.homes}
        if new and login in {row.role for row in rows if row.oid in there}:
            message = f'extension {", ".join(new)} would be made in "{name}" with the default rights of role "{login}"'
            yield finding("template-extension", f"{message} in the source, and so with other rights than its own", name)


def unreadable(connection: Connection, logins: Mapping[str, str], plan: Plan) -> Iterator[Finding]:
    """Look whether each target's login may read what it will have: a clone has the rights of the source.

    Args:
        connection: to the source.
        logins: the role that works in each target.
        plan: what will be done.
    """
    for name, login in logins.items():
        tables = [item.node.oid for item in plan.objects if item.type == "table" and item.homes == (name,)]
        if names := connection.execute(_UNREADABLE, {"tables": tables, "login": login}).scalars().all():
            message = f'role "{login}" may not read {shortened(names)} in the clone that becomes "{name}"'
            yield finding("template-rights", message, name, severity="failed")


def old_extensions(connection: Connection, databases: Databases, plan: Plan) -> Iterator[Finding]:
    """Look at extensions whose version in the source, and so in a clone, is below what a target declares.

    Args:
        connection: to the source.
        databases: the registry.
        plan: what will be done.
    """
    versions = {row.extname: row.extversion for row in connection.execute(_VERSIONS)}
    for name in plan.databases:
        for extension, floor in databases[name].extensions.items():
            if extension in versions and not reaches(versions[extension], floor):
                message = f"extension {extension} of the source, and so of its clone, is {versions[extension]}"
                fix = f"ALTER EXTENSION {extension} UPDATE in the source, or use --method stream"
                yield finding("template-extension", f'{message}; "{name}" declares {floor}', name, fix)


def unfit_targets(session: Maintenance, source: str, names: Mapping[str, str]) -> Iterator[Finding]:
    """Look at what targets are, of which a clone could not take the place.

    Args:
        session: the login's that clones.
        source: its name on the server.
        names: the targets' names on the server, by those in the registry.
    """
    known = {database: name for name, database in names.items()}
    for row in session.rows(_TARGETS, _becoming(session), source, list(known)):
        name = known[row["name"]]
        if row["has_files"]:
            message = f'"{name}" is in tablespace {row["tablespace"]}, where some of the source\'s tables are already'
            yield finding("template-tablespace", f"{message}: no clone can be made there", name)
        elif row["refuses"]:
            message = f'nothing may be created in tablespace {row["tablespace"]}, where "{name}" is'
            yield finding("template-tablespace", message, name, severity="failed")
        if row["is_template"]:
            message = f'"{name}" is marked as a template (IS_TEMPLATE), and could not be replaced'
            yield finding("template-target", message, name)
        if row["grantors"]:
            message = f'rights to "{name}" were granted by {", ".join(row["grantors"])}, in whose name no others can be'
            yield finding("template-rights", message, name, severity="failed")
        if row["slots"]:
            message = f'"{name}" has replication slot {shortened(row["slots"])}, which would go with it'
            yield finding("template-target", message, name)


def users(
    session: Maintenance, source: str, own: int, names: Mapping[str, str], options: SplitOptions
) -> Iterator[Finding]:
    """Name whoever uses the source or a target.

    Args:
        session: outside of them.
        source: its name on the server.
        own: our process there.
        names: the targets' names on the server, by those in the registry.
        options: what was asked for.
    """
    sessions = staying(session.raw, source, [own])
    prepared = [words for words in sessions if words.startswith(PREPARED)]
    if prepared:
        yield finding(
            "source-busy",
            f"the source is used by {'; '.join(sessions)}",
            fix="nobody can clone it before COMMIT PREPARED or ROLLBACK PREPARED there",
        )
    elif sessions and not options.terminates:
        yield finding(
            "source-busy",
            f"the source is used by {'; '.join(sessions)}",
            fix="a database can be cloned while nobody is connected to it: stop them, or let "
            "--terminate-source-connections end them",
        )
    for name, database in names.items():
        if not options.rehearses and (sessions := staying(session.raw, database)):
            yield finding("target-busy", f'"{name}" is used by {"; ".join(sessions)}', name, fix="stop them")


def finding(kind: str, message: str, database: str = "", fix: str = "", severity: str = "refused") -> Finding:
    """Build a finding about cloning."""
    return Finding(
        kind=kind,
        severity="failed" if severity == "failed" else "refused",
        database=database or None,
        object="method template",
        message=message,
        fix=fix or "use --method stream",
    )
