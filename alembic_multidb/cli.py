"""The ``multidb`` command: arguments in, one call, a printed result, an exit code out.

Exit codes: 0 done; 1 it looked, and the answer is no; 2 it could not look or could not do it.
Data go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Optional

import typer
from alembic.util.exc import CommandError
from rich.console import Console
from rich.table import Table

from alembic_multidb import demo as demos
from alembic_multidb import operate, scaffold

NO, FAILED = 1, 2

app = typer.Typer(
    name="multidb",
    help="Several PostgreSQL databases from one repository: every table has one home.",
    no_args_is_help=True,
    # A traceback must show no local variable: they hold URLs.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="ALEMBIC_CONFIG", help="alembic.ini, as for alembic itself.")
]
NamesOption = Annotated[
    Optional[list[str]], typer.Option("--name", "-n", help="Only this database; may be repeated.")  # noqa: UP045
]
LockTimeoutOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(help="Seconds to wait for a database's lock; 0: do not wait."),
]


def main() -> None:
    """Run the command line; what cannot be done is one message on stderr and exit code 2.

    Any other exception is a revision's own, or a defect: its traceback says where, and the exit code is 2 as well.
    """
    try:
        app()
    except CommandError as error:
        sys.stderr.write(f"multidb: {error}\n")
        sys.exit(FAILED)
    except Exception:
        traceback.print_exc()
        sys.exit(FAILED)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(f"multidb {version('alembic-multidb')}")
        raise typer.Exit


@app.command(epilog="Example: multidb status -n core")
def status(config: ConfigOption = Path("alembic.ini"), name: NamesOption = None) -> None:
    """Say where every database stands: state, revision, head. Exit code 1 unless all are at head."""
    states = operate.status(operate.Project.load(config), name or ())
    table = _table("database", "state", "revision", "head")
    for state in states:
        revisions, heads = ", ".join(state.revisions) or "-", ", ".join(state.heads) or "-"
        table.add_row(state.name, state.state, revisions, heads)
    _print(table)
    for state in states:
        if state.detail:
            sys.stderr.write(f"{state.name}: {state.detail}\n")
    if any(state.state != "at head" for state in states):
        raise typer.Exit(NO)


@app.command(epilog="Example: multidb upgrade, or: multidb upgrade -n ai a002")
def upgrade(
    revision: Annotated[str, typer.Argument(help="As for alembic upgrade.")] = "heads",
    config: ConfigOption = Path("alembic.ini"),
    name: NamesOption = None,
    lock_timeout: LockTimeoutOption = None,
) -> None:
    """Upgrade all databases, one after the other in the registry's order; the first failure stops."""
    project = operate.Project.load(config)

    def report(state: operate.DatabaseStatus) -> None:
        typer.echo(f"{state.name}: {state.state} ({', '.join(state.revisions) or 'no revision'})")

    operate.upgrade(project, name or (), revision, lock_timeout=lock_timeout, report=report)


@app.command(epilog="Example: multidb adopt -n core")
def adopt(
    name: Annotated[str, typer.Option("--name", "-n", help="What this database shall be.")],
    config: ConfigOption = Path("alembic.ini"),
    lock_timeout: LockTimeoutOption = None,
) -> None:
    """Mark a copy (restored, cloned, renamed) as the database that its URL is for."""
    project = operate.Project.load(config)
    mark, before = operate.adopt(project, name, lock_timeout=lock_timeout)
    typer.echo(f'{name}: marked as "{mark}"' + (f' (was "{before}")' if before else " (had no marker)"))


@app.command(epilog="Example: multidb init --database core --database ai:vector")
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")] = Path(),
    database: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--database", metavar="NAME[:EXTENSION,...]", help="A database; may be repeated. The first is the default."
        ),
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Turn the Alembic repository that is there into one for several databases.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --adopt: do it, instead of showing the difference.")] = False,
) -> None:
    """Write the files of a new project; nothing that is there is overwritten.

    With --adopt, print what would change, and exit with 1; with --yes as well, change it: each file that is
    replaced stays beside the new one as NAME.orig.
    """
    make_plan = scaffold.plan_adoption if adopt else scaffold.plan_init
    plan = make_plan(directory, scaffold.parse_wanted(database or ()))
    for note in plan.notes:
        _say(note)
    if adopt and not yes:
        typer.echo(plan.diff(), nl=False)
        raise typer.Exit(NO if plan.changes else 0)
    for line in scaffold.write(plan) or ([] if adopt else ["nothing to do: everything is there"]):
        typer.echo(line)


@app.command(epilog="Example: multidb demo --keep")
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running and print its URLs.")] = False,
    stop: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--stop", metavar="DIR", help="Stop a kept server and remove its folder."),
    ] = None,
) -> None:
    """Run the example on an embedded PostgreSQL server: two databases, pgvector in one of them only."""
    for name in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: the server is stopped, its folder removed
        signal.signal(name, lambda number, frame: sys.exit(128 + number))
    if stop is not None:
        demos.stop_demo(stop)
        return
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]  # libpq's settings are about the user's own servers
    with demos.running_demo(keep=keep, say=_say) as running:
        for database in running.urls:
            _say(f"$ alembic -n {database} upgrade head")
            running.alembic("-n", database, "upgrade", "head")
        _print(_facts_table(running.facts()))
        if keep:
            _say_how_to_go_on(running)


def _facts_table(facts: list[demos.DatabaseFacts]) -> Table:
    table = _table("database", "tables", "extensions", "vector indexes", "revision")
    for fact in facts:
        columns = (fact.tables, fact.extensions, fact.vector_indexes)
        table.add_row(fact.name, *(", ".join(items) or "-" for items in columns), fact.revision)
    return table


def _say_how_to_go_on(running: demos.Demo) -> None:
    typer.echo("The server goes on running. In a shell:")
    typer.echo(f"  cd {running.project}")
    for database, url in running.urls.items():
        typer.echo(f"  export {demos.VARIABLES[database]}='{url}'")
    typer.echo(f"To stop it and remove everything: multidb demo --stop {running.folder}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(table: Table) -> None:
    # Into a pipe or a file a row stays on one line, however long.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


__all__ = ["app", "main"]
