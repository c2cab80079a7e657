"""Whether the extensions that a target needs are there, or can be made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from alembic_multidb.classify import plain_name
from alembic_multidb.plugin.extensions import parse_floor, reaches
from alembic_multidb.split.model import Finding, Plan, SplitOptions
from alembic_multidb.split.preflight.target import Target, finding

_EXTENSIONS = text(
    """
    SELECT n.name, a.default_version AS available, e.extversion AS installed, s.nspname AS schema,
           coalesce(v.trusted, false) AS is_trusted,
           e.oid IS NULL OR pg_has_role(e.extowner, 'USAGE') AS is_ours
    FROM unnest(CAST(:names AS text[])) AS n (name)
    LEFT JOIN pg_available_extensions AS a ON a.name = n.name
    LEFT JOIN pg_available_extension_versions AS v ON v.name = n.name AND v.version = a.default_version
    LEFT JOIN pg_extension AS e ON e.extname = n.name
    LEFT JOIN pg_namespace AS s ON s.oid = e.extnamespace
    ORDER BY 1
    """
)


def extension_findings(
    target: Target, plan: Plan, of_source: dict[str, str], options: SplitOptions
) -> Iterator[Finding]:
    """Look whether each extension is there or can be made, in which version, and where it lies."""
    wanted = plan.extensions[target.name]
    declared = target.database.extensions
    for row in target.connection.execute(_EXTENSIONS, {"names": list(wanted)}).all():
        version = row.installed or row.available
        if version is None:
            yield finding(
                target,
                "extension-missing",
                "failed",
                f'extension "{row.name}" is not available on its server',
                "an administrator installs its package there",
                row.name,
            )
            continue
        yield from _version_findings(target, row, version, of_source.get(row.name), declared.get(row.name, "*"))
        may_make = target.facts.makes_extensions or row.is_trusted
        if row.installed and options.rehearses and options.method != "template" and not may_make:
            yield finding(
                target,
                "extension-rights",
                "failed",
                f'role "{target.facts.login}" may not create extension "{row.name}", as a rehearsal does in a scratch '
                "database",
                "rehearse with the login of an administrator; the real run needs none, since the extension is there",
                row.name,
            )
        if row.installed is None and not may_make:
            yield finding(
                target,
                "extension-rights",
                "failed",
                f'role "{target.facts.login}" may not create extension "{row.name}"',
                f'an administrator runs there: CREATE EXTENSION "{row.name}"'
                f"{f' SCHEMA {wanted[row.name]}' if wanted[row.name] else ''};"
                f"{'' if row.name in declared else f' or leave it out with --exclude {_name(plan, row.name)!r}'}",
                row.name,
            )
        if not row.is_ours and any(fact.extension == row.name for fact in plan.database_facts):
            yield finding(
                target,
                "extension-comment",
                "warning",
                f'role "{target.facts.login}" does not own extension "{row.name}": its comment is not carried over',
                "its owner makes it afterwards: COMMENT ON EXTENSION",
                row.name,
            )
        if row.installed and wanted[row.name] and row.schema != wanted[row.name]:
            yield finding(
                target,
                "extension-schema",
                "refused",
                f'extension "{row.name}" lies in schema {row.schema}, in the source in {wanted[row.name]}',
                f'DROP EXTENSION "{row.name}" there: it is made anew in the right one',
                row.name,
            )
        if row.name not in declared:
            yield finding(
                target,
                "extension-undeclared",
                "note",
                f'extension "{row.name}" is made, since objects need it, although "{target.name}" does not declare it',
                f'declare it: extensions={{"{row.name}": "*"}}',
                row.name,
            )
    target.connection.rollback()


def _name(plan: Plan, extension: str) -> str:
    """Return what ``--exclude`` calls an extension."""
    own = [item for item in plan.objects if item.type == "extension" and plain_name(item.identity) == extension]
    return own[0].name if own else f"extension:{extension}"


def _version_findings(target: Target, row: Any, version: str, of_source: str | None, floor: str) -> Iterator[Finding]:
    if not reaches(version, floor):
        yield finding(
            target,
            "extension-version",
            "failed",
            f'extension "{row.name}" is there in version {version} only, but {floor} is declared',
            "an administrator installs a newer package",
            row.name,
        )
    elif of_source and not reaches(version, f">={_numbers(of_source)}"):
        # Types come with the first two numbers of a version, faults go with the third.
        is_near = reaches(version, f">={'.'.join(_numbers(of_source).split('.')[:2])}")
        yield finding(
            target,
            "extension-version",
            "warning" if is_near else "failed",
            f'extension "{row.name}" is older there ({version}) than in the source ({of_source})',
            "an administrator installs a newer package",
            row.name,
        )
    if row.name == "vector" and not reaches(version, ">=0.8.4"):
        reason = (
            "a parallel build of an hnsw index may write beyond its memory"
            if not reaches(version, ">=0.8.2")
            else "vacuuming an hnsw index may corrupt it"
        )
        yield finding(
            target,
            "pgvector-hazard",
            "warning",
            f"pgvector {version} has a known fault: {reason}",
            "install 0.8.4 or newer before the split",
            row.name,
        )


def _numbers(version: str) -> str:
    floor = version.split("-")[0]
    return floor if parse_floor(f">={floor}") is not None else "0"
