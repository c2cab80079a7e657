"""New revisions: a file in each history whose models changed, and none in the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic import command
from alembic.autogenerate import RevisionContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script

from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.outcome import Outcome, Report, failed
from alembic_multidb.operate.project import Project
from alembic_multidb.registry import RegisteredDatabase


@dataclass(frozen=True)
class Comparison:
    """What the models of one database have that the live database has not, and the other way round.

    Attributes:
        history: the revisions that the database is at the head of.
        context: Alembic's revision in the making.
    """

    history: History
    context: RevisionContext

    @property
    def differences(self) -> list[Any]:
        """Return the differences as Alembic tells them, tuples that begin with ``add_table`` or the like."""
        found: list[Any] = []
        for script in self.context.generated_revisions:
            for operations in script.upgrade_ops_list:
                found += operations.as_diffs()
        return found

    @property
    def is_empty(self) -> bool:
        """Tell whether a revision would have nothing to do."""
        return all(
            operations.is_empty()
            for script in self.context.generated_revisions
            for operations in script.upgrade_ops_list
        )

    def take_in(self, other: Comparison) -> None:
        """Add another database's differences, for one revision of a history that both share."""
        (own,), (others,) = self.context.generated_revisions, other.context.generated_revisions
        for mine, theirs in zip(own.upgrade_ops_list, others.upgrade_ops_list, strict=True):
            mine.ops.extend(theirs.ops)
        for undoing, first in zip(own.downgrade_ops_list, others.downgrade_ops_list, strict=True):
            undoing.ops[:0] = first.ops
        own.imports = {*own.imports, *others.imports}

    def write(self) -> tuple[str, ...]:
        """Write the revision and return the files."""
        return _paths([script for script in self.context.generate_scripts() if script is not None])


def compare(history: History, message: str | None = None) -> Comparison:
    """Compare models and live database, as ``alembic revision --autogenerate`` does, and write nothing.

    Args:
        history: whose database is compared; it must be at its head.
        message: of the revision that may be written afterwards.

    Raises:
        MultidbError: the database is not at head, cannot be reached, or is another one.
    """
    arguments: dict[str, Any] = {
        "message": message,
        "autogenerate": True,
        "sql": False,
        "head": "head",
        "splice": False,
        "branch_label": None,
        "version_path": None,
        "rev_id": None,
        "depends_on": None,
    }
    context = RevisionContext(history.config, history.script, arguments)

    def retrieve_migrations(current: Any, migration_context: Any) -> list[Any]:
        if not history.at_head(current):
            raise MultidbError(
                f'database "{history.name}" is at {", ".join(current) or "no revision"}, not at the head of its '
                f"history ({', '.join(history.heads) or 'no revision'}), so that models cannot be compared with it; "
                f"run first: multidb upgrade -n {history.name}"
            )
        context.run_autogenerate(current, migration_context)
        return []

    with EnvironmentContext(
        history.config,
        history.script,
        fn=retrieve_migrations,
        as_sql=False,
        template_args=context.template_args,
        revision_context=context,
    ):
        history.script.run_env()
    return Comparison(history, context)


def revise(
    project: Project,
    message: str,
    names: Iterable[str] = (),
    *,
    autogenerate: bool = False,
    report: Report = lambda outcome: None,
) -> list[Outcome]:
    """Write revisions: from models, where they changed; or an empty one in each named history.

    All databases are compared before the first file is written, so that a failure leaves none behind.

    Args:
        project: the repository.
        message: what the revision is about.
        names: which databases; all of them if empty, which only ``autogenerate`` allows.
        autogenerate: compare models and databases.
        report: called with the outcome of each database.

    Raises:
        ConfigurationError: neither names nor ``autogenerate`` were given.
        UnknownDatabaseError: a name is not in the registry.
    """
    chosen = tuple(names)
    if not chosen and not autogenerate:
        raise ConfigurationError(
            f"say in which history the revision belongs, with -n ({', '.join(project.databases)}), or give "
            "--autogenerate for one in each history whose models changed"
        )
    histories = [History.load(project, database.name) for database in project.select(chosen)]
    if autogenerate:
        outcomes = _write_where_needed(
            [_compared(history, message, project.databases[history.name]) for history in histories],
            [database.name for database in project.databases.values() if database.shares_history],
        )
    else:
        sharing = [history for history in histories if project.databases[history.name].shares_history]
        outcomes = [_empty(history, message) for history in histories if history not in sharing[1:]]
    for outcome in outcomes:
        report(outcome)
    return outcomes


def _compared(history: History, message: str, database: RegisteredDatabase) -> Comparison | Outcome:
    if database.compares_nothing:
        return Outcome(name=history.name, result="nothing to do", message="it has no models to compare")
    try:
        return compare(history, message)
    except (Exception, SystemExit) as error:  # models and env.py may raise anything; the others are still compared
        return failed(history.name, error)


def _write_where_needed(compared: Sequence[Comparison | Outcome], sharing: Collection[str]) -> list[Outcome]:
    """Write a revision into each history; those that several databases share get one for all of these."""
    if any(isinstance(item, Outcome) and not item.is_good for item in compared):
        why = "nothing is written, since another database could not be compared"
        return [
            item if isinstance(item, Outcome) else Outcome(name=item.history.name, result="not begun", message=why)
            for item in compared
        ]
    together = [
        item for item in compared if isinstance(item, Comparison) and item.history.name in sharing and not item.is_empty
    ]
    for item in together[1:]:
        together[0].take_in(item)
    first = together[0].history.name if together else ""
    return [
        item
        if isinstance(item, Outcome)
        else Outcome(name=item.history.name, result="done", message=f'it is in the revision of "{first}"')
        if item in together[1:]
        else _written(item)
        for item in compared
    ]


def _written(comparison: Comparison) -> Outcome:
    name = comparison.history.name
    if comparison.is_empty:
        return Outcome(name=name, result="nothing to do", message="its models have not changed")
    try:
        return Outcome(name=name, result="done", files=comparison.write())
    except Exception as error:  # a post-write hook, the file system
        return failed(name, error)


def _empty(history: History, message: str) -> Outcome:
    try:
        written = command.revision(history.config, message=message)
    except Exception as error:  # see above
        return failed(history.name, error)
    scripts = written if isinstance(written, list) else [written]
    return Outcome(name=history.name, result="done", files=_paths([script for script in scripts if script]))


def _paths(scripts: Sequence[Script]) -> tuple[str, ...]:
    return tuple(script.path for script in scripts)
