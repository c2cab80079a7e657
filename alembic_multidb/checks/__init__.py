"""Everything that can be known to be wrong with the databases of a repository, each as a finding with a code."""

from alembic_multidb.checks.finding import CODES, Finding, Ignored
from alembic_multidb.checks.run import Checked, check

__all__ = ["CODES", "Checked", "Finding", "Ignored", "check"]
