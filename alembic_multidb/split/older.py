"""What pg_dump 18 writes as no server before 18 reads it: NOT NULL of columns that a child has from its parent."""

from __future__ import annotations

import re

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_CHILD = re.compile(
    rf"(?P<head>^CREATE (?:UNLOGGED )?TABLE (?P<name>{_NAME}\.{_NAME}) \(\n)"
    r"(?P<body>(?:    .*\n)*?    .*)(?P<tail>\n\)\nINHERITS)",
    re.MULTILINE,
)
_NOT_NULL = re.compile(rf"    (?:CONSTRAINT {_NAME} )?NOT NULL ({_NAME}),?")


def for_older(script: str) -> str:
    """Return a script of pg_restore's that a server before PostgreSQL 18 reads.

    The constraints are made at the end of it, when all tables are there.
    """
    later: list[str] = []

    def take_out(table: re.Match[str]) -> str:
        rest = []
        for line in table["body"].split("\n"):
            if found := _NOT_NULL.fullmatch(line):
                later.append(f"ALTER TABLE ONLY {table['name']} ALTER COLUMN {found[1]} SET NOT NULL;\n")
            else:
                rest.append(line)
        return table["head"] + "\n".join(rest).removesuffix(",") + table["tail"]

    return _CHILD.sub(take_out, script) + "".join(later)
