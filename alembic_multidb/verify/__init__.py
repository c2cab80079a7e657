"""The proof that nothing was lost: targets against the source that they came from, or against evidence of it.

Names are loaded when they are first used: the command line pays for a driver only when it compares.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic_multidb.verify.evidence import Evidence, write_evidence
    from alembic_multidb.verify.options import Exclusion, VerifyOptions
    from alembic_multidb.verify.report import DatabaseReport, Expected, Finding, Report
    from alembic_multidb.verify.run import verify, verify_against

__all__ = [
    "DatabaseReport",
    "Evidence",
    "Exclusion",
    "Expected",
    "Finding",
    "Report",
    "VerifyOptions",
    "verify",
    "verify_against",
    "write_evidence",
]

_HOMES = {
    "evidence": ("Evidence", "write_evidence"),
    "options": ("Exclusion", "VerifyOptions"),
    "report": ("DatabaseReport", "Expected", "Finding", "Report"),
    "run": ("verify", "verify_against"),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
