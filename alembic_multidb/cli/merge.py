"""Several databases into one: merge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

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
from alembic_multidb.cli.output import Output, say
from alembic_multidb.cli.progress import Bar
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import needed_driver
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.split.files import Files
from alembic_multidb.split.model import SplitOptions, parse_size
from alembic_multidb.split.page import findings
from alembic_multidb.urls import resolve_url

if TYPE_CHECKING:
    from alembic_multidb.merge.model import MergeOptions, MergePlan, OrphanRule, Place
    from alembic_multidb.merge.outcome import MergeReport
    from alembic_multidb.merge.rehearsal import Stage


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog="Example: multidb merge --into ai --restore-foreign-keys --plan")(merge)


def merge(
    target: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="A fresh database that everything goes to: a URL or env:NAME."),
    ] = None,
    into: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="The database of the registry that the others come into."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and touch nothing.")] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Do all of it in a scratch database beside the target, and drop that.")
    ] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Take back what an unfinished merge has made.")] = False,
    exclude: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="DATABASE/KIND:NAME", help="Leave something behind, as core/view:public.v; may be repeated."
        ),
    ] = None,
    into_schema: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="NAME=SCHEMA", help="Let what a database has in public come into this schema; may be repeated."
        ),
    ] = None,
    restore_foreign_keys: Annotated[
        bool, typer.Option("--restore-foreign-keys", help="Make foreign keys of soft references.")
    ] = False,
    evidence: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="What multidb split has left: exactly its foreign keys come back."),
    ] = None,
    cast: Annotated[
        bool, typer.Option("--cast", help="Give a column that points the type of the one that it points at.")
    ] = False,
    orphans: Annotated[
        str, typer.Option(metavar="refuse|keep|delete|null", help="What becomes of rows that point at nothing.")
    ] = "refuse",
    other_collation: Annotated[
        bool, typer.Option("--other-collation", help="The target may sort texts in another way.")
    ] = False,
    write_revision: Annotated[
        bool, typer.Option("--write-revision", help="Write what is changed on purpose as revisions, too.")
    ] = False,
    large_objects: Annotated[bool, typer.Option("--large-objects", help="Bring large objects along.")] = False,
    no_owner: NoOwnerOption = False,
    no_acl: NoAclOption = False,
    jobs: JobsOption = 2,
    memory: MemoryOption = "1GB",
    backup: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Dump each source into this folder, of the same point in time."),
    ] = None,
    proof: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Where the proof is written; else multidb-merge-<UTC>.json here."),
    ] = None,
    programs: ProgramsOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Merge the databases of the registry into one: schema, rows, indexes, histories, proof, then foreign keys.

    Into a fresh database (--target), or into one of the registry (--into), whose own tables stay as they are.
    Interrupted at any moment, the same command goes on. The sources are only read. Exit code 0: done and proven; 1:
    the answer is no (clashes, rows that point at nothing, a target that is not empty, a difference); 2: it could not
    be done. --plan says what would be done and what stands in the way, and touches nothing.
    """
    _refuse_several(plan=plan, rehearse=rehearse, abort=abort)
    with needed_driver():
        from alembic_multidb.merge.model import MergeOptions
        from alembic_multidb.merge.plan import place_of, planned
    options = MergeOptions(
        into=into,
        names=tuple(name or ()),
        exclude=tuple(exclude or ()),
        restore_foreign_keys=restore_foreign_keys,
        evidence=evidence,
        cast=cast,
        orphans=_check(evidence, orphans, restores=restore_foreign_keys),
        other_collation=other_collation,
        large_objects=large_objects,
        write_revision=write_revision and not rehearse,
        into_schema=_schemas(into_schema or ()),
        common=SplitOptions(
            no_owner=no_owner,
            no_acl=no_acl,
            programs=programs,
            lock_timeout=lock_timeout,
            jobs=jobs,
            memory=parse_size(memory, of="--memory"),
        ),
    )
    files = Files(evidence=proof, backup=backup, command="merge")
    with Output("merge", as_json) as output:
        url = None
        if target is not None:
            url = resolve_url(target, environment_beside(str(config)), of="URL of the target (--target)")
        project = Project.load(config)
        place = place_of(project, url, into)
        if abort:
            _abort(output, project, place, lock_timeout)
            return
        if rehearse:
            _rehearse(output, project, place, options)
        else:
            with planned(project, place, options, with_rows=not plan) as made:
                if plan:
                    _print_plan(output, project, made)
                else:
                    _move(output, project, made, options, files)


