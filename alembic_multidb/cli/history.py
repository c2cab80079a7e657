"""The commands for histories that several databases run or ran: history plan, history fork, history join."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alembic_multidb.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, NamesOption
from alembic_multidb.cli.output import NO, Output
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.operate.history import History
from alembic_multidb.registry import RegisteredDatabase

if TYPE_CHECKING:
    from alembic_multidb.routing.plan import PlannedRevision, PlannedStatement

_WORDS = {"runs": "run", "skips": "skipped", "separated": "separated", "undecidable": "undecidable"}
# What is shown of each revision, whatever the options.
_SHOWN = ("separated", "undecidable")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    commands = typer.Typer(
        help="Shared histories: what they do where, how to take them apart, and to join others.", no_args_is_help=True
    )
    commands.command(epilog="Example: multidb history plan -n core --statements")(plan)
    commands.command(epilog="Example: multidb history fork --into migrations/forked")(fork)
    commands.command(epilog="Example: multidb history join --into core -n ai")(join)
    app.add_typer(commands, name="history")


def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    statements: Annotated[bool, typer.Option("--statements", help="Show every statement, not only these two.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what each revision of a shared history runs, skips and separates on a database, without connecting to it.

    Statements that are separated, or undecidable, are shown. Exit code 1 if one is undecidable.
    """
    from alembic_multidb.routing.plan import plan_history

    with Output("history plan", as_json) as output:
        project = Project.load(config)
        for database in _sharing(project, name or ()):
            history = History.load(project, database.name)
            planned = plan_history(history.script, history.config, database)
            output.databases.append(
                {
                    "name": database.name,
                    "state": None,
                    "revisions": [],
                    "heads": list(history.heads),
                    "plan": [_revision_data(each) for each in planned],
                }
            )
            for each in planned:
                _print_revision(output, database.name, each, statements)
            if any(each.count("undecidable") for each in planned):
                output.worst(NO)


def fork(
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where a folder for each database is made.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make an independent history for each database out of a shared one; ids stay, so that stamps stay valid.

    Nothing is written unless every revision can be taken apart, and says the same as before.
    """
    from alembic_multidb.routing.forks.fork import fork_history, write_fork

    with Output("history fork", as_json) as output:
        project = Project.load(config)
        databases = _sharing(project, ())
        history = History.load(project, databases[0].name)
        forked = fork_history(history.script, history.config, databases)
        write_fork(into, forked)
        for name, revisions in forked.items():
            kinds = Counter(each.kind for each in revisions)
            data = [
                {"revision": each.revision, "file": each.file, "kind": each.kind, "asks": each.asks}
                for each in revisions
            ]
            output.databases.append(
                {"name": name, "state": None, "revisions": [], "heads": list(history.heads), "files": data}
            )
            counted = ", ".join(f"{kinds[kind]} {kind}" for kind in ("copied", "cut", "empty"))
            output.line(f"{name}: {into / name}: {counted}")
            for each in revisions:
                if each.asks:
                    output.line(f"{each.file} asks the database for something: look through it", indent="  ")
        output.line("Now name each folder in version_locations of its section, and take shared_history=True out.")


def join(
    into: Annotated[str, typer.Option("--into", metavar="NAME", help="The database whose history goes on.")],
    name: NamesOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    message: Annotated[str, typer.Option("--message", "-m", help="Of the revision.")] = "join the histories",
    as_json: JsonOption = False,
) -> None:
    """Make one history of several whose databases were merged: a revision after all heads; ids stay.

    The version table of the first says from then on what all said, and the others are dropped. The first revision of
    each history gets its database's name as a label.
    """
    from alembic_multidb.merge.join import join as join_histories

    with Output("history join", as_json) as output:
        project = Project.load(config)
        names = [each.name for each in project.select(name or ()) if each.name != into]
        joined = join_histories(project, into, names, message)
        output.databases.append({"name": into, "state": None, "revisions": [], "heads": [joined.revision]})
        output.more = {"file": str(joined.file), "labels": list(joined.labels), "changes": list(joined.changes)}
        output.line(f"{into}: {joined.file} joins {', '.join([into, *names])}")
        if joined.labels:
            output.line(f"labels: {', '.join(joined.labels)}")
        for line in joined.changes:
            output.line(line)


def _sharing(project: Project, names: tuple[str, ...] | list[str]) -> list[RegisteredDatabase]:
    """Return the named databases, or all those of the shared history.

    Raises:
        ConfigurationError: a named one, or none at all, shares its history.
    """
    chosen = project.select(names)
    alone = [database.name for database in chosen if not database.shares_history]
    if (names and alone) or len(alone) == len(chosen):
        raise ConfigurationError(
            f'database "{alone[0]}" has a history of its own; for one that several databases run, declare '
            "shared_history=True for each of them"
        )
    return [database for database in chosen if database.shares_history]


def _print_revision(output: Output, database: str, planned: PlannedRevision, everything: bool) -> None:
    counted = [f"{planned.count(verdict)} {word}" for verdict, word in _WORDS.items() if planned.count(verdict)]
    notes = " (some of it depends on what the database answers)" if planned.asks else ""
    output.line(f"{database} {planned.revision}: {', '.join(counted) or 'nothing'}{notes}  {planned.title}")
    if planned.error:
        output.line(f"could not be read to its end without a database: {planned.error}", indent="  ")
    for item in planned.statements:
        if everything or item.decision.verdict in _SHOWN:
            why = f" ({item.decision.why})" if item.decision.why else ""
            output.line(f"{item.decision.verdict}: {item.decision.statement.first_line}{why}", indent="  ")


def _revision_data(planned: PlannedRevision) -> dict[str, Any]:
    return {**asdict(planned), "statements": [_statement_data(item) for item in planned.statements]}


def _statement_data(item: PlannedStatement) -> dict[str, Any]:
    return {
        "verdict": item.decision.verdict,
        "statement": item.decision.statement.sql,
        "runs": item.decision.sql,
        "why": item.decision.why,
        "lines": item.recorded.lines,
        "certain": item.recorded.is_certain,
    }
