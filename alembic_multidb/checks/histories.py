"""What the files of the histories tell, without any database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from alembic_multidb.checks.finding import Finding
from alembic_multidb.errors import ConfigurationError, HistoryError
from alembic_multidb.operate.history import History
from alembic_multidb.operate.project import Project


def load_histories(project: Project) -> tuple[dict[str, History], list[Finding]]:
    """Load every history; one that is broken is a finding, and is left out."""
    found: dict[str, History] = {}
    findings = []
    for name in project.databases:
        try:
            found[name] = History.load(project, name)
        except (HistoryError, ConfigurationError) as error:
            findings.append(
                Finding(
                    code="MDB202",
                    database=name,
                    object=name,
                    message=str(error),
                    fix=f"mend the file; alembic -n {name} history shows how far it can be read",
                )
            )
    return found, findings


def several_heads(histories: Iterable[History]) -> Iterator[Finding]:
    """Find histories with more than one newest revision."""
    for history in histories:
        if len(history.heads) > 1:
            yield Finding(
                code="MDB201",
                database=history.name,
                object=history.name,
                message=f'the history of "{history.name}" has {len(history.heads)} heads: {", ".join(history.heads)}',
                fix=_how_to_merge(history),
            )


def _how_to_merge(history: History) -> str:
    merge = f'alembic -n {history.name} merge -m "merge heads" {" ".join(history.heads)}'
    labels = [history.revisions[head].branch_labels for head in history.heads]
    if all(labels) and len(set().union(*labels)) >= len(labels):
        return (
            f"if its branches, which have labels, are meant to stay apart: --ignore MDB201:{history.name}, or a "
            f"database for each; else {merge}"
        )
    return merge


def colliding_ids(histories: Mapping[str, History], names: Iterable[str]) -> Iterator[Finding]:
    """Find revision ids that two histories have in different files; the same file is a history that is shared.

    Args:
        histories: all of them.
        names: of the databases that are asked about.
    """
    wanted = set(names)
    files: dict[str, dict[Path, str]] = {}
    for history in histories.values():
        for revision, script in history.revisions.items():
            files.setdefault(revision, {}).setdefault(Path(script.path).resolve(), history.name)
    for revision, places in files.items():
        holders = list(dict.fromkeys(places.values()))
        if len(places) > 1 and wanted.intersection(holders):
            yield Finding(
                code="MDB203",
                database=holders[-1],
                object=revision,
                message=f'revision "{revision}" is in the histories of {" and ".join(holders)}, in different files, so '
                "that a database of the one passes for a database of the other",
                fix="give the newer of the two another id, before it runs in production",
            )
