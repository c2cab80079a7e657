"""What a whole history says: its revisions one after the other, and what there is between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.script import Script

from alembic_multidb.garbage import without_collection
from alembic_multidb.registry import Databases
from alembic_multidb.routing.homes import ItemHomes
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.routing.record import Reader, Recorded, reading, record
from alembic_multidb.routing.surroundings import Surroundings


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
        parents: the revisions right before it.
        ancestors: the revisions that come before it, whatever way is gone.
        reader: reads its upgrade.
        error: what it raised without a database; empty if nothing.
    """

    revision: str
    before: State
    after: State
    statements: tuple[Recorded, ...]
    asks: bool
    says_all: bool
    parents: tuple[str, ...]
    ancestors: frozenset[str]
    reader: Reader
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
    first = State("", {}, learns=True, follows=True)
    chapters: dict[str, Chapter] = {}
    schemas: dict[str, list[Item]] = {}
    with reading(), without_collection():
        for revision in reversed(list(around.script.walk_revisions())):
            before = _before(revision, chapters, first)
            chapters[revision.revision] = _chapter(revision, before, chapters, around)
    for item in dict.fromkeys(first.memory.values()):
        for name in item.names:
            if name.schema is not None:
                schemas.setdefault(name.schema, []).append(item)
    return Chronicle(chapters, ItemHomes(databases, schemas, users=first.extensions, memory=first.memory))


def _before(revision: Script, chapters: dict[str, Chapter], first: State) -> State:
    """Return what the revisions before this one have left: one line of them, and then what the others did beside it."""
    parents = [chapters[parent] for parent in revision._all_down_revisions]
    if not parents:
        return first.after(revision.revision, learns=True)
    state, known = parents[0].after, {parents[0].revision, *parents[0].ancestors}
    wanted = frozenset[str]().union(*({each.revision, *each.ancestors} for each in parents))
    for chapter in [each for each in chapters.values() if each.revision in wanted - known]:
        state = state.after(chapter.revision, learns=False)
        _tell(state, chapter.statements)
    return state


def _tell(state: State, statements: Iterable[Recorded]) -> None:
    for item in statements:
        state.take(item.statements, item.only)
    state.forget_temporary()


def _chapter(revision: Script, before: State, chapters: dict[str, Chapter], around: Surroundings) -> Chapter:
    """Run one revision; if it asks for something, once more with the other answer."""
    reader = Reader(revision.module.upgrade, revision.path, around)
    run = record(reader, before.at(revision.revision))
    after = before.after(revision.revision, learns=True)
    _tell(after, run.statements)
    parents = [chapters[parent] for parent in revision._all_down_revisions]
    return Chapter(
        revision=revision.revision,
        before=before,
        after=after,
        statements=tuple(run.statements),
        asks=run.asks,
        says_all=run.says_all,
        parents=tuple(each.revision for each in parents),
        ancestors=frozenset[str]().union(*({each.revision, *each.ancestors} for each in parents)),
        reader=reader,
        error=run.error,
    )