def _refuse_several(**given: bool) -> None:
    chosen = [f"--{name}" for name, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise ConfigurationError(f"{' and '.join(chosen)} do different things: leave one of them out")


def _schemas(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in given:
        name, separator, schema = item.partition("=")
        if not separator or name in found:
            raise ConfigurationError(f'--into-schema "{item}" is not of the form NAME=SCHEMA, once for each database')
        found[name] = schema
    return found


def _check(evidence: Path | None, orphans: str, *, restores: bool) -> OrphanRule:
    """Refuse options that make no sense; return what becomes of orphans."""
    from alembic_multidb.merge.model import ORPHAN_RULES

    if evidence is not None and not restores:
        raise ConfigurationError("--evidence says which foreign keys come back: give --restore-foreign-keys, too")
    for rule in ORPHAN_RULES:
        if rule == orphans:
            return rule
    raise ConfigurationError(f'--orphans "{orphans}" is none of {", ".join(ORPHAN_RULES)}')


def _rehearse(output: Output, project: Project, place: Place, options: MergeOptions) -> None:
    from alembic_multidb.merge.plan import planned
    from alembic_multidb.merge.rehearsal import rehearsal

    with (
        rehearsal(project, place, options) as stage,
        planned(stage.project, stage.place, options, with_rows=True) as made,
    ):
        _move(output, stage.project, made, options, stage.files, stage=stage)


def _abort(output: Output, project: Project, place: Place, lock_timeout: float | None) -> None:
    from alembic_multidb.merge.target import abort

    done = abort(project, place, lock_timeout)
    output.databases.append({"name": place.name, "state": None, "revisions": [], "heads": [], "result": done.result})
    output.line(f"{place.name}: {done.message}")
    for item in done.left:
        output.line(item, indent="  ")


def _print_plan(output: Output, project: Project, plan: MergePlan) -> None:
    from alembic_multidb.merge.page import page
    from alembic_multidb.merge.plan import exit_code

    output.worst(exit_code(plan))
    output.findings = [vars(item) for item in plan.findings]
    output.databases = [{"name": part.name, "state": None, "revisions": [], "heads": []} for part in plan.all_parts]
    output.more = {
        "target": str(plan.place.url),
        "shared": list(plan.shared),
        "foreign_keys": [vars(item) for item in plan.references],
        "casts": [vars(item) for item in plan.casts],
        "version_tables": {name: str(table) for name, table in plan.version_tables.items()},
    }
    for line in page(plan, project.databases):
        output.line(line)


def _move(
    output: Output,
    project: Project,
    plan: MergePlan,
    options: MergeOptions,
    files: Files,
    *,
    stage: Stage | None = None,
) -> None:
    """Merge, or rehearse it on a stage."""
    from alembic_multidb.merge.moving import merge as move
    from alembic_multidb.merge.plan import exit_code
    from alembic_multidb.merge.rehearsal import rehearse

    files.check()
    code = exit_code(plan)
    output.worst(code)
    output.findings = [vars(item) for item in plan.findings]
    if code:
        for line in findings(plan.findings, all_=False):
            output.line(line)
        output.line("Nothing was changed.")
        return
    with Bar() as bar:
        try:
            if stage is not None:
                report = rehearse(stage, plan, options, show=bar.show_transfer, show_verify=bar.show)
            else:
                report = move(project, plan, options, files, show=bar.show_transfer, show_verify=bar.show)
        except KeyboardInterrupt:
            kept = "what is done is kept; the same command goes on, and with --abort it takes that back"
            say(f"interrupted: {kept if stage is None else 'nothing is kept'}")
            raise
    _print_report(output, report, is_rehearsal=stage is not None)


def _print_report(output: Output, report: MergeReport, *, is_rehearsal: bool) -> None:
    from alembic_multidb.merge.page import summary

    output.worst(report.exit_code)
    data = report.to_data()
    moved = {each["name"]: each for each in data.pop("databases")}
    output.databases = [
        {**each, "revisions": [], **moved.get(each["name"], {}), "heads": []} for each in report.proof["databases"]
    ]
    output.findings += [finding for each in report.proof["databases"] for finding in each["findings"]]
    output.more = {**data, "evidence": str(report.evidence)}
    for line in summary(report, is_rehearsal=is_rehearsal):
        output.line(line)
