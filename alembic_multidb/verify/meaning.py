"""What the value of a setting means, however it is written: ``8MB`` is ``8192kB``, and ``on`` is ``true``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_NUMBER = re.compile(r"\s*([-+]?)(0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")
# In bytes, and in microseconds.
_UNITS: dict[str, int] = {
    **{name: 2 ** (10 * power) for power, name in enumerate(("B", "kB", "MB", "GB", "TB"))},
    **{"us": 1, "ms": 10**3, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6},
}
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Kind:
    """What sort of values a setting has.

    Attributes:
        type: ``bool``, ``integer``, ``real``, ``enum`` or ``string``.
        unit: what numbers without one are in, as ``pg_settings`` has it: ``kB``, ``8kB``, ``ms``; None if in nothing.
    """

    type: str = "string"
    unit: str | None = None

    def meaning(self, value: str) -> str:
        """Return the one way to write what a value means; the value itself where there is no other way."""
        if self.type == "bool":
            return _truth(value)
        if self.type == "enum":
            return value.strip().lower()
        number = self._number(value) if self.type in ("integer", "real") else None
        if number is None:
            return value
        return str(round(number) if self.type == "integer" else float(number))

    def _number(self, value: str) -> Fraction | None:
        """Return a number in the setting's own unit."""
        found = _NUMBER.fullmatch(value)
        if found is None or (found[3] and (found[3] not in _UNITS or self.unit is None)):
            return None
        number = _plain_number(found[2]) * (-1 if found[1] == "-" else 1)
        return number * _UNITS[found[3]] / _size(self.unit) if found[3] and self.unit is not None else number


def _plain_number(text: str) -> Fraction:
    if text[:2].lower() == "0x":
        return Fraction(int(text, 16))
    # As in C: a zero before other digits makes it octal.
    return Fraction(int(text, 8)) if re.fullmatch("0[0-7]+", text) else Fraction(text)


def _size(unit: str) -> int:
    digits = re.match(r"\d*", unit)
    assert digits is not None
    return int(digits[0] or 1) * _UNITS[unit[digits.end() :]]


def _truth(value: str) -> str:
    """Say whether a word means yes; PostgreSQL takes its beginning as well, where that is clear."""
    word = value.strip().lower()
    for name, words in (("on", _YES), ("off", _NO)):
        if word and word != "o" and any(each.startswith(word) for each in words):
            return name
    return value
