"""``--sql``: the same history as a script, with the extensions before it and the marker in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic import context
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateSchema

from alembic_multidb.env.command import Command
from alembic_multidb.env.shared import route_shared_history
from alembic_multidb.plugin.extensions import (
    create_extension_sql,
    foreign_extension_error,
    foreign_extension_in,
)
from alembic_multidb.registry import RegisteredDatabase


def run_offline(database: RegisteredDatabase, options: dict[str, Any], arguments: Mapping[str, Any]) -> None:
    """Print the history as SQL; no URL and no driver are needed.

    Args:
        database: the database whose history it is.
        options: for ``context.configure()``.
        arguments: for each revision's ``upgrade()`` and ``downgrade()``.

    Raises:
        ExtensionError: a statement creates an extension that only another database declares.
    """
    context.configure(
        url=URL.create("postgresql+psycopg"),
        **{"literal_binds": True, "dialect_opts": {"paramstyle": "named"}, **options},
    )
    migration_context = context.get_context()
    _check_statements(migration_context.impl, database)
    route_shared_history(migration_context, database)
    command = Command.of(migration_context.opts)
    schema = database.declaration.version_table_schema
    if schema is not None and command.changes and migration_context.opts.get("starting_rev") is None:
        migration_context.execute(CreateSchema(schema, if_not_exists=True))
    if command.upgrades:
        for extension in database.extensions:
            migration_context.execute(create_extension_sql(extension))
    with context.begin_transaction():
        context.run_migrations(**arguments)


def _check_statements(impl: Any, database: RegisteredDatabase) -> None:
    """Look at every statement before it is printed: offline there is no pg_extension to compare with."""
    print_statement = impl.static_output

    def static_output(text: str) -> None:
        extension = foreign_extension_in(text, database.foreign_extensions, in_blocks=True)
        if extension is not None:
            raise foreign_extension_error(database.name, extension, database.foreign_extensions[extension])
        print_statement(text)

    impl.static_output = static_output
