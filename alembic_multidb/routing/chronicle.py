"""What a whole history says: its revisions one after the other, and what there is between them."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.script import Script

from alembic_multidb.garbage import without_collection
from alembic_multidb.registry import Databases
from alembic_multidb.routing.homes import ItemHomes
from alembic_multidb.routing.items import Item, Memory, State
from alembic_multidb.routing.record import Recorded, Surroundings, record, silenced
from alembic_multidb.statements import read


@dataclass(frozen=True)
class Chapter:
    """One revision of a history.

    Attributes:
        revision: its id.
        before: what there is before it.
        after: what there is after it.
        statements: what it runs, in its order.
        asks: whether it asks the database for something.
        says_all: whether the statements are all that it would do on any database.
        error: what it raised without a database; empty if nothing.
    """

    revision: str
    before: State
    after: State
    statements: tuple[Recorded, ...]
    asks: bool
    says_all: bool
    error: str = ""


@dataclass
class Chronicle:
    """All revisions of a history, read once, and the homes of all that they make.

    Attributes:
        chapters: what each revision says, ancestors first.
        homes: where everything is at home.
    """

    chapters: dict[str, Chapter]
    homes: ItemHomes

    def state(self, revision: str, *, is_upgrade: bool) -> State:
        """Return what there is before an upgrade, or a downgrade, of a revision."""
        chapter = self.chapters[revision]
        if is_upgrade:
            return chapter.before.at(revision)
        return chapter.after.at(revision, fallback=chapter.before.names)


def read_history(around: Surroundings, databases: Databases) -> Chronicle:
    """Read a whole history, without any database.

    Args:
        around: what its revisions find around them; their script directory among it.
        databases: the registry.
    """
    memory: Memory = {}
    chapters: dict[str, Chapter] = {}
    schemas: dict[str, list[Item]] = {}
    with silenced(), without_collection():
        for revision in reversed(list(around.script.walk_revisions())):
            before = _before(revision, chapters, memory)
            chapters[revision.revision] = _chapter(revision, before, around)
    for item in {id(item): item for item in memory.values()}.values():
        for name in item.names:
            if name.schema is not None:
                schemas.setdefault(name.schema, []).append(item)
    return Chronicle(chapters, ItemHomes(databases, schemas))


def _before(revision: Script, chapters: dict[str, Chapter], memory: Memory) -> State:
    """Return what the revisions before this one have left."""
    state = State(revision.revision, memory, learns=True)
    for parent in revision._all_down_revisions:
        after = chapters[parent].after
        state.names |= after.names
        state.references |= after.references
    return state


def _chapter(revision: Script, before: State, around: Surroundings) -> Chapter:
    """Run one revision; if it asks for something, once more with the other answer."""
    run = record(revision.module.upgrade, revision.path, around)
    after = before.at(revision.revision, learns=True)
    for item in run.statements:
        for statement in read(item.sql):
            after.make(statement, item.only)
            after.finish(statement)
    return Chapter(revision.revision, before, after, tuple(run.statements), run.asks, run.says_all, run.error)
