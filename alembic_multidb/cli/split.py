"""One mixed database into its homes: split."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from alembic_multidb.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, LockTimeoutOption, NamesOption
from alembic_multidb.cli.output import Output
from alembic_multidb.cli.scratch import Scratch, ScratchUrlOption
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import needed_driver
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.split.model import SplitOptions
from alembic_multidb.split.page import findings, page
from alembic_multidb.urls import resolve_url

if TYPE_CHECKING:
    from alembic_multidb.split.run import Prepared
    from alembic_multidb.split.schema import Made


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog="Example: multidb split --source env:OLD_DATABASE_URL --plan")(split)


def split(
    source: Annotated[str, typer.Option(metavar="URL", help="The mixed database: a URL or env:NAME; only read.")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and touch nothing.")] = False,
    schema_only: Annotated[bool, typer.Option("--schema-only", help="Make the schemas, without any rows.")] = False,
    exclude: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="KIND:NAME", help="Leave an object out, named as --plan does; may be repeated."),
    ] = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Let everything belong to the login.")] = False,
    no_acl: Annotated[bool, typer.Option("--no-acl", help="Leave out grants and default privileges.")] = False,
    programs: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="DIR", help="Where pg_dump and pg_restore are; else PATH, or the embedded extra's."),
    ] = None,
    no_drift: Annotated[
        bool, typer.Option("--no-drift", help="Do not look whether the source is what its revision says.")
    ] = False,
    scratch_url: ScratchUrlOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split one mixed database into the databases of the registry.

    --plan works out, from the source's catalog, where every object goes, and says everything that stands in the way.
    Exit code 1 if something can live in no database, or a target is not empty; 2 if it could not be done.
    --schema-only makes the schemas in the empty targets and compares each with its part of the source.
    """
    if plan == schema_only:
        raise ConfigurationError(
            "multidb split does one of two things: --plan says what a split would do, --schema-only makes the schemas. "
            "Moving rows comes with a later version"
        )
    options = SplitOptions(
        names=tuple(name or ()),
        exclude=tuple(exclude or ()),
        no_owner=no_owner,
        no_acl=no_acl,
        programs=programs,
        lock_timeout=lock_timeout,
    )
    with Output("split", as_json) as output, ExitStack() as stack:
        url = resolve_url(source, environment_beside(str(config)), of="URL of the source (--source)")
        scratch = Scratch(config, scratch_url, stack)
        if config.is_file() and plan and not no_drift:
            scratch.prepare()  # before the models are imported, which takes time too
        project = Project.load(config)
        with needed_driver():
            from alembic_multidb.split.run import prepared
        looks_for_drift = plan and not no_drift
        with prepared(project, url, options, scratch.if_there if looks_for_drift else None) as ready:
            if plan:
                _print_plan(output, ready)
            else:
                _make_schemas(output, project, ready, options)


def _print_plan(output: Output, ready: Prepared) -> None:
    objects, plan = ready.objects, ready.plan
    output.worst(plan.exit_code(with_rows=True))
    output.more |= plan.to_data()
    output.findings = output.more.pop("findings")
    parts = frozenset(item.name for item in plan.objects if objects.is_part(item))
    for line in page(plan, parts):
        output.line(line)
    for name in plan.databases:
        output.databases.append({"name": name, "state": None, "revisions": [], "heads": []})


def _make_schemas(output: Output, project: Project, ready: Prepared, options: SplitOptions) -> None:
    from alembic_multidb.split.schema import make_schemas

    code = ready.plan.exit_code(with_rows=False)
    output.worst(code)
    output.findings = ready.plan.to_data()["findings"]
    if code:
        for line in findings(ready.plan.findings, all_=False):
            output.line(line)
        output.line("Nothing was changed.")
        return

    def report(made: Made) -> None:
        output.databases.append(made.to_data())
        output.worst(made.exit_code)
        output.line(f"{made.name}: {made.message}")
        for item in (*made.differences, *made.notes):
            output.line(str(item), indent="  ")

    make_schemas(project, ready, options, report=report)
    output.in_order(project.databases)
