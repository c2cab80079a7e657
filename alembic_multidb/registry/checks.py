"""Everything that can be known to be wrong with a registry, before any database is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.types import NullType

from alembic_multidb.errors import RegistryError
from alembic_multidb.registry.database import Database
from alembic_multidb.registry.derived import crossing_constraints
from alembic_multidb.registry.homes import Homes
from alembic_multidb.registry.names import ColumnNames, constrained_columns, referred_columns
from alembic_multidb.registry.soft_reference import SoftReference, pairs_of


def check_registry(databases: Sequence[Database], homes: Homes) -> None:
    """Check all declarations together.

    Raises:
        RegistryError: the first thing found wrong, with every table that it concerns.
    """
    _check_names(databases)
    _check_sharing(databases)
    _check_order(databases)
    _check_shared_history(databases)
    _check_every_model_has_a_home(homes, databases)
    for database in databases:
        for reference in database.soft_references:
            _check_soft_reference(reference, database, homes, databases)
    _check_crossing_foreign_keys(homes, databases)


def _check_names(databases: Sequence[Database]) -> None:
    if not databases:
        raise RegistryError("Databases() is empty: declare at least one Database(...)")
    for name, times in Counter(database.name for database in databases).items():
        if times > 1:
            raise RegistryError(f'{times} databases are named "{name}"; every name stands for one database')
    defaults = [database.name for database in databases if database.default]
    if len(defaults) > 1:
        raise RegistryError(
            f"default=True is set on {_quoted(defaults)}, but what is left can have only one home; keep one"
        )


def _check_sharing(databases: Sequence[Database]) -> None:
    by_name = {database.name: database for database in databases}
    for database in databases:
        for other in sorted(database.shared_with):
            if other not in by_name:
                raise RegistryError(
                    f'database "{database.name}" has shared_with="{other}", which is no database of the '
                    f"registry; known are {_quoted(by_name)}"
                )
            if other == database.name:
                raise RegistryError(f'database "{other}" is shared_with itself; name the other database')
            if database.version_table_name == by_name[other].version_table_name:
                raise RegistryError(
                    f'databases "{database.name}" and "{other}" may share one physical database, but both '
                    f'histories use the version table "{database.version_table_name}"; give one of them '
                    f'version_table="{database.version_table}_{database.name}" of its own'
                )


def _check_order(databases: Sequence[Database]) -> None:
    known = [database.name for database in databases]
    for database in databases:
        for other in database.depends_on:
            if other not in known:
                raise RegistryError(
                    f'database "{database.name}" has depends_on="{other}", which is no database of the registry; '
                    f"known are {_quoted(known)}"
                )
    try:
        TopologicalSorter({database.name: database.depends_on for database in databases}).prepare()
    except CycleError as error:
        circle = " -> ".join(f'"{name}"' for name in reversed(error.args[1]))
        raise RegistryError(f"depends_on= goes round in a circle: {circle}; take one of them out") from None


def _check_shared_history(databases: Sequence[Database]) -> None:
    sharing = [database.name for database in databases if database.shared_history]
    if len(sharing) == 1:
        raise RegistryError(
            f'shared_history=True is set on "{sharing[0]}" alone; set it on each database that runs the same '
            "revisions, or take it out"
        )


def _check_every_model_has_a_home(homes: Homes, databases: Sequence[Database]) -> None:
    homeless = sorted(str(table) for table in homes.models if homes.home(table) is None)
    if homeless:
        names = _quoted(database.name for database in databases)
        raise RegistryError(
            f"{_tables(homeless)} no home: name {'it' if len(homeless) == 1 else 'them'} in tables= or schemas= "
            f'of one of {names}, set info={{"bind_key": ...}} on the model, or give one database default=True'
        )


def _check_soft_reference(
    reference: SoftReference, database: Database, homes: Homes, databases: Sequence[Database]
) -> None:
    where = f'soft reference "{reference}" of database "{database.name}"'
    source, target = reference.source_columns, reference.target_columns
    source_home, target_home = homes.home(source.table), homes.home(target.table)
    if source_home != database.name:
        raise RegistryError(
            f'{where}: table "{source.table}" is {_at_home(source_home)}; declare the soft reference there'
        )
    if target_home is None:
        raise RegistryError(f'{where}: table "{target.table}" is at home nowhere')
    if target_home == source_home:
        raise RegistryError(f'{where}: both tables are at home in "{database.name}"; there a foreign key can guard it')
    by_name = {item.name: item for item in databases}
    for columns, home in ((source, database), (target, by_name[target_home])):
        _check_columns_exist(where, columns, home, homes)


def _check_columns_exist(where: str, columns: ColumnNames, home: Database, homes: Homes) -> None:
    models = homes.models.get(columns.table, [])
    has_models = any(homes.home(table) == home.name for table in homes.models)
    if has_models and not homes.names(columns.table, home):
        raise RegistryError(
            f'{where}: there is no table "{columns.table}": no model of "{home.name}" and no tables= names it'
        )
    for model in models:
        present = [column.name for column in model.columns]
        for column in columns.columns:
            if column not in present:
                raise RegistryError(
                    f'{where}: table "{columns.table}" has no column "{column}"; it has {", ".join(present)}'
                )


def _check_crossing_foreign_keys(homes: Homes, databases: Sequence[Database]) -> None:
    declared = {reference.pairs for database in databases for reference in database.soft_references}

    missing: dict[str, list[ForeignKeyConstraint]] = {}
    for table, models in homes.models.items():
        for constraint in (constraint for model in models for constraint in crossing_constraints(model, homes.crosses)):
            if pairs_of(constrained_columns(constraint), homes.referred(constraint)) not in declared:
                missing.setdefault(homes.home(table) or "", []).append(constraint)
            _check_types(constraint, homes)
    if missing:
        raise RegistryError(_paste_these(missing, homes))


def _check_types(constraint: ForeignKeyConstraint, homes: Homes) -> None:
    """A column may take its type from a foreign key; without the key, its target's model must say it."""
    for element in constraint.elements:
        if isinstance(element.parent.type, NullType) and homes.target_type(element) is None:
            raise RegistryError(
                f'column "{constrained_columns(constraint).table}.{element.parent.name}" has no type of its own, and '
                f'its foreign key points at "{homes.referred(constraint)}", of which no model tells the type; '
                "give the column a type"
            )


