"""Values as a person can read them: long ones shortened to where they begin to differ."""

from __future__ import annotations

_WIDTH, _BEFORE = 60, 20


def shortened(one: str | None, other: str | None) -> tuple[str | None, str | None]:
    """Return two values, each cut to at most about 60 characters around the first place where they differ."""
    if one is None or other is None:
        return _cut(one, 0), _cut(other, 0)
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, place - _BEFORE)
    if max(len(one), len(other)) <= _WIDTH:
        start = 0
    return _cut(one, start), _cut(other, start)


def _cut(value: str | None, start: int) -> str | None:
    if value is None:
        return None
    end = start + _WIDTH
    cut = value[start:end]
    return ("..." if start else "") + (readable(cut) or "") + ("..." if end < len(value) else "")


def readable(value: str | None) -> str | None:
    """Return a text with each byte that is no character of UTF-8 as ``\\xff``."""
    if value is None:
        return None
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def brief(value: str | None) -> str | None:
    """Return one value, cut to at most about 60 characters."""
    return _cut(value, 0)
