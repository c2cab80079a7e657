"""The commands that tell a schema's revision: stamp-from, which-revision."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any, Optional

import typer
from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from alembic_multidb.catalog.difference import Difference
from alembic_multidb.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, LockTimeoutOption, NamesOption
from alembic_multidb.cli.output import FAILED, NO, Output, say
from alembic_multidb.cli.scratch import Scratch, ScratchUrlOption
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import first_line
from alembic_multidb.operate import Project
from alembic_multidb.operate.history import History
from alembic_multidb.registry import RegisteredDatabase, TableName
from alembic_multidb.stamp.build import Builder
from alembic_multidb.stamp.choose import nothing_equal
from alembic_multidb.stamp.options import StampOptions
from alembic_multidb.stamp.schema import home_of, read_schema
from alembic_multidb.stamp.scratch import ScratchServer
from alembic_multidb.stamp.search import Search, search
from alembic_multidb.stamp.stamp import Stamp
from alembic_multidb.stamp.stamp import stamp_from as stamp_all
from alembic_multidb.urls import resolve_url

LatestOption = Annotated[bool, typer.Option("--latest", help="Of several revisions with one schema, the last.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("stamp-from", epilog="Example: multidb stamp-from --source env:OLD_DATABASE_URL --dry-run")(stamp_from)
    app.command("which-revision", epilog="Example: multidb which-revision -n ai")(which_revision)


def stamp_from(
    source: Annotated[str, typer.Option(metavar="URL", help="Where the schemas came from: a URL or env:NAME.")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    revision: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="REV", help="Stamp this revision (A,B: several heads), not the source's; it is proven."),
    ] = None,
    version_table: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="The source's version table, [SCHEMA.]NAME, if it has a name of its own."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse where the source is not exactly what its revision says.")
    ] = False,
    latest: LatestOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be stamped, and change nothing.")] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Replace what is recorded, as after a copy.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Stamp without any proof; the marker says so.")] = False,
    write_revision: Annotated[
        bool,
        typer.Option(
            "--write-revision", help="Where no revision is exactly this schema, write one that is, instead of stamping."
        ),
    ] = False,
    scratch_url: ScratchUrlOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stamp imported schemas with the source's revision, with proof that each is what its revision says.

    Each database must equal the part of the source that belongs to it. If its history has the source's revision, that
    is stamped, and it is said whether the source is exactly that; else the revision with this schema is looked for.
    Exit code 1 if one was refused: the differences are printed, and nothing was stamped there.
    """
    options = StampOptions(
        names=tuple(name or ()),
        revision=revision,
        version_table=TableName.parse(version_table) if version_table else None,
        latest=latest,
        strict=strict,
        dry_run=dry_run,
        purge=purge,
        force=force,
        write_revision=write_revision,
        lock_timeout=lock_timeout,
    )
    with Output("stamp-from", as_json) as output, ExitStack() as stack:
        scratch = Scratch(config, scratch_url, stack)
        url = resolve_url(source, environment_beside(str(config)), of="URL of the source (--source)")
        if config.is_file() and not force:
            scratch.prepare()  # before the models are imported, which takes time too
        project = Project.load(config)

        def report(stamp: Stamp) -> None:
            _report(output, stamp)

        stamp_all(project, url, options, scratch, report=report)
        output.in_order(project.databases)


def which_revision(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    latest: LatestOption = False,
    scratch_url: ScratchUrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which revision's schema each database has, whatever it is stamped as; nothing is changed.

    The history is built revision by revision on a scratch server. Exit code 1 if no revision has this schema (the
    nearest is named, with the differences), or several and not --latest.
    """
    with Output("which-revision", as_json) as output, ExitStack() as stack:
        project = Project.load(config)
        scratch = Scratch(config, scratch_url, stack)
        scratch.prepare()
        for database in project.select(name or ()):
            try:
                history = History.load(project, database.name)
                found = _search_one(project, database, history, scratch())
            except (CommandError, SQLAlchemyError) as error:
                _report_failure(output, database.name, error)
            else:
                _report_search(output, history, found, latest=latest)


def _search_one(project: Project, database: RegisteredDatabase, history: History, server: ScratchServer) -> Search:
    with project.connect(database) as connection:
        schema = home_of(read_schema(connection, project.databases), project.databases, database)
    builder = Builder(project, history, server, schema)
    try:
        return search(builder, schema)
    finally:
        builder.close()


def _report_failure(output: Output, name: str, error: Exception) -> None:
    message = str(error) if isinstance(error, CommandError) else first_line(error)
    output.databases.append({"name": name, "revisions": [], "heads": [], "error": message})
    output.worst(FAILED)
    output.line(f"{name}: failed")
    say(f"multidb: {name}: {message}")


def _report(output: Output, stamp: Stamp) -> None:
    output.databases.append(_stamp_data(stamp))
    if stamp.result == "failed":
        output.worst(FAILED)
        say(f"multidb: {stamp.name}: {stamp.message}")
        output.line(f"{stamp.name}: failed")
        return
    if stamp.result in ("refused", "wrote revision", "would write revision"):
        output.worst(NO)
    what = f" {' with '.join(stamp.revisions)}" if stamp.revisions else ""
    output.line(f"{stamp.name}: {stamp.result}{what}: {stamp.message}")
    for text in (*stamp.files, *(stamp.statements if not stamp.files else ())):
        output.line(text, indent="  ")
    for title, differences in (
        ("", [item for item in stamp.differences if not item.is_reported]),
        ("in the revision: " if stamp.statements else "the source against its revision: ", stamp.drift or ()),
        ("only told: ", [item for item in stamp.differences if item.is_reported]),
    ):
        for item in differences:
            output.line(f"{title}{item}", indent="  ")
    for crossing in stamp.crossing:
        output.line(f"left out, since it crosses homes: {crossing}", indent="  ")


def _report_search(output: Output, history: History, found: Search, *, latest: bool) -> None:
    chosen = found.equal[-1:] if latest else found.equal
    if not chosen and found.is_base:
        chosen = ((),)
    output.databases.append(
        {
            "name": history.name,
            "revisions": list(chosen[0]) if len(chosen) == 1 else [],
            "heads": history.heads,
            "equal": found.equal,
            "nearest": found.nearest,
            "base": found.is_base,
            "differences": [difference_data(item) for item in found.differences],
            "unreadable": found.unreadable,
        }
    )
    if len(chosen) == 1:
        output.line(f"{history.name}: {' with '.join(chosen[0]) or 'base: nothing of the history is there'}")
    elif chosen:
        output.worst(NO)
        same = " and ".join(" with ".join(item) for item in chosen)
        output.line(f"{history.name}: {same} have this very schema; --latest takes the last")
    else:
        output.worst(NO if found.nearest else FAILED)
        output.line(f"{history.name}: {nothing_equal(history, found)}")
        for item in found.differences:
            if not item.is_reported:
                output.line(str(item), indent="  ")
    for reason in found.unreadable:
        say(f"{history.name}: {reason}")


def _stamp_data(stamp: Stamp) -> dict[str, Any]:
    return {
        **{key: value for key, value in vars(stamp).items() if key not in ("error", "differences", "drift")},
        "differences": [difference_data(item) for item in stamp.differences],
        "drift": None if stamp.drift is None else [difference_data(item) for item in stamp.drift],
    }


def difference_data(item: Difference) -> dict[str, Any]:
    """Return what JSON says of a difference."""
    return {
        "kind": item.kind,
        "object": item.identity,
        "what": item.what,
        "attributes": dict(item.attributes),
        "reported_only": item.is_reported,
        "message": str(item),
    }
