"""What goes around the migration's connection: cursors of its driver, and engines that a revision makes for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any, NamedTuple

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool


class Instead(NamedTuple):
    """What is sent in the place of a statement, and whether its values go along."""

    sql: str
    with_values: bool


# Given what is sent, and whether values go along: what is sent instead, or None if that is all right.
Ask = Callable[[str, bool], "Instead | None"]
# On a cursor: SQLAlchemy uses it, and its statements have been asked about.
_ASKED = "multidb_asked"


def asked(cursor: Any) -> None:
    """Remember of a cursor that its statement has been asked about."""
    if hasattr(cursor, "multidb_ask"):
        setattr(cursor, _ASKED, True)


@contextmanager
def routed_cursors(connection: Connection, ask: Ask) -> Iterator[None]:
    """Ask about whatever cursors of the driver's connection send, until the block ends.

    Args:
        connection: of psycopg or psycopg2, which make cursors as they are told; other drivers are left alone.
        ask: what is run in the place of a statement.
    """
    driver: Any = connection.connection.driver_connection
    if not hasattr(driver, "cursor_factory"):
        yield
        return
    plain = driver.cursor_factory
    driver.cursor_factory = _routed(plain or _class_of_cursor(driver), ask)
    try:
        yield
    finally:
        driver.cursor_factory = plain


def _class_of_cursor(driver: Any) -> type[Any]:
    with driver.cursor() as cursor:
        return type(cursor)


def _routed(base: type[Any], ask: Ask) -> type[Any]:
    """Return a class of cursors that ask first."""
    methods = {name: _sends(base, name, ask) for name in ("execute", "executemany", "stream")}
    methods |= {name: _copies(base, name, ask) for name in ("copy", "copy_expert")}
    known = {name: method for name, method in methods.items() if hasattr(base, name)}
    return type("RoutedCursor", (base,), {"multidb_ask": True, **known})


def _sends(base: type[Any], name: str, ask: Ask) -> Callable[..., Any]:
    def send(self: Any, query: Any, parameters: Any = None, *arguments: Any, **options: Any) -> Any:
        instead = _instead_of(self, query, bool(parameters), ask)
        if instead is None or instead.with_values:
            given = (parameters, *arguments) if parameters is not None or arguments else ()
            return getattr(base, name)(self, query if instead is None else instead.sql, *given, **options)
        return base.execute(self, instead.sql)

    return send


def _copies(base: type[Any], name: str, ask: Ask) -> Callable[..., Any]:
    def copy(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if _instead_of(self, query, False, ask) is None:
            return getattr(base, name)(self, query, *arguments, **options)
        return _NoCopy()

    return copy


def _instead_of(cursor: Any, query: Any, has_parameters: bool, ask: Ask) -> Instead | None:
    if getattr(cursor, _ASKED, False):
        return None
    text = query.as_string(cursor) if hasattr(query, "as_string") else query
    return ask(text.decode() if isinstance(text, bytes) else text, has_parameters)


class _NoCopy:
    """A COPY of a table that is not here: what is written is let go, and nothing is read."""

    def __enter__(self) -> _NoCopy:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def write(self, _: object) -> None:
        """Let it go."""

    write_row = set_types = write

    def read(self) -> bytes:
        """Return the end."""
        return b""

    def rows(self) -> Iterator[Any]:
        """Return none."""
        return iter(())

    def read_row(self) -> None:
        """Return none."""


@contextmanager
def no_other_connection(refuse: Callable[[object], None]) -> Iterator[None]:
    """Let this thread connect to nothing until the block ends, by whatever engine of SQLAlchemy's.

    Args:
        refuse: raises, or lets it be; it is given the dialect, or the driver's connection if there is one already.
    """
    here = get_ident()

    def listener(door: object, *_: Any) -> None:
        if get_ident() == here:
            refuse(door)

    doors: tuple[tuple[Any, str], ...] = ((Engine, "do_connect"), (Pool, "checkout"))
    for target, name in doors:
        event.listen(target, name, listener)
    try:
        yield
    finally:
        for target, name in doors:
            event.remove(target, name, listener)
