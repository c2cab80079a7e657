"""A history on a scratch database: no lock, no guard, no marker, since nobody else has it and it is thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from alembic import context
from sqlalchemy import Connection

from alembic_multidb.env.shared import route_shared_history
from alembic_multidb.plugin.extensions import ensure_extensions
from alembic_multidb.plugin.pgvector import EXTENSION, register_types
from alembic_multidb.registry import RegisteredDatabase

if TYPE_CHECKING:
    from alembic.config import Config


def run_on_scratch(
    config: Config, database: RegisteredDatabase, options: dict[str, Any], arguments: Mapping[str, Any]
) -> None:
    """Run Alembic's command on the connection, or the engine, that was handed in.

    Args:
        config: its attributes hold it.
        database: whose history it is.
        options: for ``context.configure()``.
        arguments: for each revision's ``upgrade()`` and ``downgrade()``.

    Raises:
        ExtensionError: a declared extension is not to be had on the scratch server.
    """
    given = config.attributes["connection"]
    # An engine, or what has connect() like one, as pytest-alembic hands it in.
    with nullcontext(given) if isinstance(given, Connection) else given.connect() as connection:
        _run(connection, database, options, arguments)


def _run(
    connection: Connection, database: RegisteredDatabase, options: dict[str, Any], arguments: Mapping[str, Any]
) -> None:
    callers_transaction = connection.in_transaction()
    ensure_extensions(connection, database.name, database.extensions)
    if not callers_transaction:
        connection.commit()
    if EXTENSION in database.extensions:
        register_types()
    context.configure(connection=connection, **options)
    route_shared_history(context.get_context(), database)
    with context.begin_transaction():
        context.run_migrations(**arguments)
    if not callers_transaction and connection.in_transaction():
        connection.commit()