def _paste_these(missing: dict[str, list[ForeignKeyConstraint]], homes: Homes) -> str:
    lines = []
    for home, constraints in missing.items():
        lines.append(f'these foreign keys leave database "{home}", where no foreign key can guard them; ')
        lines.append(f'declare each as a soft reference, in Database("{home}", soft_references=[...]):')
        lines += [f"    {_as_soft_reference(constraint, homes)}," for constraint in dict.fromkeys(constraints)]
        first = referred_columns(constraints[0]).table
        lines.append(f'(table "{first}" is at home in "{homes.home(first)}": {homes.explain(first).rules[0]})')
    return "\n".join(lines)


def _as_soft_reference(constraint: ForeignKeyConstraint, homes: Homes) -> str:
    source, target = str(constrained_columns(constraint)), str(homes.referred(constraint))
    arguments = [_literal(source), _literal(target)]
    if constraint.ondelete:
        arguments.append(f"ondelete={_literal(constraint.ondelete)}")
    return f"SoftReference({', '.join(arguments)})"


def _literal(text: str) -> str:
    return repr(text) if '"' in text else f'"{text}"'


def _at_home(home: str | None) -> str:
    return f'at home in "{home}"' if home else "at home nowhere"


def _tables(names: Sequence[str]) -> str:
    return f"table {_quoted(names)} has" if len(names) == 1 else f"tables {_quoted(names)} have"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
