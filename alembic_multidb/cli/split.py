"""One mixed database into its homes: split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from alembic_multidb.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JobsOption,
    JsonOption,
    LockTimeoutOption,
    MemoryOption,
    NamesOption,
    NoAclOption,
    NoOwnerOption,
    ProgramsOption,
)
from alembic_multidb.cli.output import FAILED, Output, say
from alembic_multidb.cli.progress import Bar
from alembic_multidb.cli.scratch import Scratch, ScratchUrlOption
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import needed_driver
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions, parse_size
from alembic_multidb.split.page import findings, page
from alembic_multidb.urls import resolve_url

if TYPE_CHECKING:
    from alembic_multidb.split.outcome import SplitReport
    from alembic_multidb.split.run import Prepared
    from alembic_multidb.split.schema import Made


class Method(str, Enum):
    """How rows and indexes get to the targets."""

    stream = "stream"
    template = "template"
    auto = "auto"


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
    no_owner: NoOwnerOption = False,
    no_acl: NoAclOption = False,
    jobs: JobsOption = 2,
    memory: MemoryOption = "1GB",
    large_objects: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="The database that gets the large objects; else they are left."),
    ] = None,
    backup: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Dump the whole source into this folder, of the same point in time."),
    ] = None,
    evidence: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Where the proof is written; else multidb-split-<UTC>.json here."),
    ] = None,
    require_stamp: Annotated[
        bool, typer.Option("--require-stamp", help="Exit with 1 if a database cannot be stamped.")
    ] = False,
    method: Annotated[
        Method, typer.Option(help="stream copies rows; template clones the source on its own server; auto chooses.")
    ] = Method.stream,
    terminate: Annotated[
        bool,
        typer.Option("--terminate-source-connections", help="Disconnect everybody from the source, to clone it."),
    ] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Do all of it in scratch databases beside the targets, and drop them.")
    ] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Take back what an unfinished split has made.")] = False,
    programs: ProgramsOption = None,
    no_drift: Annotated[
        bool, typer.Option("--no-drift", help="Do not look whether the source is what its revision says.")
    ] = False,
    scratch_url: ScratchUrlOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split one mixed database into the databases of the registry: schema, rows, indexes, stamp, proof.

    Interrupted at any moment, the same command goes on. The source is only read. Exit code 0: done and proven; 1: the
    answer is no (something can live in no database, a target is not empty, the proof found a difference); 2: it could
    not be done. --plan says what would be done and what stands in the way, and touches nothing. --schema-only makes
    the schemas in the empty targets and compares each with its part of the source. --rehearse ends as the real run
    would, and leaves nothing behind.
    """
    if plan + schema_only + abort + rehearse > 1:
        raise ConfigurationError(
            "--plan touches nothing, --schema-only makes the schemas, --rehearse leaves nothing behind, --abort takes "
            "back what was made: give one of them"
        )
    _check_method(method, terminate, backup, evidence, rehearse=rehearse, schema_only=schema_only)
    options = SplitOptions(
        names=tuple(name or ()),
        exclude=tuple(exclude or ()),
        no_owner=no_owner,
        no_acl=no_acl,
        programs=programs,
        lock_timeout=lock_timeout,
        jobs=jobs,
        memory=parse_size(memory, of="--memory"),
        large_objects=large_objects,
        method=method.value,
        terminates=terminate,
        rehearses=rehearse,
    )
    with Output("split", as_json) as output, ExitStack() as stack:
        stack.enter_context(_told_how_to_go_on(output, _words_for(plan or rehearse, abort)))
        if abort:
            _abort(output, Project.load(config), options)
            return
        url = resolve_url(source, environment_beside(str(config)), of="URL of the source (--source)")
        scratch = Scratch(config, scratch_url, stack)
        looks_for_drift = plan and not no_drift
        if config.is_file() and not schema_only and (looks_for_drift or not plan):
            scratch.prepare()  # before the models are imported, which takes time too
        project, drift = _project(config, options), scratch.if_there if looks_for_drift else None
        with needed_driver():
            from alembic_multidb.split.run import prepared
        with prepared(project, url, options, drift, with_rows=not (plan or schema_only), tell=say) as ready:
            if plan:
                _print_plan(output, ready)
            elif schema_only:
                _make_schemas(output, project, ready, options)
            else:
                files = None if rehearse else Files(evidence=evidence, backup=backup)
                _move(output, project, ready, options, files, scratch, require_stamp=require_stamp)


