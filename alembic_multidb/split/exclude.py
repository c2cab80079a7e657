"""What is left out by name: ``--exclude KIND:NAME``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from alembic_multidb.catalog.objects import LiveObject
from alembic_multidb.catalog.snapshot import ObjectId, Snapshot
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.split.model import shown
from alembic_multidb.split.survey import Survey

# These belong to their table although the classification lets them stand alone.
_BELONGING = frozenset({"pg_trigger", "pg_policy", "pg_rewrite", "pg_constraint", "pg_statistic_ext", "pg_class"})


def excluded_nodes(survey: Survey, given: tuple[str, ...]) -> frozenset[ObjectId]:
    """Return the excluded objects, with triggers, policies, rules and foreign keys of excluded tables and views."""
    found: set[ObjectId] = set()
    for name in given:
        nodes = {item.node for item in survey.objects if matches(name, item.type, item.identity)}
        if not nodes:
            near = get_close_matches(name, [f"{item.type}:{shown(item.identity)}" for item in survey.objects], 3)
            hint = f"; near are {', '.join(near)}" if near else ""
            raise ConfigurationError(
                f'--exclude "{name}" names nothing in the source{hint}; --plan prints every object\'s kind and name'
            )
        found |= nodes
    parts = _parts(survey.snapshot) if found else {}
    pending = list(found)
    while pending:
        new = parts.get(pending.pop(), set()) - found
        found |= new
        pending.extend(new)
    _refuse_inseparable(survey, found)
    return frozenset(found)


def _parts(snapshot: Snapshot) -> dict[ObjectId, set[ObjectId]]:
    """Return what is gone with each object: triggers, policies, rules, keys and indexes, those of partitions too."""
    relations = {row.node for row in snapshot.rows if row.kind in ("table", "sequence", "view")}
    found: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for edge in snapshot.edges:
        if edge.source.catalog in _BELONGING and edge.kind in "aiPS" and edge.source not in relations:
            found[edge.target].add(edge.source)
    return found


def _refuse_inseparable(survey: Survey, excluded: set[ObjectId]) -> None:
    """Refuse to leave out what is made in one statement with what it is part of.

    Raises:
        ConfigurationError: a check, or the sequence of an identity column, is excluded alone.
    """
    wholes = {edge.source: edge.target for edge in survey.snapshot.edges if edge.kind in "ai"}
    for row in survey.snapshot.rows:
        is_check = row.kind == "constraint" and row.definition.get("kind") == "check"
        is_identity = row.kind == "sequence" and row.definition.get("type") is None
        if row.node in excluded and (is_check or is_identity) and wholes.get(row.node) not in excluded:
            raise ConfigurationError(
                f"{row.kind} {shown(row.identity)} is made together with what it is part of, and cannot be excluded "
                "alone; change it in the source, or exclude the whole"
            )


def matches_any(given: Iterable[str], item: LiveObject) -> bool:
    """Tell whether an object is one of those named."""
    return any(matches(name, item.type, item.identity) for name in given)


def matches(given: str, type_: str, identity: str) -> bool:
    """Tell whether what ``--exclude`` was given names an object, as it is or as the plan prints it."""
    return given in (f"{type_}:{identity}", f"{type_}:{shown(identity)}")


def check_exclude(given: Iterable[str]) -> None:
    """Refuse what is not of the form TYPE:IDENTITY.

    Raises:
        ConfigurationError: it is not.
    """
    for item in given:
        kind, separator, name = item.partition(":")
        if not kind or not separator or not name:
            raise ConfigurationError(
                f'--exclude "{item}" is not of the form KIND:NAME, as in view:public.v_report; --plan prints both'
            )
