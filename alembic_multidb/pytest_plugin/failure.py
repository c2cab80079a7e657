"""How a failed test of a database is told: which database, which revision, what differs; no traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from traceback import extract_tb

from sqlalchemy.exc import DBAPIError

from alembic_multidb.env.connect import first_line
from alembic_multidb.operate.history import History

_LONGEST = 40


class ConsistencyError(AssertionError):
    """What a test of a database found.

    Args:
        message: what is wrong.
        details: what differs, a line each.
        revision: the revision that it is about.
    """

    def __init__(self, message: str, details: Iterable[str] = (), *, revision: str | None = None) -> None:
        super().__init__(message)
        self.details = tuple(details)
        self.revision = revision

    def __str__(self) -> str:
        return "\n".join((str(self.args[0]), *(f"    {line}" for line in _limited(self.details))))


def revision_of(error: BaseException, history: History) -> tuple[str, str] | None:
    """Return the revision in whose file an error arose, and the place there; None if it arose in none."""
    files = {Path(script.path).resolve(): name for name, script in history.revisions.items()}
    for each in chain(error):
        for frame in reversed(extract_tb(each.__traceback__)):
            name = files.get(Path(frame.filename).resolve())
            if name is not None:
                return name, f"{Path(frame.filename).name}, line {frame.lineno}"
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error's causes, the first one first."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        each = each.__cause__ or each.__context__
    yield from reversed(seen)


def told(error: BaseException, database: str, history: History | None) -> str:
    """Return what a user needs to know of an error, in a few lines.

    Args:
        error: what a test raised.
        database: whose test it was.
        history: its revisions; None if they cannot be read.
    """
    place = revision_of(error, history) if history is not None else None
    heads = ", ".join(history.heads) if history is not None else None
    revision = getattr(error, "revision", None) or (place[0] if place else heads)
    lines = [f'database "{database}"' + (f", revision {revision}" if revision else "")]
    if place:
        lines[0] += f" ({place[1]})"
    return "\n".join((*lines, "", *_words(error)))


def _words(error: BaseException) -> Iterator[str]:
    context = getattr(error, "context", None)
    if isinstance(error, ConsistencyError):
        yield str(error)
    elif isinstance(error, AssertionError) and isinstance(context, list):  # pytest-alembic's
        yield str(error.args[0])
        for title, text in context:
            yield from ("", f"{title}:", *(f"    {line}" for line in _limited(_without_link(text))))
    elif isinstance(error, DBAPIError):
        yield f"{type(error.orig).__name__}: {first_line(error)}"
        yield from (f"    {line}" for line in _limited((error.statement or "").strip().splitlines()))
    else:
        yield from _limited(f"{type(error).__name__}: {error}".splitlines())


def _without_link(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("(Background on this error")]


def _limited(lines: Iterable[str]) -> list[str]:
    """Leave out what nobody would read any more."""
    found = list(lines)
    more = [f"... and {len(found) - _LONGEST} more lines"] if len(found) > _LONGEST else []
    return found[:_LONGEST] + more
