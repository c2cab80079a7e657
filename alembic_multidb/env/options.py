"""What goes into ``context.configure()``: the registry's part, and the user's beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic_multidb import plugin
from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.registry.filters import compose_bool

# Where each option that the registry decides is declared instead.
DECIDED_BY_REGISTRY = {
    "connection": 'config.attributes["connection"]',
    "url": "Database(url=...)",
    "dialect_name": "nowhere: it is PostgreSQL",
    "target_metadata": "Database(metadata=...)",
    "version_table": "Database(version_table=...)",
    "version_table_schema": "Database(version_table_schema=...)",
}


def configure_options(
    database: RegisteredDatabase, users: Mapping[str, Any], record: Callable[..., None]
) -> dict[str, Any]:
    """Merge the user's options with the registry's; hooks are composed, ours first.

    Args:
        database: the database that runs.
        users: what the user gave to ``run_migrations()``.
        record: what is called when a revision is recorded.

    Raises:
        ConfigurationError: an option is one that the registry decides.
    """
    for option, place in DECIDED_BY_REGISTRY.items():
        if option in users:
            raise ConfigurationError(f"run_migrations() takes no {option}=; it is declared in {place}")
    declaration = database.declaration
    return {
        # Each revision commits by itself, so that one with an autocommit_block() does not commit others.
        "transaction_per_migration": True,
        "include_schemas": database.include_schemas,
        "autogenerate_plugins": ["alembic.autogenerate.*", plugin.NAME],
        **users,
        "target_metadata": database.metadata,
        "version_table": declaration.version_table,
        "version_table_schema": declaration.version_table_schema,
        "include_name": compose_bool(_include_name(database, users), users.get("include_name")),
        "include_object": compose_bool(database.include_object, users.get("include_object")),
        "render_item": _render_item(database, users.get("render_item")),
        "process_revision_directives": _directives(database, users.get("process_revision_directives")),
        "on_version_apply": [record, *_callables(users.get("on_version_apply"))],
    }


def _include_name(database: RegisteredDatabase, users: Mapping[str, Any]) -> Callable[..., bool]:
    """Look into every schema if the user asks for it, as Alembic does; the tables there still have their homes."""
    if not users.get("include_schemas"):
        return database.include_name
    return lambda name, type_, parent_names: type_ == "schema" or database.include_name(name, type_, parent_names)


def _render_item(database: RegisteredDatabase, users: Callable[..., Any] | None) -> Callable[..., Any]:
    if users is None:
        return database.render_item

    def render_item(type_: str, item: Any, autogen_context: Any) -> Any:
        rendered = users(type_, item, autogen_context)
        return database.render_item(type_, item, autogen_context) if rendered is False else rendered

    return render_item


def _directives(database: RegisteredDatabase, users: Callable[..., None] | None) -> Callable[..., None]:
    if users is None:
        return database.process_revision_directives

    def process_revision_directives(context: Any, revision: Any, directives: Any) -> None:
        database.process_revision_directives(context, revision, directives)
        users(context, revision, directives)

    return process_revision_directives


def _callables(
    given: Callable[..., None] | Iterable[Callable[..., None]] | None,
) -> list[Callable[..., None]]:
    if given is None:
        return []
    return [given] if callable(given) else list(given)
