"""Where the databases stand: reachable, marked, at head, with the extensions that they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from alembic_multidb.checks.finding import Finding
from alembic_multidb.checks.live import Live
from alembic_multidb.operate.project import Project
from alembic_multidb.operate.status import DatabaseStatus, DeclaredExtension
from alembic_multidb.plugin.extensions import create_extension_sql, reaches
from alembic_multidb.registry import RegisteredDatabase

_STATES = {
    "unreachable": ("MDB301", "the message says why; make it reachable, then check again"),
    "wrong database": (
        "MDB303",
        "check the URL of {name}; if it is a copy that shall become it: multidb adopt -n {name}",
    ),
    "empty": ("MDB304", "multidb upgrade -n {name}"),
    "unstamped": ("MDB304", "stamp it with the revision that it is at: alembic -n {name} stamp REVISION"),
    "behind": ("MDB304", "multidb upgrade -n {name}"),
    "ahead": (
        "MDB305",
        "run the code that has this revision, or check the URL of {name}; if it is a copy whose revision is "
        "another history's, stamp it anew: alembic -n {name} stamp --purge REVISION",
    ),
}


def state_of(status: DatabaseStatus) -> Iterator[Finding]:
    """Find a database that is not at head, with the reason."""
    if status.state not in _STATES:
        return
    code, fix = _STATES[status.state]
    pending = f", {len(status.pending)} behind {', '.join(status.heads)}" if status.pending else ""
    detail = f": {status.detail}" if status.detail else ""
    yield Finding(
        code=code,
        database=status.name,
        object=status.name,
        message=f'database "{status.name}": {status.state}{pending}{detail}',
        fix=fix.format(name=status.name),
    )


def marker_of(status: DatabaseStatus, live: Live) -> Iterator[Finding]:
    """Find a database that was migrated, but carries no marker; or one that says that it was stamped without proof."""
    mark = live.version_table.mark if live.version_table is not None else None
    if status.revisions and live.version_table is not None and mark is None:
        yield Finding(
            code="MDB302",
            database=status.name,
            object=status.name,
            message=f'database "{status.name}" has no marker, so that a wrong URL would not be noticed',
            fix=f"multidb adopt -n {status.name} writes it, as the owner of the version table",
        )
    if status.revisions and mark is not None and mark.unproven:
        yield Finding(
            code="MDB306",
            database=status.name,
            object=status.name,
            message=f'database "{status.name}" was stamped without proof (multidb stamp-from --force)',
            fix=f"prove it, which clears the mark: multidb stamp-from --source URL -n {status.name} --revision "
            f"{' '.join(status.revisions)}",
        )


def extensions_of(database: RegisteredDatabase, status: DatabaseStatus) -> Iterator[Finding]:
    """Find extensions that are not as the registry declares them."""
    for extension in status.extensions:
        if extension.declared is None and extension.installed is not None:
            yield _undeclared(database, extension)
        elif extension.name in database.extensions and extension.installed is None:
            yield _missing(database, extension)
        elif extension.declared and extension.installed and not reaches(extension.installed, extension.declared):
            yield Finding(
                code="MDB503",
                database=database.name,
                object=extension.name,
                message=f'extension "{extension.name}" is installed in version {extension.installed}, but '
                f"{extension.declared} is declared",
                fix=f'ALTER EXTENSION "{extension.name}" UPDATE; (after a newer package: the server has '
                f"{extension.available})",
            )


def shared_version_tables(
    project: Project, lives: Mapping[str, Live], same_database: Sequence[frozenset[str]]
) -> Iterator[Finding]:
    """Find histories that lead to the same version table of the same physical database.

    Args:
        project: the repository.
        lives: the databases that were looked at.
        same_database: the pairs of names that were proven to be one physical database.
    """
    for first, second in combinations(lives, 2):
        one, other = project.databases[first], project.databases[second]
        table = one.declaration.version_table_name
        if frozenset((first, second)) in same_database and table == other.declaration.version_table_name:
            yield Finding(
                code="MDB204",
                database=second,
                object=str(table),
                message=f'"{first}" and "{second}" lead to one physical database, and both histories write into '
                f'"{table}"',
                fix=f'check the two URLs; if it is meant, declare Database("{second}", shared_with="{first}", '
                f'version_table="{table.name}_{second}")',
            )


def _undeclared(database: RegisteredDatabase, extension: DeclaredExtension) -> Finding:
    home = database.foreign_extensions.get(extension.name)
    whose = f'only "{home}" declares it' if home else "the registry does not declare it"
    return Finding(
        code="MDB501",
        database=database.name,
        object=extension.name,
        message=f'extension "{extension.name}" {extension.installed} is installed in "{database.name}", but {whose}',
        fix=f'if nothing here uses it, DROP EXTENSION "{extension.name}"; else declare it: Database("{database.name}", '
        f'extensions={{"{extension.name}": "*"}})',
    )


def _missing(database: RegisteredDatabase, extension: DeclaredExtension) -> Finding:
    if extension.available is None:
        what, fix = "its server does not offer it", "an administrator installs its package on that server, then: "
    else:
        what, fix = f"its server offers {extension.available}", "multidb upgrade creates it; or: "
    return Finding(
        code="MDB502",
        database=database.name,
        object=extension.name,
        message=f'extension "{extension.name}" is declared for "{database.name}" but not installed; {what}',
        fix=f"{fix}{create_extension_sql(extension.name)};",
    )
