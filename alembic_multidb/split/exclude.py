"""What is left out by name: ``--exclude KIND:NAME``."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from alembic_multidb.catalog.objects import LiveObject
from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.split.model import shown
from alembic_multidb.split.survey import Survey

# These belong to their table although the classification lets them stand alone.
_BELONGING = frozenset({"pg_trigger", "pg_policy", "pg_rewrite", "pg_constraint", "pg_statistic_ext"})


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
    for edge in survey.snapshot.edges if found else ():
        is_part = edge.source.catalog in _BELONGING and edge.kind in "aiP"
        if is_part and edge.target in found and edge.source not in found:
            found.add(edge.source)
    return frozenset(found)


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
