"""What a revision's functions find around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic_multidb.registry import Databases


@dataclass(frozen=True)
class Surroundings:
    """What a revision's function finds around it.

    Attributes:
        config: Alembic's configuration, which revisions may ask for.
        script: the history.
        databases: the names that its blocks may say.
        naming_convention: of the models, which names constraints that have no name.
        arguments: for the function.
    """

    config: Config
    script: ScriptDirectory
    databases: tuple[str, ...]
    naming_convention: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def without_env(cls, config: Config, script: ScriptDirectory, databases: Databases) -> Surroundings:
        """Return what there is where no env.py runs: the models' naming convention, and no arguments."""
        conventions = (each.naming_convention for item in databases.declarations for each in item.metadata)
        return cls(config, script, tuple(databases), next(conventions, {}))
