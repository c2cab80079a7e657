"""Where every database stands, asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Connection, text

from alembic_multidb.catalog import Extension, LiveTable, read_extensions, read_tables
from alembic_multidb.env.connect import first_line
from alembic_multidb.env.marker import Mark, find_markers, find_version_table, wrong_markers
from alembic_multidb.errors import ConfigurationError, ConnectionFailedError, HistoryError, RegistryError
from alembic_multidb.operate.gather import gather
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase

T = TypeVar("T")

State = Literal["empty", "unstamped", "behind", "at head", "ahead", "wrong database", "unreachable", "broken history"]

DEFAULT_TIMEOUT = 3.0

_NO_SCHEMA = "SELECT current_schema() IS NULL"
_SERVER = text("SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size")


@dataclass(frozen=True)
class DeclaredExtension:
    """One extension of one database: what is declared, installed and available.

    Attributes:
        name: the extension's name.
        declared: the lowest version that the registry asks for, or ``*``; None if it does not ask for it.
        installed: the version that is installed; None if it is not.
        available: the version that the server offers; None if it offers none.
    """

    name: str
    declared: str | None
    installed: str | None
    available: str | None


@dataclass(frozen=True)
class DatabaseStatus:
    """Where one database stands.

    Attributes:
        name: the database's name.
        state: one word for it.
        revisions: what its version table says.
        heads: the heads of its history.
        pending: the revisions that an upgrade to the heads would run, in its order.
        server_version: the server's own words for its version; empty if it could not be asked.
        size: bytes on disk; None if it could not be asked.
        extensions: what is declared or installed.
        detail: why, where the state alone does not say it.
    """

    name: str
    state: State
    revisions: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    server_version: str = ""
    size: int | None = None
    extensions: tuple[DeclaredExtension, ...] = ()
    detail: str = ""

    @property
    def is_reachable(self) -> bool:
        """Tell whether the database could be asked."""
        return self.state not in ("unreachable", "broken history")


@dataclass(frozen=True)
class Look(Generic[T]):
    """What was seen of one database.

    Attributes:
        status: where it stands.
        found: what else was read; None if it could not be reached.
    """

    status: DatabaseStatus
    found: T | None = None


def status(project: Project, names: Iterable[str] = (), *, timeout: float = DEFAULT_TIMEOUT) -> list[DatabaseStatus]:
    """Ask the databases where they stand, many at once; one that does not answer hides no other.

    Args:
        project: the repository.
        names: which databases; all of them if empty.
        timeout: seconds for each database.

    Raises:
        UnknownDatabaseError: a name is not in the registry.
    """
    seen = look_at_all(project, names, lambda connection, database: None, timeout=timeout)
    return [each.status for each in seen]


def look_at_all(
    project: Project,
    names: Iterable[str],
    read: Callable[[Connection, RegisteredDatabase], T],
    *,
    timeout: float,
) -> list[Look[T]]:
    """As :func:`look`, for databases by their names; one whose history is broken hides no other either."""
    histories: list[History] = []
    found: dict[str, Look[T]] = {}
    wanted = [database.name for database in project.select(names)]
    for name in wanted:
        try:
            histories.append(History.load(project, name, to_read=True))
        except HistoryError as error:
            found[name] = Look(DatabaseStatus(name, "broken history", detail=str(error)))
    found |= {each.status.name: each for each in look(project, histories, read, timeout=timeout)}
    return [found[name] for name in wanted]


def look(
    project: Project,
    histories: Sequence[History],
    read: Callable[[Connection, RegisteredDatabase], T],
    *,
    timeout: float,
) -> list[Look[T]]:
    """Ask databases where they stand and read more from each, in the same read-only transaction.

    Args:
        project: the repository.
        histories: of the databases to look at.
        read: what else to read; it runs in a thread of its own for each database.
        timeout: seconds for each database.
    """
    marks = {history.name: project.mark_of(project.databases[history.name]) for history in histories}

    def ask(history: History) -> Look[T]:
        database = project.databases[history.name]
        try:
            with project.read(database, timeout=timeout) as connection:
                return Look(_examine(connection, database, marks[history.name], history), read(connection, database))
        except (ConfigurationError, ConnectionFailedError) as error:
            return _unreachable(history, str(error))
        except Exception as error:  # whatever an odd database answers, it hides no other
            return _unreachable(history, f"it cannot be read: {first_line(error)}")

    return gather(
        histories,
        ask,
        timeout=timeout,
        late=lambda history: _unreachable(history, f"no answer within {timeout:g} seconds"),
    )


def look_at(project: Project, history: History, *, timeout: float = DEFAULT_TIMEOUT) -> DatabaseStatus:
    """Ask one database where it stands."""
    return look(project, [history], lambda connection, database: None, timeout=timeout)[0].status


def _examine(connection: Connection, database: RegisteredDatabase, expected: Mark, history: History) -> DatabaseStatus:
    """Say where a connected database stands."""
    revisions = _revisions(connection, database)
    server = connection.execute(_SERVER).one()
    state, detail = _state(connection, database, expected, history, revisions)
    known = state in ("empty", "unstamped", "behind")
    return DatabaseStatus(
        database.name,
        state,
        revisions,
        history.heads,
        tuple(step.revision for step in history.upgrade_steps(revisions)) if known else (),
        server.version.split()[0],
        server.size,
        _extensions(read_extensions(connection, database.extensions), database),
        detail,
    )


def _state(
    connection: Connection,
    database: RegisteredDatabase,
    expected: Mark,
    history: History,
    revisions: Sequence[str],
) -> tuple[State, str]:
    wrong = wrong_markers(find_markers(connection, database), database, expected)
    if wrong:
        return "wrong database", f'marked as "{wrong[0].mark}" (comment on table {wrong[0].table}), not "{expected}"'
    if not revisions and not history.heads:
        return "at head", "its history has no revision yet"
    if not revisions:
        used = [table for table in read_tables(connection) if _counts(table, database)]
        if not used:
            return "empty", ""
        return "unstamped", f"it has {counted(len(used), 'table')}, but no revision"
    if not history.knows(revisions):
        unknown = ", ".join(f'"{item}"' for item in revisions if not history.knows([item]))
        return "ahead", f"revision {unknown} is not in this history: it is newer than this code, or another database's"
    if redundant := history.redundant(revisions):
        return "ahead", (
            f"beside its descendant the version table says {', '.join(redundant)}, too, which Alembic refuses: delete "
            "that row"
        )
    return ("at head", "") if history.at_head(revisions) else ("behind", "")


def _revisions(connection: Connection, database: RegisteredDatabase) -> tuple[str, ...]:
    """Return what the version table says; less work than a MigrationContext makes of it, for each of many databases."""
    if find_version_table(connection, database) is None:
        if database.version_table_schema is None and connection.exec_driver_sql(_NO_SCHEMA).scalar():
            raise ConnectionFailedError("this login has no right to look into any schema of its search_path")
        return ()
    quote = connection.dialect.identifier_preparer.quote
    names = (database.version_table_schema, database.version_table)
    table = ".".join(quote(name) for name in names if name is not None)
    found = connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalars()  # noqa: S608
    return tuple(sorted(str(revision) for revision in found))


def _counts(table: LiveTable, database: RegisteredDatabase) -> bool:
    """Tell whether a table makes a database count as used: no version table, and not a sharing database's own."""
    name = database.filters.homes.resolve(table.schema, table.name, table.default_schema)
    if database.filters.is_version_table(name):
        return False
    try:
        return not database.may_share_with or database.filters.homes.home(name) not in database.may_share_with
    except RegistryError:  # two rules claim it; whoever is right, it is used
        return True


def _extensions(found: Sequence[Extension], database: RegisteredDatabase) -> tuple[DeclaredExtension, ...]:
    return tuple(
        DeclaredExtension(item.name, database.shared_extensions.get(item.name), item.installed, item.available)
        for item in found
    )


def _unreachable(history: History, detail: str) -> Look[Any]:
    return Look(DatabaseStatus(history.name, "unreachable", heads=history.heads, detail=detail))


def counted(number: int, noun: str) -> str:
    """Say how many there are."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
