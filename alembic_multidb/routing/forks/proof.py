"""Whether a fork of a revision says the same as the shared history does on its database: both are run and compared.

Once as on a new database, once as on one that has all extensions that are declared and nothing that no revision makes,
and once as where everything is. What is at home elsewhere is there for a shared history, and not for a fork.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import ModuleType

from alembic.script import Script

from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.answers import Answers
from alembic_multidb.routing.decide import Decider
from alembic_multidb.routing.forks.compare import Comparison, Reading, UnequalError, raising
from alembic_multidb.routing.forks.edits import FUNCTIONS
from alembic_multidb.routing.forks.modules import Position, loaded
from alembic_multidb.routing.forks.places import original_line
from alembic_multidb.routing.forks.source import Call
from alembic_multidb.routing.forks.unseen import Unseen
from alembic_multidb.routing.plan import PlannedStatement, plan_revision
from alembic_multidb.routing.presence import Presence
from alembic_multidb.routing.record import Run, lines_of, reading
from alembic_multidb.routing.selected import Blocks
from alembic_multidb.routing.surroundings import Surroundings


@dataclass(frozen=True)
class World:
    """What a revision finds where nobody knows it.

    Attributes:
        is_everything: every question is answered with a row.
        is_declared: no table is there that the history does not make, and every extension is that is declared.
    """

    is_everything: bool = False
    is_declared: bool = False


# What PostgreSQL runs outside of transactions only.
_ALONE = re.compile(r"\bCONCURRENTLY\b|\bADD\s+VALUE\b|^\s*VACUUM\b", re.IGNORECASE)

# Functions of PostgreSQL's that change nothing.
_READS = re.compile(r"to_reg\w+|pg_get_\w+|has_\w+|count|max|min|sum|coalesce|exists|lower|upper|version|current_\w+")

WORLDS = (World(), World(is_declared=True), World(is_everything=True))


@dataclass
class Proof:
    """Compares forks of one revision with what the shared history does on one database.

    Attributes:
        around: what revisions find around them.
        presence: what is where.
        database: the one.
        revision: the revision.
        source: its file, with one statement a line.
        reached: the statements of it that runs have come to.
    """

    around: Surroundings
    presence: Presence
    database: RegisteredDatabase
    revision: Script
    source: str
    reached: set[Position] = field(default_factory=set)
    _shared: dict[tuple[str, World], Reading] = field(default_factory=dict)

    @cached_property
    def module(self) -> ModuleType:
        """Return the revision as it is shared."""
        return loaded(self.source, self.revision.path, self.reached.add)

    @cached_property
    def unseen(self) -> Unseen:
        """Return who knows what is at home elsewhere of code that no run comes to."""
        chapter = self.presence.chronicle.chapters[self.revision.revision]
        names = {**chapter.before.names, **chapter.after.names}
        decider = Decider(self.database, self.presence.homes(self.revision.revision))
        runs = {name: self.shared(name).run for name in FUNCTIONS}
        sure = [name for name, run in runs.items() if not (run.asks or run.looks)]
        return Unseen(self.source, decider, self.revision.revision, names, sure)

    def shared(self, name: str, world: World = WORLDS[0]) -> Reading:
        """Return what a function does on the database where the history is shared."""
        if (name, world) not in self._shared:
            self._shared[name, world] = self.read(self.module, name, world, is_shared=True)
        return self._shared[name, world]

    def worlds(self, name: str) -> tuple[World, ...]:
        """Return the worlds in which a function may do different things."""
        return WORLDS if self.shared(name).run.asks else WORLDS[:1]

    def check(self, text: str, path: str | None = None) -> bool:
        """Make sure that a file says the same, and nothing else; return whether it asks the database for something.

        Args:
            text: of the file.
            path: where it is; by default where the revision is.

        Raises:
            UnequalError: it does not.
        """
        reached: set[Position] = set()
        try:
            module = loaded(text, path or self.revision.path, reached.add)
        except Exception as error:  # whatever a file raises that was cut in the wrong way
            raise UnequalError("", raising(f"{type(error).__name__}: {error}".splitlines()[0])) from None
        found = [its for name in FUNCTIONS for its in self._checked(module, name, text, path)]
        about = [thing for its in found for thing in its.about.values()]
        self.unseen.check(text, reached, about)
        self.unseen.check_gone(text, self.reached)
        return any(its.run.asks for its in found)

    def unseen_calls(self) -> list[Call]:
        """Return what the revision may send here and no run of it comes to, as far as it is seen where that belongs."""
        for name in FUNCTIONS:
            for world in self.worlds(name):
                self.shared(name, world)
        return list(self.unseen.calls(self.reached))

    def settled(self, name: str) -> list[str] | None:
        """Return the statements that a function runs here if they are the same on any database; None if not."""
        found = [self.shared(name, world) for world in self.worlds(name)]
        found.append(self.read(self.module, name, WORLDS[0], is_shared=True))
        kept = [item for item in found[0].kept if not item.decision.statement.reads]
        is_bare = not any(item.recorded.has_parameters or _ALONE.search(item.decision.statement.sql) for item in kept)
        is_one = len({each.changes for each in found}) == 1 and not any(each.run.error for each in found)
        reads = [item for each in found for item in each.kept if item.decision.statement.reads and _does(item)]
        if not (is_bare and is_one) or reads or self.unseen.may_do_more(name, self.reached):
            return None
        return [str(item.decision.sql) for item in kept if not item.decision.is_idle]

    def _checked(self, module: ModuleType, name: str, text: str, path: str | None) -> list[Reading]:
        found = []
        for world in self.worlds(name):
            its = self.read(module, name, world, is_shared=False, path=path)
            problem = Comparison(
                self.shared(name, world),
                its,
                repeat=partial(self.read, self.module, name, world, is_shared=True),
                told=partial(self.read, module, name, world, is_shared=True, path=path),
                original=partial(original_line, self.source, text),
            ).problem()
            if problem is not None:
                skipped = [item for item in its.planned if item.decision.verdict == "skips"]
                raise UnequalError(name, problem, [item.recorded.lines for item in skipped])
            found.append(its)
        return found

    def read(self, module: ModuleType, name: str, world: World, *, is_shared: bool, path: str | None = None) -> Reading:
        """Run a function of the revision, or of a fork of it, without a database."""
        revision, is_upgrade, chronicle = self.revision.revision, name == "upgrade", self.presence.chronicle
        path = path or self.revision.path
        homes = self.presence.homes(revision)
        state, known = (chronicle.state(revision, is_upgrade=is_upgrade) for _ in range(2))
        if not is_shared:
            state.names = {thing: item for thing, item in state.names.items() if self.database.name in homes.of(item)}
        blocks = Blocks(self.database.name if is_shared else None, self.around.databases)
        answers = Answers(
            Decider(self.database, homes), known, blocks, is_shared, world != WORLDS[0], partial(lines_of, path)
        )
        extensions = frozenset(self.database.shared_extensions) if world.is_declared else frozenset[str]()
        told = None if world.is_everything else state
        run = Run(path, blocks, told, extensions=extensions, is_all=world.is_declared, answers=answers)
        with reading():
            run.collect(getattr(module, name, _nothing), self.around)
        planned = plan_revision(self.presence, revision, self.database, run.statements, is_upgrade=is_upgrade)
        return Reading(run, planned, answers.about, answers.inside)


def _does(item: PlannedStatement) -> bool:
    """Tell whether a query may do more than to read, as one that calls ``setval()``, or a function of the history's."""
    functions = {used.name for used in item.decision.statement.uses if used.kind == "function"}
    return bool(item.decision.statement.hints) or not all(map(_READS.fullmatch, functions))


def _nothing() -> None:
    """Do nothing, as a function that is not there."""
