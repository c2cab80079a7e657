"""Names of tables that are looked up by a value: of one that is not here nothing is found, where there was an error."""

from __future__ import annotations

import re

# As drivers take values, with the cast that SQLAlchemy gives to some.
_VALUE = r"(?:%(?:\(\w+\))?s|\$\d+)(?:::\w+)?"
_LOOKUP = re.compile(
    rf"\bCAST\s*\(\s*(?P<cast>{_VALUE})\s+AS\s+(?:pg_catalog\.)?regclass\s*\)"
    rf"|(?P<value>{_VALUE})\s*::\s*(?:pg_catalog\.)?regclass\b",
    re.IGNORECASE,
)
# to_regclass() knows no numbers; a text that is cast to regclass is a name, too.
_FOUND = """(
    SELECT CASE WHEN n ~ '^[0-9]+$' THEN n::oid::regclass ELSE to_regclass(n) END
    FROM (SELECT CAST({} AS text) AS n) AS a
)"""


def with_lookups(statement: str) -> str:
    """Return a query in which values that are cast to ``regclass`` may name what is not here.

    Args:
        statement: as it is given to the driver.
    """
    return _LOOKUP.sub(lambda match: _FOUND.format(match["cast"] or match["value"]), statement)
