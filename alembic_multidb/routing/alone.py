"""Where ``op`` and ``context`` lead while a revision is read: to a connection without a server, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic import op
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from alembic_multidb.routing.selected import BLOCKS, Blocks
from alembic_multidb.routing.surroundings import Surroundings


@contextmanager
def alone(around: Surroundings, connection: Connection, blocks: Blocks, look: Callable[[], None]) -> Iterator[None]:
    """Let ``op`` and ``context`` lead to this connection and to nothing else, until the block ends.

    Args:
        around: what is found by ``context``.
        connection: the one.
        blocks: the ``op.on_database()`` blocks that are open.
        look: called when somebody looks at the connection, or at what is around it.
    """
    metadata = MetaData(naming_convention=around.naming_convention or None)
    opts = {BLOCKS: blocks, "transaction_per_migration": True, "target_metadata": metadata}
    context = MigrationContext.configure(connection, opts=opts)
    environment = _Environment(around.config, around.script)
    environment._migration_context = context
    with _restored(), context.begin_transaction(_per_migration=True):
        environment._install_proxy()
        operations = _Operations(context)
        operations._install_proxy()
        environment.__dict__["_look"] = operations.__dict__["_look"] = look
        yield


# What leads from operations to what is behind them. A batch reads its table.
_BEHIND = frozenset({"get_bind", "get_context", "run_async", "batch_alter_table"})


class _Operations(Operations):
    """Operations that tell when somebody looks behind them, and that make no table anew."""

    def __getattribute__(self, name: str) -> Any:
        if name in _BEHIND:
            object.__getattribute__(self, "__dict__").get("_look", _nothing)()
        return object.__getattribute__(self, name)

    def invoke(self, operation: MigrateOperation) -> Any:
        """Run an operation; what one of somebody else's looks at is not known."""
        if type(operation).__module__ != "alembic.operations.ops":
            self.__dict__.get("_look", _nothing)()
        return super().invoke(operation)

    @contextmanager
    def batch_alter_table(self, table_name: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        """Change a table as it is, whatever is wished."""
        with super().batch_alter_table(table_name, *arguments, **{**options, "recreate": "never"}) as batch:
            yield batch


class _Environment(EnvironmentContext):
    """What ``context`` leads to; it tells when somebody does."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").get("_look", _nothing)()
        return object.__getattribute__(self, name)


# Alembic knows by the class which module leads to a proxy.
for _kind, _plain in ((_Operations, Operations), (_Environment, EnvironmentContext)):
    _kind._setups[_kind] = _plain._setups[_plain]


def _nothing() -> None:
    """Tell nobody."""


@contextmanager
def _restored() -> Iterator[None]:
    """Put back what ``op`` and ``context`` led to before."""
    from alembic import context

    before = [vars(module).get("_proxy") for module in (op, context)]
    try:
        yield
    finally:
        for module, proxy in zip((op, context), before, strict=True):
            current = vars(module).get("_proxy")
            if proxy is not None:
                proxy._install_proxy()
            elif current is not None:
                current._remove_proxy()
