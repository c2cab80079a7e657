"""Tests of a history: its files, and that running it depends on nothing else."""

from __future__ import annotations

from alembic import command

from alembic_multidb.catalog.difference import difference
from alembic_multidb.checks.histories import colliding_ids, load_histories
from alembic_multidb.operate.history import History
from alembic_multidb.pytest_plugin.bench import Bench, recorded
from alembic_multidb.pytest_plugin.failure import ConsistencyError, revision_of
from alembic_multidb.sqltext import touched, without_placeholders


def test_history_is_whole(alembic_bench: Bench) -> None:
    """Every revision file can be read, and none is missing between the first and the last."""
    History.load(alembic_bench.project, alembic_bench.name)


def test_revision_ids_do_not_collide(alembic_bench: Bench) -> None:
    """No revision has the id of another database's revision."""
    histories, broken = load_histories(alembic_bench.project)
    found = [item for item in broken if item.database == alembic_bench.name]
    found += colliding_ids(histories, [alembic_bench.name])
    if found:
        raise ConsistencyError(found[0].message, [item.fix for item in found], revision=found[0].object)


def test_runs_alone(alembic_bench: Bench) -> None:
    """The history runs while none of the other databases exists."""
    others = ", ".join(f'"{name}"' for name in alembic_bench.project.databases if name != alembic_bench.name)
    try:
        with alembic_bench.scratch() as name:
            alembic_bench.run(name, command.upgrade, "heads")
    except Exception as error:  # a revision may raise anything
        place = revision_of(error, alembic_bench.history)
        raise ConsistencyError(
            f"the history does not run alone, with {others or 'no other database'} out of reach: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            revision=place[0] if place else None,
        ) from error


def test_second_upgrade_does_nothing(alembic_bench: Bench) -> None:
    """An upgrade of a database at head runs no revision and writes nothing."""
    head = alembic_bench.head
    with alembic_bench.scratch(head.scratch) as name:
        before = alembic_bench.versions(name)
        with recorded() as statements:
            alembic_bench.run(name, command.upgrade, "heads")
        found = difference(head.snapshot, alembic_bench.snapshot(name))
        after = alembic_bench.versions(name)
    wrote = [" ".join(text.split()) for text in statements if _writes(text)]
    if wrote or found or before != after:
        raise ConsistencyError(
            "a second upgrade of a database at head does something: "
            f"from {', '.join(before) or 'base'} to {', '.join(after) or 'base'}",
            [*wrote, *map(str, found)],
            revision=", ".join(after),
        )


def test_stamp_round_trip(alembic_bench: Bench) -> None:
    """Stamped as base and as heads again, a database says what it said, and nothing else has changed."""
    bench, head = alembic_bench, alembic_bench.head
    with bench.scratch(head.scratch) as name:
        before = bench.versions(name)
        bench.run(name, command.stamp, "base")
        bare = bench.versions(name)
        bench.run(name, command.stamp, "heads")
        after = bench.versions(name)
        found = difference(head.snapshot, bench.snapshot(name))
    implied = bench.history.without_implied(after)
    if bare or list(implied) != before or found:
        raise ConsistencyError(
            f"a stamp does not stay: at {', '.join(before)}; stamped as base, the database says "
            f"{', '.join(bare) or 'base'}, and stamped as heads again {', '.join(after) or 'base'}",
            map(str, found),
            revision=", ".join(after or before),
        )


def _writes(statement: str) -> bool:
    what = touched(without_placeholders(statement))
    return what is None or what.writes
