"""A database's part of a merge under another schema's name: where it was renamed, and what may stand in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from alembic_multidb.errors import ConfigurationError, MultidbError
from alembic_multidb.merge.model import Part
from alembic_multidb.merge.movable import text_that_names, unmovable
from alembic_multidb.merge.names import names_of
from alembic_multidb.merge.staging import staged
from alembic_multidb.registry.names import DEFAULT_SCHEMA
from alembic_multidb.split.model import Finding
from alembic_multidb.split.run import Prepared
from alembic_multidb.transfer.journal import SCHEMA
from alembic_multidb.verify.tables import quoted_name

# What a split refuses, and is as it should be where a database comes into another.
OF_A_FRESH_TARGET = frozenset({"target-not-empty", "target-stamped", "target-there"})
_NOT_ONES_OWN = frozenset({DEFAULT_SCHEMA, "information_schema", SCHEMA})
_LONGEST = 63


@contextmanager
def moved_part(part: Part, scratch: str, schema: str) -> Iterator[Part]:
    """Let a part have its schema under another name, unless something stands in the way of that.

    Args:
        part: as its database has it.
        scratch: an empty database beside the target.
        schema: what its schema ``public`` is to be called.

    Raises:
        MultidbError: it cannot be made in the scratch database, or not be renamed there.
    """
    found = [*unmovable(part.source, schema)]
    if found or any(_hinders(item) for item in part.source.plan.findings):
        yield replace(part, ready=_with_findings(part.source, found), is_known=False)
        return
    with staged(part.project, part.source, scratch, schema, part.source.objects.options) as stage:
        found += text_that_names(part.name, stage.texts, schema)
        ready = _with_findings(stage.ready, found)
        relations, types = names_of(ready.connection, ready.objects)
        moved, before = {DEFAULT_SCHEMA: schema}, part.relations
        part = replace(
            part,
            objects=ready.objects,
            expected=ready.plan.expected[part.name],
            relations=relations,
            types=types,
            search_path=ready.search_path,
            ready=ready,
            moved=moved,
        )
        numbers = {oid: before.get(part.name_there(name), 0) for name, oid in relations.items()}
        if lost := [name for name, oid in relations.items() if not numbers[oid]]:
            raise MultidbError(f'"{part.name}" has nothing called {quoted_name(part.name_there(min(lost)))} any more')
        yield replace(part, numbers=numbers, is_known=not found)


def _hinders(item: Finding) -> bool:
    return item.severity in ("refused", "failed") and item.kind not in OF_A_FRESH_TARGET


def _with_findings(ready: Prepared, found: Iterable[Finding]) -> Prepared:
    return replace(ready, plan=replace(ready.plan, findings=(*ready.plan.findings, *found)))


def check_schemas(given: Mapping[str, str], names: Iterable[str]) -> None:
    """Refuse schemas that nothing can come into.

    Args:
        given: what ``public`` is to be called, by the database.
        names: of the databases that come in.

    Raises:
        ConfigurationError: a database does not come in, or a name is none that a schema of one's own can have.
    """
    known = [*names]
    for name, schema in given.items():
        if name not in known:
            raise ConfigurationError(
                f'--into-schema {name}={schema}: "{name}" is none of the databases that come in: {", ".join(known)}'
            )
        if not schema or schema.startswith("pg_") or schema in _NOT_ONES_OWN or len(schema.encode()) > _LONGEST:
            raise ConfigurationError(f'--into-schema {name}={schema}: a schema cannot be called "{schema}" here')
