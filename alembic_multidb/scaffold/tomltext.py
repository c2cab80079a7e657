"""pyproject.toml: the ``[tool.alembic]`` table that catches a mistyped ``-n``, put in without touching the rest."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.scaffold.changes import FileChange, read_text
from alembic_multidb.scaffold.templates import template

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # Alembic itself needs it there

TRAP = "alembic_multidb:choose"

_HEADER = re.compile(r"\s*\[\[?[^\[\]]+\]\]?\s*(#.*)?$")
_TABLE = re.compile(r"""\s*\[\s*["']?tool["']?\s*\.\s*["']?alembic["']?\s*\]\s*(#.*)?$""")


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says; nothing if there is none.

    Raises:
        ConfigurationError: it is no TOML.
    """
    return parse_toml(read_text(path), str(path)) if path.is_file() else {}


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name} is no TOML that can be read: {error}; correct it first") from None
    return data


def alembic_table(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``[tool.alembic]``, or None if there is none."""
    tool = data.get("tool")
    table = tool.get("alembic") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def add_trap(path: Path) -> FileChange | None:
    """Plan to make or to extend pyproject.toml; None where it has a ``[tool.alembic]`` already.

    Raises:
        ConfigurationError: it is no TOML, or of a form that nothing can be appended to.
    """
    trap = template("trap.toml.template")
    if not path.is_file():
        return FileChange(path, trap)
    old = read_text(path)
    data = parse_toml(old, str(path))
    if alembic_table(data) is not None:
        return None
    end = _line_end(old)
    gap = "" if not old.strip() else end if old.endswith("\n") else end * 2
    new = old + gap + trap.replace("\n", end)
    _check_rest(data, new, path, {"script_location": TRAP})
    return FileChange(path, new, old)


def set_trap(path: Path, drop: frozenset[str]) -> FileChange:
    """Plan to let ``[tool.alembic]`` name the trap, and to take out what goes into alembic.ini instead.

    Args:
        path: pyproject.toml.
        drop: the keys to take out.

    Raises:
        ConfigurationError: the table is written in a form that cannot be edited.
    """
    old = read_text(path)
    data = parse_toml(old, str(path))
    expected = {key: value for key, value in (alembic_table(data) or {}).items() if key not in drop}
    end = _line_end(old)
    lines, wanted = [], f'script_location = "{TRAP}"{end}'
    inside, is_named = False, "script_location" in expected
    for entry in _entries(old.splitlines(keepends=True)):
        key = _key(entry) if inside else None
        if _HEADER.match(entry.rstrip("\r\n")) and "=" not in entry:
            inside = _TABLE.match(entry.rstrip("\r\n")) is not None
            lines.append(entry + wanted if inside and not is_named else entry)
        elif key == "script_location":
            lines.append(wanted)
        elif key not in drop:
            lines.append(entry)
    new = "".join(lines)
    _check_rest(data, new, path, {**expected, "script_location": TRAP})
    return FileChange(path, new, old)


def _entries(lines: list[str]) -> list[str]:
    """Join the lines of one entry: an array goes on until it is complete."""
    entries: list[str] = []
    pending = ""
    for line in lines:
        pending += line
        if _is_complete(pending):
            entries.append(pending)
            pending = ""
    return [*entries, pending] if pending else entries


def _is_complete(entry: str) -> bool:
    if _key(entry) is None:
        return True
    try:
        tomllib.loads(entry.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _key(entry: str) -> str | None:
    match = re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", entry)
    return match.group(1) if match else None


def _check_rest(before: dict[str, Any], new: str, path: Path, expected: dict[str, Any]) -> None:
    """Make sure that nothing else of the file has changed its meaning."""
    refusal = (
        f"{path} is written in a form that cannot be extended safely; put this into it by hand, then run the "
        f'same command again: [tool.alembic] with script_location = "{TRAP}"'
    )
    try:
        after = tomllib.loads(new.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError:
        raise ConfigurationError(refusal) from None
    if alembic_table(after) != expected or _without_alembic(after) != _without_alembic(before):
        raise ConfigurationError(refusal)


def _without_alembic(data: dict[str, Any]) -> dict[str, Any]:
    tool = data.get("tool", {})
    rest = {key: value for key, value in tool.items() if key != "alembic"} if isinstance(tool, dict) else tool
    return {**{key: value for key, value in data.items() if key != "tool"}, "tool": rest}


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
