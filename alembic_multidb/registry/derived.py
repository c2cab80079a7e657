"""The MetaData of one database, derived from the user's: its own tables, without crossing foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, MetaData, Table, event
from sqlalchemy.sql.sqltypes import SchemaType
from sqlalchemy.types import NullType, TypeEngine

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.registry.names import implied_schema

DDL_EVENTS = ("before_create", "after_create", "before_drop", "after_drop")


def derive(
    sources: Sequence[MetaData],
    *,
    is_ours: Callable[[Table], bool],
    crosses: Callable[[ForeignKeyConstraint], bool],
    target_type: Callable[[ForeignKey], TypeEngine[Any] | None],
) -> MetaData:
    """Copy the tables of one home into a new MetaData; the user's own are left as they are.

    Naming convention, schemas, prefixes (``UNLOGGED``) and DDL events come along: SQLAlchemy's own
    ``to_metadata()`` loses the last two. A column that has its type from a crossing foreign key keeps it.

    Raises:
        ConfigurationError: two of the MetaData have a table of the same name.
    """
    derived = MetaData()
    for source in sources:
        derived.info.update(source.info)
        _copy_listeners(source, derived)
        for table in source.tables.values():
            if is_ours(table):
                _copy_table(table, derived, crosses, target_type)
    # Only now: names and schemas of the copied tables are as they were, and stay so.
    conventions = [source.naming_convention for source in sources]
    if conventions and all(convention == conventions[0] for convention in conventions):
        derived.naming_convention = conventions[0]
    if len({source.schema for source in sources}) == 1:
        derived.schema = sources[0].schema
    return derived


def crossing_constraints(table: Table, crosses: Callable[[ForeignKeyConstraint], bool]) -> list[ForeignKeyConstraint]:
    """Return the foreign keys of a table that leave its home, in the order of their columns."""
    found = [
        constraint
        for constraint in table.constraints
        if isinstance(constraint, ForeignKeyConstraint) and crosses(constraint)
    ]
    return sorted(found, key=lambda constraint: [column.name for column in constraint.columns])


def _copy_table(
    table: Table,
    derived: MetaData,
    crosses: Callable[[ForeignKeyConstraint], bool],
    target_type: Callable[[ForeignKey], TypeEngine[Any] | None],
) -> None:
    if table.key in derived.tables:
        raise ConfigurationError(
            f'table "{table.key}" is in two of the MetaData of one database; one of them has to go'
        )
    copy = table.to_metadata(derived, referred_schema_fn=_referred_schema)
    _copy_names(table, copy)
    for constraint in crossing_constraints(copy, crosses):
        copy.constraints.discard(constraint)
        for element in constraint.elements:
            if isinstance(element.parent.type, NullType):
                element.parent.type = target_type(element) or element.parent.type
            element.parent.foreign_keys.discard(element)
            copy.foreign_keys.discard(element)
    copy._prefixes = list(table._prefixes)
    _copy_listeners(table, copy)


def _copy_names(table: Table, copy: Table) -> None:
    """Give what ``unique=True`` and ``index=True`` make the source's names; SQLAlchemy names them anew."""
    for items, copies in ((table.constraints, copy.constraints), (table.indexes, copy.indexes)):
        names = {_columns_of(item): item.name for item in items if getattr(item, "_column_flag", False)}
        for item in copies:
            if getattr(item, "_column_flag", False):
                item.name = names[_columns_of(item)]


def _columns_of(item: Any) -> tuple[type, tuple[str, ...]]:
    return type(item), tuple(column.name for column in item.columns)


def _referred_schema(table: Table, to_schema: Any, constraint: ForeignKeyConstraint, referred_schema: Any) -> Any:
    """Write out the schema that a foreign key leaves to its MetaData; the copy's MetaData has none yet."""
    return implied_schema(constraint)


def _copy_listeners(source: MetaData | Table, copy: MetaData | Table) -> None:
    for name in DDL_EVENTS:
        present = set(map(id, _listeners(copy, name)))
        for listener in _listeners(source, name):
            # A type such as Enum listens on its table by itself; the copied type does so on the copy.
            if id(listener) not in present and not isinstance(_listening(listener), SchemaType):
                event.listen(copy, name, listener)


def _listening(listener: object) -> object:
    """Return the object whose method a listener is: a partial in SQLAlchemy 2.1, a portable method in 2.0."""
    method = getattr(listener, "func", listener)
    return getattr(method, "__self__", None) or getattr(method, "target", None)


def _listeners(target: MetaData | Table, name: str) -> Iterable[Callable[..., object]]:
    return tuple(getattr(target.dispatch, name))