@contextmanager
def _told_how_to_go_on(output: Output, words: str) -> Iterator[None]:
    """Whoever interrupts is told what to do next, by the JSON object too, unless that was told already."""
    try:
        yield
    except KeyboardInterrupt:
        if "next" not in output.more:
            _say_next(output, words)
        raise


def _words_for(leaves_nothing: bool, takes_back: bool) -> str:
    if takes_back:
        return "what was taken back is gone; the same command takes back the rest"
    if leaves_nothing:
        return "nothing is kept"
    return "what is done is kept; the same command goes on, and with --abort it takes that back"


def _say_next(output: Output, words: str) -> None:
    output.more["next"] = words
    say(f"interrupted: {words}")


def _check_method(
    method: Method, terminate: bool, backup: Path | None, evidence: Path | None, *, rehearse: bool, schema_only: bool
) -> None:
    """Refuse options that say nothing together."""
    if terminate and method is Method.stream:
        raise ConfigurationError("--terminate-source-connections is for --method template: rows are read beside others")
    if schema_only and method is not Method.stream:
        raise ConfigurationError("--schema-only makes schemas, of which nothing is cloned: leave --method out")
    if rehearse and (backup is not None or evidence is not None):
        raise ConfigurationError("--rehearse leaves no file behind: leave --backup and --evidence out")


def _project(config: Path, options: SplitOptions) -> Project:
    project = Project.load(config)
    if options.large_objects is not None:
        project.select([options.large_objects])
    return project


def _move(
    output: Output,
    project: Project,
    ready: Prepared,
    options: SplitOptions,
    files: Files | None,
    scratch: Scratch,
    *,
    require_stamp: bool,
) -> None:
    """Split, or rehearse it if no file is to stay."""
    from alembic_multidb.split.moving import split as move
    from alembic_multidb.split.rehearsal import rehearse

    if files is not None:
        files.check()
    if _is_refused(output, ready, with_rows=True):
        return
    if options.method == "auto":
        say(f"--method {ready.plan.method}: {ready.plan.why}")
    with Bar() as bar:
        shows: dict[str, Any] = {"show": bar.show_transfer, "show_verify": bar.show, "require_stamp": require_stamp}
        try:
            if files is None:
                report = rehearse(project, ready, options, scratch, **shows)
            else:
                report = move(project, ready, options, files, scratch, **shows)
        except KeyboardInterrupt:
            if files is None or ready.plan.method == "template":
                _say_next(output, "the targets are as they were, or all of them are done; nothing is left beside them")
            raise
    _print_report(output, report)


def _abort(output: Output, project: Project, options: SplitOptions) -> None:
    with needed_driver():
        from alembic_multidb.split.abort import Aborted
        from alembic_multidb.split.abort import abort as take_back

    def report(aborted: Aborted) -> None:
        output.databases.append(
            {"state": None, "revisions": [], "heads": [], **vars(aborted), "left": list(aborted.left)}
        )
        output.worst(FAILED if aborted.result == "failed" else 0)
        output.line(f"{aborted.name}: {aborted.message}")
        for item in aborted.left:
            output.line(f"left alone: {item}", indent="  ")

    take_back(project, options, report=report)
    output.in_order(project.databases)


def _is_refused(output: Output, ready: Prepared, *, with_rows: bool) -> bool:
    """Say what stands in the way, if anything does."""
    code = ready.plan.exit_code(with_rows=with_rows)
    output.worst(code)
    output.findings = ready.plan.to_data()["findings"]
    if code:
        relevant = [item for item in ready.plan.findings if with_rows or not item.rows_only]
        for line in findings(relevant, all_=False):
            output.line(line)
        output.line("Nothing was changed.")
    return bool(code)


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

    if _is_refused(output, ready, with_rows=False):
        return

    def report(made: Made) -> None:
        output.databases.append(made.to_data())
        output.worst(made.exit_code)
        output.line(f"{made.name}: {made.message}")
        for item in (*made.differences, *made.notes):
            output.line(str(item), indent="  ")

    make_schemas(project, ready, options, report=report)
    output.in_order(project.databases)


def _print_report(output: Output, report: SplitReport) -> None:
    from alembic_multidb.split.summary import summary
    from alembic_multidb.verify.evidence import database_data

    output.worst(report.exit_code)
    output.findings += [vars(finding) for finding in report.verified.findings]
    data = report.to_data()
    output.databases = [
        {**database_data(report.verified_of(each["name"])), **each, "heads": []} for each in data.pop("databases")
    ]
    output.more = {**data, "evidence": str(report.evidence) if report.evidence is not None else None}
    for line in summary(report):
        output.line(line)
