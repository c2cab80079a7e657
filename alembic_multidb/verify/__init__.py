"""The proof that nothing was lost: targets against the source that they came from, or against evidence of it."""

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
