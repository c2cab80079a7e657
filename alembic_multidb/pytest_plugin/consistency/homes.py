"""Tests of homes: every table, foreign key and extension is where the registry says."""

from __future__ import annotations

from collections.abc import Iterator

from alembic_multidb.catalog.extensions import read_extensions
from alembic_multidb.catalog.snapshot import Row
from alembic_multidb.classify import classify, table_name
from alembic_multidb.plugin.extensions import reaches
from alembic_multidb.pytest_plugin.bench import Bench
from alembic_multidb.pytest_plugin.failure import ConsistencyError
from alembic_multidb.registry import TableName
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.sqltext import Relation, foreign_keys


def test_every_table_has_one_home(alembic_bench: Bench) -> None:
    """Every table that the history makes is at home in its database, and in no other."""
    bench = alembic_bench
    bench.project.databases.check()
    lost = [text for row in bench.head.snapshot.rows if row.kind == "table" for text in _not_at_home(bench, row)]
    if lost:
        raise ConsistencyError(f'the history of "{bench.name}" makes tables that are not at home there:', lost)


def test_no_foreign_key_leaves_its_home(alembic_bench: Bench) -> None:
    """No foreign key of the history points at another database's table."""
    bench = alembic_bench
    try:
        head = bench.head
    except Exception:  # what the history did until it failed says why
        if found := list(_crossing_statements(bench)):
            raise ConsistencyError(f'foreign keys leave the home "{bench.name}":', found) from None
        raise
    databases = bench.project.databases
    rows = classify(head.snapshot, databases).crossing_rows
    found = [row.identity for row in rows if row.definition.get("kind") == "foreign key"]
    if found:
        raise ConsistencyError(f'foreign keys leave the home "{bench.name}":', found)


def test_extensions_are_as_declared(alembic_bench: Bench) -> None:
    """At head, the declared extensions are there, and no other one is."""
    bench = alembic_bench
    declared, allowed = bench.database.extensions, bench.database.shared_extensions
    with bench.server.connect(bench.head.scratch) as connection:
        extensions = {each.name: each.installed for each in read_extensions(connection, declared)}
    found = []
    for name, version in extensions.items():
        if version is None:
            found.append(f'extension "{name}" is declared, but not installed: the history drops it')
        elif name not in allowed:
            found.append(f'extension "{name}" is installed, but not declared: extensions={{"{name}": "*"}}')
        elif name in declared and not reaches(version, declared[name]):
            found.append(f'extension "{name}" is installed in version {version}, but {declared[name]} is declared')
    if found:
        raise ConsistencyError(f'the extensions of "{bench.name}" are not those that it declares:', found)


def _not_at_home(bench: Bench, row: Row) -> Iterator[str]:
    homes, name = bench.project.databases.homes, table_name(row)
    explanation = homes.explain(
        homes.resolve(name.schema or DEFAULT_SCHEMA, name.name, bench.head.snapshot.default_schema)
    )
    if "partition of" not in row.definition and explanation.home != bench.name:
        yield str(explanation)


def _crossing_statements(bench: Bench) -> Iterator[str]:
    """Find foreign keys in the statements of the history: one that fails makes none that could be looked at."""
    for statement in bench.statements:
        for source, target in foreign_keys(statement) if "REFERENCES" in statement.upper() else ():
            home = _home(bench, target)
            if home is not None and home not in {bench.name, *bench.database.may_share_with}:
                yield f'{_text(source)} -> {_text(target)}, which is at home in "{home}"'


def _home(bench: Bench, relation: Relation) -> str | None:
    return bench.project.databases.homes.home(TableName.of(relation.schema, relation.name))


def _text(relation: Relation) -> str:
    return ".".join(part for part in relation if part)
