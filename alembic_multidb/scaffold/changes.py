"""Files to be written: decided first, shown as a diff, then written without losing what was there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import count
from pathlib import Path

from alembic_multidb.errors import ConfigurationError

_URL_PASSWORD = re.compile(r"(://[^:/@\s'\"]*:).*@")
_QUERY_PASSWORD = re.compile(r"(?i)((?:ssl)?password=)[^&\s'\"]+")
_SETTING = r"\w*(?:pass|pwd|secret|token|api_?key)\w*"
_ASSIGNED_PASSWORD = re.compile(rf"(?i)({_SETTING}[\"'\]]*\s*(?::\s*\w+\s*)?[=:,]\s*)([\"']).*\2")


@dataclass(frozen=True)
class FileChange:
    """One file and what it shall hold.

    Attributes:
        path: the file.
        new: its new text.
        old: the text that is there now; None if there is no such file.
    """

    path: Path
    new: str
    old: str | None = None

    @classmethod
    def of(cls, path: Path, new: str) -> FileChange:
        """Compare with what is on the disk."""
        return cls(path, new, read_text(path) if path.is_file() else None)

    @property
    def is_needed(self) -> bool:
        """Tell whether anything changes; the kind of line ends does not count."""
        return self.old is None or self.old.splitlines() != self.new.splitlines()


@dataclass(frozen=True)
class Plan:
    """What is going to be written, and what a human must know about it.

    Attributes:
        folder: what paths are shown relative to.
        changes: the files that change.
        notes: sentences for the user.
    """

    folder: Path
    changes: tuple[FileChange, ...]
    notes: tuple[str, ...] = ()

    def shown(self, path: Path) -> str:
        """Return a path as the user knows it."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)

    def diff(self) -> str:
        """Return the unified diff, with passwords hidden."""
        return "".join(line for change in self.changes for line in self._diff_of(change))

    def _diff_of(self, change: FileChange) -> Iterator[str]:
        name = self.shown(change.path)
        before = "/dev/null" if change.old is None else f"a/{name}"
        old, new = (change.old or "").splitlines(), change.new.splitlines()
        lines = list(unified_diff(old, new, before, f"b/{name}", lineterm=""))
        for line in lines or [f"--- {before}", f"+++ b/{name}"]:  # an empty file
            yield f"{hide_passwords(line)}\n"


def write(plan: Plan) -> list[str]:
    """Carry out a plan; return a line for each file written.

    A file that is replaced stays beside the new one as ``NAME.orig``, or ``NAME.orig.1`` and so on where that exists.
    """
    kept = {change.path: _keep(change.path) for change in plan.changes if change.old is not None}
    lines = []
    for change in plan.changes:
        _make_folder(change.path.parent)
        with change.path.open("w", encoding="utf-8", newline="") as file:
            file.write(change.new)
        original = kept.get(change.path)
        tail = f" (as it was: {plan.shown(original)})" if original else ""
        lines.append(f"wrote {plan.shown(change.path)}{tail}")
    return lines


def read_text(path: Path) -> str:
    """Return a file's text with the line ends that it has.

    Raises:
        ConfigurationError: it is not in UTF-8.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not in UTF-8 (see its byte {error.start}); save it in UTF-8, then run the command again"
        ) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(f"{folder} cannot be made: a part of it is a file; name another folder") from None


def hide_passwords(text: str) -> str:
    """Replace what looks like a password in a line by three stars."""
    text = _URL_PASSWORD.sub(r"\1***@", text)
    return _ASSIGNED_PASSWORD.sub(r"\1\2***\2", _QUERY_PASSWORD.sub(r"\1***", text))


def _keep(path: Path) -> Path:
    for number in count():
        kept = path.with_name(f"{path.name}.orig{f'.{number}' if number else ''}")
        if not kept.exists():
            return Path(shutil.copy2(path, kept))
    raise AssertionError("count() does not end")
