"""The commands that begin something: init, demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Optional

import typer

from alembic_multidb import scaffold
from alembic_multidb.cli.output import NO, Output, say
from alembic_multidb.demo.ending import Ending, read_ending
from alembic_multidb.demo.place import Demo, running_demo, stop_demo
from alembic_multidb.demo.scenario import play


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: multidb init --database core --database ai:vector")(init)
    app.command(epilog="Example: multidb demo --keep")(demo)


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
        say(note)
    if adopt and not yes:
        typer.echo(plan.diff(), nl=False)
        raise typer.Exit(NO if plan.changes else 0)
    for line in scaffold.write(plan) or ([] if adopt else ["nothing to do: everything is there"]):
        typer.echo(line)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running and print its URLs.")] = False,
    stop: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--stop", metavar="DIR", help="Stop a kept server and remove its folder."),
    ] = None,
) -> None:
    """Play the whole scenario on an embedded PostgreSQL server, in about a minute; nothing is left behind.

    An application has one database for everything. It is split into two, of which one alone has pgvector; every row
    is proven to have arrived, and both databases go on with histories of their own.
    """
    if stop is not None:
        stop_demo(stop)
        return
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]  # libpq's settings are about the user's own servers
    with running_demo(keep=keep, say=say) as running:
        play(running, say)
        say("")
        _print_ending(read_ending(running))
        if keep:
            _say_how_to_go_on(running)


def _print_ending(ending: Ending) -> None:
    columns = ("database", "tables", "rows", "extensions", "vector indexes", "revision")
    with Output("demo", as_json=False) as output:
        output.table(
            columns,
            [
                (
                    *(fact.name, str(fact.tables), str(fact.rows)),
                    *(", ".join(items) or "-" for items in (fact.extensions, fact.vector_indexes)),
                    fact.revision,
                )
                for fact in ending.databases
            ],
        )
        for line in ending.lines():
            output.line(line)


def _say_how_to_go_on(running: Demo) -> None:
    typer.echo("The server goes on running. In a shell:")
    typer.echo(f"  cd {running.project}")
    for variable, url in running.variables.items():
        typer.echo(f"  export {variable}='{url}'")
    typer.echo(f"To stop it and remove everything: multidb demo --stop {running.folder}")
