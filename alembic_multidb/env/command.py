"""Which of Alembic's commands env.py was called for, told by what it passes along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The commands' own work functions in alembic.command; a caller's own function has another name.
_ENSURE_VERSION = "do_ensure_version"
_RUN_NO_UPGRADE = frozenset({"downgrade", "do_stamp", _ENSURE_VERSION})


@dataclass(frozen=True)
class Command:
    """What the running command does to the database.

    Attributes:
        changes: it changes the database (upgrade, downgrade, stamp, ensure_version).
        compares: it compares models with the database (check, revision --autogenerate).
        upgrades: it may run upgrades, which need the extensions.
    """

    changes: bool
    compares: bool
    upgrades: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Command:
        """Read the options that Alembic's command gave to the migration context.

        ``config.cmd_opts`` would be None for a command that is called from Python.
        """
        name = getattr(options.get("fn"), "__name__", "")
        moves = options.get("destination_rev") is not None and not options.get("dont_mutate")
        changes = moves or name == _ENSURE_VERSION
        revision_context = options.get("revision_context")
        compares = revision_context is not None and bool(revision_context.command_args.get("autogenerate"))
        return cls(changes, compares, changes and name not in _RUN_NO_UPGRADE)
