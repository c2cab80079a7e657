"""The commands that look: status, tables, check."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Optional

import typer

from alembic_multidb.checks import Finding, Ignored
from alembic_multidb.checks import check as check_all
from alembic_multidb.checks.run import DEFAULT_TIMEOUT as CHECK_TIMEOUT
from alembic_multidb.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    NamesOption,
    TimeoutOption,
    WatchOption,
)
from alembic_multidb.cli.output import FAILED, NO, Output, finding_data, say, status_data
from alembic_multidb.cli.scratch import Scratch, ScratchUrlOption
from alembic_multidb.errors import RegistryError
from alembic_multidb.operate import Project
from alembic_multidb.operate.status import DEFAULT_TIMEOUT as STATUS_TIMEOUT
from alembic_multidb.operate.status import DatabaseStatus, DeclaredExtension, counted
from alembic_multidb.operate.status import status as status_of_all
from alembic_multidb.operate.tables import DEFAULT_TIMEOUT as TABLES_TIMEOUT
from alembic_multidb.operate.tables import TableFacts
from alembic_multidb.operate.tables import tables as tables_of_all

_UNITS = ("B", "kB", "MB", "GB", "TB")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: multidb status, or: multidb status -n core --json")(status)
    app.command(epilog="Example: multidb tables -n ai")(tables)
    app.command(epilog="Example: multidb check --ignore MDB801:old_* --watch 60")(check)


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    timeout: TimeoutOption = STATUS_TIMEOUT,
    as_json: JsonOption = False,
) -> None:
    """Say where every database stands: state, revision, server, size, extensions. Exit code 1 unless all are at head.

    The databases are asked at the same time; one that does not answer keeps no other from being shown.
    """
    with Output("status", as_json) as output:
        states = status_of_all(Project.load(config), name or (), timeout=timeout)
        output.databases = [status_data(state) for state in states]
        columns = ("database", "state", "revision", "pending", "PostgreSQL", "size", "extensions")
        output.table(columns, map(_status_row, states))
        _say_details(states)
        if any(state.state != "at head" for state in states):
            output.worst(NO)
        if any(state.state == "broken history" for state in states):
            output.worst(FAILED)


def tables(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    timeout: TimeoutOption = TABLES_TIMEOUT,
    as_json: JsonOption = False,
) -> None:
    """Say of every table, of models and live databases, where it is at home, by which rule, and where it really lies.

    Exit code 2 if a database could not be looked at.
    """
    with Output("tables", as_json) as output:
        facts, states = tables_of_all(Project.load(config), name or (), timeout=timeout)
        output.databases = [status_data(state) for state in states]
        output.more["tables"] = [_table_data(table) for table in facts]
        columns = ("table", "home", "found in", "notes", "soft references", "rule")
        output.table(columns, map(_table_row, facts))
        _say_details(states)
        if any(not state.is_reachable or state.state == "wrong database" for state in states):
            output.worst(FAILED)


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    ignore: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="CODE[:OBJECT]", help="Do not report this; may be repeated. OBJECT is a shell pattern."),
    ] = None,
    watch: WatchOption = None,
    drift: Annotated[
        bool, typer.Option("--drift/--no-drift", help="Run the histories on scratch databases, and compare with them.")
    ] = True,
    scratch_url: ScratchUrlOption = None,
    timeout: TimeoutOption = CHECK_TIMEOUT,
    as_json: JsonOption = False,
) -> None:
    """Look for everything that can be known to be wrong: homes, histories, extensions, references, copies, drift.

    Exit code 1 if something was found, 2 if a database could not be looked at or compared.
    """
    with Output("check", as_json) as output, ExitStack() as stack:
        logging.getLogger("alembic").setLevel(logging.WARNING)  # what a comparison goes through on its way
        ignored = [Ignored.read(text) for text in ignore or ()]
        try:
            project = Project.load(config)
        except RegistryError as error:
            _report(output, [_contradiction(error)])
            return
        scratch = Scratch(config, scratch_url, stack)
        checked = check_all(
            project,
            name or (),
            ignored=ignored,
            watch=watch,
            timeout=timeout,
            scratch=scratch.if_there if drift else lambda: None,
            say=say,
        )
        output.databases = [status_data(state) for state in checked.databases]
        _report(output, checked.findings)
        if not checked.is_complete:
            output.worst(FAILED)


def _report(output: Output, findings: Sequence[Finding]) -> None:
    output.findings = [finding_data(finding) for finding in findings]
    for finding in findings:
        where = f" [{finding.database}]" if finding.database else ""
        output.line(f"{finding.code} {finding.severity}{where} {finding.message}")
        output.line(f"fix: {finding.fix}", indent="  ")
    if findings:
        output.worst(NO)
        errors = sum(finding.severity == "error" for finding in findings)
        say(f"{counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}")
    else:
        say("nothing found")


def _contradiction(error: RegistryError) -> Finding:
    return Finding(
        code="MDB101",
        database=None,
        object="registry",
        message=str(error),
        fix="correct the registry; only then can the databases be looked at",
    )


def _say_details(states: list[DatabaseStatus]) -> None:
    for state in states:
        if state.detail:
            say(f"{state.name}: {state.detail}")


def _status_row(state: DatabaseStatus) -> tuple[str, ...]:
    pending = f"{len(state.pending)}, to {', '.join(state.heads)}" if state.pending else "-"
    return (
        state.name,
        state.state,
        ", ".join(state.revisions) or "-",
        pending,
        state.server_version or "-",
        readable_size(state.size),
        "; ".join(map(_extension_words, state.extensions)) or "-",
    )


def _extension_words(extension: DeclaredExtension) -> str:
    if extension.declared is None:
        return f"{extension.name} {extension.installed} (undeclared)"
    if extension.installed is not None:
        return f"{extension.name} {extension.installed} ({extension.declared})"
    available = f"{extension.available} is available" if extension.available else "not available"
    return f"{extension.name} missing ({extension.declared}; {available})"


def readable_size(size: int | None) -> str:
    """Return bytes as PostgreSQL's pg_size_pretty does, in steps of 1024."""
    if size is None:
        return "-"
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 or number >= 10 else f"{number:.1f} {_UNITS[unit]}"


def _table_row(table: TableFacts) -> tuple[str, ...]:
    notes = [] if table.is_modelled else ["no model"]
    notes += [f"missing in {table.missing_in}"] if table.missing_in else []
    notes += [f"legacy copy in {', '.join(table.legacy_in)}"] if table.legacy_in else []
    references = [f"{reference} ({home})" for reference, home in table.soft_references]
    return (
        str(table.name),
        table.home or "unknown",
        ", ".join(table.found_in) or "-",
        "; ".join(notes) or "-",
        "; ".join(references) or "-",
        "; ".join(table.rules) or "-",
    )


def _table_data(table: TableFacts) -> dict[str, object]:
    return {
        "name": str(table.name),
        "home": table.home,
        "rules": table.rules,
        "modelled": table.is_modelled,
        "found_in": table.found_in,
        "missing_in": table.missing_in,
        "legacy_copies": table.legacy_in,
        "soft_references": [
            {
                "column": reference.column,
                "target": reference.target,
                "target_home": home,
                "ondelete": reference.ondelete,
            }
            for reference, home in table.soft_references
        ],
    }
