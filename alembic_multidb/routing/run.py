"""Revisions of a shared history on one database: each of them runs under a router."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection

from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.advice import Advice
from alembic_multidb.routing.chronicle import read_history
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.dependence import dependents
from alembic_multidb.routing.plan import is_all_of
from alembic_multidb.routing.presence import Move, Presence
from alembic_multidb.routing.record import Reader, Recorded, reading, record
from alembic_multidb.routing.router import Router
from alembic_multidb.routing.selected import BLOCKS, Blocks
from alembic_multidb.routing.surroundings import Surroundings
from alembic_multidb.routing.text import as_ddl
from alembic_multidb.routing.there import has, unless_there
from alembic_multidb.statements import Thing

log = logging.getLogger("alembic.multidb")


def route(context: MigrationContext, database: RegisteredDatabase) -> None:
    """Let the revisions that a migration context runs take only what is at home in this database.

    Nothing is read and nothing is changed before the first of them begins.

    Args:
        context: configured, not yet run.
        database: of a shared history.
    """
    run = Run(context, database)
    context.opts[BLOCKS] = run.blocks
    original = context._migrations_fn
    if original is None:
        return

    def steps(heads: Any, of: Any) -> Iterator[Any]:
        for step in original(heads, of):
            if isinstance(step, RevisionStep):
                run.take(step)
            yield step

    context._migrations_fn = steps


@dataclass
class Run:
    """The run of one command on one database of a shared history.

    Attributes:
        context: Alembic's.
        database: where the revisions run.
        blocks: the ``op.on_database()`` blocks that are open.
    """

    context: MigrationContext
    database: RegisteredDatabase
    blocks: Blocks = field(init=False)
    _presence: Presence | None = None

    def __post_init__(self) -> None:
        self.blocks = Blocks(self.database.name, tuple(self.database.registry))

    def presence(self, arguments: Mapping[str, Any]) -> Presence:
        """Return what is where at each point of the history, which is read once.

        Args:
            arguments: for each revision's functions.
        """
        environment = self.context.environment_context
        if environment is None:
            raise ConfigurationError("a shared history runs inside an env.py only")
        if self._presence is None:
            naming_convention = getattr(self.context.opts.get("target_metadata"), "naming_convention", {})
            databases = self.database.registry
            around = Surroundings(
                environment.config, environment.script, tuple(databases), naming_convention, arguments
            )
            self._presence = Presence(read_history(around, databases))
        return self._presence

    def _read(self, step: RevisionStep, presence: Presence) -> tuple[Reader, Sequence[Recorded]]:
        """Return what a step says, and its reader.

        A downgrade is read first, as all upgrades are, to learn how the tables that it makes are called at its end.
        """
        revision, chronicle = step.revision, presence.chronicle
        chapter = chronicle.chapters[revision.revision]
        if step.is_upgrade:
            return chapter.reader, chapter.statements
        reader = Reader(revision.module.downgrade, revision.path, chapter.reader.around)
        state = chronicle.state(revision.revision, is_upgrade=False)
        with reading():
            run = record(reader, state)
        for name, item in state.names.items():
            if name not in item.names:
                item.names.append(name)
        return reader, run.statements

    def _router(self, step: RevisionStep, presence: Presence) -> Router:
        """Return the router for a step."""
        revision = step.revision.revision
        reader, statements = self._read(step, presence)
        state = presence.chronicle.state(revision, is_upgrade=step.is_upgrade)
        decider = Decider(self.database, presence.homes(revision), self._has if not self.context.as_sql else None)
        elsewhere = decider.elsewhere(presence.chronicle.chapters[revision].after)
        asked = dependents(reader, statements, state, decider, elsewhere)
        is_all = partial(is_all_of, presence, revision, statements=statements, is_upgrade=step.is_upgrade)
        return Router(self.context, decider, state, self.blocks, Advice(revision, self.database, is_all), asked)

    def take(self, step: RevisionStep) -> None:
        """Let a step's function run under the router."""
        original = step.migration_fn

        def migrate(**arguments: Any) -> None:
            revision = step.revision.revision
            presence = self.presence(arguments)
            chapter = presence.chronicle.chapters[revision]
            router = self._router(step, presence)
            try:
                self._bring(presence.comes(revision, self.database.name, is_upgrade=step.is_upgrade), revision)
                if step.is_upgrade and chapter.says_all and self._is_plain:
                    # Its Python would say the same again.
                    router.repeat(chapter.statements)
                else:
                    with router.active():
                        original(**arguments)
                self._take_away(presence.leaves(revision, self.database.name, is_upgrade=step.is_upgrade), revision)
            except MultidbError:
                raise
            except Exception:
                log.error("%s", _hint(router.advice))
                raise

        step.migration_fn = migrate

    def _bring(self, moves: list[Move], revision: str) -> None:
        """Make what a revision uses here first, unless it is there."""
        names = {move.thing: move.names for move in moves}
        missing = {thing for thing in names if self.context.as_sql or not any(map(self._has, names[thing]))}
        for thing in sorted(missing):
            log.info("%s %s is made: revision %s uses it here", thing.kind, thing, revision)
        self._run(unless_there(moves) if self.context.as_sql else (move.sql for move in moves if move.thing in missing))

    def _take_away(self, moves: list[Move], revision: str) -> None:
        """Drop what nothing uses here after a revision, and what is at home elsewhere."""
        for move in moves:
            log.info("%s %s is dropped: nothing uses it here after revision %s", move.thing.kind, move.thing, revision)
        self._run(move.sql for move in moves)

    def _run(self, statements: Iterable[str]) -> None:
        for sql in statements:
            self.context.impl._exec(as_ddl(sql))

    @property
    def _is_plain(self) -> bool:
        """Tell whether operations do here what Alembic and SQLAlchemy make of them, and nothing else."""
        connection = self.context.connection
        return (
            isinstance(connection, Connection)
            and type(self.context.impl) is PostgresqlImpl
            and not self.context.as_sql
            and not connection.get_execution_options().get("schema_translate_map")
        )

    def _has(self, thing: Thing) -> bool:
        assert self.context.connection is not None
        return has(self.context.connection, thing)


def _hint(advice: Advice) -> str:
    """Say what may help if a revision raises where a part of what it looks at is not at home."""
    database = advice.database
    others = frozenset(each.name for each in database.registry.values() if each.shares_history) - {database.name}
    homes = " or ".join(f'"{name}"' for name in sorted(others))
    return (
        f'revision {advice.revision} of the shared history raised on "{database.name}"; if it looks at tables that are '
        f"at home in {homes}, say so in it: {advice.apart(others)}"
    )
