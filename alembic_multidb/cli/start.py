"""The commands that begin something: init, demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Optional

import typer

from alembic_multidb import demo as demos
from alembic_multidb import scaffold
from alembic_multidb.cli.output import NO, Output, say


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
    """Run the example on an embedded PostgreSQL server: two databases, pgvector in one of them only."""
    if stop is not None:
        demos.stop_demo(stop)
        return
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]  # libpq's settings are about the user's own servers
    with demos.running_demo(keep=keep, say=say) as running:
        for database in running.urls:
            say(f"$ alembic -n {database} upgrade head")
            running.alembic("-n", database, "upgrade", "head")
        _print_facts(running.facts())
        if keep:
            _say_how_to_go_on(running)


def _print_facts(facts: list[demos.DatabaseFacts]) -> None:
    columns = ("database", "tables", "extensions", "vector indexes", "revision")
    with Output("demo", as_json=False) as output:
        output.table(
            columns,
            [
                (
                    fact.name,
                    *(", ".join(items) or "-" for items in (fact.tables, fact.extensions, fact.vector_indexes)),
                    fact.revision,
                )
                for fact in facts
            ],
        )


def _say_how_to_go_on(running: demos.Demo) -> None:
    typer.echo("The server goes on running. In a shell:")
    typer.echo(f"  cd {running.project}")
    for database, url in running.urls.items():
        typer.echo(f"  export {demos.VARIABLES[database]}='{url}'")
    typer.echo(f"To stop it and remove everything: multidb demo --stop {running.folder}")
