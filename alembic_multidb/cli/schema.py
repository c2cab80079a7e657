"""Schemas as data: snapshot, diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from alembic_multidb.catalog.difference import difference
from alembic_multidb.catalog.snapshot import Snapshot, read_snapshot
from alembic_multidb.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from alembic_multidb.cli.output import NO, Output, say
from alembic_multidb.cli.stamp import difference_data
from alembic_multidb.config import environment_beside
from alembic_multidb.env.connect import connected, make_engine
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.operate import Project
from alembic_multidb.operate.status import counted
from alembic_multidb.stamp.schema import home_of, without_version_tables
from alembic_multidb.urls import resolve_url

HomeOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME", help="Only what belongs to this database."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: multidb snapshot core --output core.json")(snapshot)
    app.command(epilog="Example: multidb diff env:OLD_DATABASE_URL core --home core")(diff)


def snapshot(
    what: Annotated[str, typer.Argument(metavar="NAME|URL|FILE", help="A database, or a snapshot's file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    home: HomeOption = None,
    output_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", metavar="FILE", help="Write the snapshot to a file, as JSON."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the schema of a live database: every object with its definition, and a fingerprint of the whole."""
    with Output("snapshot", as_json) as output:
        found = _load(what, config, home)
        if output_file is not None:
            try:
                output_file.write_text(found.to_json(), encoding="utf-8")
            except OSError as error:
                raise ConfigurationError(f"{output_file} cannot be written: {error.strerror}") from None
            say(f"{len(found.rows)} facts, fingerprint {found.fingerprint}: {output_file}")
            return
        if as_json:
            output.more |= json.loads(found.to_json())
            return
        for row in found.rows:
            words = "; ".join(f"{key} {json.dumps(value)}" for key, value in row.definition.items())
            output.line(f"{row.kind} {row.identity}" + (f": {words}" if words else ""))
        say(f"{len(found.rows)} facts, fingerprint {found.fingerprint}")


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A database's name, a URL, env:NAME or a snapshot's file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    config: ConfigOption = DEFAULT_CONFIG,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the second schema differs from the first. Exit code 1 if it does.

    Column order, comments, owners, rights, settings, publications and the versions of extensions are only told.
    """
    with Output("diff", as_json) as output:
        found = difference(_load(first, config, home), _load(second, config, home))
        output.findings = [difference_data(item) for item in found]
        for item in found:
            output.line(f"only told: {item}" if item.is_reported else str(item))
        number = sum(not item.is_reported for item in found)
        say(f"{counted(number, 'difference')}, {len(found) - number} only told" if found else "no difference")
        if number:
            output.worst(NO)


def _load(what: str, config: Path, home: str | None) -> Snapshot:
    """Return the snapshot of a database of the registry, of a URL, or from a file."""
    project = Project.load(config) if config.is_file() else None
    if home is not None and project is None:
        raise ConfigurationError(f"--home needs the registry, but there is no {config}; name it with -c")
    found = _read(what, config, project)
    if project is not None:
        found = without_version_tables(found, project.databases)
        if home is not None:
            found = home_of(found, project.databases, project.databases[home])
    return found


def _read(what: str, config: Path, project: Project | None) -> Snapshot:
    if project is not None and what in project.databases:
        with project.connect(project.databases[what]) as connection:
            return read_snapshot(connection)
    if Path(what).is_file():
        return Snapshot.from_file(Path(what))
    if "://" not in what and not what.startswith("env:"):
        known = f" ({', '.join(project.databases)})" if project is not None else ""
        raise ConfigurationError(f'"{what}" is neither a database of the registry{known} nor a URL nor a file')
    url = resolve_url(what, environment_beside(str(config)), of="URL of the schema")
    with connected(make_engine("schema", url), "schema", url) as connection:
        return read_snapshot(connection)
