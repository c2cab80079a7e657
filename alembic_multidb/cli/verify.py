"""The proof that nothing was lost: verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from alembic_multidb.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, NamesOption
from alembic_multidb.cli.output import Output, say
from alembic_multidb.cli.progress import Bar
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import needed_driver
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.urls import resolve_url
from alembic_multidb.verify.options import MAX_AGE, Exclusion, VerifyOptions

if TYPE_CHECKING:
    from alembic_multidb.verify import DatabaseReport, Report


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog="Example: multidb verify --source env:OLD_DATABASE_URL --evidence proof.json")(verify)


def verify(
    source: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="Where the databases came from: a URL or env:NAME."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    exclude: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="KIND:NAME", help="An object that may differ, as view:public.report; may be repeated."),
    ] = None,
    schema_only: Annotated[bool, typer.Option("--schema-only", help="Compare no rows.")] = False,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Compare rows, sequences and large objects only.")
    ] = False,
    strong: Annotated[bool, typer.Option("--strong", help="Take two hashes of each row: 128 bits.")] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Statements at a time on each side.")] = 2,
    recall_samples: Annotated[
        int, typer.Option(min=0, max=10_000, help="Stored vectors to search for by each vector index; 0: none.")
    ] = 20,
    recall_tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="How much lower the recall of a vector index may be.")
    ] = 0.05,
    orphans: Annotated[bool, typer.Option("--orphans", help="Look for soft references that point at nothing.")] = False,
    max_rows: Annotated[int, typer.Option(min=0, help="Differing rows to name, of each table.")] = 10,
    keys: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write the keys of all differing rows to a file, a JSON object a line."),
    ] = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Owners may differ.")] = False,
    no_acl: Annotated[bool, typer.Option("--no-acl", help="Rights may differ.")] = False,
    evidence: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write down what was proven, as JSON."),
    ] = None,
    against: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Evidence to compare the databases with, instead of the source."),
    ] = None,
    max_age: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How old that evidence may be.")] = MAX_AGE,
    as_json: JsonOption = False,
) -> None:
    """Prove that the databases hold what the source holds: schema, rows, sequences, settings, vector indexes.

    Nothing is changed anywhere. Exit code 0: equal; 1: different; 2: something could not be told, which is no proof.
    """
    options = VerifyOptions(
        names=tuple(name or ()),
        exclude=tuple(Exclusion.parse(text) for text in exclude or ()),
        schema=not data_only,
        data=not schema_only,
        strong=strong,
        jobs=jobs,
        recall_samples=recall_samples,
        recall_tolerance=recall_tolerance,
        orphans=orphans,
        max_rows=max_rows,
        owners=not no_owner,
        grants=not no_acl,
        keys=keys,
        max_age=max_age,
    )
    if evidence is not None and not evidence.absolute().parent.is_dir():
        raise ConfigurationError(f"there is no folder {evidence.parent} for the evidence; make it first")
    with Output("verify", as_json) as output:
        report = _run(source, config, options, against)
        _print(output, report)
        if evidence is not None:
            from alembic_multidb.verify import write_evidence

            write_evidence(report, evidence)
            say(f"evidence: {evidence}")


def _run(source: str | None, config: Path, options: VerifyOptions, against: Path | None) -> Report:
    if source is None and against is None:
        raise ConfigurationError("give --source URL to compare with, or --against FILE with evidence of an earlier run")
    with needed_driver():
        from alembic_multidb.verify import Evidence, verify_against
        from alembic_multidb.verify import verify as verify_all

    evidence = Evidence.load(against) if against is not None else None
    url = resolve_url(source, environment_beside(str(config)), of="URL of the source (--source)") if source else None
    project = Project.load(config)
    with Bar() as bar:
        if url is not None:
            return verify_all(project, url, options, evidence=evidence, show=bar.show)
        assert evidence is not None
        return verify_against(project, evidence, options, show=bar.show)


def _print(output: Output, report: Report) -> None:
    from alembic_multidb.verify.evidence import database_data

    output.worst(report.exit_code)
    output.databases = [database_data(database) for database in report.databases]
    output.findings = [vars(finding) for finding in report.findings]
    output.more = {
        "source": {"url": report.source, **report.moment},
        "started": report.started,
        "seconds": report.seconds,
    }
    before, now = ("in the source", "in the target") if report.source else ("when the evidence was taken", "now")
    for database in report.databases:
        output.line(f"{database.name}: {database.state}: {_summary(database)}")
        for finding in database.findings:
            output.line(str(finding) if finding.is_told else f"not told: {finding}", indent="  ")
        for recall in database.recalls:
            one, other = recall.recalls
            output.line(
                f"recall of {recall.index} ({recall.samples} samples): {one:.1%} {before} with "
                f"{recall.settings[0]}, {other:.1%} {now} with {recall.settings[1]}",
                indent="  ",
            )
        for expected in database.expected:
            output.line(f"as expected, differs: {expected}", indent="  ")


def _summary(database: DatabaseReport) -> str:
    rows = sum(table.rows[1] for table in database.tables)
    parts: list[str] = [f"{database.facts} facts of the schema"] if database.facts else []
    if database.tables:
        parts.append(f"{rows} rows of {len(database.tables)} tables")
    many = len(database.findings)
    return ", ".join([*parts, f"{many} difference{'' if many == 1 else 's'}" if many else "no difference"])
