"""What a check says: a stable code, how bad it is, what, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from alembic_multidb.errors import ConfigurationError

Severity = Literal["error", "warning"]


class Code(NamedTuple):
    """One kind of finding.

    Attributes:
        severity: an error is wrong today, a warning will be wrong one day.
        title: what it is, in a few words.
    """

    severity: Severity
    title: str


# Numbers never change their meaning; docs/reference/findings.md has a paragraph for each.
CODES = {
    "MDB101": Code("error", "two rules give a table different homes, or the registry contradicts the models"),
    "MDB102": Code("error", "a live table has no home"),
    "MDB201": Code("error", "a history has several heads"),
    "MDB202": Code("error", "a history is broken"),
    "MDB203": Code("error", "two histories have the same revision id"),
    "MDB204": Code("error", "two histories write into one version table"),
    "MDB205": Code("error", "a table of a shared history was given another home"),
    "MDB301": Code("error", "a database could not be looked at"),
    "MDB302": Code("warning", "a database has no marker"),
    "MDB303": Code("error", "a database is marked as another one"),
    "MDB304": Code("warning", "a database is not at the head of its history"),
    "MDB305": Code("error", "a database is at a revision that its history does not have"),
    "MDB306": Code("warning", "a database was stamped without proof"),
    "MDB401": Code("warning", "models are ahead of the history"),
    "MDB402": Code("error", "models could not be compared"),
    "MDB403": Code("error", "a database is not what its revision says"),
    "MDB404": Code("warning", "a history is ahead of the models"),
    "MDB501": Code("error", "an extension is installed that this database does not declare"),
    "MDB502": Code("error", "a declared extension is not installed"),
    "MDB503": Code("error", "an extension is below its declared floor"),
    "MDB601": Code("error", "a foreign key crosses homes"),
    "MDB602": Code("error", "a view crosses homes"),
    "MDB603": Code("error", "a trigger crosses homes"),
    "MDB604": Code("error", "a function crosses homes"),
    "MDB605": Code("error", "another object crosses homes"),
    "MDB701": Code("error", "a soft reference points at what is not there"),
    "MDB702": Code("error", "a soft reference points at a column of another type"),
    "MDB801": Code("warning", "a table lies in a database that is not its home"),
    "MDB802": Code("error", "a table is written to in a database that is not its home"),
    "MDB803": Code("error", "a copy could not be watched"),
}

_SHOWN = 5

# The checks that stand for a question that could not be answered.
UNANSWERED = frozenset({"MDB301", "MDB402", "MDB803"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: a key of ``CODES``.
        database: the database where it is; None for the registry as a whole.
        object: the table, extension, revision, ... that it is about.
        message: what is wrong, and where.
        fix: what to do about it.
    """

    code: str
    database: str | None
    object: str
    message: str
    fix: str

    @property
    def severity(self) -> Severity:
        """Return how bad it is."""
        return CODES[self.code].severity


@dataclass(frozen=True)
class Ignored:
    """What a user has decided to live with: ``CODE``, or ``CODE:object`` with a shell pattern for the object."""

    code: str
    pattern: str = "*"

    @classmethod
    def read(cls, text: str) -> Ignored:
        """Read ``CODE[:object]``.

        Raises:
            ConfigurationError: there is no such code.
        """
        code, separator, pattern = text.partition(":")
        if code.upper() not in CODES or (separator and not pattern):
            raise ConfigurationError(
                f'--ignore "{text}" is not of the form CODE[:object]; codes are {", ".join(CODES)}'
            )
        return cls(code.upper(), pattern or "*")

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is ignored."""
        names = {finding.object, f"{finding.database}.{finding.object}"}
        return finding.code == self.code and any(fnmatchcase(name, self.pattern) for name in names)


def shortened(items: Iterable[object]) -> str:
    """List the first few of many things, and say how many more there are."""
    words = list(map(str, items))
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return "; ".join(words[:_SHOWN]) + more


def remaining(findings: Iterable[Finding], ignored: Iterable[Ignored]) -> list[Finding]:
    """Return what is not ignored, by code; the order is otherwise kept."""
    rules = list(ignored)
    kept = [finding for finding in findings if not any(rule.covers(finding) for rule in rules)]
    return sorted(kept, key=lambda finding: finding.code)
