"""The commands that change databases or histories: upgrade, downgrade, revision, bootstrap, adopt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Optional

import typer

from alembic_multidb.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    LockTimeoutOption,
    NameOption,
    NamesOption,
)
from alembic_multidb.cli.output import Output
from alembic_multidb.operate import Project
from alembic_multidb.operate.adopt import adopt as adopt_one
from alembic_multidb.operate.bootstrap import NewDatabase
from alembic_multidb.operate.bootstrap import bootstrap as bootstrap_all
from alembic_multidb.operate.change import Change, plan, run, write_sql
from alembic_multidb.operate.revise import revise

# `downgrade -n ai -1`: what looks like an option is a revision, and checked below.
_RELATIVE = {"ignore_unknown_options": True}

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and change nothing.")]
SqlOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--sql", metavar="DIR", help="Write DIR/NAME.sql for each database instead, without connecting."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(context_settings=_RELATIVE, epilog="Example: multidb upgrade, or: multidb upgrade -n ai a002")(upgrade)
    app.command(context_settings=_RELATIVE, epilog="Example: multidb downgrade -n ai -1, or: multidb downgrade a001")(
        downgrade
    )
    app.command(epilog='Example: multidb revision --autogenerate -m "add a summary"')(revision)
    app.command(epilog="Example: multidb bootstrap, or: multidb bootstrap -n core --locale C.UTF-8")(bootstrap)
    app.command(epilog="Example: multidb adopt -n core")(adopt)


def upgrade(
    revision: Annotated[str, typer.Argument(help="As for alembic upgrade; without -n, a revision's id.")] = "heads",
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    dry_run: DryRunOption = False,
    sql: SqlOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upgrade all databases, one after the other: depends_on= first, then the registry's order.

    A failure stops the databases that depend on the failed one; the others go on. Run it again to go on from there.
    """
    change = Change(
        direction="upgrade", revision=_revision(revision), names=tuple(name or ()), lock_timeout=lock_timeout
    )
    _change(config, change, dry_run=dry_run, sql=sql, as_json=as_json)


def downgrade(
    revision: Annotated[str, typer.Argument(help="As for alembic downgrade; without -n, a revision's id.")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    dry_run: DryRunOption = False,
    sql: SqlOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Downgrade a database, or each one whose history has the revision, in the order opposite to an upgrade's."""
    change = Change(
        direction="downgrade", revision=_revision(revision), names=tuple(name or ()), lock_timeout=lock_timeout
    )
    _change(config, change, dry_run=dry_run, sql=sql, as_json=as_json)


def revision(
    message: Annotated[str, typer.Option("--message", "-m", help="What the revision is about.")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    autogenerate: Annotated[
        bool, typer.Option("--autogenerate", help="Compare models and databases; only where they differ.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a revision: with --autogenerate into each history whose models changed, else into those named with -n.

    All databases are compared before the first file is written. For what else alembic's own command can do:
    alembic -n NAME revision --help
    """
    with Output("revision", as_json) as output:
        project = Project.load(config)
        revise(project, message, name or (), autogenerate=autogenerate, report=output.outcome)


def bootstrap(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    maintenance_db: Annotated[
        str, typer.Option(metavar="NAME", help="The database of the same server to connect to for creating another.")
    ] = "postgres",
    encoding: Annotated[str, typer.Option(help="Of a database that is created.")] = "UTF8",
    locale: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of a database that is created; by default the server's own."),
    ] = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make databases ready: create those that are missing, then extensions and schema, up to head.

    Safe at every start of a container, from many at once: what is there already is left as it is.
    """
    wanted = NewDatabase(maintenance=maintenance_db, encoding=encoding, locale=locale, lock_timeout=lock_timeout)
    with Output("bootstrap", as_json) as output:
        project = Project.load(config)
        try:
            bootstrap_all(project, name or (), wanted, report=output.outcome)
        finally:
            output.in_order(project.databases)


def adopt(
    name: NameOption,
    config: ConfigOption = DEFAULT_CONFIG,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mark a copy (restored, cloned, renamed) as the database that its URL is for."""
    with Output("adopt", as_json) as output:
        project = Project.load(config)
        mark, before = adopt_one(project, name, lock_timeout=lock_timeout)
        output.databases = [{"name": name, "mark": str(mark), "before": str(before) if before else None}]
        output.line(f'{name}: marked as "{mark}"' + (f' (was "{before}")' if before else " (had no marker)"))


def _change(config: Path, change: Change, *, dry_run: bool, sql: Path | None, as_json: bool) -> None:
    with Output(change.direction, as_json) as output:
        project = Project.load(config)
        try:
            if sql is not None:
                write_sql(project, change, sql, report=output.outcome)
            elif dry_run:
                plan(project, change, report=output.outcome)
            else:
                run(project, change, report=output.outcome)
        finally:
            output.in_order(project.databases)


def _revision(text: str) -> str:
    """Check what may be a mistyped option, or a shell's variable that is not set."""
    if not text:
        raise typer.BadParameter("The revision is empty")
    if text.startswith("-") and not re.fullmatch(r"-\d+", text):
        raise typer.BadParameter(f"No such option: {text}")
    return text
