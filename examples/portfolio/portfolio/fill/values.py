"""One value of every type, mostly plain, now and then as odd as real data are. All of them in COPY's text form."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from functools import partial
from random import Random

from portfolio.fill.catalog import Column

Value = str | list[str | None] | None
Maker = Callable[[], Value]

LAST_DAY = date(2025, 6, 30)
LAST_MOMENT = datetime(2025, 6, 30, 22, tzinfo=timezone.utc)

# One value in so many is an odd one; one in so many is NULL where NULL may be.
ODD, MISSING = 25, 9

LEXICON = (
    "alpha balance bond call cash cost credit curve debt earnings equity factor fund growth hedge income index "
    "margin market momentum option order peer price quality rate return risk sector share spread stock swap trend "
    "value volume yield Zürich façade 東京 прибыль"
)
WORDS = LEXICON.split()
ODD_TEXTS = (
    "",
    " ",
    'O\'Brien said "hold"',
    "two\nlines",
    "tab\there, carriage\r\nreturn",
    "\\N",
    "\\.",
    "back\\slash \\t",
    "NULL",
    "naïve café, e\u0301 in two code points",
    "日本語の銘柄",
    "שלום عالم",
    "🚀🧑‍🚀",
    "100% {not, an array}",
    "ends with a newline\n",
    "; DROP TABLE users; --",
)
ODD_FLOATS = ("NaN", "Infinity", "-Infinity", "-0", "1e-300", "1.7976931348623157e308")
ODD_DOCUMENTS: tuple[object, ...] = (
    {},
    {"": None},
    {"nested": {"list": [1, [2, {"three": 3.5}]], "empty": []}},
    {"quote": 'a "b" \\ c', "line": "1\n2", "emoji": "🚀"},
    {"big": 10**30, "small": -1e-20, "yes": True},
)
ODD_ARRAYS: tuple[list[str | None], ...] = ([], [""], [None, "NULL"], ['a "b"', "c,d", "{e}", "back\\slash"], ["東京"])
INTERVALS = ("00:00:01.5", "3 days 04:05:06", "-00:00:03", "1 mon 2 days", "00:00:00")
ADDRESSES = ("10.0.0.7", "192.168.1.0/24", "::1", "2001:db8::8a2e:370:7334")

# Columns whose check constraints, or whose meaning, ask for less than their type allows.
BETWEEN = {"r_squared": (0, 1), "weight": (0, 1), "correlation": (-1, 1)}
POSITIVE = {
    "amount",
    "close",
    "downside_target_price",
    "entry_price",
    "exit_price",
    "high",
    "last_price",
    "latency_ms",
    "low",
    "observations",
    "open",
    "quantity",
    "quantity_closed",
    "strike_price",
    "target_price_eoy",
    "timeout_seconds",
}
LISTS = {"officers", "tool_calls"}
CALENDARS: dict[str, tuple[str, ...]] = {
    "expiration_date": ("infinity", "2026-01-16", "2030-12-20"),
    "valid_until": ("infinity", "2099-12-31 23:59:59+00"),
    "founded_on": ("0578-01-01", "1602-03-20", "1889-09-23", "1976-04-01", "0044-03-15 BC"),
    "period_start": ("0044-03-15 BC", "1637-02-03", "1929-10-24", "2008-09-15"),
}


def maker_of(column: Column, random: Random) -> Maker:
    """Return what makes the values of a column, NULL among them where the column allows it."""
    make = _plain_maker(column, random)
    if not column.nullable:
        return make
    return lambda: None if random.randrange(MISSING) == 0 else make()


def numbered(column: Column, number: int) -> Value:
    """Return a value of a column that no other number has."""
    if column.type == "date":
        return str(LAST_DAY - timedelta(days=number))
    if column.type in {"int2", "int4", "int8"}:
        return str(number + 1)
    if column.name == "email":
        return f"user.{number}+{'ÄÖ' if number % ODD == 7 else 'a'}@example.com"
    return symbol(number) if "symbol" in column.name else f"{WORDS[number % len(WORDS)]} {number}"


def symbol(number: int) -> str:
    """Return a ticker symbol: A to ZZZ and so on, with a class after some."""
    letters = ""
    rest = number + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}.B" if number % ODD == 3 else letters


def uuid(random: Random) -> str:
    """Return a random uuid of version 4, without hyphens."""
    digits = random.randbytes(16).hex()
    return f"{digits[:12]}4{digits[13:16]}a{digits[17:]}"


def prose(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def document(random: Random) -> object:
    """Return something for a jsonb column."""
    if random.randrange(ODD) == 0:
        return random.choice(ODD_DOCUMENTS)
    return {word: random.randrange(1000) for word in random.choices(WORDS, k=2)}


def moment(random: Random) -> datetime:
    return LAST_MOMENT - timedelta(microseconds=random.randrange(6 * 365 * 86_400_000_000))


def _plain_maker(column: Column, random: Random) -> Maker:
    if column.name in CALENDARS:
        return partial(random.choice, CALENDARS[column.name])
    if column.name in LISTS:
        return lambda: json.dumps([document(random) for _ in range(random.randrange(3))], ensure_ascii=False)
    if column.type in MAKERS:
        return partial(MAKERS[column.type], random)
    if column.type == "numeric":
        return partial(_numeric, random, column)
    if column.type in {"int2", "int4", "int8"}:
        return partial(_integer, random, column)
    return partial(_text, random, column.length)


def _text(random: Random, length: int | None) -> str:
    made = random.choice(ODD_TEXTS) if random.randrange(ODD) == 0 else prose(random, random.randrange(1, 7))
    return made[:length]


def _numeric(random: Random, column: Column) -> str:
    precision, scale = column.precision or 30, column.scale or 0
    digits = random.randrange(1, 10 ** (precision if random.randrange(ODD) == 0 else min(precision, scale + 4)))
    number = f"{digits:0{scale + 1}d}"
    if column.name in BETWEEN:
        return f"{random.uniform(*BETWEEN[column.name]):.{scale}f}"
    sign = "-" if column.name not in POSITIVE and random.randrange(3) == 0 else ""
    return f"{sign}{number[:-scale]}.{number[-scale:]}" if scale else sign + number


def _integer(random: Random, column: Column) -> str:
    largest = 2 ** (int(column.type[-1]) * 8 - 1)
    if random.randrange(ODD) == 0:
        return str(largest - 1 if column.name in POSITIVE else random.choice((-largest, 0, largest - 1)))
    return str(random.randrange(1, 10_000))


def _float(random: Random) -> str:
    return random.choice(ODD_FLOATS) if random.randrange(ODD) == 0 else repr(random.gauss(0, 20))


def _words(random: Random) -> list[str | None]:
    if random.randrange(ODD) == 0:
        return random.choice(ODD_ARRAYS)
    return list(random.choices(WORDS, k=random.randrange(4)))


MAKERS: dict[str, Callable[[Random], Value]] = {
    "uuid": uuid,
    "date": lambda random: str(LAST_DAY - timedelta(days=random.randrange(2000))),
    "timestamptz": lambda random: moment(random).isoformat(),
    "jsonb": lambda random: json.dumps(document(random), ensure_ascii=False),
    "float8": _float,
    "interval": lambda random: random.choice(INTERVALS),
    "inet": lambda random: random.choice(ADDRESSES),
    "bytea": lambda random: f"\\x{random.randbytes(random.randrange(33)).hex()}",
    "_text": _words,
}
