"""What stands between a revision and the database: each statement is run, skipped, or run without some of its parts."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from alembic import op
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DDLElement

from alembic_multidb.routing.advice import Advice
from alembic_multidb.routing.catalogs import Elsewhere, with_foreign
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.decision import Decision, what_is_left
from alembic_multidb.routing.dependence import Dependent
from alembic_multidb.routing.impl import routed_impl
from alembic_multidb.routing.indexes import index_of, statements_of
from alembic_multidb.routing.items import State
from alembic_multidb.routing.lookups import with_lookups
from alembic_multidb.routing.record import Recorded
from alembic_multidb.routing.reflect import Told, told_by_history
from alembic_multidb.routing.selected import Blocks
from alembic_multidb.routing.sidedoors import Instead, asked, no_other_connection, routed_cursors
from alembic_multidb.routing.silent import Asked, texts_in
from alembic_multidb.routing.text import as_ddl, is_orm, sql_of, values_of, without_parameters
from alembic_multidb.sqltext import without_placeholders
from alembic_multidb.statements import Statement, Thing, read

log = logging.getLogger("alembic.multidb")

# Marks the router's own statements.
OURS = "multidb_decided"
_ASKS = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_SAID = {"skips": "skipped", "separated": "separated"}


@dataclass
class Router:
    """What stands between one revision and the database.

    Attributes:
        context: Alembic's.
        decider: decides about statements.
        state: what there is at this point of the revision.
        blocks: the ``op.on_database()`` blocks that are open.
        advice: what to say of what nobody can decide; it knows which revision this is.
        dependents: the questions that nobody can answer here, each with what depends on it.
    """

    context: MigrationContext
    decider: Decider
    state: State
    blocks: Blocks
    advice: Advice
    dependents: Mapping[Asked, Dependent] = field(default_factory=dict)
    _is_decided: bool = False
    _inspects: bool = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Route whatever reaches the database until the block ends."""
        plain, connection = self.context.impl, self.context.connection
        operations = vars(op)["_proxy"]
        # Operations hold on to the implementation that was there when they were made.
        self.context.impl = operations.impl = routed_impl(plain, self)
        try:
            with self._batches(operations), ExitStack() as doors:
                if isinstance(connection, Connection):
                    doors.enter_context(self._listening(connection))
                    doors.enter_context(routed_cursors(connection, self.ask))
                    told = Told(self.state, self.decider.is_foreign, self._inspecting)
                    doors.enter_context(told_by_history(connection.engine.dialect, told))
                    doors.enter_context(no_other_connection(self._refuse_connection))
                yield
        finally:
            self.context.impl = operations.impl = plain

    @contextmanager
    def _listening(self, connection: Connection) -> Iterator[None]:
        listeners: dict[str, Callable[..., Any]] = {
            "before_execute": self.before_execute,
            "before_cursor_execute": self.before_cursor_execute,
        }
        for name, listener in listeners.items():
            event.listen(connection, name, listener, retval=True)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(connection, name, listener)

    def execute(self, construct: Any, run: Callable[[Any], Any]) -> Any:
        """Run what an operation wants to run, as far as it belongs here.

        Args:
            construct: text, or a construct of SQLAlchemy's.
            run: sends one of these.
        """
        decisions = self._decide(sql_of(construct), index_of(construct))
        if all(decision.verdict == "runs" for decision in decisions):
            return self._decided(run, construct)
        for decision in decisions:
            if decision.sql is not None:
                self._decided(run, as_ddl(decision.sql))
        return None

    def repeat(self, statements: Iterable[Recorded]) -> None:
        """Run what a revision has said before, as far as it belongs here, without asking its Python again.

        Args:
            statements: all that it says.
        """
        for recorded in statements:
            with self.blocks.block(recorded.only) if recorded.only is not None else nullcontext():
                decisions = self._decide(recorded.sql, recorded.index_of)
            is_whole = all(decision.verdict == "runs" for decision in decisions)
            for sql in [recorded.sql] if is_whole else [each.sql for each in decisions if each.sql is not None]:
                try:
                    self.context.impl._exec(as_ddl(sql))
                except DBAPIError:
                    log.error("line %s of revision %s was run", *(recorded.lines[:1] or ("?",)), self.advice.revision)
                    raise

    def before_execute(
        self, connection: Any, construct: Any, multiparams: Any, params: Any, execution_options: Any
    ) -> tuple[Any, Any, Any]:
        """Route a statement that goes to the connection by itself; SQLAlchemy's ``before_execute``."""
        given = construct, multiparams, params
        if self._is_decided or self._inspects or getattr(construct, "_execution_options", {}).get(OURS):
            return given
        sql = sql_of(construct)
        if self.dependents:
            self._refuse_question(sql, texts_in([values_of(construct), list(multiparams), params]))
        decisions = self._decide(sql, index_of(construct))
        if all(decision.verdict == "runs" for decision in decisions):
            return given
        if is_orm(construct):
            statement = decisions[0].statement
            raise self.advice.waiting(statement, self.blocks.only or self.decider.places(statement, self.state))
        instead = what_is_left(sql, decisions)
        if isinstance(construct, DDLElement):
            return as_ddl(instead), (), {}
        return text(without_parameters(instead)), (), {}

    def before_cursor_execute(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> tuple[str, Any]:
        """Route what goes to the driver as it is, by ``exec_driver_sql()``; SQLAlchemy's ``before_cursor_execute``."""
        asked(cursor)
        if self._inspects or (context is not None and context.execution_options.get(OURS)):
            return statement, parameters
        statement = self._as_mixed(statement)
        if self._is_decided or context is None or context.compiled is not None or not statement:
            return statement, parameters
        sql = without_placeholders(statement)
        self._refuse_question(sql, texts_in(parameters))
        decisions = self._decide(sql)
        if all(decision.verdict == "runs" for decision in decisions):
            return statement, parameters
        return what_is_left(sql, decisions).replace("%", "%%"), ()

    def ask(self, query: str, has_parameters: bool) -> Instead | None:
        """Return what a cursor of the driver sends in the place of a query; None if that may go.

        Args:
            query: as it is given to the driver.
            has_parameters: whether values go along with it.
        """
        seen = self._as_mixed(query)
        if seen != query:
            return Instead(seen, has_parameters)
        sql = without_placeholders(query) if has_parameters else query
        decisions = self._decide(sql)
        if all(decision.verdict == "runs" for decision in decisions):
            return None
        return Instead(what_is_left(sql, decisions), False)

    def _as_mixed(self, statement: str) -> str:
        """Return a query that is told of extensions and tables what the mixed database would tell."""
        if not _ASKS.match(statement) or not all(each.reads for each in read(without_placeholders(statement))):
            return statement
        return with_foreign(with_lookups(statement), self._elsewhere)

    def _refuse_question(self, sql: str, values: frozenset[str]) -> None:
        """Refuse a question that nobody can answer here, unless the revision says where it is asked.

        Raises:
            UndecidableError: something that belongs here depends on it.
        """
        dependent = self.dependents.get((sql, values)) if self.blocks.only is None else None
        if dependent is not None:
            raise self.advice.unanswerable(read(sql)[0], dependent)

    def _refuse_connection(self, door: object) -> None:
        """Refuse another connection than the migration's, unless the revision says that it belongs here.

        Raises:
            UndecidableError: it does not.
        """
        if self.blocks.only is None or self.blocks.is_elsewhere:
            raise self.advice.connects()

    @cached_property
    def _elsewhere(self) -> Elsewhere:
        return self.decider.elsewhere(self.state)

    def _decide(self, sql: str, table: Thing | None = None) -> list[Decision]:
        """Decide about each statement of a text, and take in what they make.

        Args:
            sql: the text.
            table: whose index it drops, if that is known.

        Raises:
            UndecidableError: nobody knows where one of them belongs.
        """
        return [self._decide_one(statement) for statement in statements_of(sql, table)]

    def _decide_one(self, written: Statement) -> Decision:
        decision = self.decider.following(written, self.state, self.blocks.only)
        statement = decision.statement
        if decision.verdict == "undecidable":
            raise self.advice.undecidable(decision)
        if decision.verdict == "runs" and statement.body:
            self._warn_of_body(statement)
        if statement.kind == "create extension" and not self.decider.homes.is_declared(statement.subjects[0].name):
            self._warn(statement.subjects[0].name)
        if decision.verdict != "runs":
            level = logging.DEBUG if statement.reads else logging.INFO
            log.log(level, "%s, %s: %s", _SAID[decision.verdict], decision.why, statement.first_line)
        return decision

    def _warn(self, extension: str) -> None:
        """Tell of an extension that nobody declares where it goes, and how to say it."""
        homes = sorted(self.decider.homes.of_extension(extension))
        log.warning(
            'revision %s creates extension "%s", which no database declares; it is made for %s. Say where it belongs: '
            'Database("%s", extensions={"%s": "*"})',
            *(self.advice.revision, extension, ", ".join(homes), homes[0], extension),
        )

    def _warn_of_body(self, statement: Statement) -> None:
        """Tell of a function that PostgreSQL makes here and that cannot run here."""
        missing = self.decider.unreached(statement, self.state)
        if missing:
            log.warning(
                "revision %s: the body of function %s speaks of %s, which is not here: it will fail if it is called",
                *(self.advice.revision, statement.subjects[0], " and ".join(missing)),
            )

    def _decided(self, run: Callable[[Any], Any], construct: Any) -> Any:
        self._is_decided = True
        try:
            return run(construct)
        finally:
            self._is_decided = False

    @contextmanager
    def _inspecting(self) -> Iterator[None]:
        """Let SQLAlchemy ask the catalogs as it does, until the block ends; it is told of other databases' tables."""
        before, self._inspects = self._inspects, True
        try:
            yield
        finally:
            self._inspects = before

    @contextmanager
    def _batches(self, operations: Any) -> Iterator[None]:
        """Let no batch operation read a table that is not here."""
        original = operations.batch_alter_table

        def batch_alter_table(table_name: str, schema: str | None = None, *arguments: Any, **options: Any) -> Any:
            thing = Thing("relation", None if schema == "public" else schema, table_name)
            if self.decider.is_foreign(self.state.table(thing)) or self.blocks.is_elsewhere:
                options["recreate"] = "never"
            return original(table_name, schema, *arguments, **options)

        operations.batch_alter_table = batch_alter_table
        try:
            yield
        finally:
            del operations.batch_alter_table
