"""What a revision says itself: ``with op.on_database("ai"):`` and ``@only("core")``."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from alembic import op
from alembic.operations import MigrateOperation, Operations

from alembic_multidb.errors import ConfigurationError

log = logging.getLogger("alembic.multidb")

# In the options of a migration context: the blocks that are open.
BLOCKS = "multidb_blocks"

P = ParamSpec("P")


@dataclass
class Blocks:
    """The ``op.on_database()`` blocks that are open.

    Attributes:
        database: the database that is migrated; None while a history is only read.
        known: the names of all databases.
    """

    database: str | None = None
    known: tuple[str, ...] = ()
    _open: list[frozenset[str]] = field(default_factory=list)

    @property
    def only(self) -> frozenset[str] | None:
        """Return the databases that the innermost statement is for; None outside of any block."""
        return frozenset.intersection(*self._open) if self._open else None

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether what comes now is for other databases."""
        return self.only is not None and self.database is not None and self.database not in self.only

    @contextmanager
    def block(self, names: frozenset[str]) -> Iterator[None]:
        """Open a block.

        Raises:
            ConfigurationError: the registry has no such database.
        """
        for name in sorted(names - {*self.known} if self.known else ()):
            raise ConfigurationError(
                f'a revision names database "{name}", which the registry does not have; known are '
                f"{', '.join(self.known)}"
            )
        self._open.append(names)
        try:
            yield
        finally:
            self._open.pop()


@Operations.register_operation("on_database")
class _OnDatabase(MigrateOperation):
    @classmethod
    def on_database(cls, operations: Operations, *names: str) -> AbstractContextManager[None]:
        """Run the operations of the block on these databases of a shared history only; on none without a name."""
        return blocks_of(operations).block(frozenset(names))


def only(*names: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Let a revision's ``upgrade()`` or ``downgrade()`` run on these databases of a shared history only.

    Elsewhere the revision is recorded and nothing of it is run, not even its Python.

    Args:
        *names: of databases; none at all leaves it out everywhere.
    """

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(function)
        def routed(*arguments: P.args, **options: P.kwargs) -> None:
            blocks = blocks_of(op.get_context())
            with blocks.block(frozenset(names)):
                if not blocks.is_elsewhere:
                    function(*arguments, **options)
                else:
                    log.info("skipped: %s() is only for %s", function.__name__, ", ".join(sorted(names)) or "none")

        return routed

    return decorate


def blocks_of(holder: Any) -> Blocks:
    """Return the open blocks of a migration context, or of the operations on one.

    Raises:
        ConfigurationError: the history that runs is not shared.
    """
    context = getattr(holder, "migration_context", holder)
    blocks = context.opts.get(BLOCKS)
    if blocks is None:
        raise ConfigurationError(
            "op.on_database() and @only() are for shared histories: declare shared_history=True for each database "
            "that runs this one, or take them out of the revision"
        )
    assert isinstance(blocks, Blocks)
    return blocks
