"""The mixed databases that splits are tried on, and a project for them without any file but alembic.ini."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from alembic_multidb import Database, Databases
from alembic_multidb.operate import Project
from alembic_multidb.split.model import Plan, SplitOptions
from alembic_multidb.split.run import Prepared, prepared
from alembic_multidb.split.schema import Made, make_schemas
from alembic_multidb.urls import resolve_url
from tests.servers import Server

SCHEMAS = Path(__file__).parent / "schemas"
ROLES = ("split_reader", 'Split "Odd" role')
PARTS = {"18": ("split", "split_superuser", "split_18"), "16": ("split", "split_superuser")}
_EXPECTED = re.compile(r"^-- \[([a-z ]+)\] (.+)$", re.MULTILINE)


def scripts(*names: str) -> str:
    return "\n".join((SCHEMAS / f"{name}.sql").read_text() for name in names)


def expected(text: str, owner: str) -> dict[str, str]:
    """Return what the comments of a script say: object to treatment, which for one that goes somewhere is its homes."""
    return {match[2].replace("{owner}", owner): match[1] for match in _EXPECTED.finditer(text)}


def found(plan: Plan) -> dict[str, str]:
    """Return the same of a plan; an object that is there twice is an error."""
    names = [item.name for item in plan.objects]
    assert len(names) == len(set(names))
    return {
        f"{item.type}:{item.identity}": " ".join(item.homes) if item.treatment == "home" else item.treatment
        for item in plan.objects
    }


def make_roles(server: Server) -> None:
    for role in ROLES:
        if not server.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            quoted = role.replace('"', '""')
            server.run(f'CREATE ROLE "{quoted}"')


def build(url: str, text: str) -> None:
    """Run a script, but for subscriptions, in one transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(text.encode())


def project(folder: Path, core: str, ai: str, **arguments: object) -> Project:
    """Return a project with two databases whose homes are those that the scripts say."""
    file = folder / "alembic.ini"
    lines = ["[DEFAULT]", "script_location = %(here)s/migrations", "path_separator = os"]
    for name in ("core", "ai"):
        (folder / "migrations" / name).mkdir(parents=True, exist_ok=True)
        lines += [f"[{name}]", f"version_locations = %(here)s/migrations/{name}"]
    file.write_text("\n".join(lines))
    return Project(
        file,
        Databases(
            Database("core", url=core, default=True),
            Database("ai", url=ai, tables=["ai_*"], schemas=["rag"], extensions={"vector": "*"}),
        ),
    )


@contextmanager
def ready(project: Project, source: str, options: SplitOptions | None = None) -> Iterator[Prepared]:
    with prepared(project, resolve_url(source, {}, of="source"), options or SplitOptions()) as found:
        yield found


def plan_of(project: Project, source: str, options: SplitOptions | None = None) -> Plan:
    with ready(project, source, options) as found:
        return found.plan


def make(project: Project, source: str, options: SplitOptions | None = None) -> list[Made]:
    """Make the schemas; whatever stands in the way is shown."""
    options = options or SplitOptions()
    with ready(project, source, options) as found:
        assert found.plan.exit_code(with_rows=False) == 0, "\n".join(map(str, stopping(found.plan)))
        return make_schemas(project, found, options, report=lambda made: None)


def stopping(plan: Plan) -> list[str]:
    return [str(item) for item in plan.findings if item.severity in ("refused", "failed")]


def mixed(server: Server, name: str, *parts: str) -> str:
    """Make a mixed database; a subscription cannot be made beside other statements."""
    make_roles(server)
    url = server.create_database(name)
    server.run("CREATE EXTENSION vector", name)
    lines = scripts(*parts).splitlines()
    build(url, "\n".join(line for line in lines if not line.startswith("CREATE SUBSCRIPTION")))
    for line in lines:
        if line.startswith("CREATE SUBSCRIPTION"):
            server.run(line, name)
    return url
